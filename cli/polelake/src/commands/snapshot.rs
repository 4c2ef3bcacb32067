//! `polelake snapshot ls|show|diff`.

use indicatif::{ProgressBar, ProgressStyle};
use lake::{Day, RuleVerdict, SnapshotManifest, iceberg_hint_key};
use serde_json::{Value, json};

use super::audit::parse_optional_date;
use crate::args::snapshot::DiffArgs;
use crate::error::CliError;
use crate::open_lake::OpenLake;
use crate::place::LakeArgs;
use operations::snapshots::reader_snippets::{ReaderSnippet, reader_snippets};
use operations::snapshots::{
    self, ColumnDifference, DiffDisplay, RowChangeKind, RowDifference, TableDiff, UnpairedTable,
    days,
};

/// The day that an argument names.
fn parse_date(text: &str) -> Result<Day, CliError> {
    parse_optional_date(Some(text))?
        .ok_or_else(|| "a day is missing; write it as 2026-03-02".into())
}

pub(crate) async fn print_snapshots(
    lake: &LakeArgs,
    table: Option<&str>,
    as_json: bool,
) -> Result<bool, CliError> {
    let lake = OpenLake::open(lake).await?;
    let zones = &lake.zones;
    let mut found = Vec::new();
    for table in days::select_tables(zones, table)? {
        found.extend(days::list_snapshots(zones, &table.name).await?);
    }
    if as_json {
        println!("{}", serde_json::to_string_pretty(&found)?);
        return Ok(true);
    }
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
    for day in &found {
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
        "{} snapshots; `shared` are shards that are the file of the day before",
        found.len()
    );
    Ok(true)
}

fn passed_label(passed: bool) -> &'static str {
    if passed { "passed" } else { "held back" }
}

pub(crate) async fn show_snapshot(
    lake: &LakeArgs,
    table: &str,
    date: &str,
    as_json: bool,
) -> Result<bool, CliError> {
    let date = parse_date(date)?;
    let lake = OpenLake::open(lake).await?;
    let zones = &lake.zones;
    days::select_tables(zones, Some(table))?;
    let manifest = days::read_manifest(zones, table, date).await?;
    let keys: Vec<&str> = manifest
        .shards
        .iter()
        .map(|shard| shard.rows_key.as_str())
        .collect();
    let lines = reader_snippets(&zones.curated_root, &keys);
    let hint = iceberg_hint_key(table);
    let is_there = zones.curated.object_exists(&hint).await?;
    let hint = is_there.then(|| format!("{}/{hint}", zones.curated_root));
    if as_json {
        let told = json!({"manifest": manifest, "reading": lines, "iceberg_hint": hint});
        println!("{}", serde_json::to_string_pretty(&told)?);
        return Ok(true);
    }
    print_manifest(&manifest);
    print_committed_offsets(&manifest);
    print_unmet_rules(&manifest);
    print_reader_snippets(&lines, hint.as_deref());
    Ok(true)
}

fn print_manifest(manifest: &SnapshotManifest) {
    let base = manifest
        .base
        .as_deref()
        .map_or("with no day before".to_owned(), |base| format!("on {base}"));
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
    let newest = manifest
        .newest_event
        .and_then(|micros| jiff::Timestamp::from_microsecond(micros).ok());
    if let Some(newest) = newest {
        println!("the latest event happened at {newest}");
    }
    println!(
        "\nShards\n{:>6} {:>11} {:>14}  key",
        "shard", "rows", "bytes"
    );
    for shard in &manifest.shards {
        println!(
            "{:>6} {:>11} {:>14}  {}",
            shard.shard, shard.rows, shard.bytes, shard.rows_key
        );
    }
}

fn print_committed_offsets(manifest: &SnapshotManifest) {
    println!("\nStreams taken, everything before `next`");
    println!(
        "{:24} {:>5} {:>9} {:>12}",
        "topic", "epoch", "partition", "next"
    );
    for taken in &manifest.committed_offsets {
        let stream = &taken.stream;
        println!(
            "{:24} {:>5} {:>9} {:>12}",
            stream.topic, stream.epoch, stream.partition, taken.next
        );
    }
}

fn print_unmet_rules(manifest: &SnapshotManifest) {
    let broken: Vec<_> = manifest
        .rules
        .iter()
        .filter(|rule| rule.verdict != RuleVerdict::Pass)
        .collect();
    println!(
        "\nRules: {} hold, {} do not",
        manifest.rules.len() - broken.len(),
        broken.len()
    );
    for rule in broken {
        let verdict = if rule.verdict == RuleVerdict::Fail {
            "blocks"
        } else {
            "warns"
        };
        println!(
            "  {verdict:6} {}: {} of {} rows fall short, {}. {}",
            rule.rule, rule.failed, rule.checked, rule.target, rule.description
        );
    }
}

