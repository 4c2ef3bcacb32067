//! The alert: plain sentences for the operator on duty, sent once for a day and its outcome.

use std::collections::BTreeMap;

use contract::Catalogue;
use host::{Failure, FailureKind};
use lake::{Day, RuleVerdict, SnapshotManifest, alert_key, day_page_key};
use serde::{Deserialize, Serialize};
use store::streams::{list_manifest_days, read_manifest};

use crate::context::Context;
use crate::reconciliation::SourceReconciliation;
use crate::report::{Report, Trend, TrendState};
use crate::wording::{describe_finding, describe_trend, format_thousands};

/// Sentences of one kind in a message; the page of the day has all of them.
const SENTENCES_MAX: usize = 20;

/// Characters of a subject: SNS accepts no more.
const SUBJECT_CHARS_MAX: usize = 100;

/// An alert as it is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Alert {
    /// ASCII, in one line of at most 100 characters.
    pub(super) subject: String,
    /// A sentence on each line.
    pub(super) message: String,
}

/// For each table that is held back, the day that readers still see; none where there is no such
/// day.
pub(super) type VisibleDays = BTreeMap<String, Option<String>>;

/// Sends the day's alert, unless the same was sent before. When the day's problems are fixed, the
/// record of the sent alert is cleared: should they come back, it is sent again.
///
/// # Errors
/// When the site's bucket, the curated zone or the topic does not answer.
pub(super) async fn send_alert_of_day(
    report: &Report,
    day: Day,
    context: &Context,
) -> Result<(), Failure> {
    let visible_days = find_visible_days(report, day, context).await?;
    let site_url = context.output_settings.site_url.as_deref();
    let alert = compose_alert(report, &context.catalogue, &visible_days, site_url);

    let key = alert_key(day);
    let sent_before = read_sent_alert(&key, context).await?;
    let Some(alert) = alert else {
        if sent_before.is_some() {
            write_sent_alert(&key, None, context).await?;
        }
        return Ok(());
    };
    if sent_before.is_some_and(|sent| sent == alert) {
        tracing::info!(subject = alert.subject, "the same alert was sent before");
        return Ok(());
    }

    // The alert is recorded after it is sent: a run that ends in between sends it twice, and never
    // not at all.
    if send_alert(&alert, context).await? {
        write_sent_alert(&key, Some(&alert), context).await?;
    }
    Ok(())
}

/// Sends an alert; returns whether there was a topic to send it to.
async fn send_alert(alert: &Alert, context: &Context) -> Result<bool, Failure> {
    let Some(notifier) = &context.output_settings.alert_notifier else {
        let why = "no topic of alerts is set: the alert is not sent";
        tracing::warn!(subject = alert.subject, message = alert.message, "{why}");
        return Ok(false);
    };

    let sent = notifier.notify(&alert.subject, &alert.message).await;
    sent.map(|()| true).map_err(|error| {
        let subject = &alert.subject;
        tracing::error!(subject, message = alert.message, %error, "the alert is not sent");
        // Unavailable whatever the cause: Lambda repeats a failed run, and a run that ends well
        // would not be repeated.
        Failure::new(
            FailureKind::Unavailable,
            format!("an alert is not sent: {error}"),
        )
    })
}

/// Writes the alert that was sent last; `null` once its problems are fixed, so that the function
/// needs no right to delete in the site's bucket.
async fn write_sent_alert(
    key: &str,
    alert: Option<&Alert>,
    context: &Context,
) -> Result<(), Failure> {
    let json = super::encode_json(&alert)?;
    context
        .write_site_object(key, json, "application/json")
        .await
}

/// Reads the alert that was sent last; none when there was none, or when it cannot be read.
async fn read_sent_alert(key: &str, context: &Context) -> Result<Option<Alert>, Failure> {
    let sent: Option<Option<Alert>> = store::read_json_if_valid(&*context.site, key).await?;

    Ok(sent.flatten())
}

/// Finds, for each table that is held back, the newest earlier day that passed.
async fn find_visible_days(
    report: &Report,
    day: Day,
    context: &Context,
) -> Result<VisibleDays, Failure> {
    let mut visible_days = VisibleDays::new();
    for manifest in held_back_tables(report) {
        let passed = find_passed_day_before(day, &manifest.table, context).await?;
        visible_days.insert(manifest.table.clone(), passed.map(|day| day.to_string()));
    }
    Ok(visible_days)
}

/// Finds the newest day before `day` on which the table passed, of all days that have a manifest:
/// retention may have deleted a day in between, but never the newest day that passed.
async fn find_passed_day_before(
    day: Day,
    table: &str,
    context: &Context,
) -> Result<Option<Day>, Failure> {
    let days = list_manifest_days(table, &*context.curated).await?;
    for earlier in days.into_iter().rev().filter(|earlier| *earlier < day) {
        let manifest = read_manifest(table, earlier, &*context.curated).await?;
        if manifest.is_some_and(|manifest| manifest.passed) {
            return Ok(Some(earlier));
        }
    }
    Ok(None)
}

/// What is wrong with a day.
struct DayProblems<'r> {
    /// Snapshots that were not made current.
    held_back: Vec<&'r SnapshotManifest>,
    /// Tables that have no snapshot, though a source feeds them.
    missing: Vec<&'r str>,
    /// Sources whose reconciliation does not balance.
    open_sources: Vec<(&'r String, &'r SourceReconciliation)>,
    /// Metrics outside their expected range.
    unusual: Vec<&'r Trend>,
}

