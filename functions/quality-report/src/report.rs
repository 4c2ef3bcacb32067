//! A day's report, for machines. The pages are rendered from it.

use std::collections::BTreeMap;

use lake::{
    Day, LakeError, QualityMetric, RuleVerdict, SnapshotManifest, decode_document,
    encode_pretty_document, report_key,
};
use serde::{Deserialize, Serialize};

use crate::reconciliation::Reconciliation;

/// Everything that is known of a day.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Report {
    /// The logical day.
    pub date: String,
    /// What became of the records, by source.
    pub sources: Reconciliation,
    /// The snapshots, by table.
    pub tables: BTreeMap<String, SnapshotManifest>,
    /// The observed numbers beside their expected ranges, by table or source, then by metric.
    #[serde(default)]
    pub trends: Vec<Trend>,
}

/// A metric of a day beside its expected range.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trend {
    /// What it is a metric of: `table/person`, `source/housing-person`.
    pub dataset: String,
    /// The column; none for a metric of the full table or source.
    pub column: Option<String>,
    /// The metric: `rows`, `changed_rows`, `freshness_hours`, `null_share`, `distinct`,
    /// `mask_drift`; of a source `landed`, `quarantined_share`.
    pub metric: String,
    /// One of the six dimensions.
    pub dimension: String,
    /// What was observed.
    pub observed: f64,
    /// The minimum and the maximum of the expected range; none while there are too few days to
    /// compare with.
    pub expected: Option<(f64, f64)>,
    /// Days of the same kind that it was compared with.
    pub compared: usize,
    /// How the observed number compares with the range.
    pub state: TrendState,
}

/// How a metric compares with its expected range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TrendState {
    /// Within the range.
    Usual,
    /// Outside of it: an operator should look.
    Unusual,
    /// There are too few days to compare with.
    Young,
    /// Outside of it, and `contracts/incidents.yaml` says why.
    Acknowledged,
}

/// The numbers of the reported day and of the days before it: by dataset, column (empty for the
/// full table or source) and metric, a number for each date, oldest first.
#[derive(Clone, Debug, Default)]
pub struct MetricHistory {
    series: BTreeMap<(String, String, String), BTreeMap<String, f64>>,
}

impl MetricHistory {
    /// Adds the numbers of a day.
    pub(crate) fn add_day(&mut self, day: Day, metrics: &[QualityMetric]) {
        let date = day.to_string();
        for metric in metrics {
            let column = metric.column.as_deref().unwrap_or_default();
            self.add_value(
                (&metric.dataset, column, &metric.metric),
                &date,
                metric.value,
            );
        }
    }

    /// Adds a number.
    pub fn add_value(
        &mut self,
        (dataset, column, metric): (&str, &str, &str),
        date: &str,
        value: f64,
    ) {
        let key = (dataset.to_owned(), column.to_owned(), metric.to_owned());
        self.series
            .entry(key)
            .or_default()
            .insert(date.to_owned(), value);
    }

    /// The numbers of a metric, by date.
    #[must_use]
    pub fn metric_series(&self, dataset: &str, column: &str, metric: &str) -> Vec<(&str, f64)> {
        let key = (dataset.to_owned(), column.to_owned(), metric.to_owned());
        let days = self.series.get(&key).into_iter().flatten();
        days.map(|(date, value)| (date.as_str(), *value)).collect()
    }

    /// The numbers of a metric by day, as days since 1970-01-01.
    pub(crate) fn values_by_day(&self, metric: &QualityMetric) -> Vec<(i32, f64)> {
        let column = metric.column.as_deref().unwrap_or_default();
        self.metric_series(&metric.dataset, column, &metric.metric)
            .into_iter()
            .filter_map(|(date, value)| Some((Day::parse(date)?.0, value)))
            .collect()
    }
}

/// A report in short: the answer of the function.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportSummary {
    /// The logical day.
    pub date: String,
    /// The key of the whole report in the site's bucket.
    pub report: String,
    /// Tables with a snapshot of the day.
    pub tables: usize,
    /// Sources that were reconciled.
    pub sources: usize,
    /// Rules by verdict.
    pub rules: VerdictCounts,
    /// Whether every landed record of every source is accounted for.
    pub balanced: bool,
}

/// How many rules had which verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerdictCounts {
    /// Rules that hold.
    pub passed: usize,
    /// Rules that do not, and that warn.
    pub warned: usize,
    /// Rules that do not, and that block.
    pub failed: usize,
}

impl Report {
    /// The report as JSON.
    ///
    /// # Errors
    /// Never for a report of this function; JSON's writer could refuse.
    pub fn to_json(&self) -> Result<Vec<u8>, LakeError> {
        encode_pretty_document(self)
    }

    /// Reads a report.
    ///
    /// # Errors
    /// When the bytes are no report, or one of another format.
    pub fn from_json(bytes: &[u8]) -> Result<Self, LakeError> {
        decode_document("quality report", bytes)
    }

    /// What the function answers: as large for a table of a thousand shards as for one of one. A
    /// step of AWS Step Functions may answer 256 KiB.
    #[must_use]
    pub fn summarise(&self, day: Day) -> ReportSummary {
        let (passed, warned, failed) = self.count_verdicts();
        ReportSummary {
            date: self.date.clone(),
            report: report_key(day),
            tables: self.tables.len(),
            sources: self.sources.len(),
            rules: VerdictCounts {
                passed,
                warned,
                failed,
            },
            balanced: self.all_sources_balance(),
        }
    }

    /// Rules by verdict: passed, warned, failed.
    #[must_use]
    pub fn count_verdicts(&self) -> (usize, usize, usize) {
        (
            self.count_rules_with(RuleVerdict::Pass),
            self.count_rules_with(RuleVerdict::Warn),
            self.count_rules_with(RuleVerdict::Fail),
        )
    }

    fn count_rules_with(&self, verdict: RuleVerdict) -> usize {
        let rules = self.tables.values().flat_map(|manifest| &manifest.rules);
        rules.filter(|rule| rule.verdict == verdict).count()
    }

    /// Whether the reconciliation of every source balances.
    #[must_use]
    pub fn all_sources_balance(&self) -> bool {
        self.sources
            .values()
            .all(crate::SourceReconciliation::balances)
    }
}
