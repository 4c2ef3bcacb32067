//! `polelake-bench patches`: days of people of which some are patched, from events to snapshots.
//! Prints CPU-seconds, seconds and megabytes of the transform and of the merge, and the bytes that
//! the curated zone keeps.

use std::collections::BTreeMap;
use std::path::PathBuf;

use bytes::Bytes;
use contract::{Catalogue, CompiledMapping, record_table_name};
use lake::{Chunk, Day, ManifestShard, RawRecord, SnapshotManifest, encode_raw, manifest_key};
use pole::IdentityKey;
use pole_transform::LandedObject;
use serde_json::{Value, json};
use store::ObjectStore;
use tokio::process::Command;
use trigger::ScheduleRequest;

use crate::mixed::{mix_bits, mix_uuid};
use crate::processes::{Stopwatch, peak_megabytes};
use crate::require_new_folder;
use crate::snapshot_bench::{
    FIRST_DAY, merge_context, number_field, print_measurement, run_json_process, zone_store,
};
use polelake::error::CliError;

/// The source whose records are patched.
const SOURCE: &str = "housing-person";

/// Records of a raw object: those of a full Kafka batch.
const OBJECT_RECORDS: usize = 10_000;

/// Milliseconds between two records of a day.
const RECORD_MILLIS: i64 = 50;

/// What the days are, in their order.
const DAYS: [(&str, PersonSelection); 4] = [
    ("whole states of all records", PersonSelection::All),
    ("patches spread over the records", PersonSelection::Spread),
    ("as many patches, close together", PersonSelection::Together),
    ("no changes", PersonSelection::Empty),
];

/// Of which people there is an event on a day.
#[derive(Clone, Copy, PartialEq)]
enum PersonSelection {
    All,
    /// Some, spread evenly.
    Spread,
    /// As many whose ids are next to each other.
    Together,
    Empty,
}

/// The arguments of `polelake-bench patches`.
#[derive(clap::Args)]
pub(crate) struct PatchesBench {
    /// Records.
    #[arg(long, default_value_t = 1_000_000)]
    records: u64,
    /// Patched records in a million.
    #[arg(long, default_value_t = 50_000)]
    patched: u64,
    /// A new folder for the files: about 1 KB a record.
    #[arg(long)]
    dir: PathBuf,
    /// The folder of contracts and mappings.
    #[arg(long, default_value = "contracts")]
    contracts: PathBuf,
}

/// One step of a day, in a process of its own, whose peak memory is then the step's.
#[derive(clap::Args)]
pub(crate) struct PatchesWorker {
    /// `transform` or `merge`.
    step: String,
    /// The day, from 0.
    day: usize,
    #[command(flatten)]
    bench: PatchesBench,
}

impl PatchesBench {
    /// Transforms and merges each day, and prints the measurements.
    pub(crate) async fn run(&self, as_json: bool) -> Result<bool, CliError> {
        require_new_folder(&self.dir)?;
        for (day, (title, selection)) in DAYS.into_iter().enumerate() {
            if selection != PersonSelection::Empty {
                let measured = self.start_worker("transform", day).await?;
                print_measurement(&format!("transform: {title}"), &measured, as_json);
            }
            let measured = self.start_worker("merge", day).await?;
            print_measurement(&format!("merge: {title}"), &measured, as_json);
            if !as_json {
                print_bytes(&measured);
            }
        }
        Ok(true)
    }

    async fn start_worker(&self, step: &str, day: usize) -> Result<Value, CliError> {
        let mut command = Command::new(std::env::current_exe()?);
        command
            .args(["patches-worker", step, &day.to_string()])
            .args(["--records", &self.records.to_string()])
            .args(["--patched", &self.patched.to_string()])
            .arg("--dir")
            .arg(&self.dir)
            .arg("--contracts")
            .arg(&self.contracts);
        run_json_process(command, "polelake").await
    }

