//! What a day's report leaves for machines and for whoever is on duty, besides the report itself.
//!
//! Every content is a function of the report and the contracts: the same day gives the same bytes. Counts only, as everywhere.

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
use crate::handler::write_site_object as put;
use crate::report::Report;

/// Writes the results of the day's rules, tells the metrics, and in the end whoever is on duty.
///
/// # Errors
/// When the site's bucket or the topic of alerts does not answer.
pub(crate) async fn write_outputs(report: &Report, context: &Context) -> Result<(), Failure> {
    let day = report_day(report)?;
    let runs = datacontract::table_runs(report, day, &context.catalogue);
    for run in &runs {
        put(
            context,
            &datacontract_run_key(&run.table, day),
            encode_json(run)?,
            "application/json",
        )
        .await?;
    }
    let junit = junit::junit_document(&runs, day).map_err(|error| Failure::corrupt(&error))?;
    put(context, &junit_key(day), junit, "application/xml").await?;
    let mut lines = Vec::new();
    for event in lineage::openlineage_events(report, day, context) {
        serde_json::to_writer(&mut lines, &event).map_err(|error| Failure::corrupt(&error))?;
        lines.push(b'\n');
    }
    put(
        context,
        &openlineage_key(day),
        lines,
        "application/x-ndjson",
    )
    .await?;
    emf::emit_metrics(report);
    alert::send_alert_of_day(report, day, context).await
}

/// The day of a report.
fn report_day(report: &Report) -> Result<Day, Failure> {
    let wrong = || {
        Failure::new(
            FailureKind::Corrupt,
            format!("a report of no day: {}", report.date),
        )
    };
    Day::parse(&report.date).ok_or_else(wrong)
}

/// The instant at which a day begins, as machines write it.
fn format_midnight(day: Day) -> String {
    format!("{day}T00:00:00Z")
}

fn encode_json(document: &impl Serialize) -> Result<Vec<u8>, Failure> {
    let mut text = serde_json::to_vec_pretty(document).map_err(|error| Failure::corrupt(&error))?;
    text.push(b'\n');
    Ok(text)
}
