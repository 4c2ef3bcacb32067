//! One invocation: the report of a logical day.

use host::{Failure, FailureKind, emit_metric};
use lake::{Day, QualityMetric, REPORTS_PREFIX, parse_report_day, report_key};
use store::streams::{read_base_manifests, read_manifest};
use trigger::ScheduleRequest;

use crate::context::Context;
use crate::cross_table_checks;
use crate::outputs;
use crate::reconciliation::{Reconciliation, reconcile_topic};
use crate::report::{MetricHistory, Report, ReportSummary};
use crate::site::{self, PublishedSchemas, SiteBuild};
use crate::{history, metrics, trends};

/// The tables' columns since they were first published, beside the pages.
const SCHEMAS_KEY: &str = "schemas.json";

/// Reports the day: the JSON first, then the pages that are rendered from it.
///
/// # Errors
/// When the day is wrong or has not begun, or storage does not answer.
pub async fn handle(schedule: &ScheduleRequest, context: &Context) -> Result<Report, Failure> {
    let day = schedule
        .logical_day()
        .map_err(|why| Failure::new(FailureKind::BadRequest, why))?;

    let mut report = gather_report(day, context).await?;
    let earlier = read_earlier_days(day, context).await?;
    let history = compare_with_history(day, &mut report, &earlier, context).await?;

    context
        .write_site_object(&report_key(day), report.to_json()?, "application/json")
        .await?;
    publish_site(&report, earlier.last_report, &history, context).await?;

    // Alerts come last: an alert that cannot be sent fails the invocation, when all objects are
    // already written.
    outputs::write_outputs(&report, context).await?;
    Ok(report)
}

/// Reads the day's manifests, evaluates the rules that need several tables, and reconciles every
/// source.
async fn gather_report(day: Day, context: &Context) -> Result<Report, Failure> {
    let mut report = Report {
        date: day.to_string(),
        sources: Reconciliation::new(),
        tables: Default::default(),
        trends: Vec::new(),
    };
    for table in &context.catalogue.tables {
        // A table that was not merged is missing from the report, and the page says so.
        if let Some(manifest) = read_manifest(&table.name, day, &*context.curated).await? {
            report.tables.insert(table.name.clone(), manifest);
        }
    }

    check_begun(day, &report, host::now_micros())?;
    add_cross_table_results(&mut report, context).await?;
    add_reconciliation(day, &mut report, context).await?;
    Ok(report)
}

/// Refuses a day of which nothing was merged, and which has not begun: its page would be the newest
/// one.
fn check_begun(day: Day, report: &Report, now_micros: i64) -> Result<(), Failure> {
    let today = Day::from_micros(now_micros);
    if day <= today || !report.tables.is_empty() {
        return Ok(());
    }
    let why = format!("{day} has not begun: name {today} or an earlier day");
    Err(Failure::new(FailureKind::BadRequest, why))
}

/// Adds the results of the rules that look into several tables to the results that the merge wrote.
async fn add_cross_table_results(report: &mut Report, context: &Context) -> Result<(), Failure> {
    let results_by_table = cross_table_checks::evaluate_cross_table_rules(
        &report.tables,
        &context.catalogue,
        &context.curated,
    )
    .await?;

    for (table, results) in results_by_table {
        if let Some(manifest) = report.tables.get_mut(&table) {
            manifest.rules.extend(results);
        }
    }
    Ok(())
}

/// Adds what became of the records of every source.
async fn add_reconciliation(
    day: Day,
    report: &mut Report,
    context: &Context,
) -> Result<(), Failure> {
    for mapping in &context.catalogue.mappings {
        let topic = &mapping.contract.topic;
        let tables = context.catalogue.tables_of_topic(topic);
        let bases = read_base_manifests(&tables, day, &*context.curated).await?;

        let source = reconcile_topic(topic, day, &bases, &*context.raw, &*context.refined).await?;
        report.sources.insert(mapping.contract.name.clone(), source);
    }
    Ok(())
}

/// The answer of an invocation: the report of the day in short.
///
/// # Errors
/// As [`handle`].
pub async fn answer_schedule(
    schedule: &ScheduleRequest,
    context: &Context,
) -> Result<ReportSummary, Failure> {
    let report = handle(schedule, context).await?;
    let day = Day::require(&report.date)
        .map_err(|why| Failure::new(FailureKind::Corrupt, format!("the report's day: {why}")))?;
    Ok(report.summarise(day))
}

