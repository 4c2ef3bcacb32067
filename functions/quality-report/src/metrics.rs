//! What a day comes to in numbers: the metrics that are kept, compared with earlier days, and drawn.

use std::collections::BTreeMap;

use contract::Catalogue;
use lake::{ColumnProfile, Manifest, Metric};

use crate::books::SourceBooks;
use crate::elsewhere::hours_old;
use crate::report::Report;

/// The metrics of a day, by dataset. `before` is the report of an earlier day, to see how shapes drift.
pub(crate) fn metrics(
    report: &Report,
    before: Option<&Report>,
    catalogue: &Catalogue,
) -> Vec<Metric> {
    let mut found = Vec::new();
    for (name, manifest) in &report.tables {
        let own = catalogue
            .table(name)
            .map(contract::TableContract::own)
            .unwrap_or_default();
        let earlier = before.and_then(|before| before.tables.get(name));
        let mut numbers = Numbers {
            dataset: format!("table/{name}"),
            found: &mut found,
        };
        of_table(manifest, &mut numbers);
        for column in own {
            let profile = |manifest: &Manifest| manifest.columns.get(&column.name).cloned();
            if let Some(today) = profile(manifest) {
                let earlier = earlier.and_then(profile);
                of_column(
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
        of_source(
            books,
            &mut Numbers {
                dataset: format!("source/{name}"),
                found: &mut found,
            },
        );
    }
    found
}

/// Where a dataset's numbers go.
struct Numbers<'n> {
    dataset: String,
    found: &'n mut Vec<Metric>,
}

impl Numbers<'_> {
    fn add(&mut self, column: Option<&str>, metric: &str, value: f64) {
        let (dataset, column, metric) = (
            self.dataset.clone(),
            column.map(str::to_owned),
            metric.to_owned(),
        );
        self.found.push(Metric {
            dataset,
            column,
            metric,
            value,
        });
    }
}

/// Counts stay far below 2^53, where f64 holds every whole number.
fn number(count: u64) -> f64 {
    count as f64
}

/// A part of a whole; of nothing, nothing.
fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        0.0
    } else {
        number(part) / number(whole)
    }
}

fn of_table(manifest: &Manifest, numbers: &mut Numbers<'_>) {
    numbers.add(None, "rows", number(manifest.rows));
    let changed = manifest.inserted + manifest.updated + manifest.deleted;
    numbers.add(None, "changed_rows", number(changed));
    if let Some(hours) = hours_old(manifest) {
        numbers.add(None, "freshness_hours", hours);
    }
    let mut dimensions: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for rule in &manifest.rules {
        let (failed, checked) = dimensions.entry(&rule.dimension).or_default();
        *failed += rule.failed;
        *checked += rule.checked;
    }
    for (dimension, (failed, checked)) in dimensions {
        numbers.add(
            None,
            &format!("dimension/{dimension}/failed"),
            number(failed),
        );
        numbers.add(
            None,
            &format!("dimension/{dimension}/checked"),
            number(checked),
        );
    }
}

fn of_column(
    name: &str,
    today: &ColumnProfile,
    earlier: Option<&ColumnProfile>,
    rows: u64,
    numbers: &mut Numbers<'_>,
) {
    numbers.add(
        Some(name),
        "null_share",
        share(rows.saturating_sub(today.filled), rows),
    );
    if let Some(distinct) = today.distinct {
        numbers.add(Some(name), "distinct", number(distinct));
    }
    let earlier = earlier
        .filter(|earlier| !earlier.coarse_masks.is_empty() && !today.coarse_masks.is_empty());
    if let Some(earlier) = earlier {
        numbers.add(Some(name), "mask_drift", drift(earlier, today));
    }
}

/// How far the shapes of today are from those of an earlier day: the share of values that would have to change their shape
/// (the total variation distance), 0 to 1.
fn drift(earlier: &ColumnProfile, today: &ColumnProfile) -> f64 {
    let shares = |profile: &ColumnProfile| -> BTreeMap<String, f64> {
        let told: u64 = profile.coarse_masks.iter().map(|(_, rows)| rows).sum();
        let rest = (
            String::from("\u{0}the rest"),
            profile.filled.saturating_sub(told),
        );
        let all = profile.coarse_masks.iter().cloned().chain([rest]);
        all.map(|(mask, rows)| (mask, share(rows, profile.filled)))
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

fn of_source(books: &SourceBooks, numbers: &mut Numbers<'_>) {
    let quarantined = books.quarantined_total();
    for (metric, count) in [
        ("landed", books.landed),
        ("refined", books.refined),
        ("ignored", books.ignored),
        ("quarantined", quarantined),
    ] {
        numbers.add(None, metric, number(count));
    }
    numbers.add(None, "quarantined_share", share(quarantined, books.landed));
    if let Some(seconds) = books.lag_centile(95) {
        numbers.add(None, "lag_p95_seconds", number(seconds));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(filled: u64, masks: &[(&str, u64)]) -> ColumnProfile {
        let coarse_masks = masks
            .iter()
            .map(|(mask, rows)| ((*mask).to_owned(), *rows))
            .collect();
        ColumnProfile {
            filled,
            coarse_masks,
            ..ColumnProfile::default()
        }
    }

    #[test]
    fn shapes_drift_by_the_share_of_values_that_changed_theirs() {
        let before = profile(100, &[("A9 9A", 90), ("9", 10)]);
        assert_eq!(drift(&before, &before), 0.0);
        // Twice as many of the same shapes are no drift.
        assert_eq!(
            drift(&before, &profile(200, &[("A9 9A", 180), ("9", 20)])),
            0.0
        );
        assert!((drift(&before, &profile(100, &[("A9 9A", 60), ("a", 40)])) - 0.4).abs() < 1e-9);
        assert!((drift(&before, &profile(100, &[])) - 1.0).abs() < 1e-9);
    }
}
