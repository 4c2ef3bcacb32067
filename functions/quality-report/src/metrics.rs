//! The metrics of a day, which are kept, compared with earlier days, and drawn.

use std::collections::BTreeMap;

use contract::Catalogue;
use lake::{ColumnProfile, QualityMetric, SnapshotManifest};

use crate::cross_table_checks::newest_event_age_hours;
use crate::reconciliation::SourceReconciliation;
use crate::report::Report;

/// The pattern of all values whose own pattern is not among the most frequent. The character NUL is
/// in no pattern.
const OTHER_PATTERNS: &str = "\u{0}the rest";

/// Collects the metrics of a day. `before` is the report of an earlier day, to measure how
/// character patterns drift.
pub(crate) fn collect_metrics(
    report: &Report,
    before: Option<&Report>,
    catalogue: &Catalogue,
) -> Vec<QualityMetric> {
    let mut metrics = Vec::new();
    for (name, manifest) in &report.tables {
        let mut table_metrics = DatasetMetrics {
            dataset: format!("table/{name}"),
            metrics: &mut metrics,
        };
        add_table_metrics(manifest, &mut table_metrics);

        let columns = catalogue
            .table_contract(name)
            .map(contract::TableContract::own_columns)
            .unwrap_or_default();
        let manifest_before = before.and_then(|before| before.tables.get(name));
        for column in columns {
            let profile_before =
                manifest_before.and_then(|before| before.columns.get(&column.name));
            if let Some(profile) = manifest.columns.get(&column.name) {
                let mut column_metrics = ColumnMetrics {
                    column: &column.name,
                    dataset: &mut table_metrics,
                };
                column_metrics.add_profile(profile, profile_before, manifest.rows);
            }
        }
    }

    for (name, source) in &report.sources {
        let mut source_metrics = DatasetMetrics {
            dataset: format!("source/{name}"),
            metrics: &mut metrics,
        };
        add_source_metrics(source, &mut source_metrics);
    }
    metrics
}

/// Collects the metrics of one dataset.
struct DatasetMetrics<'n> {
    dataset: String,
    metrics: &'n mut Vec<QualityMetric>,
}

impl DatasetMetrics<'_> {
    /// Adds a metric of the full dataset.
    fn add_metric(&mut self, metric: &str, value: f64) {
        self.add(None, metric, value);
    }

    fn add(&mut self, column: Option<&str>, metric: &str, value: f64) {
        self.metrics.push(QualityMetric {
            dataset: self.dataset.clone(),
            column: column.map(str::to_owned),
            metric: metric.to_owned(),
            value,
        });
    }
}

/// Collects the metrics of one column.
struct ColumnMetrics<'c, 'd, 'n> {
    column: &'c str,
    dataset: &'d mut DatasetMetrics<'n>,
}

impl ColumnMetrics<'_, '_, '_> {
    fn add_profile(&mut self, today: &ColumnProfile, before: Option<&ColumnProfile>, rows: u64) {
        let nulls = rows.saturating_sub(today.filled);
        self.add_metric("null_share", share_of(nulls, rows));
        if let Some(distinct) = today.distinct {
            self.add_metric("distinct", count_as_f64(distinct));
        }

        let has_patterns = |profile: &&ColumnProfile| !profile.coarse_patterns.is_empty();
        if let Some(before) = before.filter(has_patterns)
            && has_patterns(&today)
        {
            self.add_metric("mask_drift", pattern_drift(before, today));
        }
    }

    fn add_metric(&mut self, metric: &str, value: f64) {
        self.dataset.add(Some(self.column), metric, value);
    }
}

/// Converts a count: counts stay far below 2^53, up to which f64 holds every integer.
fn count_as_f64(count: u64) -> f64 {
    count as f64
}

/// The share of a part in a total; zero where the total is zero.
fn share_of(part: u64, total: u64) -> f64 {
    if total == 0 {
        0.0
    } else {
        count_as_f64(part) / count_as_f64(total)
    }
}

