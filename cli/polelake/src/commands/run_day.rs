//! `polelake run-day DATE`: merge, then report.

use serde_json::json;
use snapshot_merge::Run;

use crate::client::Client;
use crate::error::Failed;
use crate::place::Place;

pub(crate) async fn run(place: &Place, date: &str, as_json: bool) -> Result<bool, Failed> {
    let client = Client::open(place).await?;
    client.settled().await?;
    let (run, report) = day(&client, date).await?;
    let (passed, warned, failed) = report.verdicts();
    if as_json {
        println!(
            "{}",
            json!({"run": run, "rules": {"passed": passed, "warned": warned, "failed": failed}, "books_close": report.books_close()})
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
            if report.books_close() {
                "close"
            } else {
                "do not close"
            }
        );
    }
    Ok(report.books_close() && failed == 0)
}

/// Runs the merge and the report of a day.
pub async fn day(client: &Client, date: &str) -> Result<(Run, quality_report::Report), Failed> {
    let run = client
        .invoke("snapshot-merge", &json!({"date": date}))
        .await?;
    let report = client
        .invoke("quality-report", &json!({"date": date}))
        .await?;
    Ok((
        serde_json::from_value(run)?,
        serde_json::from_value(report)?,
    ))
}