    /// The people with an event on a day.
    fn select_people(&self, selection: PersonSelection) -> Vec<u64> {
        let identity_key = IdentityKey::for_tests();
        let is_selected = |person: &u64| match selection {
            PersonSelection::All => true,
            PersonSelection::Empty => false,
            PersonSelection::Spread => mix_bits(person ^ 0x1234_5678) % 1_000_000 < self.patched,
            PersonSelection::Together => {
                let id = identity_key.pole_id(SOURCE, &[&mix_uuid(*person)]);
                // Rows lie in the order of their ids, which are spread evenly.
                let share = ((id.as_u128() >> 96) as u64 * 1_000_000) >> 32;
                share < self.patched
            }
        };
        (0..self.records).filter(is_selected).collect()
    }

    /// The first offset of a day.
    fn first_offset(&self, day: usize) -> i64 {
        let earlier = DAYS[..day].iter();
        earlier
            .map(|(_, selection)| self.select_people(*selection).len() as i64)
            .sum()
    }
}

/// Prints the bytes that a day keeps.
fn print_bytes(measured: &Value) {
    let megabytes = |name: &str| number_field(&measured["kept_bytes"], name) / 1e6;
    println!(
        "  kept by the day's manifests: {:.1} MB of rows, {:.1} MB of records ({:.0} %), {:.1} MB of \
         state; stored in all: {}",
        megabytes("rows"),
        megabytes("records"),
        100.0 * megabytes("records") / megabytes("rows"),
        megabytes("state"),
        measured["stored_bytes"]
    );
}

impl PatchesWorker {
    /// Runs the step and prints what it cost as JSON.
    pub(crate) async fn run(&self) -> Result<bool, CliError> {
        let catalogue = host::load_contracts(&self.bench.contracts.to_string_lossy())?;
        let (_, selection) = DAYS.get(self.day).ok_or("there is no such day")?;
        let date = (0..self.day).fold(FIRST_DAY, |day, _| day.next());
        let measured = match self.step.as_str() {
            "transform" => self.transform_day(&catalogue, date, *selection).await?,
            _ => self.merge_day(catalogue, date).await?,
        };
        println!("{measured}");
        Ok(true)
    }

    /// Lands the day's events and transforms them; only the transform is measured.
    async fn transform_day(
        &self,
        catalogue: &Catalogue,
        date: Day,
        selection: PersonSelection,
    ) -> Result<Value, CliError> {
        let mapping = catalogue.require_mapping_of_source(SOURCE)?;
        let people = self.bench.select_people(selection);
        let mut offset = self.bench.first_offset(self.day);
        let mut step = TransformStep {
            catalogue,
            mapping,
            identity_key: IdentityKey::for_tests(),
            raw: zone_store(&self.bench.dir, "raw"),
            refined: zone_store(&self.bench.dir, "refined"),
            cpu: 0.0,
            wall: 0.0,
            rows: 0,
        };
        for some in people.chunks(OBJECT_RECORDS) {
            let events: Vec<String> = some
                .iter()
                .map(|person| person_event(*person, date, selection).to_string())
                .collect();
            offset = step.transform_events(&events, offset, date).await?;
        }
        Ok(json!({
            "cpu": step.cpu, "wall": step.wall, "peak_mb": peak_megabytes("self"),
            "rows": step.rows, "events": people.len(),
        }))
    }

