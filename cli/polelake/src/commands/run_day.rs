//! `polelake run-day DATE`: merge, then report.

use local_platform::run_contracts::ContractUse;
use quality_report::Report;
use serde_json::{Value, json};
use snapshot_merge::{MergeRun, TableRun};

use super::verdicts::balance_label;
use crate::args::platform::RunDayArgs;
use crate::client::PlatformClient;
use crate::error::CliError;

pub(crate) async fn run(args: &RunDayArgs) -> Result<bool, CliError> {
    let client = PlatformClient::connect_with_contracts(&args.place, ContractUse::Lake).await?;
    client.wait_until_settled().await?;
    let (run, report) = merge_and_report(&client, &args.date.to_string()).await?;

    if args.json {
        println!("{}", outcome_json(&run, &report));
    } else {
        print_outcome(&run, &report);
    }
    let (.., failed) = report.count_verdicts();
    Ok(report.all_sources_balance() && failed == 0)
}

fn outcome_json(run: &MergeRun, report: &Report) -> Value {
    let (passed, warned, failed) = report.count_verdicts();
    json!({
        "run": run,
        "rules": {"passed": passed, "warned": warned, "failed": failed},
        "balanced": report.all_sources_balance(),
    })
}

fn print_outcome(run: &MergeRun, report: &Report) {
    run.tables.iter().chain(&run.records).for_each(print_table);

    let (passed, warned, failed) = report.count_verdicts();
    let balance = balance_label(report.all_sources_balance());
    println!(
        "{passed} rules passed, {warned} warn, {failed} block; the reconciliation is {balance}"
    );
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
    let report = client.invoke_function("quality-report", &payload).await?;

    Ok((
        serde_json::from_value(run)?,
        serde_json::from_value(report)?,
    ))
}
