//! The alert: plain sentences for whoever is on duty, sent once for a day and what became of it.

use std::collections::BTreeMap;

use contract::Catalogue;
use host::{Failure, FailureKind};
use lake::{Day, RuleVerdict, SnapshotManifest, alert_key, day_page_key};
use serde::{Deserialize, Serialize};
use store::streams::{list_manifest_days, read_manifest};

use crate::context::Context;
use crate::handler::write_site_object as put;
use crate::reconciliation::SourceReconciliation;
use crate::report::{Report, TrendState};
use crate::wording::{describe_finding, describe_trend, format_thousands};

/// Sentences of one kind in a message; the page of the day has all of them.
const SENTENCES_MAX: usize = 20;

/// Characters of a subject: SNS takes no more.
const SUBJECT_CHARS_MAX: usize = 100;

/// What whoever is on duty is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Alert {
    /// ASCII, in one line of at most 100 characters.
    pub(super) subject: String,
    /// A sentence on each line.
    pub(super) message: String,
}

/// For each table that is held back, the day that readers still see; none where there is no such day.
pub(super) type VisibleDays = BTreeMap<String, Option<String>>;

/// Sends the day's alert, unless the same was sent before. What is mended is forgotten: should it come back, it is told
/// again.
///
/// # Errors
/// When the site's bucket, the curated zone or the topic does not answer.
pub(super) async fn send_alert_of_day(
    report: &Report,
    day: Day,
    context: &Context,
) -> Result<(), Failure> {
    let seen = find_visible_days(report, day, context).await?;
    let key = alert_key(day);
    let url = context.output_settings.site_url.as_deref();
    let (alert, before) = (
        compose_alert(report, &context.catalogue, &seen, url),
        read_sent_alert(&key, context).await?,
    );
    let Some(alert) = alert else {
        return if before.is_some() {
            write_sent_alert(&key, None, context).await
        } else {
            Ok(())
        };
    };
    if before.is_some_and(|sent| sent == alert) {
        tracing::info!(subject = alert.subject, "the same alert was sent before");
        return Ok(());
    }
    if send_alert(&alert, context).await? {
        write_sent_alert(&key, Some(&alert), context).await
    } else {
        Ok(())
    }
}

/// Sends an alert; says whether there was anybody to send it to.
async fn send_alert(alert: &Alert, context: &Context) -> Result<bool, Failure> {
    let Some(duty) = &context.output_settings.alert_notifier else {
        let why = "nobody is on duty: the alert is not sent";
        tracing::warn!(subject = alert.subject, message = alert.message, "{why}");
        return Ok(false);
    };
    // Remembered after it is sent: a run that ends in between sends it twice, and never not at all.
    let sent = duty.notify(&alert.subject, &alert.message).await;
    sent.map(|()| true).map_err(|error| {
        tracing::error!(subject = alert.subject, message = alert.message, %error, "the alert is not sent");
        // Whatever the reason: a run that ends well would not be tried again.
        Failure::new(FailureKind::Unavailable, format!("an alert is not sent: {error}"))
    })
}

/// Keeps what was sent last; `null` once it is mended, so that nobody needs the right to delete in the site's bucket.
async fn write_sent_alert(
    key: &str,
    alert: Option<&Alert>,
    context: &Context,
) -> Result<(), Failure> {
    put(
        context,
        key,
        super::encode_json(&alert)?,
        "application/json",
    )
    .await
}

/// The alert that was sent last; none when there was none, or when it cannot be read.
async fn read_sent_alert(key: &str, context: &Context) -> Result<Option<Alert>, Failure> {
    match context.site.get(key).await {
        Ok(object) => Ok(serde_json::from_slice(&object.body).unwrap_or_default()),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(Failure::unavailable(&error)),
    }
}

/// The newest passing day behind each table that is held back.
async fn find_visible_days(
    report: &Report,
    day: Day,
    context: &Context,
) -> Result<VisibleDays, Failure> {
    let mut seen = VisibleDays::new();
    for table in report
        .tables
        .values()
        .filter(|manifest| !manifest.passed)
        .map(|manifest| &manifest.table)
    {
        // Of all days that are kept: a day in between may be swept by now, the newest that passed never is.
        let days = list_manifest_days(table, &*context.curated)
            .await
            .map_err(|error| Failure::unavailable(&error))?;
        let mut found = None;
        for before in days.into_iter().rev().filter(|before| *before < day) {
            let manifest = read_manifest(table, before, &*context.curated).await;
            let manifest = manifest.map_err(|error| Failure::unavailable(&error))?;
            if manifest.is_some_and(|manifest| manifest.passed) {
                found = Some(before.to_string());
                break;
            }
        }
        seen.insert(table.clone(), found);
    }
    Ok(seen)
}

