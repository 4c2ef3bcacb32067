//! `polelake quarantine ls|show|redrive`.

use std::time::Duration;

use lake::{Day, EVENT_ID_HEADER, FileOrigin, QuarantinedRecord, RedriveOrigin, find_header_text};
use operations::quarantine::{
    QuarantineEntry, QuarantineFilter, RedriveOutcome, RepeatedRefusal, count_open, group_entries,
    list_entries, redrive_entries, wait_for_outcomes,
};
use serde_json::{Value, json};
use store::UnreadableObject;

use super::unreadable::{describe_unreadable, print_unreadable, with_unreadable};
use crate::args::quarantine::{RedriveArgs, RefusedRecordArgs, ShowRefusedArgs};
use crate::error::CliError;
use crate::open_lake::OpenLake;
use crate::terminal::{escape_controls, escape_line};
use crate::work_progress::WorkProgress;

pub(crate) async fn list_refused(args: &RefusedRecordArgs) -> Result<bool, CliError> {
    let lake = OpenLake::open(&args.lake).await?;
    let entries = list_entries(&lake.handle, &entry_filter(args)).await?;
    let groups = group_entries(&entries);
    if args.json {
        println!("{}", serde_json::to_string_pretty(&groups)?);
        return Ok(report_unreadable(&lake, true));
    }
    if entries.is_empty() {
        println!("{}", describe_no_refusals(args));
        return Ok(report_unreadable(&lake, false));
    }

    println!(
        "{:20} {:40} {:9} {:>8}  {:10}  {:10}",
        "source", "rule", "status", "records", "first", "last"
    );
    for group in &groups {
        println!(
            "{:20} {:40} {:9} {:>8}  {:10}  {:10}",
            group.source,
            group.rule,
            group.status.label(),
            group.records,
            group.first,
            group.last
        );
    }
    let open = count_open(&entries);
    println!("{} refused records, {open} of them open", entries.len());
    Ok(report_unreadable(&lake, false))
}

pub(crate) async fn show_refused(args: &ShowRefusedArgs) -> Result<bool, CliError> {
    let lake = OpenLake::open(&args.refusals.lake).await?;
    let entries = list_entries(&lake.handle, &entry_filter(&args.refusals)).await?;
    let shown = entries.iter().take(args.limit);
    if args.refusals.json {
        let lines: Vec<Value> = shown.map(|entry| entry_json(entry, args.values)).collect();
        println!("{}", serde_json::to_string_pretty(&lines)?);
        return Ok(report_unreadable(&lake, true));
    }
    if entries.is_empty() {
        println!("{}", describe_no_refusals(&args.refusals));
    }

    for entry in shown {
        print_entry(entry, args.values);
    }
    let more = entries.len().saturating_sub(args.limit);
    if more > 0 {
        println!("{more} more; --limit shows them");
    }
    Ok(report_unreadable(&lake, false))
}

/// Prints what could not be read, and says whether that was nothing. It goes to the error output:
/// the list on the standard output stays a list, also as JSON.
fn report_unreadable(lake: &OpenLake, as_json: bool) -> bool {
    let unreadable = lake.handle.unreadable.take();
    if unreadable.is_empty() {
        return true;
    }
    if as_json {
        eprintln!("{}", with_unreadable(json!({}), &unreadable));
    } else {
        eprint!("{}", describe_unreadable(&unreadable));
    }
    false
}

/// Why a list of refused records is empty.
fn describe_no_refusals(args: &RefusedRecordArgs) -> String {
    let source = args.source.as_ref().map(|name| format!("--source {name}"));
    let rule = args.rule.as_ref().map(|name| format!("--rule {name}"));
    let since = args.since.map(|day| format!("--since {day}"));
    let filters: Vec<String> = [source, rule, since].into_iter().flatten().collect();
    if filters.is_empty() {
        return "No record is in quarantine: every one that landed was refined or ignored.".into();
    }
    format!(
        "No refused record fits {}; `polelake quarantine ls` counts those of all sources and \
         rules.",
        filters.join(" ")
    )
}

pub(crate) async fn redrive_refused(
    args: &RedriveArgs,
    progress: &WorkProgress,
) -> Result<bool, CliError> {
    let opened = OpenLake::open_with_contracts(&args.refusals.lake).await?;
    let lake = &opened.handle;
    let entries = list_entries(lake, &entry_filter(&args.refusals)).await?;
    let open = count_open(&entries);
    if args.dry_run || open == 0 {
        let unreadable = lake.unreadable.take();
        let counts = (open, entries.len() - open);
        print_none_redriven(counts, args, &unreadable);
        return Ok(unreadable.is_empty());
    }

    let now = opened.current_millis().await?;
    let chunks = redrive_entries(lake, &entries, now).await?;
    progress.begin_stage(&format!("waiting for the outcomes of {open} records"));
    let wait = Duration::from_secs(args.wait);
    let outcomes = wait_for_outcomes(lake, &chunks, wait).await?;

    progress.end_stage();
    let unreadable = lake.unreadable.take();
    if args.refusals.json {
        let result = outcomes_json(open, &outcomes);
        println!("{}", with_unreadable(result, &unreadable));
    } else {
        print_outcomes(&outcomes);
        print_unreadable(&unreadable);
    }
    Ok(outcomes.iter().all(RedriveOutcome::is_done) && unreadable.is_empty())
}

fn entry_filter(args: &RefusedRecordArgs) -> QuarantineFilter {
    QuarantineFilter {
        source: args.source.clone(),
        rule: args.rule.clone(),
        since: args.since,
    }
}

/// The position at which a record came first, which is its name.
fn format_position(topic: &str, origin: RedriveOrigin) -> String {
    let RedriveOrigin {
        epoch,
        partition,
        offset,
        ..
    } = origin;
    format!("{topic}-{partition}@{offset} (epoch {epoch})")
}

