//! `polelake erase`.

use contract::Catalogue;
use operations::erase::{
    ErasureOutcome, FreeTextRequest, LakeErasureRequest, MentionPolicy, RequestedSubject, dry_run,
    erase_subjects,
};
use operations::events_queue::delete_landed_batches;
use serde_json::{Map, Value, json};

use super::erase_candidates::print_candidates;
use super::erase_local::{LocalErasure, erase_outside_zones, wait_for_pending_events};
use super::unreadable::{print_unreadable, with_unreadable};
use crate::args::erase::{EraseArgs, MentionChoice};
use crate::error::CliError;
use crate::open_lake::OpenLake;
use crate::snapshot_eraser::SnapshotEraser;
use crate::work_progress::WorkProgress;

/// Copies that no command can reach. Of these, the embedded Kafka's log is cut by the erasure.
const OUT_OF_REACH: [&str; 3] = [
    "Backups and replicas of the buckets keep their copies.",
    "Analysts must delete what they have copied or exported.",
    "Kafka keeps its log until the topic's retention ends.",
];

/// What an interruption says of an erasure that has begun.
const ERASED_IN_PART: &str = "the subject may be erased in part; the same command finishes the \
    rest, and what is erased stays so in every replay";

/// The copies that no command can reach, with the embedded Kafka or with another.
fn copies_out_of_reach(is_kafka_embedded: bool) -> &'static [&'static str] {
    &OUT_OF_REACH[..OUT_OF_REACH.len() - usize::from(is_kafka_embedded)]
}

pub(crate) async fn run(args: &EraseArgs, progress: &WorkProgress) -> Result<bool, CliError> {
    if !args.dry_run && !args.yes {
        let why = "an erasure cannot be undone: look at what it does with --dry-run first, then \
            give --yes";
        return Err(why.into());
    }
    let free_text = requested_search(args)?;
    let mut opened = OpenLake::open_with_identity_key(&args.lake).await?;
    opened.handle.stage = progress.stage_listener();
    let lake = &opened.handle;
    let request = LakeErasureRequest {
        subject: requested_subject(args, &lake.catalogue)?,
        mentions: mention_policy(args.mentions),
        free_text,
    };

    let snapshots = SnapshotEraser {
        merge: opened.merge_context().await?,
        unreadable: lake.unreadable.clone(),
    };
    let platform = opened.platform_client();
    let folder = &args.lake.place.dir;
    let (outcome, local) = if args.dry_run {
        (dry_run(lake, &request, &snapshots).await?, None)
    } else {
        if let Some(client) = platform {
            progress.begin_stage("waiting for events on their way");
            wait_for_pending_events(client).await?;
        }
        progress.begin_stage("looking for the subject");
        progress.note_done(ERASED_IN_PART, Map::new());
        let now_micros = opened.current_millis().await? * 1_000;
        let outcome = erase_subjects(lake, &request, &snapshots, now_micros).await?;
        tell_batches_left(delete_landed_batches(lake).await?);
        let local = match platform {
            Some(client) => Some(erase_outside_zones(client, folder).await?),
            None => None,
        };
        (outcome, local)
    };

    progress.end_stage();

    let is_kafka_embedded = platform.is_some_and(|client| client.parts().kafka.is_none());
    let out_of_reach = copies_out_of_reach(is_kafka_embedded);
    if args.json {
        let outcome = outcome_json(&outcome, args.dry_run, local.as_ref(), out_of_reach);
        println!("{outcome}");
    } else {
        print_outcome(&outcome, args.dry_run, out_of_reach);
        print_candidates(&outcome.free_text, args.search);
        if let Some(local) = local {
            local.print(folder);
        }
    }
    let is_unknown = outcome.found_nothing() && !outcome.erased_before;
    let is_open = !outcome.by_hand.is_empty() || !outcome.is_decided();
    Ok(!is_unknown && !is_open && outcome.is_complete())
}

/// Says that events are on their way which the erasure has not seen: they land, and the list of
/// erased subjects keeps them out of the tables.
fn tell_batches_left(batches: u64) {
    if batches > 0 {
        eprintln!(
            "{batches} large messages of the events queue have not landed: run the erasure again \
             when they have, for the raw zone holds their events until then"
        );
    }
}