impl<'r> DayProblems<'r> {
    fn from_report(report: &'r Report, catalogue: &'r Catalogue) -> Self {
        Self {
            held_back: held_back_tables(report).collect(),
            missing: missing_tables(report, catalogue),
            open_sources: report
                .sources
                .iter()
                .filter(|(_, source)| !source.balances())
                .collect(),
            unusual: report
                .trends
                .iter()
                .filter(|trend| trend.state == TrendState::Unusual)
                .collect(),
        }
    }

    /// The number of problems of each kind that there is, such as `2 tables held back`.
    fn count_labels(&self) -> Vec<String> {
        [
            count_label(self.held_back.len(), "table held back", "tables held back"),
            count_label(self.missing.len(), "snapshot missing", "snapshots missing"),
            count_label(
                self.open_sources.len(),
                "reconciliation open",
                "reconciliations open",
            ),
            count_label(self.unusual.len(), "metric unusual", "metrics unusual"),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// A sentence for each problem, up to [`SENTENCES_MAX`] of a kind.
    fn sentences(&self, visible_days: &VisibleDays) -> Vec<String> {
        let held_back = self
            .held_back
            .iter()
            .map(|manifest| describe_held_back_table(manifest, visible_days));
        let missing = self.missing.iter().map(|table| {
            format!(
                "There is no snapshot of the table {table} for this day: \
                 the merge did not end well."
            )
        });
        let open_sources = self
            .open_sources
            .iter()
            .map(|(name, source)| describe_imbalance(name, source));
        let unusual = self.unusual.iter().map(|trend| {
            format!(
                "Unusual for {}: {}.",
                trend.dataset.replace('/', " "),
                describe_trend(trend)
            )
        });

        let mut sentences = truncate_sentences(held_back);
        sentences.extend(truncate_sentences(missing));
        sentences.extend(truncate_sentences(open_sources));
        sentences.extend(truncate_sentences(unusual));
        sentences
    }
}

fn held_back_tables(report: &Report) -> impl Iterator<Item = &SnapshotManifest> {
    report.tables.values().filter(|manifest| !manifest.passed)
}

fn missing_tables<'c>(report: &Report, catalogue: &'c Catalogue) -> Vec<&'c str> {
    catalogue
        .tables
        .iter()
        .map(|table| table.name.as_str())
        .filter(|table| !report.tables.contains_key(*table))
        .filter(|table| !catalogue.topics_of_table(table).is_empty())
        .collect()
}

/// Composes what the operator on duty must know of a day; none when the day has no problem.
pub(super) fn compose_alert(
    report: &Report,
    catalogue: &Catalogue,
    visible_days: &VisibleDays,
    site_url: Option<&str>,
) -> Option<Alert> {
    let problems = DayProblems::from_report(report, catalogue);
    let labels = problems.count_labels();
    if labels.is_empty() {
        return None;
    }

    let mut lines = problems.sentences(visible_days);
    let day_page = Day::parse(&report.date).map(day_page_key);
    lines.extend(
        site_url
            .zip(day_page)
            .map(|(site_url, page)| format!("See {site_url}/{page}.")),
    );

    let subject = format!("polelake {}: {}", report.date, labels.join(", "));
    let text = uncapitalise_first(&lines.join("\n"));
    Some(Alert {
        subject: subject.chars().take(SUBJECT_CHARS_MAX).collect(),
        message: format!("polelake {}: {text}", report.date),
    })
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

/// The first [`SENTENCES_MAX`] sentences, and how many more there are.
fn truncate_sentences(sentences: impl ExactSizeIterator<Item = String>) -> Vec<String> {
    let more = sentences.len().saturating_sub(SENTENCES_MAX);

    let mut lines: Vec<String> = sentences.take(SENTENCES_MAX).collect();
    lines.extend((more > 0).then(|| format!("And {more} more of this kind.")));
    lines
}

/// Why readers do not get a table's day, and what they see instead.
fn describe_held_back_table(manifest: &SnapshotManifest, visible_days: &VisibleDays) -> String {
    let failed = manifest
        .rules
        .iter()
        .filter(|rule| rule.verdict == RuleVerdict::Fail);
    let findings: Vec<String> = failed
        .map(|rule| describe_finding(rule, &format!("`{}`", rule.rule)))
        .collect();

    let readers = match visible_days.get(&manifest.table).and_then(Option::as_ref) {
        Some(day) => format!("Readers still see {day}."),
        None => "Readers see no day of it.".to_owned(),
    };

    format!(
        "The table {} was not made current: {}. {readers}",
        manifest.table,
        findings.join("; ")
    )
}

fn describe_imbalance(source: &str, counts: &SourceReconciliation) -> String {
    let waiting = match counts.waiting {
        0 => String::new(),
        1 => "; 1 raw object waits to be transformed".to_owned(),
        more => format!(
            "; {} raw objects wait to be transformed",
            format_thousands(more)
        ),
    };

    format!(
        "The reconciliation of the source {source} does not balance: {} records landed, \
         {} are refined, {} ignored and {} quarantined{waiting}.",
        format_thousands(counts.landed),
        format_thousands(counts.refined),
        format_thousands(counts.ignored),
        format_thousands(counts.quarantined_total()),
    )
}
