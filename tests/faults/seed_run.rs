//! One seed from its first event to the last check.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use lake::{Day, SnapshotManifest};
use operations::audit::{AuditScope, audit_lake};
use serde_json::{Value, json};

use crate::fault_injector::FaultCounts;
use crate::landed_bytes::{check_landed_bytes, read_log};
use crate::landing_stage::LandingStage;
use crate::oracle::{ExpectedState, derive_expected};
use crate::queue_landing::QueueLandingStage;
use crate::stages::{RelayStage, TransformStage, merge_day};
use crate::world::{FIRST_DAY, SeedOptions, World, WorldTransport};

/// Every name in the suite holds this: no log line may.
pub(crate) const MARKER: &str = "Zyxquillian";

/// Tries of a stage before the suite says that it never ends.
const ROUNDS_MAX: usize = 400;

/// Runs a seed: what does not hold, or the faults that were injected.
pub(crate) async fn run_seed(
    seed: u64,
    folder: &Path,
    options: &SeedOptions,
) -> Result<FaultCounts, String> {
    let world = World::new(seed, folder, options).await;
    let mut relay = RelayStage::new(&world);
    let mut landing = LandingStage::new(&world);
    let mut transform = TransformStage::default();
    let mut events = seed_events(&world);
    let mut late = Vec::new();
    for day in 0..2 {
        let today = Day(FIRST_DAY.0 + day);
        world
            .clock
            .set_millis(today.start_micros() / 1_000 + 8 * 3_600_000);
        let count = if day == 0 {
            events.len() / 2
        } else {
            events.len()
        };
        let mut waiting: Vec<Value> = events.drain(..count).chain(late.drain(..)).collect();
        for _ in 0..waiting.len() {
            let batch = waiting
                .split_off(waiting.len() - waiting.len().min(1 + world.injector.random_below(6)));
            let again = relay.send_events(&world, batch).await;
            if world.injector.is_drawn(300) {
                late.extend(again);
            } else {
                waiting.splice(0..0, again);
            }
            if world.injector.inject_fault("clock jumps", 30) {
                let hours = world.injector.random_below(60) as i64 - 20;
                world
                    .clock
                    .set_millis(world.clock.now_millis() + hours * 3_600_000);
            }
            if world.injector.is_drawn(400) {
                landing.run_once(&world).await;
            }
            if world.injector.is_drawn(300) {
                transform.run_once(&world).await;
            }
            if waiting.is_empty() {
                break;
            }
        }
        late.append(&mut waiting);
        if world.injector.is_drawn(700) {
            merge_day(&world, today, 3).await;
        }
    }
    drain_stages(&world, &mut relay, &mut landing, &mut transform, late).await?;
    let last = merge_remaining_days(&world).await?;
    check_outcome(&world, &relay.accepted, last).await?;
    if seed.is_multiple_of(idempotence_interval(&world)) {
        check_idempotence(&world, last).await?;
    }
    Ok(world.injector.fault_counts())
}

/// Of how many seeds one does everything again, which is half of a seed's time. The queue has ten
/// times the seeds of Kafka, so that one of four is five times as many checks.
fn idempotence_interval(world: &World) -> u64 {
    match world.transport {
        WorldTransport::Kafka(_) => 2,
        WorldTransport::Queue(_) => 4,
    }
}

/// The weather calms, and everything comes to its end.
async fn drain_stages(
    world: &World,
    relay: &mut RelayStage,
    landing: &mut LandingStage,
    transform: &mut TransformStage,
    mut late: Vec<Value>,
) -> Result<(), String> {
    for round in 0.. {
        // Half of the way goes through the last of the weather.
        if round == 10 {
            world.injector.stop_faults();
        }
        if round > ROUNDS_MAX {
            return Err(
                "what is on its way never arrives, though nothing goes wrong any more".into(),
            );
        }
        if !late.is_empty() {
            let batch = late.split_off(late.len() - late.len().min(20));
            late.extend(relay.send_events(world, batch).await);
        }
        landing.run_once(world).await;
        transform.run_once(world).await;
        if world.injector.faults_stopped()
            && late.is_empty()
            && landing.is_done(world)
            && transform.pending_messages(world) == 0
        {
            return Ok(());
        }
    }
    Ok(())
}

