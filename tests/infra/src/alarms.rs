//! So much of CloudWatch's evaluation as the alarms of this repository use: the alarms of a stack
//! over series of metrics, minute by minute.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::stack::StackResource;

/// The name of a series: namespace, metric and dimensions.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SeriesName {
    /// The namespace, such as `AWS/SQS`.
    pub namespace: String,
    /// The metric.
    pub metric: String,
    /// The dimensions, all of them: a series with one more is another series.
    pub dimensions: BTreeMap<String, String>,
}

/// Values by series, each with its minute.
#[derive(Clone, Debug, Default)]
pub struct MetricSeries(BTreeMap<SeriesName, Vec<(u32, f64)>>);

impl MetricSeries {
    /// Adds a value at a minute.
    pub fn add(&mut self, name: &SeriesName, minute: u32, value: f64) {
        self.0
            .entry(name.clone())
            .or_default()
            .push((minute, value));
    }

    /// The series without one.
    #[must_use]
    pub fn without(&self, name: &SeriesName) -> Self {
        let mut others = self.clone();
        others.0.remove(name);
        others
    }

    /// The names.
    pub fn names(&self) -> impl Iterator<Item = &SeriesName> {
        self.0.keys()
    }

    fn values(&self, name: &SeriesName) -> &[(u32, f64)] {
        self.0.get(name).map_or(&[], Vec::as_slice)
    }
}

/// An alarm on one series.
#[derive(Clone, Debug)]
pub struct MetricAlarm {
    /// Its name.
    pub name: String,
    /// The series that it watches.
    pub series: SeriesName,
    /// Who is told when it rings.
    pub actions: Vec<String>,
    statistic: String,
    comparison: String,
    threshold: f64,
    period_minutes: u32,
    periods: u32,
    needed: u32,
    missing_breaches: bool,
    /// Minutes from the first apply in which it is quiet.
    quiet_minutes: u32,
}

/// A day of minutes.
const DAY_MINUTES: u32 = 24 * 60;

impl MetricAlarm {
    /// The alarm of a resource; none where it is on an expression that is not known here.
    #[must_use]
    pub fn from_resource(resource: &StackResource) -> Option<Self> {
        let values = &resource.values;
        let watched = WatchedMetric::of(values)?;
        let periods = values["evaluation_periods"].as_u64()? as u32;
        let needed = values["datapoints_to_alarm"].as_u64();
        let actions = values["alarm_actions"].as_array().into_iter().flatten();

        Some(Self {
            name: resource.text("alarm_name").to_owned(),
            series: watched.series,
            actions: actions.map(text_of).collect(),
            statistic: watched.statistic,
            comparison: resource.text("comparison_operator").to_owned(),
            threshold: values["threshold"].as_f64()?,
            period_minutes: watched.period_seconds.div_ceil(60).max(1),
            periods,
            needed: needed
                .filter(|needed| *needed > 0)
                .map_or(periods, |needed| needed as u32),
            missing_breaches: resource.text("treat_missing_data") == "breaching",
            quiet_minutes: if watched.is_quiet_first {
                DAY_MINUTES
            } else {
                0
            },
        })
    }

    /// Whether it rings when its series falls silent.
    #[must_use]
    pub fn rings_in_silence(&self) -> bool {
        self.missing_breaches
    }

    /// The minutes, at the ends of periods before `until`, at which it rings.
    #[must_use]
    pub fn rings_at(&self, series: &MetricSeries, until: u32) -> Vec<u32> {
        let values = series.values(&self.series);
        let breaches: Vec<bool> = (0..until / self.period_minutes)
            .map(|period| {
                let is_quiet = period * self.period_minutes < self.quiet_minutes;
                !is_quiet && self.breaches(&self.values_of_period(values, period))
            })
            .collect();
        let windows = breaches.windows(self.periods as usize).enumerate();
        let ringing = windows.filter(|(_, window)| {
            let count = window.iter().filter(|breaches| **breaches).count();
            count >= self.needed as usize
        });
        ringing
            .map(|(first, _)| (first as u32 + self.periods) * self.period_minutes)
            .collect()
    }

    fn values_of_period(&self, values: &[(u32, f64)], period: u32) -> Vec<f64> {
        let from = period * self.period_minutes;
        let minutes = from..from + self.period_minutes;
        let inside = values.iter().filter(|(minute, _)| minutes.contains(minute));
        inside.map(|(_, value)| *value).collect()
    }

    /// Whether a period's values breach the threshold.
    fn breaches(&self, values: &[f64]) -> bool {
        let Some(value) = self.summarise(values) else {
            return self.missing_breaches;
        };
        match self.comparison.as_str() {
            "GreaterThanThreshold" => value > self.threshold,
            "GreaterThanOrEqualToThreshold" => value >= self.threshold,
            "LessThanThreshold" => value < self.threshold,
            "LessThanOrEqualToThreshold" => value <= self.threshold,
            _ => false,
        }
    }

    fn summarise(&self, values: &[f64]) -> Option<f64> {
        let largest = values.iter().copied().reduce(f64::max)?;
        let smallest = values.iter().copied().reduce(f64::min)?;
        let sum: f64 = values.iter().sum();
        match self.statistic.as_str() {
            "Maximum" => Some(largest),
            "Minimum" => Some(smallest),
            "Average" => Some(sum / values.len() as f64),
            "SampleCount" => Some(values.len() as f64),
            _ => Some(sum),
        }
    }
}

/// What an alarm watches: a metric, or an expression that fills its silence with zeros and is quiet
/// on the day of the first apply.
struct WatchedMetric {
    series: SeriesName,
    statistic: String,
    period_seconds: u32,
    is_quiet_first: bool,
}