fn print_entry(entry: &QuarantineEntry, values: bool) {
    let refused = &entry.refused;
    let position = format_position(&entry.topic, entry.origin);
    let appended = Day::from_micros(entry.origin.timestamp * 1_000);
    println!("{position}  {}  {}", refused.source, entry.status.label());
    if let Some(origin) = describe_origin(refused) {
        println!("  {origin}");
    }
    println!("  {} at {}: {}", refused.rule, refused.path, refused.reason);
    println!(
        "  appended {appended}, contract {}, mapping {}, redriven {} times",
        refused.contract_version, refused.mapping_version, entry.redrives
    );
    if values {
        if let Some(key) = record_key(refused) {
            println!("  key {key}");
        }
        println!("  {}", printable_value(entry));
    }
}

/// What its sender finds a record by: the file and the place there, and the event's id.
fn describe_origin(refused: &QuarantinedRecord) -> Option<String> {
    let file = FileOrigin::from_headers(refused.headers.as_deref());
    let file = file.map(|FileOrigin { name, place }| format!("file {name}, {place}"));
    let event = event_id(refused).map(|id| format!("event {id}"));
    let parts: Vec<String> = [file, event].into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

/// The id that the relay gave or found when it accepted the event.
fn event_id(refused: &QuarantinedRecord) -> Option<String> {
    find_header_text(refused.headers.as_deref(), EVENT_ID_HEADER)
}

/// The record's key, as Kafka has it. It can be personal, so it is a value.
fn record_key(refused: &QuarantinedRecord) -> Option<String> {
    let key = refused.key.as_deref()?;
    Some(escape_line(&String::from_utf8_lossy(key)))
}

fn entry_json(entry: &QuarantineEntry, values: bool) -> Value {
    let refused = &entry.refused;
    let mut line = json!({
        "topic": entry.topic,
        "epoch": entry.origin.epoch,
        "partition": entry.origin.partition,
        "offset": entry.origin.offset,
        "appended": entry.origin.timestamp,
        "source": refused.source,
        "event_id": event_id(refused),
        "status": entry.status,
        "redrives": entry.redrives,
        "rule": refused.rule,
        "path": refused.path,
        "reason": refused.reason,
        "contract_version": refused.contract_version,
        "mapping_version": refused.mapping_version,
    });
    if let Some(origin) = FileOrigin::from_headers(refused.headers.as_deref()) {
        line["file"] = json!(origin.name);
        line["file_place"] = json!(origin.place);
    }
    if values {
        line["key"] = json!(record_key(refused));
        line["value"] = json!(printable_value(entry));
    }
    line
}

/// The record's bytes as text.
fn printable_value(entry: &QuarantineEntry) -> String {
    let value = entry.refused.value.as_deref().unwrap_or_default();
    escape_controls(&String::from_utf8_lossy(value))
}

/// Prints that no record was processed again: because of `--dry-run`, or because none is open.
fn print_none_redriven(
    (open, not_open): (usize, usize),
    args: &RedriveArgs,
    unreadable: &[UnreadableObject],
) {
    if args.refusals.json {
        let result = json!({"open": open, "redriven": 0});
        println!("{}", with_unreadable(result, unreadable));
        return;
    }

    if open > 0 {
        println!("{open} open records would be processed again; {not_open} are not open");
    } else if not_open > 0 {
        println!("Nothing is processed again: none of {not_open} refused records is open.");
    } else {
        println!("{}", describe_no_refusals(&args.refusals));
    }
    print_unreadable(unreadable);
}

fn outcomes_json(open: usize, outcomes: &[RedriveOutcome]) -> Value {
    let lines: Vec<Value> = outcomes
        .iter()
        .map(|outcome| {
            json!({
                "topic": outcome.topic,
                "epoch": outcome.origin.epoch,
                "partition": outcome.origin.partition,
                "offset": outcome.origin.offset,
                "outcome": outcome.outcome,
                "path": outcome.refusal.as_ref().map(|refusal| &refusal.path),
                "reason": outcome.refusal.as_ref().map(|refusal| &refusal.reason),
            })
        })
        .collect();
    json!({"open": open, "redriven": outcomes.len(), "outcomes": lines})
}

fn print_outcomes(outcomes: &[RedriveOutcome]) {
    for outcome in outcomes {
        let position = format_position(&outcome.topic, outcome.origin);
        println!("{position}  {}", describe_outcome(outcome));
    }

    let done = outcomes.iter().filter(|outcome| outcome.is_done()).count();
    let underway = outcomes
        .iter()
        .filter(|outcome| outcome.is_underway())
        .count();
    let refused = outcomes.len() - done - underway;
    println!(
        "{} records processed again: {done} done, {refused} refused again, {underway} underway",
        outcomes.len()
    );
    if done > 0 {
        println!("The next daily run merges what was refined into the snapshots.");
    }
    if refused > 0 {
        println!(
            "What is refused again is open as before: its contract and mapping still do not read \
             it. Correct them and redrive again, or have the sender send a corrected event: its row \
             comes by the next merge, and the refused record stays open."
        );
    }
    if underway > 0 {
        println!("`polelake quarantine show` says later what became of those underway.");
    }
}

fn describe_outcome(outcome: &RedriveOutcome) -> String {
    if outcome.is_done() || outcome.is_underway() {
        return outcome.outcome.clone();
    }
    let rule = &outcome.outcome;
    match &outcome.refusal {
        Some(RepeatedRefusal { path, reason }) => {
            format!("refused again: {rule} at {path}: {reason}")
        }
        None => format!("refused again: {rule}"),
    }
}