/// What is known of the days before the reported day.
struct EarlierDays {
    /// The metrics of each day, the oldest first.
    metrics: Vec<(Day, Vec<QualityMetric>)>,
    /// The report of the last of these days.
    last_report: Option<Report>,
}

async fn read_earlier_days(day: Day, context: &Context) -> Result<EarlierDays, Failure> {
    let metrics = history::read_earlier_metrics(day, &*context.curated).await?;
    let last_report = match metrics.last() {
        Some((last, _)) => read_report(*last, context).await?,
        None => None,
    };

    Ok(EarlierDays {
        metrics,
        last_report,
    })
}

/// Reads the report of an earlier day; none where there is none.
async fn read_report(day: Day, context: &Context) -> Result<Option<Report>, Failure> {
    let key = report_key(day);
    let Some(object) = context.site.get_if_present(&key).await? else {
        return Ok(None);
    };

    Report::from_json(&object.body).map(Some).map_err(|error| {
        let why = format!(
            "{key} of the site cannot be read: {error}; move it away, and `polelake run-day {day}` \
             writes it again"
        );
        Failure::new(FailureKind::Corrupt, why)
    })
}

/// Compares the day's numbers with those of earlier days and writes them for later days. Returns
/// the numbers of all these days, for the charts.
async fn compare_with_history(
    day: Day,
    report: &mut Report,
    earlier: &EarlierDays,
    context: &Context,
) -> Result<MetricHistory, Failure> {
    let metrics =
        metrics::collect_metrics(report, earlier.last_report.as_ref(), &context.catalogue);
    let mut history = MetricHistory::default();
    for (earlier_day, earlier_metrics) in &earlier.metrics {
        history.add_day(*earlier_day, earlier_metrics);
    }
    history.add_day(day, &metrics);

    report.trends = trends::compare_metrics(day, &metrics, &history, &context.catalogue.incidents);
    history::write_metrics_and_rules(day, &metrics, report, &*context.curated).await?;
    Ok(history)
}

/// Builds the site and writes the pages that changed.
async fn publish_site(
    report: &Report,
    report_before: Option<Report>,
    history: &MetricHistory,
    context: &Context,
) -> Result<(), Failure> {
    let days = list_reported_days(context).await?;
    let is_newest = days.first().is_none_or(|newest| *newest == report.date);
    let earlier = site::read_earlier_reports(report, report_before, &days, &*context.site).await?;
    let schemas = read_published_schemas(report, is_newest, context).await?;

    let pages = site::build_site(&SiteBuild {
        report,
        history,
        days: &days,
        catalogue: &context.catalogue,
        earlier: earlier.report.as_ref(),
        passing: &earlier.passing,
        schemas: &schemas,
        query_location: &context.query_location,
    });
    let counts = site::write_changed_pages(pages, is_newest, &*context.site).await?;

    emit_metric(
        &[("function", "quality-report")],
        &[
            ("pages", counts.pages as u64),
            ("pages_written", counts.changed as u64),
            ("pages_deleted", counts.deleted as u64),
        ],
    );
    Ok(())
}

/// The days that have a report, newest first.
async fn list_reported_days(context: &Context) -> Result<Vec<String>, Failure> {
    let listed = context.site.list(REPORTS_PREFIX, None).await?;

    let days = listed
        .iter()
        .rev()
        .filter_map(|entry| parse_report_day(&entry.key));
    Ok(days.map(|day| day.to_string()).collect())
}

/// Reads the published schemas. The report of the newest day adds what its contracts changed: an
/// older day that is reported again must not undo a later contract.
async fn read_published_schemas(
    report: &Report,
    is_newest: bool,
    context: &Context,
) -> Result<PublishedSchemas, Failure> {
    let published: PublishedSchemas = store::read_json_if_present(&*context.site, SCHEMAS_KEY)
        .await?
        .unwrap_or_default();
    if !is_newest {
        return Ok(published);
    }

    let mut updated = published.clone();
    updated.record_contracts(&context.catalogue, &report.date);
    if updated != published {
        let json = serde_json::to_vec_pretty(&updated)?;
        context
            .write_site_object(SCHEMAS_KEY, json, "application/json")
            .await?;
    }
    Ok(updated)
}
