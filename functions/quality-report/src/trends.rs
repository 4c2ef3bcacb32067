//! A day's metrics beside those of earlier days.

use std::collections::BTreeMap;

use contract::Incident;
use lake::{Day, QualityMetric};
use quality::{comparable_values, usual_range};

use crate::report::{Trend, TrendState};

/// What is compared: (metric, its dimension, by how much it may differ whatever the days before were).
const COMPARED_METRICS: [(&str, &str, f64); 9] = [
    ("rows", "completeness", 10.0),
    ("changed_rows", "completeness", 25.0),
    ("freshness_hours", "timeliness", 6.0),
    ("null_share", "completeness", 0.02),
    ("distinct", "consistency", 10.0),
    ("mask_drift", "validity", 0.05),
    ("landed", "completeness", 25.0),
    ("quarantined_share", "validity", 0.01),
    ("lag_p95_seconds", "timeliness", 600.0),
];

/// A distinct count is estimated: so much of it, four standard deviations, is no change.
const DISTINCT_ESTIMATE_ERROR: f64 = 0.092;

/// Numbers of earlier days, by dataset, column and metric.
pub(crate) type EarlierMetrics = BTreeMap<(String, Option<String>, String), Vec<(i32, f64)>>;

/// What a day's metrics come to beside those of earlier days.
pub(crate) fn compare_metrics(
    day: Day,
    today: &[QualityMetric],
    earlier: &EarlierMetrics,
    incidents: &[Incident],
) -> Vec<Trend> {
    let of = |metric: &QualityMetric| {
        let (_, dimension, floor) = COMPARED_METRICS
            .iter()
            .find(|(name, ..)| *name == metric.metric)?;
        Some(metric_trend(
            day,
            metric,
            (dimension, *floor),
            earlier,
            incidents,
        ))
    };
    today.iter().filter_map(of).collect()
}

fn metric_trend(
    day: Day,
    metric: &QualityMetric,
    (dimension, floor): (&str, f64),
    earlier: &EarlierMetrics,
    incidents: &[Incident],
) -> Trend {
    let key = (
        metric.dataset.clone(),
        metric.column.clone(),
        metric.metric.clone(),
    );
    let history = earlier.get(&key).map(Vec::as_slice).unwrap_or_default();
    let explained = |day: i32| {
        incidents
            .iter()
            .any(|incident| incident.explains_day(&metric.dataset, day))
    };
    let numbers = comparable_values(day.0, history, explained);
    let floor = if metric.metric == "distinct" {
        floor.max(DISTINCT_ESTIMATE_ERROR * metric.value)
    } else {
        floor
    };
    let range = usual_range(&numbers, floor);
    let state = match range {
        None => TrendState::Young,
        Some(range) if range.contains(metric.value) => TrendState::Usual,
        Some(_) if explained(day.0) => TrendState::Acknowledged,
        Some(_) => TrendState::Unusual,
    };
    Trend {
        dataset: metric.dataset.clone(),
        column: metric.column.clone(),
        metric: metric.metric.clone(),
        dimension: dimension.to_owned(),
        observed: metric.value,
        // No number that is kept is below nought.
        expected: range.map(|range| (range.minimum.max(0.0), range.maximum)),
        compared: numbers.len(),
        state,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-03-02, a Monday.
    const MONDAY: i32 = 20_514;

    fn rows_metric(value: f64) -> QualityMetric {
        QualityMetric {
            dataset: "table/person".into(),
            column: None,
            metric: "rows".into(),
            value,
        }
    }

    fn earlier_rows(days: impl Iterator<Item = i32>) -> EarlierMetrics {
        let key = ("table/person".to_owned(), None, "rows".to_owned());
        [(key, days.map(|day| (day, 1_000.0)).collect())].into()
    }

    fn rows_trend_state(value: f64, incidents: &[Incident]) -> TrendState {
        let earlier = earlier_rows(MONDAY - 56..MONDAY);
        compare_metrics(Day(MONDAY), &[rows_metric(value)], &earlier, incidents)[0].state
    }

    #[test]
    fn what_is_outside_the_range_is_unusual_unless_somebody_said_why() {
        assert_eq!(rows_trend_state(1_030.0, &[]), TrendState::Usual);
        assert_eq!(rows_trend_state(300.0, &[]), TrendState::Unusual);
        let incident = Incident {
            dataset: Some("table/person".into()),
            from: MONDAY,
            to: MONDAY,
            why: "w".into(),
            acknowledged_by: "t".into(),
        };
        assert_eq!(
            rows_trend_state(300.0, std::slice::from_ref(&incident)),
            TrendState::Acknowledged
        );
        let other = Incident {
            dataset: Some("table/event".into()),
            ..incident
        };
        assert_eq!(rows_trend_state(300.0, &[other]), TrendState::Unusual);
    }

    #[test]
    fn the_range_is_told_beside_what_was_observed() {
        let trend = &compare_metrics(
            Day(MONDAY),
            &[rows_metric(7.0)],
            &earlier_rows(MONDAY - 56..MONDAY),
            &[],
        )[0];
        assert_eq!(
            (trend.observed, trend.expected, trend.compared),
            (7.0, Some((950.0, 1_050.0)), 8)
        );
        let young = &compare_metrics(
            Day(MONDAY),
            &[rows_metric(7.0)],
            &earlier_rows(MONDAY - 20..MONDAY),
            &[],
        )[0];
        assert_eq!(
            (young.expected, young.compared, young.state),
            (None, 2, TrendState::Young)
        );
        assert!(
            compare_metrics(
                Day(MONDAY),
                &[QualityMetric {
                    metric: "refined".into(),
                    ..rows_metric(7.0)
                }],
                &EarlierMetrics::new(),
                &[]
            )
            .is_empty()
        );
    }
}