/// Merges up to the last day on which anything was appended; gives it.
async fn merge_remaining_days(world: &World) -> Result<Day, String> {
    let latest = read_log(world)
        .iter()
        .map(|record| record.position.0)
        .max()
        .unwrap_or_default();
    let last = Day::from_micros(latest * 1_000).max(Day(FIRST_DAY.0 + 1));
    // A run of the first day that was broken off is made up for, as its operator would.
    let begun = world.read_objects().keys().any(|key| {
        let manifest = key
            .strip_prefix("curated/")
            .and_then(lake::parse_manifest_day);
        manifest == Some(FIRST_DAY)
    });
    let first = begun.then_some(FIRST_DAY);
    for day in first.into_iter().chain([Day(FIRST_DAY.0 + 1), last]) {
        if !merge_day(world, day, 1).await {
            return Err(format!(
                "{day} is not merged, though nothing goes wrong any more"
            ));
        }
    }
    Ok(last)
}

async fn check_outcome(
    world: &World,
    accepted: &BTreeSet<String>,
    last: Day,
) -> Result<(), String> {
    if let WorldTransport::Queue(_) = world.transport {
        let missing = QueueLandingStage::missing_messages(world).await?;
        if missing > 0 {
            return Err(format!(
                "{missing} messages were acknowledged and did not land"
            ));
        }
    }
    let log = read_log(world);
    let known: BTreeSet<&str> = log
        .iter()
        .map(|record| record.value["id"].as_str().unwrap())
        .collect();
    if let Some(lost) = accepted.iter().find(|id| !known.contains(id.as_str())) {
        return Err(format!("event {lost} was accepted and is not in the log"));
    }
    check_landed_bytes(world)?;
    let audit = audit_lake(
        &world.lake_handle(),
        AuditScope {
            deep: true,
            ..AuditScope::default()
        },
    )
    .await
    .map_err(|e| e.to_string())?;
    if let Some(finding) = audit.findings.first() {
        return Err(format!("the reconciliation does not balance: {finding:?}"));
    }
    let (wanted, found) = (derive_expected(&log), read_found_state(world, last)?);
    if wanted != found {
        return Err(format!(
            "the snapshot of {last} is not what the log says:\n  {wanted:?}\n  {found:?}"
        ));
    }
    Ok(())
}

/// Everything again, and nothing may change.
async fn check_idempotence(world: &World, last: Day) -> Result<(), String> {
    let before = world.read_objects();
    LandingStage::reland_everything(world).await;
    let keys: Vec<String> = before
        .keys()
        .filter(|key| key.starts_with("raw/"))
        .map(|key| key["raw/".len()..].to_owned())
        .collect();
    TransformStage::retransform_everything(world, &keys).await;
    for day in [FIRST_DAY, Day(FIRST_DAY.0 + 1), last] {
        // `entity` comes last: without it, a merge of the day was broken off, and what it left
        // undone changes the next day.
        let known = before.contains_key(&format!("curated/{}", lake::manifest_key("entity", day)));
        if known && !merge_day(world, day, 1).await {
            return Err(format!("{day} is not merged again"));
        }
    }
    let after = world.read_objects();
    let changed = before
        .iter()
        .find(|(key, body)| after.get(*key) != Some(body))
        .map(|(key, _)| key);
    let new = after.keys().find(|key| !before.contains_key(*key));
    match changed.or(new) {
        Some(key) => Err(format!("running everything again changed {key}")),
        None => Ok(()),
    }
}

