//! What `polelake demo` prints.

use std::path::Path;

use local_platform::ExternalParts;
use quality_report::{Report, SourceReconciliation};
use serde_json::{Value, json};
use snapshot_merge::MergeRun;

use super::verdicts::balance_label;
use crate::client::PushCounts;
use crate::error::CliError;

/// One day of the demonstration.
pub(super) struct DemoDay {
    pub(super) run: MergeRun,
    pub(super) report: Report,
    pub(super) pushed: PushCounts,
    pub(super) seconds: f64,
}

/// The counts of a day, summed over all sources.
fn sum_reconciliations(report: &Report) -> SourceReconciliation {
    let mut sum = SourceReconciliation::default();
    for source in report.sources.values() {
        sum.landed += source.landed;
        sum.refined += source.refined;
        sum.ignored += source.ignored;
        // Which rule refused a record does not matter in the sum.
        *sum.quarantined.entry(String::new()).or_default() += source.quarantined_total();
    }
    sum
}

pub(super) fn print_demo(
    days: &[DemoDay],
    parts: &ExternalParts,
    folder: &Path,
    seconds: f64,
) -> Result<(), CliError> {
    print_events(days);
    print_rows(days);
    print_quality(days);

    let root = match &parts.s3 {
        Some(s3) => {
            println!("\nS3 endpoint      {}", s3.endpoint);
            LakeRoot::Buckets(parts)
        }
        None => LakeRoot::Folder(std::path::absolute(folder)?.display().to_string()),
    };
    println!("\nCurated Parquet  {}/curated", root.of_zone("curated"));
    println!("Report pages     {}/index.html", root.of_zone("site"));
    if let Some(newest) = days.last() {
        println!("\nQuery the newest day yourself, with DuckDB:");
        println!("  {}", example_query(newest, &root));
    }
    println!("\n{seconds:.1} s in all");
    Ok(())
}

/// Where readers find the zones.
enum LakeRoot<'p> {
    /// In the folder of the embedded S3.
    Folder(String),
    /// In buckets of an external S3.
    Buckets(&'p ExternalParts),
}

impl LakeRoot<'_> {
    fn of_zone(&self, zone: &str) -> String {
        match self {
            Self::Folder(folder) => format!("{folder}/s3/{zone}"),
            Self::Buckets(parts) => format!("s3://{}", parts.bucket_of(zone)),
        }
    }
}

fn print_events(days: &[DemoDay]) {
    println!("\nEvents");
    println!(
        "{:12} {:>9} {:>9} {:>9} {:>9} {:>9} {:>12}  balance",
        "day", "accepted", "refused", "landed", "refined", "ignored", "quarantined"
    );
    for day in days {
        let sum = sum_reconciliations(&day.report);
        println!(
            "{:12} {:>9} {:>9} {:>9} {:>9} {:>9} {:>12}  {}",
            day.run.date,
            day.pushed.accepted,
            day.pushed.refused,
            sum.landed,
            sum.refined,
            sum.ignored,
            sum.quarantined_total(),
            balance_label(day.report.all_sources_balance())
        );
    }
}

/// Prints a line for each table, with its rows on each day.
fn print_rows(days: &[DemoDay]) {
    let Some(first) = days.first() else { return };
    println!("\nRows");
    print!("{:18}", "table");
    for day in days {
        print!(" {:>11}", day.run.date);
    }
    println!();

    for (index, table) in first.run.tables.iter().enumerate() {
        print!("{:18}", table.table);
        for day in days {
            print!(" {:>11}", day.run.tables[index].rows);
        }
        println!();
    }
}

fn print_quality(days: &[DemoDay]) {
    println!("\nQuality");
    for day in days {
        let (passed, warned, failed) = day.report.count_verdicts();
        let date = &day.run.date;
        println!("{date:12} {passed} rules passed, {warned} warn, {failed} block");
    }
}

/// A query over a day's files, as the manifests name them.
fn example_query(day: &DemoDay, root: &LakeRoot<'_>) -> String {
    let links = read_parquet_call(day, "link", root);
    let people = read_parquet_call(day, "person", root);
    format!(
        "duckdb -c \"select l.link_type, l.role, count(*) as links, \
         count(distinct p.pole_id) as people \
         from {links} l join {people} p on p.pole_id = l.from_id \
         group by all order by links desc\""
    )
}

/// DuckDB's call that reads a table's files of a day.
fn read_parquet_call(day: &DemoDay, table: &str, root: &LakeRoot<'_>) -> String {
    let curated = root.of_zone("curated");
    let manifest = day.report.tables.get(table);
    let shards = manifest.map_or(&[][..], |manifest| manifest.shards.as_slice());
    let files: Vec<String> = shards
        .iter()
        .map(|shard| format!("'{curated}/{}'", shard.rows_file.key))
        .collect();
    format!("read_parquet([{}])", files.join(", "))
}

pub(super) fn demo_json(days: &[DemoDay], seconds: f64) -> Value {
    let days: Vec<Value> = days.iter().map(day_json).collect();
    json!({"days": days, "seconds": seconds})
}

fn day_json(day: &DemoDay) -> Value {
    json!({
        "run": day.run,
        "accepted": day.pushed.accepted,
        "refused": day.pushed.refused,
        "sources": day.report.sources,
        "seconds": day.seconds,
        "balanced": day.report.all_sources_balance(),
    })
}
