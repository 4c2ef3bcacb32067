//! `polelake erase`.

use async_trait::async_trait;
use serde_json::json;
use snapshot_merge::Context;
use snapshot_merge::erase::ErasureSelector;

use crate::args::erase::EraseArgs;
use crate::error::CliError;
use crate::open_lake::OpenLake;
use operations::erase::{
    CuratedEraser, ErasureOutcome, LakeErasureRequest, RedactedObject, RequestedSubject, Subjects,
    dry_run, erase_subjects,
};

/// What no command can reach.
const OUT_OF_REACH: [&str; 3] = [
    "Kafka keeps its log until the topic's retention ends.",
    "Backups and replicas of the buckets keep what they hold.",
    "What analysts have copied or exported is theirs to delete.",
];

pub(crate) async fn run(args: &EraseArgs) -> Result<bool, CliError> {
    if !args.dry_run && !args.yes {
        return Err(
            "an erasure cannot be undone: look at what it does with --dry-run first, then give --yes".into(),
        );
    }
    let wanted = requested_subject(args)?;
    let lake = OpenLake::open(&args.lake).await?;
    let zones = &lake.zones;
    if let RequestedSubject::Record { source, .. } = &wanted {
        zones.catalogue.require_mapping_of_source(source)?;
    }
    let request = LakeErasureRequest {
        subject: wanted,
        full_records: args.whole_records,
    };
    let snapshots = SnapshotEraser(lake.merge_context().await?);
    let outcome = if args.dry_run {
        dry_run(zones, &request, &snapshots).await?
    } else {
        erase_subjects(
            zones,
            &request,
            &snapshots,
            lake.current_millis().await? * 1_000,
        )
        .await?
    };
    if args.json {
        print_outcome_json(args.dry_run, &outcome);
    } else {
        print_outcome(args.dry_run, &outcome);
    }
    Ok(outcome.by_hand.is_empty())
}

fn requested_subject(args: &EraseArgs) -> Result<RequestedSubject, CliError> {
    match (&args.source, &args.key, &args.pole_id) {
        (Some(source), Some(key), None) => Ok(RequestedSubject::Record {
            source: source.clone(),
            key: key.clone(),
        }),
        (None, None, Some(id)) => {
            let id = pole::Uuid::parse_str(id);
            Ok(RequestedSubject::PoleId(id.map_err(
                |_| "--pole-id is an id as in the column pole_id: a UUID",
            )?))
        }
        _ => Err("say who: --source and --key, or --pole-id".into()),
    }
}

fn print_outcome_json(dry: bool, outcome: &ErasureOutcome) {
    let zones: serde_json::Map<String, serde_json::Value> = outcome
        .counts_by_zone()
        .into_iter()
        .map(|(zone, (objects, count))| {
            (zone.to_owned(), json!({"objects": objects, "count": count}))
        })
        .collect();
    println!(
        "{}",
        json!({
            "dry_run": dry,
            "found": !outcome.found_nothing(),
            "zones": zones,
            "objects": outcome.objects,
            "by_hand": outcome.by_hand,
            "versions_purged": outcome.versions_purged,
            "receipt": outcome.receipt,
            "resumed": outcome.resumed,
            "out_of_reach": OUT_OF_REACH,
        })
    );
}

fn print_outcome(dry: bool, outcome: &ErasureOutcome) {
    if outcome.found_nothing() {
        println!("Nothing was found; nothing is written.");
        return;
    }
    println!(
        "{}",
        if dry {
            "A dry run: nothing is written. To erase:"
        } else {
            "Erased:"
        }
    );
    for object in &outcome.objects {
        println!("  {:10} {:>7}  {}", object.zone, object.count, object.key);
    }
    for (zone, (objects, count)) in outcome.counts_by_zone() {
        println!("{zone}: {count} rows or records in {objects} objects");
    }
    if outcome.resumed {
        println!("An earlier run broke off; its old versions go with this one.");
    }
    if !dry {
        println!("{} old versions deleted", outcome.versions_purged);
        println!(
            "receipt: {}",
            outcome.receipt.as_deref().unwrap_or_default()
        );
    }
    for by_hand in &outcome.by_hand {
        println!("by hand: {} offset {}", by_hand.object, by_hand.offset);
    }
    if !outcome.by_hand.is_empty() {
        println!(
            "{} records mention them and cannot be mended without a person; --whole-records erases these records entirely",
            outcome.by_hand.len()
        );
    }
    println!("Out of reach:");
    OUT_OF_REACH.iter().for_each(|what| println!("  {what}"));
}

/// The merge's own erasure.
struct SnapshotEraser(Context);

#[async_trait]
impl CuratedEraser for SnapshotEraser {
    async fn erase_rows(
        &self,
        subjects: &Subjects,
        dry_run: bool,
    ) -> Result<Vec<RedactedObject>, CliError> {
        let ids = subjects.ids.iter().map(ToString::to_string).collect();
        let whom = ErasureSelector {
            ids,
            records: subjects.records.clone(),
        };
        let touched = snapshot_merge::erase::erase_curated(&self.0, &whom, dry_run).await?;
        Ok(touched
            .into_iter()
            .map(|touched| RedactedObject {
                key: touched.key,
                rows: touched.rows,
            })
            .collect())
    }
}
