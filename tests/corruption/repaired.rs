//! A repair of a damaged lake: every object is again, byte for byte, what it was, or it is named with
//! what is lost. Nothing else is changed.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use host::{Failure, TimeBudget};
use lake::{Chunk, Day};
use operations::rebuild::{DayRebuilder, RebuiltDay};
use operations::repair::{RepairLayers, RepairOutcome, RepairRequest, repair_lake};
use pole::IdentityKey;
use store::MemoryCatalogue;
use trigger::ScheduleRequest;

use super::damage::{DamageKind, ObjectDamage};
use super::kept_lake::{DAYS, KeptLake, ObjectPlace, read_objects};
use super::read_number;
use crate::days_in_memory::Days;
use crate::erasure::people::zones;

/// Seeds that CI repairs: each is one damage of each kind.
const SEEDS: u64 = 6;

/// The functions' own code over the layers of a repair.
pub(super) struct LayeredFunctions {
    transform: pole_transform::Context,
    merge: snapshot_merge::Context,
    publish: snapshot_merge::Context,
}

impl LayeredFunctions {
    pub(super) fn over(days: &Days, layers: &RepairLayers) -> Self {
        Self {
            transform: pole_transform::Context {
                raw: Arc::clone(&days.raw) as _,
                refined: Arc::clone(&layers.refined) as _,
                catalogue: Arc::clone(&days.catalogue),
                identity_key: IdentityKey::for_tests(),
            },
            merge: snapshot_merge::Context {
                refined: Arc::clone(&layers.refined) as _,
                curated: Arc::clone(&layers.curated) as _,
                glue: Arc::new(MemoryCatalogue::default()),
                ..days.context()
            },
            publish: days.context(),
        }
    }
}

#[async_trait(?Send)]
impl DayRebuilder for LayeredFunctions {
    async fn retransform_chunk(&self, chunk: &Chunk) -> Result<(), Failure> {
        pole_transform::retransform_chunk(chunk, &self.transform).await
    }

    async fn publish_iceberg(&self, table: &str, lost: &BTreeSet<String>) -> Result<(), Failure> {
        snapshot_merge::publish_iceberg_days(table, lost, &self.publish).await
    }

    async fn merge_day(&self, day: Day, tables: &[String]) -> Result<RebuiltDay, Failure> {
        let schedule = ScheduleRequest {
            date: Some(day.to_string()),
            tables: tables.to_vec(),
            ..ScheduleRequest::default()
        };
        let budget = TimeBudget::lasting_for(Duration::from_secs(600));
        let merged = snapshot_merge::merge_day(&schedule, &self.merge, budget).await?;
        let failures = merged.failures.into_iter();
        Ok(RebuiltDay {
            derived_failures: Vec::new(),
            manifests_written: 0,
            root: merged.run.root,
            failures: failures
                .map(|failed| (failed.table, failed.failure))
                .collect(),
        })
    }
}

pub(super) async fn repair(lake: &KeptLake, request: RepairRequest) -> RepairOutcome {
    let handle = zones(&lake.days);
    let layers = RepairLayers::over(&handle).unwrap();
    let functions = LayeredFunctions::over(&lake.days, &layers);
    repair_lake(&handle, &layers, &functions, request)
        .await
        .unwrap()
}

/// The objects that are not what they were.
pub(super) async fn find_differing(lake: &KeptLake) -> BTreeSet<ObjectPlace> {
    let present = read_objects(&lake.days).await;
    let places = present.keys().chain(lake.objects.keys());
    let differing = places.filter(|place| present.get(*place) != lake.objects.get(*place));
    differing.cloned().collect()
}

/// Every key that an outcome names as one that is not repaired.
fn named_keys(outcome: &RepairOutcome) -> BTreeSet<&str> {
    let unrepaired = outcome
        .unrepaired
        .iter()
        .map(|object| object.object.as_str());
    let lost = outcome.lost.iter().map(|lost| lost.object.as_str());
    let found = outcome
        .findings
        .iter()
        .map(|finding| finding.object.as_str());
    let deleted = outcome.deleted.iter().map(String::as_str);
    unrepaired.chain(lost).chain(found).chain(deleted).collect()
}

