//! The outputs of a day beside the report and the site: results for other programs, metrics, and
//! the alert.
//!
//! Every content is a function of the report and the contracts: the same day gives the same bytes.
//! All of them hold counts only, and no value of a record.

mod alert;
mod datacontract;
mod emf;
mod junit;
mod lineage;
#[cfg(test)]
mod tests;

use host::{Failure, FailureKind};
use lake::{Day, datacontract_run_key, junit_key, openlineage_key};
use serde::Serialize;

use crate::context::Context;
use crate::report::Report;

/// Writes the results of the day's rules, emits the metrics, and sends the alert last.
///
/// # Errors
/// When the site's bucket or the topic of alerts does not answer.
pub(crate) async fn write_outputs(report: &Report, context: &Context) -> Result<(), Failure> {
    let day = report_day(report)?;

    let runs = datacontract::table_runs(report, day, &context.catalogue);
    for run in &runs {
        let key = datacontract_run_key(&run.table, day);
        context
            .write_site_object(&key, encode_json(run)?, "application/json")
            .await?;
    }

    let junit = junit::junit_document(&runs, day).map_err(|error| Failure::corrupt(&error))?;
    context
        .write_site_object(&junit_key(day), junit, "application/xml")
        .await?;

    let events = encode_json_lines(&lineage::openlineage_events(report, day, context))?;
    context
        .write_site_object(&openlineage_key(day), events, "application/x-ndjson")
        .await?;

    emf::emit_metrics(report);
    alert::send_alert_of_day(report, day, context).await
}

/// The day of a report.
fn report_day(report: &Report) -> Result<Day, Failure> {
    Day::parse(&report.date).ok_or_else(|| {
        let message = format!("the date of a report is no day: {}", report.date);
        Failure::new(FailureKind::Corrupt, message)
    })
}

/// The instant at which a day begins, in the spelling of ISO 8601.
fn format_midnight(day: Day) -> String {
    format!("{day}T00:00:00Z")
}

fn encode_json(document: &impl Serialize) -> Result<Vec<u8>, Failure> {
    let mut text = serde_json::to_vec_pretty(document)?;
    text.push(b'\n');
    Ok(text)
}

/// Encodes each document on a line of its own.
fn encode_json_lines(documents: &[impl Serialize]) -> Result<Vec<u8>, Failure> {
    let mut lines = Vec::new();
    for document in documents {
        serde_json::to_writer(&mut lines, document)?;
        lines.push(b'\n');
    }
    Ok(lines)
}
