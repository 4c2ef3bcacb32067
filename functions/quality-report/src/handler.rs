//! One invocation: the report of a logical day.

use bytes::Bytes;
use host::{Failure, FailureKind, metric};
use lake::{Day, REPORTS, day_of_report, report_key};
use store::streams::{bases, manifest};
use trigger::Schedule;

use crate::books;
use crate::context::Context;
use crate::elsewhere;
use crate::outputs;
use crate::report::{History, Report};
use crate::site::{self, Edition, Schemas};
use crate::{history, metrics, trends};

/// The tables' columns since they were first published, beside the pages.
const SCHEMAS: &str = "schemas.json";

/// Reports the day: the JSON first, then the pages made from it.
///
/// # Errors
/// When the day is wrong, or storage does not answer.
pub async fn handle(schedule: &Schedule, context: &Context) -> Result<Report, Failure> {
    let day = schedule
        .day()
        .map_err(|why| Failure::new(FailureKind::BadRequest, why))?;
    let mut report = gather(day, context).await?;
    let history = compare(day, &mut report, context).await?;
    let json = serde_json::to_vec_pretty(&report).map_err(|error| Failure::corrupt(&error))?;
    write(context, &report_key(day), json, "application/json").await?;
    let days = reported_days(context).await?;
    publish(&report, &history, &days, context).await?;
    // The last of all: an alert that cannot be sent fails the invocation, and everything else is there.
    outputs::write(&report, context).await?;
    Ok(report)
}

/// Makes the site's edition and writes what changed of it.
async fn publish(
    report: &Report,
    history: &History,
    days: &[String],
    context: &Context,
) -> Result<(), Failure> {
    let newest = days.first().is_none_or(|newest| *newest == report.date);
    let earlier = site::earlier(report, days, &*context.site).await?;
    let mut schemas = schemas(context).await?;
    if newest {
        let before = schemas.clone();
        schemas.take(&context.catalogue, &report.date);
        if schemas != before {
            let json =
                serde_json::to_vec_pretty(&schemas).map_err(|error| Failure::corrupt(&error))?;
            write(context, SCHEMAS, json, "application/json").await?;
        }
    }
    let edition = Edition {
        report,
        history,
        days,
        catalogue: &context.catalogue,
        earlier: earlier.report.as_ref(),
        passing: &earlier.passing,
        schemas: &schemas,
        place: &context.place,
    };
    let written = site::write(site::site(&edition), newest, &*context.site).await?;
    let values = [
        ("pages", written.pages),
        ("pages_written", written.changed),
        ("pages_deleted", written.deleted),
    ];
    metric(
        &[("function", "quality-report")],
        &values.map(|(name, count)| (name, count as u64)),
    );
    Ok(())
}

async fn schemas(context: &Context) -> Result<Schemas, Failure> {
    match context.site.get(SCHEMAS).await {
        Ok(object) => {
            serde_json::from_slice(&object.body).map_err(|error| Failure::corrupt(&error))
        }
        Err(error) if error.is_not_found() => Ok(Schemas::default()),
        Err(error) => Err(Failure::unavailable(&error)),
    }
}

async fn gather(day: Day, context: &Context) -> Result<Report, Failure> {
    let mut report = Report {
        date: day.to_string(),
        sources: books::Books::new(),
        tables: Default::default(),
        trends: Vec::new(),
    };
    for table in &context.catalogue.tables {
        // A table that was not merged is missing from the report, and the page says so.
        let found = manifest(&table.name, day, &*context.curated).await;
        if let Some(manifest) = found.map_err(|error| Failure::unavailable(&error))? {
            report.tables.insert(table.name.clone(), manifest);
        }
    }
    let found = elsewhere::results(&report.tables, &context.catalogue, &*context.curated).await?;
    for (table, results) in found {
        if let Some(manifest) = report.tables.get_mut(&table) {
            manifest.rules.extend(results);
        }
    }
    for plan in &context.catalogue.plans {
        let topic = &plan.contract.topic;
        let bases = bases(&context.catalogue.tables_of(topic), day, &*context.curated).await;
        let bases = bases.map_err(|error| Failure::unavailable(&error))?;
        let books = books::of_topic(topic, day, &bases, &*context.raw, &*context.refined).await?;
        report.sources.insert(plan.contract.name.clone(), books);
    }
    Ok(report)
}

/// Puts the day's numbers beside those of earlier days, and keeps them for later ones. Gives all of them, to be drawn.
async fn compare(day: Day, report: &mut Report, context: &Context) -> Result<History, Failure> {
    let earlier = history::earlier(day, &*context.curated).await?;
    let before = match earlier.last() {
        Some((before, _)) => report_of(*before, context).await?,
        None => None,
    };
    let metrics = metrics::metrics(report, before.as_ref(), &context.catalogue);
    let numbers = history::by_metric(&earlier);
    report.trends = trends::trends(day, &metrics, &numbers, &context.catalogue.incidents);
    history::write(day, &metrics, report, &*context.curated).await?;
    Ok(history::drawn(&earlier, day, &metrics))
}

/// The report of an earlier day; none where there is none.
async fn report_of(day: Day, context: &Context) -> Result<Option<Report>, Failure> {
    match context.site.get(&report_key(day)).await {
        Ok(object) => serde_json::from_slice(&object.body)
            .map(Some)
            .map_err(|error| Failure::corrupt(&error)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(Failure::unavailable(&error)),
    }
}

/// The days that have a report, newest first.
async fn reported_days(context: &Context) -> Result<Vec<String>, Failure> {
    let listed = context
        .site
        .list(REPORTS, None)
        .await
        .map_err(|error| Failure::unavailable(&error))?;
    let days = listed
        .iter()
        .rev()
        .filter_map(|entry| day_of_report(&entry.key));
    Ok(days.map(|day| day.to_string()).collect())
}

pub(crate) async fn write(
    context: &Context,
    key: &str,
    body: Vec<u8>,
    content_type: &str,
) -> Result<(), Failure> {
    let written = context.site.put(key, Bytes::from(body), content_type).await;
    written.map_err(|error| Failure::unavailable(&error))
}