/// The search of free text that the operator asks for.
fn requested_search(args: &EraseArgs) -> Result<Option<FreeTextRequest>, CliError> {
    if !args.search {
        return Ok(None);
    }
    let request = FreeTextRequest::new(args.search_text.clone(), args.values)
        .map_err(|why| format!("--search-text: {why}"))?;
    Ok(Some(request))
}

fn mention_policy(choice: MentionChoice) -> MentionPolicy {
    match choice {
        MentionChoice::Object => MentionPolicy::RedactObject,
        MentionChoice::Field => MentionPolicy::RedactField,
        MentionChoice::Record => MentionPolicy::EraseRecord,
    }
}

fn requested_subject(
    args: &EraseArgs,
    catalogue: &Catalogue,
) -> Result<RequestedSubject, CliError> {
    match (&args.source, &args.key, &args.pole_id) {
        (Some(source), Some(key), None) => {
            let contract = &catalogue.require_mapping_of_source(source)?.contract;
            let key = contract.canonical_record_key(key)?;
            Ok(RequestedSubject::Record {
                source: source.clone(),
                key,
            })
        }
        (None, None, Some(id)) => match pole::Uuid::parse_str(id) {
            Ok(id) => Ok(RequestedSubject::PoleId(id)),
            Err(_) => {
                let why = format!("--pole-id `{id}` is no id as in the column pole_id: a UUID");
                Err(why.into())
            }
        },
        _ => Err(
            "name the subject: --source and --key, as in `polelake erase --source housing-person \
             --key KEY --dry-run`, or --pole-id"
                .into(),
        ),
    }
}

fn outcome_json(
    outcome: &ErasureOutcome,
    dry_run: bool,
    local: Option<&LocalErasure>,
    out_of_reach: &[&str],
) -> Value {
    let mut zones = Map::new();
    for (zone, (objects, count)) in outcome.counts_by_zone() {
        zones.insert(zone.to_owned(), json!({"objects": objects, "count": count}));
    }

    let result = json!({
        "dry_run": dry_run,
        "found": !outcome.found_nothing(),
        "zones": zones,
        "objects": outcome.objects,
        "by_hand": outcome.by_hand,
        "versions_purged": outcome.versions_purged,
        "receipt": outcome.receipt,
        "resumed": outcome.resumed,
        "erased_before": outcome.erased_before,
        "sources_with_key": outcome.sources_with_key,
        "free_text": outcome.free_text,
        "local_platform": local,
        "out_of_reach": out_of_reach,
    });
    with_unreadable(result, &outcome.unreadable)
}

fn print_outcome(outcome: &ErasureOutcome, dry_run: bool, out_of_reach: &[&str]) {
    if outcome.found_nothing() {
        print_not_found(outcome);
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
        println!(
            "An earlier run did not finish; this one deletes the old versions of its objects too."
        );
    }

    if !dry_run {
        println!("{} old versions deleted", outcome.versions_purged);
        if let Some(receipt) = &outcome.receipt {
            println!("receipt: {receipt}");
        }
    }
    print_manual_redactions(outcome);
    print_unreadable(&outcome.unreadable);
    if !outcome.is_complete() {
        println!(
            "The subject may still be in them: run the same command again when they are repaired."
        );
    }
    println!("Out of reach:");
    for copy in out_of_reach {
        println!("  {copy}");
    }
}

/// Says that nothing was found, and where the operator may look next.
fn print_not_found(outcome: &ErasureOutcome) {
    if outcome.erased_before {
        println!("The subject was erased before, nothing of it is left, and nothing was written.");
        return;
    }

    println!("No record, row or mention of the subject was found, and nothing was written.");
    if outcome.sources_with_key.is_empty() {
        println!("The columns source and source_record_id of every table hold the known keys.");
    } else {
        let sources = outcome.sources_with_key.join(", ");
        println!("A record of this key is in: {sources}. Name that source with --source.");
    }
}

fn print_manual_redactions(outcome: &ErasureOutcome) {
    for redaction in &outcome.by_hand {
        println!("by hand: {} offset {}", redaction.object, redaction.offset);
    }

    let count = outcome.by_hand.len();
    if count > 0 {
        println!(
            "{count} records mention the subject and cannot be redacted so; --mentions field \
             removes the field alone, --mentions record erases the full records"
        );
    }
}
