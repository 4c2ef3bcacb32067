//! `polelake erase`.

use async_trait::async_trait;
use operations::erase::{
    CuratedEraser, ErasureOutcome, LakeErasureRequest, RedactedObject, RequestedSubject, Subjects,
    dry_run, erase_subjects,
};
use serde_json::{Map, Value, json};
use snapshot_merge::Context;
use snapshot_merge::erase::ErasureSelector;

use crate::args::erase::EraseArgs;
use crate::error::CliError;
use crate::open_lake::OpenLake;

/// Copies that no command can reach.
const OUT_OF_REACH: [&str; 3] = [
    "Kafka keeps its log until the topic's retention ends.",
    "Backups and replicas of the buckets keep their copies.",
    "Analysts must delete what they have copied or exported.",
];

pub(crate) async fn run(args: &EraseArgs) -> Result<bool, CliError> {
    if !args.dry_run && !args.yes {
        let why = "an erasure cannot be undone: look at what it does with --dry-run first, then give --yes";
        return Err(why.into());
    }
    let request = LakeErasureRequest {
        subject: requested_subject(args)?,
        full_records: args.whole_records,
    };
    let opened = OpenLake::open_with_identity_key(&args.lake).await?;
    let lake = &opened.handle;
    if let RequestedSubject::Record { source, .. } = &request.subject {
        lake.catalogue.require_mapping_of_source(source)?;
    }

    let snapshots = SnapshotEraser(opened.merge_context().await?);
    let outcome = if args.dry_run {
        dry_run(lake, &request, &snapshots).await?
    } else {
        let now_micros = opened.current_millis().await? * 1_000;
        erase_subjects(lake, &request, &snapshots, now_micros).await?
    };

    if args.json {
        println!("{}", outcome_json(&outcome, args.dry_run));
    } else {
        print_outcome(&outcome, args.dry_run);
    }
    Ok(outcome.by_hand.is_empty())
}

fn requested_subject(args: &EraseArgs) -> Result<RequestedSubject, CliError> {
    match (&args.source, &args.key, &args.pole_id) {
        (Some(source), Some(key), None) => Ok(RequestedSubject::Record {
            source: source.clone(),
            key: key.clone(),
        }),
        (None, None, Some(id)) => match pole::Uuid::parse_str(id) {
            Ok(id) => Ok(RequestedSubject::PoleId(id)),
            Err(_) => Err("--pole-id is an id as in the column pole_id: a UUID".into()),
        },
        _ => Err("name the subject: --source and --key, or --pole-id".into()),
    }
}

fn outcome_json(outcome: &ErasureOutcome, dry_run: bool) -> Value {
    let mut zones = Map::new();
    for (zone, (objects, count)) in outcome.counts_by_zone() {
        zones.insert(zone.to_owned(), json!({"objects": objects, "count": count}));
    }

    json!({
        "dry_run": dry_run,
        "found": !outcome.found_nothing(),
        "zones": zones,
        "objects": outcome.objects,
        "by_hand": outcome.by_hand,
        "versions_purged": outcome.versions_purged,
        "receipt": outcome.receipt,
        "resumed": outcome.resumed,
        "out_of_reach": OUT_OF_REACH,
    })
}

fn print_outcome(outcome: &ErasureOutcome, dry_run: bool) {
    if outcome.found_nothing() {
        println!("No record or row of the subject was found, and nothing was written.");
        return;
    }

    if dry_run {
        println!("A dry run: nothing is written. To erase:");
    } else {
        println!("Erased:");
    }
    for object in &outcome.objects {
        println!("  {:10} {:>7}  {}", object.zone, object.count, object.key);
    }
    for (zone, (objects, count)) in outcome.counts_by_zone() {
        println!("{zone}: {count} rows or records in {objects} objects");
    }
    if outcome.resumed {
        println!("An earlier run broke off; this one deletes the old versions of its objects too.");
    }

    if !dry_run {
        let receipt = outcome.receipt.as_deref().unwrap_or_default();
        println!("{} old versions deleted", outcome.versions_purged);
        println!("receipt: {receipt}");
    }
    print_manual_redactions(outcome);
    println!("Out of reach:");
    for copy in OUT_OF_REACH {
        println!("  {copy}");
    }
}

fn print_manual_redactions(outcome: &ErasureOutcome) {
    for redaction in &outcome.by_hand {
        println!("by hand: {} offset {}", redaction.object, redaction.offset);
    }

    let count = outcome.by_hand.len();
    if count > 0 {
        println!(
            "{count} records mention the subject and can only be redacted by hand; --whole-records erases these full records"
        );
    }
}

/// Erases rows of the curated zone with the merge's own code.
struct SnapshotEraser(Context);

#[async_trait]
impl CuratedEraser for SnapshotEraser {
    async fn erase_rows(
        &self,
        subjects: &Subjects,
        dry_run: bool,
    ) -> Result<Vec<RedactedObject>, CliError> {
        let selector = ErasureSelector {
            ids: subjects.ids.iter().map(ToString::to_string).collect(),
            records: subjects.records.clone(),
        };
        let matched = snapshot_merge::erase::erase_curated(&self.0, &selector, dry_run).await?;

        let redacted = matched.into_iter().map(|object| RedactedObject {
            key: object.key,
            rows: object.rows,
        });
        Ok(redacted.collect())
    }
}