/// The events of a seed: some people, created, changed, deleted, out of order, some of them twice,
/// some poison.
fn seed_events(world: &World) -> Vec<Value> {
    let chance = &world.injector;
    let people = 1 + chance.random_below(6);
    let mut events = Vec::new();
    for number in 0..8 + chance.random_below(24) {
        let key = format!("person-{}", chance.random_below(people));
        let kind = match chance.random_below(20) {
            0..6 => "PersonCreatedEvent",
            6..13 => "PersonUpdatedEvent",
            13..18 => "PersonDeletedEvent",
            18 => "PersonSeenEvent",
            _ => "PersonCreatedEvent",
        };
        let poison = chance.is_drawn(40);
        let mut new = json!({"firstName": format!("{MARKER} {number}")});
        if kind == "PersonCreatedEvent" || chance.is_drawn(300) {
            new["surname"] = json!(format!("{MARKER} {}", chance.random_below(9)));
        }
        if poison {
            new["dateOfBirth"] = json!("gibberish");
        }
        let minute = chance.random_below(60);
        events.push(json!({
            "id": format!("event-{number}"), "eventType": kind, "entityId": key,
            "dateTime": format!("2026-03-02T08:{minute:02}:00Z"),
            "user": {"name": MARKER, "email": format!("{MARKER}@example.org")},
            "eventData": {"oldData": {}, "newData": new},
        }));
    }
    events
}

/// What the snapshots and the quarantine say.
fn read_found_state(world: &World, last: Day) -> Result<ExpectedState, String> {
    let objects = world.read_objects();
    let mut found = ExpectedState::default();
    for row in snapshot_rows(&objects, "person", last)? {
        let cell = |name: &str| row.get(name).cloned();
        let key = cell("source_record_id").unwrap_or_default();
        if found
            .people
            .insert(key.clone(), (cell("given_name"), cell("surname")))
            .is_some()
        {
            return Err(format!("{key} stands in the snapshot twice"));
        }
    }
    for row in snapshot_rows(&objects, "event", last)? {
        let id = row["source_event_id"].clone();
        if !found.events.insert(id.clone()) {
            return Err(format!("{id} stands in the snapshot twice"));
        }
    }
    for (key, bytes) in &objects {
        let Some(chunk) = key
            .strip_prefix("refined/")
            .and_then(lake::Chunk::from_quarantine_key)
        else {
            continue;
        };
        for refused in lake::decode_quarantine(bytes.clone().into()).unwrap() {
            found.refused.insert((chunk.partition, refused.offset));
        }
    }
    Ok(found)
}

fn snapshot_rows(
    objects: &BTreeMap<String, Vec<u8>>,
    table: &str,
    day: Day,
) -> Result<Vec<BTreeMap<String, String>>, String> {
    let key = format!("curated/{}", lake::manifest_key(table, day));
    let manifest =
        SnapshotManifest::from_json(objects.get(&key).ok_or(format!("{key} is not there"))?)
            .unwrap();
    let mut rows = Vec::new();
    for shard in manifest.shards {
        let bytes = objects[&format!("curated/{}", shard.rows_file.key)].clone();
        for batch in lake::file::read_parquet(bytes.into()).unwrap() {
            rows.extend(text_rows(&batch.unwrap()));
        }
    }
    Ok(rows)
}

/// The rows' text columns by name; what is null is not there.
fn text_rows(batch: &arrow_array::RecordBatch) -> Vec<BTreeMap<String, String>> {
    use arrow_array::{Array, cast::AsArray};
    let mut rows = vec![BTreeMap::new(); batch.num_rows()];
    for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
        let Some(column) = column.as_string_opt::<i32>() else {
            continue;
        };
        for (place, row) in rows
            .iter_mut()
            .enumerate()
            .filter(|(place, _)| column.is_valid(*place))
        {
            row.insert(field.name().clone(), column.value(place).to_owned());
        }
    }
    rows
}