fn print_reader_snippets(lines: &[ReaderSnippet], hint: Option<&str>) {
    println!("\nRead exactly these files");
    for ReaderSnippet { reader, line } in lines {
        println!("  {reader:8} {line}");
    }
    println!(
        "  {:8} {}",
        "Iceberg",
        hint.unwrap_or("no metadata yet: no day has passed")
    );
}

pub(crate) async fn diff_snapshots(wanted: &DiffArgs) -> Result<bool, CliError> {
    let (from, to) = (parse_date(&wanted.from)?, parse_date(&wanted.to)?);
    let show = DiffDisplay {
        rows: wanted.rows,
        values: wanted.values,
    };
    let lake = OpenLake::open(&wanted.lake).await?;
    let zones = &lake.zones;
    let found = snapshots::pair_days(zones, wanted.table.as_deref(), from, to).await?;
    let bar = byte_progress_bar(found.bytes_to_read());
    let mut tables = Vec::new();
    for pair in &found.pairs {
        bar.set_prefix(pair.table.name.clone());
        tables.push(
            pair.compare_days(&zones.curated, show, &|bytes| bar.inc(bytes))
                .await?,
        );
    }
    bar.finish_and_clear();
    if wanted.json {
        let told = json!({"from": from.to_string(), "to": to.to_string(), "tables": tables, "skipped": found.skipped});
        println!("{}", serde_json::to_string_pretty(&told)?);
    } else {
        print_diff(&tables, &found.skipped);
    }
    Ok(true)
}

fn byte_progress_bar(bytes: u64) -> ProgressBar {
    let bar = ProgressBar::new(bytes);
    if let Ok(style) =
        ProgressStyle::with_template("{prefix:24} {bar:30} {bytes}/{total_bytes} {bytes_per_sec}")
    {
        bar.set_style(style);
    }
    bar
}

fn print_diff(tables: &[TableDiff], skipped: &[UnpairedTable]) {
    println!(
        "{:20} {:>11} {:>11} {:>9} {:>9} {:>9} {:>9}  shards",
        "table", "before", "after", "added", "changed", "restated", "removed"
    );
    for table in tables {
        println!(
            "{:20} {:>11} {:>11} {:>9} {:>9} {:>9} {:>9}  {} shared, {} read",
            table.table,
            table.rows_before,
            table.rows_after,
            table.added,
            table.changed,
            table.restated,
            table.removed,
            table.shards_shared,
            table.shards_read
        );
    }
    println!("`restated` are changed rows of which only the provenance differs.");
    for UnpairedTable { table, absent } in skipped {
        println!("{table} has no snapshot of {absent} and is not compared.");
    }
    tables
        .iter()
        .filter(|table| table.changed > 0 || !table.differences.is_empty())
        .for_each(print_table_diff);
}

/// The columns that changed, and rows.
fn print_table_diff(table: &TableDiff) {
    println!("\n{}", table.table);
    for (title, columns) in [
        ("columns", &table.columns),
        ("provenance", &table.provenance),
    ] {
        let counts: Vec<String> = columns
            .iter()
            .map(|changes| format!("{} {}", changes.column, changes.rows))
            .collect();
        if !counts.is_empty() {
            println!("  changed {title}: {}", counts.join(", "));
        }
    }
    table.differences.iter().for_each(print_row_difference);
}

fn print_row_difference(row: &RowDifference) {
    let mark = match row.what {
        RowChangeKind::Added => '+',
        RowChangeKind::Changed => '~',
        RowChangeKind::Removed => '-',
    };
    println!(
        "  {mark} {} {} (owner {})",
        row.source, row.pole_id, row.owner_id
    );
    // The provenance of a row that came or went is long, and is no change; `--json` has it.
    for change in row
        .columns
        .iter()
        .filter(|change| row.what == RowChangeKind::Changed || !change.provenance)
    {
        println!(
            "      {}: {}",
            change.column,
            describe_change(row.what, change)
        );
    }
}

fn describe_change(what: RowChangeKind, change: &ColumnDifference) -> String {
    if change.hidden {
        return "(personal; --values shows it)".to_owned();
    }
    match what {
        RowChangeKind::Added => printable_json(&change.after),
        RowChangeKind::Removed => printable_json(&change.before),
        RowChangeKind::Changed => format!(
            "{} -> {}",
            printable_json(&change.before),
            printable_json(&change.after)
        ),
    }
}

/// A value as JSON; what a terminal would act on is escaped.
fn printable_json(value: &Value) -> String {
    let text = value.to_string();
    let escaped = |c: char| {
        if c.is_control() {
            c.escape_unicode().to_string()
        } else {
            c.to_string()
        }
    };
    text.chars().map(escaped).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_is_told_nothing_to_act_on() {
        let told = printable_json(&json!("a\u{1b}[2J\u{9b}b"));
        assert!(
            told.chars().all(|c| !c.is_control()) && told.contains('b'),
            "{told}"
        );
    }
}