    /// Merges the day's tables, and counts the bytes that are kept then.
    async fn merge_day(&self, catalogue: Catalogue, date: Day) -> Result<Value, CliError> {
        let topic = catalogue
            .require_mapping_of_source(SOURCE)?
            .contract
            .topic
            .clone();
        let tables: Vec<String> = catalogue
            .tables_of_topic(&topic)
            .into_iter()
            .map(str::to_owned)
            .collect();
        let context = merge_context(&self.bench.dir, catalogue);
        let schedule = ScheduleRequest {
            date: Some(date.to_string()),
            tables: tables.clone(),
            ..ScheduleRequest::default()
        };
        let budget = host::TimeBudget::lasting_for(std::time::Duration::from_secs(7_200));

        let watch = Stopwatch::start();
        let run = snapshot_merge::handle(&schedule, &context, budget).await?;
        Ok(json!({
            "wall": watch.wall_seconds(), "cpu": watch.cpu_seconds(),
            "peak_mb": peak_megabytes("self"),
            "rows": run.tables.iter().map(|table| table.rows).sum::<u64>(),
            "copied": run.tables.iter().chain(&run.records).map(|table| table.copied).sum::<u64>(),
            "kept_bytes": kept_bytes(&*context.curated, &tables, date).await?,
            "stored_bytes": stored_bytes(&*context.curated).await?,
        }))
    }
}

/// The transform of raw objects, one after the other.
struct TransformStep<'s> {
    catalogue: &'s Catalogue,
    mapping: &'s CompiledMapping,
    identity_key: IdentityKey,
    raw: std::sync::Arc<dyn ObjectStore>,
    refined: std::sync::Arc<dyn ObjectStore>,
    cpu: f64,
    wall: f64,
    rows: u64,
}

impl TransformStep<'_> {
    /// Lands events as a raw object and transforms it; gives the offset after the last.
    async fn transform_events(
        &mut self,
        events: &[String],
        offset: i64,
        date: Day,
    ) -> Result<i64, CliError> {
        let chunk = Chunk {
            topic: self.mapping.contract.topic.clone(),
            epoch: 1,
            partition: 0,
            offset,
        };
        let next = offset + events.len() as i64;
        let raw = encode_raw(&chunk, &raw_records(events, offset, date), next)?;
        self.raw.put(&chunk.raw_key(), raw.clone(), "").await?;

        let watch = Stopwatch::start();
        let batches = lake::decode_raw(raw.clone())?;
        let done = pole_transform::transform_chunk(
            self.catalogue,
            &self.identity_key,
            self.mapping,
            LandedObject::of_content(&chunk, next, &raw),
            &batches,
        )?;
        if done.receipt.refined != events.len() as u64 {
            return Err("not every event was refined".into());
        }
        for (key, body) in done.objects {
            self.refined.put(&key, body, "").await?;
        }
        let receipt = Bytes::from(done.receipt.to_json()?);
        self.refined.put(&chunk.receipt_key(), receipt, "").await?;

        self.cpu += watch.cpu_seconds();
        self.wall += watch.wall_seconds();
        let tables = done.receipt.tables.values();
        self.rows += tables.map(|object| object.rows).sum::<u64>();
        Ok(next)
    }
}

/// The records of events, appended one after the other from noon on.
fn raw_records(events: &[String], offset: i64, date: Day) -> Vec<RawRecord<'_>> {
    let noon = date.start_micros() / 1_000 + 43_200_000;
    let of_half_a_day = |offset: i64| noon + offset * RECORD_MILLIS % 43_000_000;
    (offset..)
        .zip(events)
        .map(|(offset, event)| RawRecord {
            offset,
            timestamp: of_half_a_day(offset),
            timestamp_type: Some(lake::LOG_APPEND_TIME),
            landed_at: None,
            key: None,
            value: Some(Bytes::copy_from_slice(event.as_bytes())),
            headers: None,
        })
        .collect()
}

/// Names of a person.
const NAMES: [&str; 8] = [
    "Robin", "Alex", "Sam", "Jamie", "Ada", "Jo", "Kim", "Charlie",
];

/// One of the names, chosen by the person and the field's salt.
fn name_of(person: u64, salt: u64) -> String {
    let bits = mix_bits(person ^ salt << 32);
    format!("{}{}", NAMES[(bits % 8) as usize], bits >> 8 & 0xff)
}