/// What whoever is on duty must know of a day; none when all is as it should be.
pub(super) fn compose_alert(
    report: &Report,
    catalogue: &Catalogue,
    seen: &VisibleDays,
    site: Option<&str>,
) -> Option<Alert> {
    let held: Vec<&SnapshotManifest> = report
        .tables
        .values()
        .filter(|manifest| !manifest.passed)
        .collect();
    let due = |table: &&str| {
        !report.tables.contains_key(*table) && !catalogue.topics_of_table(table).is_empty()
    };
    let missing: Vec<&str> = catalogue
        .tables
        .iter()
        .map(|table| table.name.as_str())
        .filter(due)
        .collect();
    let open: Vec<(&String, &SourceReconciliation)> = report
        .sources
        .iter()
        .filter(|(_, books)| !books.balances())
        .collect();
    let unusual: Vec<_> = report
        .trends
        .iter()
        .filter(|trend| trend.state == TrendState::Unusual)
        .collect();

    let what: Vec<String> = [
        count_label(held.len(), "table held back", "tables held back"),
        count_label(missing.len(), "snapshot missing", "snapshots missing"),
        count_label(open.len(), "book open", "books open"),
        count_label(unusual.len(), "metric unusual", "metrics unusual"),
    ]
    .into_iter()
    .flatten()
    .collect();
    if what.is_empty() {
        return None;
    }
    let mut lines = truncate_sentences(
        held.iter()
            .map(|manifest| describe_held_back_table(manifest, seen)),
    );
    lines.extend(truncate_sentences(missing.iter().map(|table| {
        format!(
            "There is no snapshot of the table {table} for this day: the merge did not end well."
        )
    })));
    lines.extend(truncate_sentences(
        open.iter()
            .map(|(source, books)| describe_imbalance(source, books)),
    ));
    lines.extend(truncate_sentences(unusual.iter().map(|trend| {
        format!(
            "Unusual for {}: {}.",
            trend.dataset.replace('/', " "),
            describe_trend(trend)
        )
    })));
    let page = Day::parse(&report.date).map(day_page_key);
    lines.extend(
        site.zip(page)
            .map(|(site, page)| format!("See {site}/{page}.")),
    );
    let subject: String = format!("polelake {}: {}", report.date, what.join(", "))
        .chars()
        .take(SUBJECT_CHARS_MAX)
        .collect();
    let message = format!(
        "polelake {}: {}",
        report.date,
        uncapitalise_first(&lines.join("\n"))
    );
    Some(Alert { subject, message })
}

fn uncapitalise_first(text: &str) -> String {
    let mut letters = text.chars();
    letters
        .next()
        .into_iter()
        .flat_map(char::to_lowercase)
        .chain(letters)
        .collect()
}

fn count_label(count: usize, one: &str, more: &str) -> Option<String> {
    match count {
        0 => None,
        1 => Some(format!("1 {one}")),
        _ => Some(format!("{count} {more}")),
    }
}

/// The first sentences, and how many more there are.
fn truncate_sentences(sentences: impl ExactSizeIterator<Item = String>) -> Vec<String> {
    let more = sentences.len().saturating_sub(SENTENCES_MAX);
    let mut lines: Vec<String> = sentences.take(SENTENCES_MAX).collect();
    lines.extend((more > 0).then(|| format!("And {more} more of this kind.")));
    lines
}

/// Why readers do not get a table's day, and what they see instead.
fn describe_held_back_table(manifest: &SnapshotManifest, seen: &VisibleDays) -> String {
    let failed = manifest
        .rules
        .iter()
        .filter(|rule| rule.verdict == RuleVerdict::Fail);
    let findings: Vec<String> = failed
        .map(|rule| describe_finding(rule, &format!("`{}`", rule.rule)))
        .collect();
    let readers = match seen.get(&manifest.table).and_then(Option::as_ref) {
        Some(day) => format!("Readers still see {day}."),
        None => "Readers see no day of it.".to_owned(),
    };
    format!(
        "The table {} was not made current: {}. {readers}",
        manifest.table,
        findings.join("; ")
    )
}

fn describe_imbalance(source: &str, books: &SourceReconciliation) -> String {
    let waiting = match books.waiting {
        0 => String::new(),
        1 => "; 1 raw object waits to be transformed".to_owned(),
        more => format!(
            "; {} raw objects wait to be transformed",
            format_thousands(more)
        ),
    };
    format!(
        "The books of the source {source} do not close: {} records landed, {} are refined, {} ignored and {} quarantined{waiting}.",
        format_thousands(books.landed),
        format_thousands(books.refined),
        format_thousands(books.ignored),
        format_thousands(books.quarantined_total()),
    )
}