fn add_table_metrics(manifest: &SnapshotManifest, metrics: &mut DatasetMetrics<'_>) {
    let changed = manifest.inserted + manifest.updated + manifest.deleted;
    metrics.add_metric("rows", count_as_f64(manifest.rows));
    metrics.add_metric("changed_rows", count_as_f64(changed));
    if let Some(hours) = newest_event_age_hours(manifest) {
        metrics.add_metric("freshness_hours", hours);
    }

    let mut counts_by_dimension: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for rule in &manifest.rules {
        let (failed, checked) = counts_by_dimension.entry(&rule.dimension).or_default();
        *failed += rule.failed;
        *checked += rule.checked;
    }
    for (dimension, (failed, checked)) in counts_by_dimension {
        let metric = format!("dimension/{dimension}");
        metrics.add_metric(&format!("{metric}/failed"), count_as_f64(failed));
        metrics.add_metric(&format!("{metric}/checked"), count_as_f64(checked));
    }
}

/// How far the character patterns of today are from those of an earlier day: the share of values
/// that would have to change their pattern (the total variation distance), 0 to 1.
fn pattern_drift(before: &ColumnProfile, today: &ColumnProfile) -> f64 {
    let shares_before = pattern_shares(before);

    let increase: f64 = pattern_shares(today)
        .into_iter()
        .map(|(pattern, share)| {
            let share_before = shares_before.get(pattern).copied().unwrap_or_default();
            (share - share_before).max(0.0)
        })
        .sum();
    increase.min(1.0)
}

/// The share of the values that have each pattern.
fn pattern_shares(profile: &ColumnProfile) -> BTreeMap<&str, f64> {
    let counted: u64 = profile.coarse_patterns.iter().map(|(_, rows)| rows).sum();
    let other = profile.filled.saturating_sub(counted);

    profile
        .coarse_patterns
        .iter()
        .map(|(pattern, rows)| (pattern.as_str(), *rows))
        .chain([(OTHER_PATTERNS, other)])
        .map(|(pattern, rows)| (pattern, share_of(rows, profile.filled)))
        .collect()
}

fn add_source_metrics(source: &SourceReconciliation, metrics: &mut DatasetMetrics<'_>) {
    let quarantined = source.quarantined_total();
    metrics.add_metric("landed", count_as_f64(source.landed));
    metrics.add_metric("refined", count_as_f64(source.refined));
    metrics.add_metric("ignored", count_as_f64(source.ignored));
    metrics.add_metric("quarantined", count_as_f64(quarantined));
    metrics.add_metric("quarantined_share", share_of(quarantined, source.landed));
    if let Some(seconds) = source.lag_percentile(95) {
        metrics.add_metric("lag_p95_seconds", count_as_f64(seconds));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern_profile(filled: u64, patterns: &[(&str, u64)]) -> ColumnProfile {
        let coarse_patterns = patterns
            .iter()
            .map(|(pattern, rows)| ((*pattern).to_owned(), *rows))
            .collect();
        ColumnProfile {
            filled,
            coarse_patterns,
            ..ColumnProfile::default()
        }
    }

    #[test]
    fn patterns_drift_by_the_share_of_values_that_changed_theirs() {
        let before = pattern_profile(100, &[("A9 9A", 90), ("9", 10)]);
        assert_eq!(pattern_drift(&before, &before), 0.0);
        // Twice as many values of the same patterns are no drift.
        assert_eq!(
            pattern_drift(&before, &pattern_profile(200, &[("A9 9A", 180), ("9", 20)])),
            0.0
        );
        assert!(
            (pattern_drift(&before, &pattern_profile(100, &[("A9 9A", 60), ("a", 40)])) - 0.4)
                .abs()
                < 1e-9
        );
        assert!((pattern_drift(&before, &pattern_profile(100, &[])) - 1.0).abs() < 1e-9);
    }
}