/// The event of a person on a day: a whole state on the first, then a patch of a few fields.
fn person_event(person: u64, date: Day, selection: PersonSelection) -> Value {
    let key = mix_uuid(person);
    let day = u64::from(date.0.unsigned_abs());
    let (kind, new) = match selection {
        PersonSelection::All => ("PersonCreatedEvent", whole_state(person, &key)),
        _ => ("PersonUpdatedEvent", patched_fields(person, day)),
    };
    let second = person % 3_600;
    json!({
        "id": mix_uuid(person ^ day << 40), "eventType": kind, "sourceDomain": "Person",
        "sourceSystem": "PersonAPI", "version": "v1", "correlationId": mix_uuid(person ^ day << 41),
        "dateTime": format!("{date}T08:{:02}:{:02}Z", second / 60, second % 60),
        "user": {"name": "Sam Specimen", "email": "sam.specimen@example.org"},
        "entityId": key, "eventData": {"oldData": null, "newData": new},
    })
}

fn whole_state(person: u64, key: &str) -> Value {
    let mut state = json!({
        "id": key, "title": "Mx", "firstName": name_of(person, 1), "surname": name_of(person, 2),
        "middleName": name_of(person, 3), "placeOfBirth": "Testville",
        "dateOfBirth": format!("19{:02}-0{}-11", person % 100, person % 9 + 1),
        "personRef": person % 3 * person, "personTypes": ["Tenant"], "tenures": tenures(person, 0),
    });
    if person.is_multiple_of(4) {
        state["preferredFirstName"] = json!(name_of(person, 4));
    }
    state
}

/// A patch: a name, what other rows depend on, or the list of tenures.
fn patched_fields(person: u64, day: u64) -> Value {
    match mix_bits(person ^ day << 20) % 3 {
        0 => json!({"surname": name_of(person, day)}),
        1 => json!({"preferredFirstName": name_of(person, day), "personRef": person + 1}),
        _ => json!({"tenures": tenures(person, day)}),
    }
}

fn tenures(person: u64, day: u64) -> Value {
    let count = mix_bits(person ^ 5) % 3;
    (0..count)
        .map(|number| {
            json!({
                "id": mix_uuid(person << 2 | number), "type": "Secure", "isActive": day == 0,
                "assetId": mix_uuid(person ^ number << 50), "startDate": "2020-01-01",
                "assetFullAddress": format!("{} Sample Street", person % 900),
                "uprn": format!("{:012}", 199_900_000_000 + person),
            })
        })
        .collect()
}

/// The bytes of rows, of the records that they are made from, and of state that the day's manifests
/// name.
async fn kept_bytes(
    curated: &dyn ObjectStore,
    tables: &[String],
    date: Day,
) -> Result<Value, CliError> {
    let (mut rows, mut state) = (0, 0);
    for table in tables {
        for shard in read_shards(curated, table, date).await? {
            rows += shard.bytes();
            let file = shard.state_file.as_ref();
            state += file.map_or(0, |file| file.digest.bytes);
        }
    }
    let records = read_shards(curated, &record_table_name(SOURCE), date).await?;
    let records: u64 = records.iter().map(ManifestShard::bytes).sum();
    Ok(json!({"rows": rows, "records": records, "state": state}))
}

/// The shards of a table's snapshot.
async fn read_shards(
    curated: &dyn ObjectStore,
    table: &str,
    date: Day,
) -> Result<Vec<ManifestShard>, CliError> {
    let body = curated.get(&manifest_key(table, date)).await?.body;
    Ok(SnapshotManifest::from_json(&body)?.shards)
}

/// All bytes of the curated zone, by what they are: rows of tables, or a folder such as `_state`.
async fn stored_bytes(curated: &dyn ObjectStore) -> Result<Value, CliError> {
    let mut bytes: BTreeMap<String, u64> = BTreeMap::new();
    for object in curated.list("curated/", None).await? {
        let folder = object.key.split('/').nth(1).unwrap_or_default();
        let part = match folder.starts_with('_') {
            true => folder,
            false => "tables",
        };
        *bytes.entry(part.to_owned()).or_default() += object.size;
    }
    Ok(json!(bytes))
}
