//! One invocation: the report of a logical day.

use bytes::Bytes;
use host::{Failure, FailureKind, emit_metric};
use lake::{Day, REPORTS_PREFIX, parse_report_day, report_key};
use store::streams::{read_base_manifests, read_manifest};
use trigger::ScheduleRequest;

use crate::context::Context;
use crate::cross_table_checks;
use crate::outputs;
use crate::reconciliation;
use crate::report::{MetricHistory, Report};
use crate::site::{self, PublishedSchemas, SiteBuild};
use crate::{history, metrics, trends};

/// The tables' columns since they were first published, beside the pages.
const SCHEMAS_KEY: &str = "schemas.json";

/// Reports the day: the JSON first, then the pages made from it.
///
/// # Errors
/// When the day is wrong, or storage does not answer.
pub async fn handle(schedule: &ScheduleRequest, context: &Context) -> Result<Report, Failure> {
    let day = schedule
        .logical_day()
        .map_err(|why| Failure::new(FailureKind::BadRequest, why))?;
    let mut report = gather_report(day, context).await?;
    let history = compare_with_history(day, &mut report, context).await?;
    let json = serde_json::to_vec_pretty(&report).map_err(|error| Failure::corrupt(&error))?;
    write_site_object(context, &report_key(day), json, "application/json").await?;
    let days = list_reported_days(context).await?;
    publish_site(&report, &history, &days, context).await?;
    // The last of all: an alert that cannot be sent fails the invocation, and everything else is there.
    outputs::write_outputs(&report, context).await?;
    Ok(report)
}

/// Makes the site's edition and writes what changed of it.
async fn publish_site(
    report: &Report,
    history: &MetricHistory,
    days: &[String],
    context: &Context,
) -> Result<(), Failure> {
    let newest = days.first().is_none_or(|newest| *newest == report.date);
    let earlier = site::read_earlier_reports(report, days, &*context.site).await?;
    let mut schemas = read_schemas(context).await?;
    if newest {
        let before = schemas.clone();
        schemas.record_contracts(&context.catalogue, &report.date);
        if schemas != before {
            let json =
                serde_json::to_vec_pretty(&schemas).map_err(|error| Failure::corrupt(&error))?;
            write_site_object(context, SCHEMAS_KEY, json, "application/json").await?;
        }
    }
    let edition = SiteBuild {
        report,
        history,
        days,
        catalogue: &context.catalogue,
        earlier: earlier.report.as_ref(),
        passing: &earlier.passing,
        schemas: &schemas,
        query_location: &context.query_location,
    };
    let written =
        site::write_changed_pages(site::build_site(&edition), newest, &*context.site).await?;
    let values = [
        ("pages", written.pages),
        ("pages_written", written.changed),
        ("pages_deleted", written.deleted),
    ];
    emit_metric(
        &[("function", "quality-report")],
        &values.map(|(name, count)| (name, count as u64)),
    );
    Ok(())
}

async fn read_schemas(context: &Context) -> Result<PublishedSchemas, Failure> {
    match context.site.get(SCHEMAS_KEY).await {
        Ok(object) => {
            serde_json::from_slice(&object.body).map_err(|error| Failure::corrupt(&error))
        }
        Err(error) if error.is_not_found() => Ok(PublishedSchemas::default()),
        Err(error) => Err(Failure::unavailable(&error)),
    }
}

async fn gather_report(day: Day, context: &Context) -> Result<Report, Failure> {
    let mut report = Report {
        date: day.to_string(),
        sources: reconciliation::Reconciliation::new(),
        tables: Default::default(),
        trends: Vec::new(),
    };
    for table in &context.catalogue.tables {
        // A table that was not merged is missing from the report, and the page says so.
        let found = read_manifest(&table.name, day, &*context.curated).await;
        if let Some(manifest) = found.map_err(|error| Failure::unavailable(&error))? {
            report.tables.insert(table.name.clone(), manifest);
        }
    }
    let found = cross_table_checks::evaluate_cross_table_rules(
        &report.tables,
        &context.catalogue,
        &*context.curated,
    )
    .await?;
    for (table, results) in found {
        if let Some(manifest) = report.tables.get_mut(&table) {
            manifest.rules.extend(results);
        }
    }
    for plan in &context.catalogue.mappings {
        let topic = &plan.contract.topic;
        let bases = read_base_manifests(
            &context.catalogue.tables_of_topic(topic),
            day,
            &*context.curated,
        )
        .await;
        let bases = bases.map_err(|error| Failure::unavailable(&error))?;
        let books =
            reconciliation::reconcile_topic(topic, day, &bases, &*context.raw, &*context.refined)
                .await?;
        report.sources.insert(plan.contract.name.clone(), books);
    }
    Ok(report)
}

/// Puts the day's numbers beside those of earlier days, and keeps them for later ones. Gives all of them, to be drawn.
async fn compare_with_history(
    day: Day,
    report: &mut Report,
    context: &Context,
) -> Result<MetricHistory, Failure> {
    let earlier = history::read_earlier_metrics(day, &*context.curated).await?;
    let before = match earlier.last() {
        Some((before, _)) => read_report(*before, context).await?,
        None => None,
    };
    let metrics = metrics::collect_metrics(report, before.as_ref(), &context.catalogue);
    let numbers = history::group_by_metric(&earlier);
    report.trends = trends::compare_metrics(day, &metrics, &numbers, &context.catalogue.incidents);
    history::write_metrics_and_rules(day, &metrics, report, &*context.curated).await?;
    Ok(history::build_metric_history(&earlier, day, &metrics))
}

/// The report of an earlier day; none where there is none.
async fn read_report(day: Day, context: &Context) -> Result<Option<Report>, Failure> {
    match context.site.get(&report_key(day)).await {
        Ok(object) => serde_json::from_slice(&object.body)
            .map(Some)
            .map_err(|error| Failure::corrupt(&error)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(Failure::unavailable(&error)),
    }
}

/// The days that have a report, newest first.
async fn list_reported_days(context: &Context) -> Result<Vec<String>, Failure> {
    let listed = context
        .site
        .list(REPORTS_PREFIX, None)
        .await
        .map_err(|error| Failure::unavailable(&error))?;
    let days = listed
        .iter()
        .rev()
        .filter_map(|entry| parse_report_day(&entry.key));
    Ok(days.map(|day| day.to_string()).collect())
}

pub(crate) async fn write_site_object(
    context: &Context,
    key: &str,
    body: Vec<u8>,
    content_type: &str,
) -> Result<(), Failure> {
    let written = context.site.put(key, Bytes::from(body), content_type).await;
    written.map_err(|error| Failure::unavailable(&error))
}
