//! `polelake snapshot ls|show`.

use lake::{RuleVerdict, SnapshotManifest};
use operations::snapshots::days;
use operations::snapshots::reader_snippets::ReaderSnippet;

use super::verdicts::{failure_label, passed_label};
use crate::args::snapshot::{ListSnapshotsArgs, ShowSnapshotArgs};
use crate::error::CliError;
use crate::open_lake::OpenLake;

pub(crate) async fn list_snapshots(args: &ListSnapshotsArgs) -> Result<bool, CliError> {
    let lake = OpenLake::open(&args.lake).await?;
    let snapshots = days::list_table_snapshots(&lake.handle, args.table.as_slice()).await?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&snapshots)?);
    } else if snapshots.is_empty() {
        println!("{}", describe_no_snapshots(args.table.as_deref()));
    } else {
        print_summaries(&snapshots);
    }
    Ok(true)
}

fn describe_no_snapshots(table: Option<&str>) -> String {
    match table {
        Some(table) => format!(
            "`{table}` has no snapshot yet: `polelake run-day DATE` makes those of a day, of every \
             table that a source fills."
        ),
        None => "No table has a snapshot yet: `polelake run-day DATE` makes those of a day.".into(),
    }
}

fn print_summaries(snapshots: &[days::SnapshotSummary]) {
    println!(
        "{:20} {:10} {:>11} {:>9} {:>9} {:>9} {:>6} {:>6} {:>14}  {:10}  readers",
        "table",
        "day",
        "rows",
        "inserted",
        "updated",
        "deleted",
        "shards",
        "shared",
        "bytes",
        "base"
    );
    for day in snapshots {
        println!(
            "{:20} {:10} {:>11} {:>9} {:>9} {:>9} {:>6} {:>6} {:>14}  {:10}  {}",
            day.table,
            day.date,
            day.rows,
            day.inserted,
            day.updated,
            day.deleted,
            day.shards,
            day.shared,
            day.bytes,
            day.base.as_deref().unwrap_or("-"),
            passed_label(day.passed)
        );
    }
    println!(
        "{} snapshots; `shared` counts the shards whose file is also one of the day before",
        snapshots.len()
    );
}

pub(crate) async fn show_snapshot(args: &ShowSnapshotArgs) -> Result<bool, CliError> {
    let lake = OpenLake::open(&args.lake).await?;
    let view = days::view_snapshot(&lake.handle, &args.table, args.date).await?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&view)?);
        return Ok(true);
    }

    print_manifest(&view.manifest);
    print_committed_offsets(&view.manifest);
    print_unmet_rules(&view.manifest);
    print_reader_snippets(&view.reading, view.iceberg_hint.as_deref());
    Ok(true)
}

fn print_manifest(manifest: &SnapshotManifest) {
    let base = match &manifest.base {
        Some(base) => format!("on {base}"),
        None => "with no day before".to_owned(),
    };
    println!(
        "{} {}, contract {}, built {base}, {}",
        manifest.table,
        manifest.date,
        manifest.contract_version,
        passed_label(manifest.passed)
    );
    println!(
        "{} rows: {} inserted, {} updated, {} deleted",
        manifest.rows, manifest.inserted, manifest.updated, manifest.deleted
    );

    let newest_event = manifest
        .newest_event
        .and_then(|micros| jiff::Timestamp::from_microsecond(micros).ok());
    if let Some(newest_event) = newest_event {
        println!("the latest event happened at {newest_event}");
    }

    println!(
        "\nShards\n{:>6} {:>11} {:>14}  key",
        "shard", "rows", "bytes"
    );
    for shard in &manifest.shards {
        println!(
            "{:>6} {:>11} {:>14}  {}",
            shard.shard,
            shard.rows,
            shard.bytes(),
            shard.rows_file.key
        );
    }
}

fn print_committed_offsets(manifest: &SnapshotManifest) {
    println!("\nCommitted offsets: every record before `next` is merged");
    println!(
        "{:24} {:>5} {:>9} {:>12}",
        "topic", "epoch", "partition", "next"
    );
    for committed in &manifest.committed_offsets {
        let stream = &committed.stream;
        println!(
            "{:24} {:>5} {:>9} {:>12}",
            stream.topic, stream.epoch, stream.partition, committed.next
        );
    }
}

fn print_unmet_rules(manifest: &SnapshotManifest) {
    let unmet: Vec<_> = manifest
        .rules
        .iter()
        .filter(|rule| rule.verdict != RuleVerdict::Pass)
        .collect();
    let passed = manifest.rules.len() - unmet.len();
    println!("\nRules: {passed} passed, {} did not", unmet.len());

    for rule in unmet {
        println!(
            "  {:6} {}: {} of {} rows failed, {}. {}",
            failure_label(rule.verdict),
            rule.rule,
            rule.failed,
            rule.checked,
            rule.target,
            rule.description
        );
    }
}

fn print_reader_snippets(snippets: &[ReaderSnippet], iceberg_hint: Option<&str>) {
    println!("\nRead exactly these files");
    for ReaderSnippet { reader, line } in snippets {
        println!("  {reader:8} {line}");
    }
    let hint = iceberg_hint.unwrap_or("no metadata yet: no day has passed");
    println!("  {:8} {hint}", "Iceberg");
}
