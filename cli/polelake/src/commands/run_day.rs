//! `polelake run-day DATE`: merge, then report.

use serde_json::json;
use snapshot_merge::MergeRun;

use crate::client::PlatformClient;
use crate::error::CliError;
use crate::place::PlatformArgs;

pub(crate) async fn run(place: &PlatformArgs, date: &str, as_json: bool) -> Result<bool, CliError> {
    let client = PlatformClient::connect_or_start(place).await?;
    client.wait_until_settled().await?;
    let (run, report) = merge_and_report(&client, date).await?;
    let (passed, warned, failed) = report.count_verdicts();
    if as_json {
        println!(
            "{}",
            json!({"run": run, "rules": {"passed": passed, "warned": warned, "failed": failed}, "books_close": report.all_sources_balance()})
        );
    } else {
        for table in &run.tables {
            let held = if table.passed {
                ""
            } else {
                "  held back: a blocking rule failed"
            };
            println!(
                "{:18} {:>9} rows  +{} ~{} -{}{held}",
                table.table, table.rows, table.inserted, table.updated, table.deleted
            );
        }
        println!(
            "{passed} rules hold, {warned} warn, {failed} block; the books {}",
            if report.all_sources_balance() {
                "close"
            } else {
                "do not close"
            }
        );
    }
    Ok(report.all_sources_balance() && failed == 0)
}

/// Runs the merge and the report of a day.
pub async fn merge_and_report(
    client: &PlatformClient,
    date: &str,
) -> Result<(MergeRun, quality_report::Report), CliError> {
    let run = client
        .invoke_function("snapshot-merge", &json!({"date": date}))
        .await?;
    let report = client
        .invoke_function("quality-report", &json!({"date": date}))
        .await?;
    Ok((
        serde_json::from_value(run)?,
        serde_json::from_value(report)?,
    ))
}
