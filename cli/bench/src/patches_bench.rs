//! `polelake-bench patches`: days of people of which some are patched, from events to snapshots.
//! Prints CPU-seconds, seconds and megabytes of the transform and of the merge, and the bytes that
//! the curated zone keeps.

use std::collections::BTreeMap;
use std::path::PathBuf;

use contract::{Catalogue, record_table_name};
use lake::{Day, ManifestShard, SnapshotManifest, manifest_key};
use serde_json::{Value, json};
use store::ObjectStore;
use tokio::process::Command;
use trigger::ScheduleRequest;

use crate::person_events::{PersonSelection, SOURCE, person_event, select_people};
use crate::processes::{Stopwatch, peak_megabytes};
use crate::require_new_folder;
use crate::snapshot_bench::{
    FIRST_DAY, merge_context, number_field, print_measurement, run_json_process,
};
use crate::transform_step::{OBJECT_RECORDS, TransformStep};
use polelake::error::CliError;

/// What the days are, in their order.
const DAYS: [(&str, PersonSelection); 4] = [
    ("whole states of all records", PersonSelection::All),
    ("patches spread over the records", PersonSelection::Spread),
    ("as many patches, close together", PersonSelection::Together),
    ("no changes", PersonSelection::Empty),
];

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
        select_people(self.records, self.patched, selection)
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
        let mut step = TransformStep::new(catalogue, mapping, &self.bench.dir);
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
