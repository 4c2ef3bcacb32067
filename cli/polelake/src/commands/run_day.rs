//! `polelake run-day DATE`: merge, then report.

use std::collections::BTreeMap;

use lake::Day;
use local_platform::run_contracts::ContractUse;
use quality_report::{Report, ReportSummary};
use serde_json::{Map, Value, json};
use snapshot_merge::{MergeRun, TableRun};

use super::progress::SETTLING;
use super::quality::{broken_rules_json, print_unmet_rules, unmet_rules};
use super::verdicts::balance_label;
use crate::args::platform::RunDayArgs;
use crate::client::PlatformClient;
use crate::error::CliError;
use crate::open_lake::open_platform_site;
use crate::work_progress::WorkProgress;

pub(crate) async fn run(args: &RunDayArgs, progress: &WorkProgress) -> Result<bool, CliError> {
    let client = PlatformClient::connect_with_contracts(&args.place, ContractUse::Lake).await?;
    progress.begin_stage(SETTLING);
    client.wait_until_settled().await?;

    progress.begin_stage(&format!("merging and reporting {}", args.date));
    progress.note_done(describe_unfinished(args.date), Map::new());
    let (run, report) = merge_and_report(&client, &args.date.to_string()).await?;
    progress.end_stage();

    if args.json {
        println!("{}", outcome_json(&run, &report));
    } else {
        print_outcome(&run, &report);
    }
    let (.., failed) = report.count_verdicts();
    Ok(report.all_sources_balance() && failed == 0)
}

/// What an interruption says of a day whose merge has begun. Each table commits its day alone.
fn describe_unfinished(date: Day) -> String {
    format!(
        "{date} may be merged in part, and no table has a part of its day; the same command \
         finishes the rest"
    )
}

fn outcome_json(run: &MergeRun, report: &Report) -> Value {
    let (passed, warned, failed) = report.count_verdicts();
    json!({
        "run": run,
        "rules": {"passed": passed, "warned": warned, "failed": failed},
        "broken": broken_rules_json(report),
        "balanced": report.all_sources_balance(),
        "quarantined": quarantined_by_source(report),
    })
}

fn print_outcome(run: &MergeRun, report: &Report) {
    run.tables.iter().chain(&run.records).for_each(print_table);
    print_unmet_rules(&unmet_rules(report));
    print_quarantined(report);
    for warning in run.all_warnings() {
        println!("warning: {warning}");
    }
    if run.tables.iter().all(|table| table.rows == 0) {
        println!(
            "No table has a row: nothing landed by the end of {}. `polelake push` sends events.",
            run.date
        );
    }

    let (passed, warned, failed) = report.count_verdicts();
    let balance = balance_label(report.all_sources_balance());
    println!(
        "{passed} rules passed, {warned} warn, {failed} block; the reconciliation is {balance}"
    );
    if let Some(root) = &run.root {
        println!("root of {}: {root}", run.date);
    }
}

/// The records of the day that were refused, by source and rule.
fn quarantined_by_source(report: &Report) -> BTreeMap<&str, &BTreeMap<String, u64>> {
    let sources = report.sources.iter();
    let refused = sources.filter(|(_, counts)| counts.quarantined_total() > 0);
    refused
        .map(|(source, counts)| (source.as_str(), &counts.quarantined))
        .collect()
}

/// A balanced reconciliation says only that no record is lost: which ones are no rows stands here.
fn print_quarantined(report: &Report) {
    for (source, rules) in quarantined_by_source(report) {
        let count: u64 = rules.values().sum();
        let rules: Vec<String> = rules
            .iter()
            .map(|(rule, count)| format!("{rule} {count}"))
            .collect();
        println!(
            "{source}: {count} records of the day were refused ({}); `polelake quarantine ls \
             --source {source}` lists those that are still open, `quarantine show` says why",
            rules.join(", ")
        );
    }
}

fn print_table(table: &TableRun) {
    let note = if table.passed {
        ""
    } else {
        "  held back: a blocking rule failed"
    };
    println!(
        "{:28} {:>9} rows  +{} ~{} -{}{note}",
        table.table, table.rows, table.inserted, table.updated, table.deleted
    );
}

/// Runs the merge and the report of a day.
pub async fn merge_and_report(
    client: &PlatformClient,
    date: &str,
) -> Result<(MergeRun, Report), CliError> {
    let payload = json!({"date": date});
    let run = client.invoke_function("snapshot-merge", &payload).await?;
    let summary = client.invoke_function("quality-report", &payload).await?;

    let summary: ReportSummary = serde_json::from_value(summary)?;
    let site = open_platform_site(client).await?;
    let report = site.get(&summary.report).await?;
    Ok((
        serde_json::from_value(run)?,
        serde_json::from_slice(&report.body)?,
    ))
}
