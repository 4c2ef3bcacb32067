//! What a day comes to in numbers: the metrics that are kept, compared with earlier days, and drawn.

use std::collections::BTreeMap;

use contract::Catalogue;
use lake::{ColumnProfile, QualityMetric, SnapshotManifest};

use crate::cross_table_checks::hours_old;
use crate::reconciliation::SourceReconciliation;
use crate::report::Report;

/// The metrics of a day, by dataset. `before` is the report of an earlier day, to see how shapes drift.
pub(crate) fn collect_metrics(
    report: &Report,
    before: Option<&Report>,
    catalogue: &Catalogue,
) -> Vec<QualityMetric> {
    let mut found = Vec::new();
    for (name, manifest) in &report.tables {
        let own = catalogue
            .table_contract(name)
            .map(contract::TableContract::own_columns)
            .unwrap_or_default();
        let earlier = before.and_then(|before| before.tables.get(name));
        let mut numbers = DatasetMetrics {
            dataset: format!("table/{name}"),
            found: &mut found,
        };
        add_table_metrics(manifest, &mut numbers);
        for column in own {
            let profile = |manifest: &SnapshotManifest| manifest.columns.get(&column.name).cloned();
            if let Some(today) = profile(manifest) {
                let earlier = earlier.and_then(profile);
                add_column_metrics(
                    &column.name,
                    &today,
                    earlier.as_ref(),
                    manifest.rows,
                    &mut numbers,
                );
            }
        }
    }
    for (name, books) in &report.sources {
        add_source_metrics(
            books,
            &mut DatasetMetrics {
                dataset: format!("source/{name}"),
                found: &mut found,
            },
        );
    }
    found
}

/// Where a dataset's numbers go.
struct DatasetMetrics<'n> {
    dataset: String,
    found: &'n mut Vec<QualityMetric>,
}

impl DatasetMetrics<'_> {
    fn add_metric(&mut self, column: Option<&str>, metric: &str, value: f64) {
        let (dataset, column, metric) = (
            self.dataset.clone(),
            column.map(str::to_owned),
            metric.to_owned(),
        );
        self.found.push(QualityMetric {
            dataset,
            column,
            metric,
            value,
        });
    }
}

/// Counts stay far below 2^53, where f64 holds every whole number.
fn count_as_f64(count: u64) -> f64 {
    count as f64
}

/// A part of a whole; of nothing, nothing.
fn share_of(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        0.0
    } else {
        count_as_f64(part) / count_as_f64(whole)
    }
}

fn add_table_metrics(manifest: &SnapshotManifest, numbers: &mut DatasetMetrics<'_>) {
    numbers.add_metric(None, "rows", count_as_f64(manifest.rows));
    let changed = manifest.inserted + manifest.updated + manifest.deleted;
    numbers.add_metric(None, "changed_rows", count_as_f64(changed));
    if let Some(hours) = hours_old(manifest) {
        numbers.add_metric(None, "freshness_hours", hours);
    }
    let mut dimensions: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for rule in &manifest.rules {
        let (failed, checked) = dimensions.entry(&rule.dimension).or_default();
        *failed += rule.failed;
        *checked += rule.checked;
    }
    for (dimension, (failed, checked)) in dimensions {
        numbers.add_metric(
            None,
            &format!("dimension/{dimension}/failed"),
            count_as_f64(failed),
        );
        numbers.add_metric(
            None,
            &format!("dimension/{dimension}/checked"),
            count_as_f64(checked),
        );
    }
}

fn add_column_metrics(
    name: &str,
    today: &ColumnProfile,
    earlier: Option<&ColumnProfile>,
    rows: u64,
    numbers: &mut DatasetMetrics<'_>,
) {
    numbers.add_metric(
        Some(name),
        "null_share",
        share_of(rows.saturating_sub(today.filled), rows),
    );
    if let Some(distinct) = today.distinct {
        numbers.add_metric(Some(name), "distinct", count_as_f64(distinct));
    }
    let earlier = earlier
        .filter(|earlier| !earlier.coarse_patterns.is_empty() && !today.coarse_patterns.is_empty());
    if let Some(earlier) = earlier {
        numbers.add_metric(Some(name), "mask_drift", pattern_drift(earlier, today));
    }
}

/// How far the shapes of today are from those of an earlier day: the share of values that would have to change their shape
/// (the total variation distance), 0 to 1.
fn pattern_drift(earlier: &ColumnProfile, today: &ColumnProfile) -> f64 {
    let shares = |profile: &ColumnProfile| -> BTreeMap<String, f64> {
        let told: u64 = profile.coarse_patterns.iter().map(|(_, rows)| rows).sum();
        let rest = (
            String::from("\u{0}the rest"),
            profile.filled.saturating_sub(told),
        );
        let all = profile.coarse_patterns.iter().cloned().chain([rest]);
        all.map(|(mask, rows)| (mask, share_of(rows, profile.filled)))
            .collect()
    };
    let (earlier, today) = (shares(earlier), shares(today));
    let of = |shares: &BTreeMap<String, f64>, mask: &str| shares.get(mask).copied().unwrap_or(0.0);
    let new: f64 = today
        .iter()
        .map(|(mask, share)| (share - of(&earlier, mask)).max(0.0))
        .sum();
    new.min(1.0)
}

fn add_source_metrics(books: &SourceReconciliation, numbers: &mut DatasetMetrics<'_>) {
    let quarantined = books.quarantined_total();
    for (metric, count) in [
        ("landed", books.landed),
        ("refined", books.refined),
        ("ignored", books.ignored),
        ("quarantined", quarantined),
    ] {
        numbers.add_metric(None, metric, count_as_f64(count));
    }
    numbers.add_metric(
        None,
        "quarantined_share",
        share_of(quarantined, books.landed),
    );
    if let Some(seconds) = books.lag_percentile(95) {
        numbers.add_metric(None, "lag_p95_seconds", count_as_f64(seconds));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern_profile(filled: u64, masks: &[(&str, u64)]) -> ColumnProfile {
        let coarse_masks = masks
            .iter()
            .map(|(mask, rows)| ((*mask).to_owned(), *rows))
            .collect();
        ColumnProfile {
            filled,
            coarse_patterns: coarse_masks,
            ..ColumnProfile::default()
        }
    }

    #[test]
    fn shapes_drift_by_the_share_of_values_that_changed_theirs() {
        let before = pattern_profile(100, &[("A9 9A", 90), ("9", 10)]);
        assert_eq!(pattern_drift(&before, &before), 0.0);
        // Twice as many of the same shapes are no drift.
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
