//! A day's metrics beside those of earlier days.

use contract::Incident;
use lake::{Day, QualityMetric};
use quality::{comparable_values, usual_range};

use crate::report::{MetricHistory, Trend, TrendState};

/// What is compared: (metric, its dimension, by how much it may differ whatever the days before
/// were).
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

/// A distinct count is estimated: a difference of this share, four standard deviations, is no
/// change.
const DISTINCT_ESTIMATE_ERROR: f64 = 0.092;

/// Compares a day's metrics with those of earlier days; metrics that are not listed in
/// [`COMPARED_METRICS`] have no trend.
pub(crate) fn compare_metrics(
    day: Day,
    today: &[QualityMetric],
    history: &MetricHistory,
    incidents: &[Incident],
) -> Vec<Trend> {
    let mut trends = Vec::new();
    for metric in today {
        let compared = COMPARED_METRICS
            .iter()
            .find(|(name, ..)| *name == metric.metric);
        if let Some((_, dimension, floor)) = compared {
            let floor = tolerated_difference(metric, *floor);
            trends.push(metric_trend(
                day,
                metric,
                (dimension, floor),
                history,
                incidents,
            ));
        }
    }
    trends
}

/// By how much the metric may differ whatever the days before were.
fn tolerated_difference(metric: &QualityMetric, floor: f64) -> f64 {
    if metric.metric == "distinct" {
        floor.max(DISTINCT_ESTIMATE_ERROR * metric.value)
    } else {
        floor
    }
}

fn metric_trend(
    day: Day,
    metric: &QualityMetric,
    (dimension, floor): (&str, f64),
    history: &MetricHistory,
    incidents: &[Incident],
) -> Trend {
    let is_explained = |day: i32| {
        incidents
            .iter()
            .any(|incident| incident.explains_day(&metric.dataset, day))
    };
    let numbers = comparable_values(day.0, &history.values_by_day(metric), is_explained);
    let range = usual_range(&numbers, floor);

    let state = match range {
        None => TrendState::Young,
        Some(range) if range.contains(metric.value) => TrendState::Usual,
        Some(_) if is_explained(day.0) => TrendState::Acknowledged,
        Some(_) => TrendState::Unusual,
    };
    Trend {
        dataset: metric.dataset.clone(),
        column: metric.column.clone(),
        metric: metric.metric.clone(),
        dimension: dimension.to_owned(),
        observed: metric.value,
        // Metrics are counts, shares and durations: none is negative.
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

    fn earlier_rows(days: impl Iterator<Item = i32>) -> MetricHistory {
        let mut history = MetricHistory::default();
        days.for_each(|day| history.add_day(Day(day), &[rows_metric(1_000.0)]));
        history
    }

    fn rows_trend_state(value: f64, incidents: &[Incident]) -> TrendState {
        let earlier = earlier_rows(MONDAY - 56..MONDAY);
        compare_metrics(Day(MONDAY), &[rows_metric(value)], &earlier, incidents)[0].state
    }

    #[test]
    fn values_outside_the_range_are_unusual_unless_an_incident_explains_them() {
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
                &MetricHistory::default(),
                &[]
            )
            .is_empty()
        );
    }
}
