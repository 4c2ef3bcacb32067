//! A day's metrics beside those of earlier days.

use std::collections::BTreeMap;

use contract::Incident;
use lake::{Day, Metric};
use quality::{alike, expected};

use crate::report::{Trend, TrendState};

/// What is compared: (metric, its dimension, by how much it may differ whatever the days before were).
const COMPARED: [(&str, &str, f64); 9] = [
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
const DISTINCT_ERROR: f64 = 0.092;

/// Numbers of earlier days, by dataset, column and metric.
pub(crate) type Earlier = BTreeMap<(String, Option<String>, String), Vec<(i32, f64)>>;

/// What a day's metrics come to beside those of earlier days.
pub(crate) fn trends(
    day: Day,
    today: &[Metric],
    earlier: &Earlier,
    incidents: &[Incident],
) -> Vec<Trend> {
    let of = |metric: &Metric| {
        let (_, dimension, floor) = COMPARED.iter().find(|(name, ..)| *name == metric.metric)?;
        Some(trend(day, metric, (dimension, *floor), earlier, incidents))
    };
    today.iter().filter_map(of).collect()
}

fn trend(
    day: Day,
    metric: &Metric,
    (dimension, floor): (&str, f64),
    earlier: &Earlier,
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
            .any(|incident| incident.explains(&metric.dataset, day))
    };
    let numbers = alike(day.0, history, explained);
    let floor = if metric.metric == "distinct" {
        floor.max(DISTINCT_ERROR * metric.value)
    } else {
        floor
    };
    let range = expected(&numbers, floor);
    let state = match range {
        None => TrendState::Young,
        Some(range) if range.takes(metric.value) => TrendState::Usual,
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
        expected: range.map(|range| (range.least.max(0.0), range.greatest)),
        compared: numbers.len(),
        state,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-03-02, a Monday.
    const MONDAY: i32 = 20_514;

    fn metric(value: f64) -> Metric {
        Metric {
            dataset: "table/person".into(),
            column: None,
            metric: "rows".into(),
            value,
        }
    }

    fn earlier(days: impl Iterator<Item = i32>) -> Earlier {
        let key = ("table/person".to_owned(), None, "rows".to_owned());
        [(key, days.map(|day| (day, 1_000.0)).collect())].into()
    }

    fn state(value: f64, incidents: &[Incident]) -> TrendState {
        let earlier = earlier(MONDAY - 56..MONDAY);
        trends(Day(MONDAY), &[metric(value)], &earlier, incidents)[0].state
    }

    #[test]
    fn what_is_outside_the_range_is_unusual_unless_somebody_said_why() {
        assert_eq!(state(1_030.0, &[]), TrendState::Usual);
        assert_eq!(state(300.0, &[]), TrendState::Unusual);
        let incident = Incident {
            dataset: Some("table/person".into()),
            from: MONDAY,
            to: MONDAY,
            why: "w".into(),
            acknowledged_by: "t".into(),
        };
        assert_eq!(
            state(300.0, std::slice::from_ref(&incident)),
            TrendState::Acknowledged
        );
        let other = Incident {
            dataset: Some("table/event".into()),
            ..incident
        };
        assert_eq!(state(300.0, &[other]), TrendState::Unusual);
    }

    #[test]
    fn the_range_is_told_beside_what_was_observed() {
        let trend = &trends(
            Day(MONDAY),
            &[metric(7.0)],
            &earlier(MONDAY - 56..MONDAY),
            &[],
        )[0];
        assert_eq!(
            (trend.observed, trend.expected, trend.compared),
            (7.0, Some((950.0, 1_050.0)), 8)
        );
        let young = &trends(
            Day(MONDAY),
            &[metric(7.0)],
            &earlier(MONDAY - 20..MONDAY),
            &[],
        )[0];
        assert_eq!(
            (young.expected, young.compared, young.state),
            (None, 2, TrendState::Young)
        );
        assert!(
            trends(
                Day(MONDAY),
                &[Metric {
                    metric: "refined".into(),
                    ..metric(7.0)
                }],
                &Earlier::new(),
                &[]
            )
            .is_empty()
        );
    }
}
