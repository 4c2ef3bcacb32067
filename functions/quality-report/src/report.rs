//! A day's report, for machines. The pages are made from it.

use std::collections::BTreeMap;

use lake::{RuleVerdict, SnapshotManifest};
use serde::{Deserialize, Serialize};

use crate::reconciliation::Reconciliation;

/// Everything that is said of a day.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Report {
    /// The logical day.
    pub date: String,
    /// What became of the records, by source.
    pub sources: Reconciliation,
    /// The snapshots, by table.
    pub tables: BTreeMap<String, SnapshotManifest>,
    /// What was observed beside what was to be expected, by table or source, then by metric.
    #[serde(default)]
    pub trends: Vec<Trend>,
}

/// A metric of a day beside its expected range.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trend {
    /// What it is a metric of: `table/person`, `source/housing-person`.
    pub dataset: String,
    /// The column; none for the whole.
    pub column: Option<String>,
    /// The metric: `rows`, `changed_rows`, `freshness_hours`, `null_share`, `distinct`, `mask_drift`; of a source `landed`,
    /// `quarantined_share`.
    pub metric: String,
    /// One of the six dimensions.
    pub dimension: String,
    /// What was observed.
    pub observed: f64,
    /// The least and the greatest that is usual; none while there are too few days to tell.
    pub expected: Option<(f64, f64)>,
    /// Days of the same kind that it was compared with.
    pub compared: usize,
    /// What that comes to.
    pub state: TrendState,
}

/// What a metric beside its expected range comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TrendState {
    /// Within the range.
    Usual,
    /// Outside of it: somebody should look.
    Unusual,
    /// There are too few days to compare with.
    Young,
    /// Outside of it, and somebody has said why, in `contracts/incidents.yaml`.
    Acknowledged,
}

/// What earlier days came to: by dataset, column (empty for the whole) and metric, a number for each day, oldest first. The
/// reported day is the last.
#[derive(Clone, Debug, Default)]
pub struct MetricHistory {
    series: BTreeMap<(String, String, String), BTreeMap<String, f64>>,
}

impl MetricHistory {
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
}

impl Report {
    /// Rules by verdict: passed, warned, failed.
    #[must_use]
    pub fn count_verdicts(&self) -> (usize, usize, usize) {
        let rules = || self.tables.values().flat_map(|manifest| &manifest.rules);
        let count = |verdict: RuleVerdict| rules().filter(|rule| rule.verdict == verdict).count();
        (
            count(RuleVerdict::Pass),
            count(RuleVerdict::Warn),
            count(RuleVerdict::Fail),
        )
    }

    /// Whether every source's books close.
    #[must_use]
    pub fn all_sources_balance(&self) -> bool {
        self.sources
            .values()
            .all(crate::SourceReconciliation::balances)
    }
}