/// Whether something holds what the object held: the raw zone what the refined zone needs, and both
/// what the days need. What an operator decided, such as an erasure, is recorded once.
fn can_be_made_again((zone, key): &ObjectPlace) -> bool {
    let kept_once = [
        "curated/_erasures/",
        "curated/_swept/",
        "curated/_replaced/",
        "curated/_events/",
    ];
    *zone != "raw"
        && !key.contains("/_erasures")
        && !kept_once.iter().any(|prefix| key.starts_with(prefix))
}

/// What is wrong after a repair of a lake in which nothing was erased; nothing when every byte is
/// again what it was, or what is lost is named.
async fn find_broken_promise(
    lake: &KeptLake,
    damage: &ObjectDamage,
    outcome: &RepairOutcome,
) -> Option<String> {
    let differing = find_differing(lake).await;
    let is_whole = differing.is_empty() && outcome.is_whole();
    if can_be_made_again(damage.place()) && !is_whole {
        return Some(format!("not repaired: {differing:?} {outcome:?}"));
    }

    let named = named_keys(outcome);
    let mut silent = differing.iter();
    let silent = silent.find(|(_, key)| !named.contains(key.as_str()));
    silent.map(|place| format!("differs and is not named: {place:?} {outcome:?}"))
}

/// What is wrong after a repair of a lake with an erasure. What the erasure rewrote may be made
/// otherwise: then it is named, or the audit of every byte accepts it.
async fn find_broken_erasure(
    lake: &KeptLake,
    damage: &ObjectDamage,
    outcome: &RepairOutcome,
) -> Option<String> {
    let present = read_objects(&lake.days).await;
    let repaired = outcome
        .repaired
        .iter()
        .map(|repaired| repaired.object.as_str());
    let repaired: BTreeSet<&str> = repaired.collect();
    let named = named_keys(outcome);
    for place in find_differing(lake).await {
        let is_before_erasure = lake
            .earlier
            .get(&place)
            .zip(present.get(&place))
            .is_some_and(|(earlier, now)| earlier.contains(now));
        let is_named = named.contains(place.1.as_str());
        if is_before_erasure && !(place == *damage.place() && is_named) {
            return Some(format!("is again what was erased: {place:?} {outcome:?}"));
        }
        let is_accepted = outcome.is_whole() && repaired.contains(place.1.as_str());
        if !is_named && !is_accepted {
            return Some(format!("differs and is not named: {place:?} {outcome:?}"));
        }
    }
    None
}

const REQUEST: RepairRequest = RepairRequest {
    dry_run: false,
    delete_added: true,
};

/// The damages of a run: one of each kind for each seed.
fn choose_damages(lake: &KeptLake, seeds: u64) -> Vec<(u64, ObjectDamage)> {
    let from = read_number("POLELAKE_DAMAGE_FROM", 0);
    let seeds = from..from + read_number("POLELAKE_DAMAGE_SEEDS", seeds);
    let damages = seeds.flat_map(|seed| {
        let kinds = DamageKind::ALL.into_iter();
        kinds.filter_map(move |kind| Some((seed, ObjectDamage::choose(lake, kind, seed)?)))
    });
    damages.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_damaged_is_repaired_byte_for_byte_or_named_as_lost() {
    let lake = KeptLake::build_days(&DAYS).await;
    let mut repaired = 0;
    for (seed, damage) in choose_damages(&lake, SEEDS) {
        damage.apply(&lake).await;
        let outcome = repair(&lake, REQUEST).await;
        let broken = find_broken_promise(&lake, &damage, &outcome).await;
        assert_eq!(broken, None, "seed {seed}: {damage:?}");
        repaired += u64::from(outcome.is_whole());
        lake.restore().await;
    }
    assert!(repaired > SEEDS, "only {repaired} were repaired");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_repair_brings_back_what_was_erased() {
    let lake = KeptLake::build().await;
    for (seed, damage) in choose_damages(&lake, SEEDS) {
        damage.apply(&lake).await;
        let outcome = repair(&lake, REQUEST).await;
        let broken = find_broken_erasure(&lake, &damage, &outcome).await;
        assert_eq!(broken, None, "seed {seed}: {damage:?}");
        lake.restore().await;
    }
}