impl WatchedMetric {
    fn of(values: &Value) -> Option<Self> {
        let queries = values["metric_query"].as_array();
        match queries.filter(|queries| !queries.is_empty()) {
            Some(queries) => Self::of_queries(queries),
            None => Self::of_metric(values, "statistic", false),
        }
    }

    fn of_queries(queries: &[Value]) -> Option<Self> {
        let metrics = queries.iter().map(|query| &query["metric"][0]);
        let mut metrics = metrics.filter(|metric| !metric.is_null());
        let metric = metrics.next()?;
        let returned = queries.iter().find(|query| query["return_data"] == true)?;
        let expressions = queries
            .iter()
            .filter_map(|query| query["expression"].as_str());
        let is_filled = expressions.clone().any(|one| one == "FILL(found, 0)");
        let is_quiet_first = returned["expression"].as_str().is_some_and(|expression| {
            expression.starts_with("IF(YEAR(") && expression.ends_with(", 1, every_hour)")
        });
        let is_known = is_filled && is_quiet_first && metrics.next().is_none();
        Self::of_metric(metric, "stat", true).filter(|_| is_known)
    }

    fn of_metric(values: &Value, statistic: &str, is_quiet_first: bool) -> Option<Self> {
        let dimensions = values["dimensions"].as_object().into_iter().flatten();
        let series = SeriesName {
            namespace: text_of(&values["namespace"]),
            metric: values["metric_name"].as_str()?.to_owned(),
            dimensions: dimensions
                .map(|(name, value)| (name.clone(), text_of(value)))
                .collect(),
        };
        Some(Self {
            series,
            statistic: text_of(&values[statistic]),
            period_seconds: values["period"].as_u64()? as u32,
            is_quiet_first,
        })
    }
}

fn text_of(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn alarm(arguments: &Value) -> MetricAlarm {
        let mut values = json!({
            "alarm_name": "a", "namespace": "n", "metric_name": "m", "dimensions": {"d": "x"},
            "statistic": "Sum", "period": 300, "evaluation_periods": 1, "threshold": 0,
            "comparison_operator": "GreaterThanThreshold", "treat_missing_data": "notBreaching",
        });
        for (name, value) in arguments.as_object().into_iter().flatten() {
            values[name] = value.clone();
        }
        let resource = StackResource {
            address: "a".into(),
            kind: "aws_cloudwatch_metric_alarm".into(),
            values,
        };
        MetricAlarm::from_resource(&resource).unwrap()
    }

    fn series(values: &[(u32, f64)]) -> MetricSeries {
        let mut series = MetricSeries::default();
        for (minute, value) in values {
            series.add(&alarm(&json!({})).series, *minute, *value);
        }
        series
    }

    #[test]
    fn sums_of_a_period_are_compared() {
        let one = alarm(&json!({"threshold": 2}));
        assert_eq!(
            one.rings_at(&series(&[(1, 1.0), (4, 1.0)]), 10),
            [] as [u32; 0]
        );
        assert_eq!(one.rings_at(&series(&[(6, 2.0), (9, 1.0)]), 15), [10]);
        let largest = alarm(&json!({"threshold": 2, "statistic": "Maximum"}));
        assert_eq!(
            largest.rings_at(&series(&[(6, 2.0), (9, 1.0)]), 15),
            [] as [u32; 0]
        );
    }

    #[test]
    fn several_periods_must_breach_and_missing_ones_do_as_they_are_told() {
        let three = alarm(&json!({"evaluation_periods": 3}));
        let values = series(&[(1, 1.0), (6, 1.0), (16, 1.0)]);
        assert_eq!(three.rings_at(&values, 20), [] as [u32; 0]);
        let two_of_three = alarm(&json!({"evaluation_periods": 3, "datapoints_to_alarm": 2}));
        assert_eq!(two_of_three.rings_at(&values, 20), [15, 20]);

        let silence = json!({
            "period": 3600, "evaluation_periods": 2, "comparison_operator": "LessThanThreshold",
            "threshold": 1, "treat_missing_data": "breaching",
        });
        assert_eq!(
            alarm(&silence).rings_at(&series(&[(30, 1.0)]), 240),
            [180, 240]
        );
        let every_hour = series(&[(30, 1.0), (90, 1.0), (150, 1.0), (210, 1.0)]);
        assert_eq!(alarm(&silence).rings_at(&every_hour, 240), [] as [u32; 0]);
    }

    #[test]
    fn an_alarm_on_silence_is_quiet_on_the_first_day() {
        let expression = "IF(YEAR(every_hour)*10000 <= 20260302, 1, every_hour)";
        let metric = json!({
            "namespace": "n", "metric_name": "m", "dimensions": {"d": "x"}, "stat": "SampleCount",
            "period": 3600,
        });
        let queries = json!([
            {"id": "found", "metric": [metric]},
            {"id": "every_hour", "expression": "FILL(found, 0)"},
            {"id": "first", "expression": expression, "return_data": true},
        ]);
        let silent = alarm(&json!({
            "metric_query": queries, "metric_name": null, "evaluation_periods": 2, "threshold": 1,
            "comparison_operator": "LessThanThreshold", "treat_missing_data": "breaching",
        }));
        assert_eq!(silent.rings_at(&series(&[]), 26 * 60), [26 * 60]);
        assert_eq!(
            silent.rings_at(&series(&[(1_500, 1.0)]), 26 * 60),
            [] as [u32; 0]
        );
    }

    #[test]
    fn another_dimension_is_another_series() {
        let other = alarm(&json!({"dimensions": {"d": "y"}}));
        assert_eq!(other.rings_at(&series(&[(1, 9.0)]), 10), [] as [u32; 0]);
    }
}
