//! The metrics of earlier days, read from their files, and the file of this day.

use futures_util::{StreamExt, TryStreamExt, stream};
use host::Failure;
use lake::{
    Day, METRICS_TABLE, QualityMetric, RULES_TABLE, decode_metrics, encode_metrics, encode_rules,
    history_key, history_prefix, parse_history_day,
};
use store::ObjectStore;

use crate::report::{MetricHistory, Report};
use crate::trends::EarlierMetrics;

/// Files that are read at once.
const FILES_AT_ONCE: usize = 8;

/// The metrics of the days before `day` that it is compared with.
///
/// # Errors
/// When a file cannot be read.
pub(crate) async fn read_earlier_metrics(
    day: Day,
    curated: &dyn ObjectStore,
) -> Result<Vec<(Day, Vec<QualityMetric>)>, Failure> {
    let oldest = history_key(METRICS_TABLE, Day(day.0 - quality::LOOKBACK_DAYS - 1));
    let listed = curated
        .list(&history_prefix(METRICS_TABLE), Some(&oldest))
        .await;
    let listed = listed.map_err(|error| Failure::unavailable(&error))?;
    let days = listed
        .iter()
        .filter_map(|entry| parse_history_day(METRICS_TABLE, &entry.key));
    let files = days.filter(|earlier| *earlier < day).map(async |day| {
        let object = curated.get(&history_key(METRICS_TABLE, day)).await;
        let object = object.map_err(|error| Failure::unavailable(&error))?;
        let metrics = decode_metrics(object.body).map_err(|error| Failure::corrupt(&error))?;
        Ok::<_, Failure>((day, metrics))
    });
    stream::iter(files)
        .buffered(FILES_AT_ONCE)
        .try_collect()
        .await
}

/// The earlier days' numbers, as a day's are compared with them.
pub(crate) fn group_by_metric(earlier: &[(Day, Vec<QualityMetric>)]) -> EarlierMetrics {
    let mut numbers = EarlierMetrics::new();
    for (day, metrics) in earlier {
        for QualityMetric {
            dataset,
            column,
            metric,
            value,
        } in metrics
        {
            let key = (dataset.clone(), column.clone(), metric.clone());
            numbers.entry(key).or_default().push((day.0, *value));
        }
    }
    numbers
}

/// The numbers of all days, this one the last, as pages draw them.
pub(crate) fn build_metric_history(
    earlier: &[(Day, Vec<QualityMetric>)],
    day: Day,
    today: &[QualityMetric],
) -> MetricHistory {
    let mut history = MetricHistory::default();
    let days = earlier
        .iter()
        .map(|(day, metrics)| (*day, metrics.as_slice()))
        .chain([(day, today)]);
    for (day, metrics) in days {
        for metric in metrics {
            let column = metric.column.as_deref().unwrap_or_default();
            history.add_value(
                (&metric.dataset, column, &metric.metric),
                &day.to_string(),
                metric.value,
            );
        }
    }
    history
}

/// Writes the day's files.
///
/// # Errors
/// When storage does not answer.
pub(crate) async fn write_metrics_and_rules(
    day: Day,
    metrics: &[QualityMetric],
    report: &Report,
    curated: &dyn ObjectStore,
) -> Result<(), Failure> {
    let rules: Vec<_> = report
        .tables
        .iter()
        .flat_map(|(table, manifest)| {
            manifest
                .rules
                .iter()
                .map(move |rule| (format!("table/{table}"), rule))
        })
        .collect();
    for (table, file) in [
        (METRICS_TABLE, encode_metrics(metrics)),
        (RULES_TABLE, encode_rules(&rules)),
    ] {
        let file = file.map_err(|error| Failure::corrupt(&error))?;
        let put = curated
            .put(
                &history_key(table, day),
                file,
                lake::file::PARQUET_MEDIA_TYPE,
            )
            .await;
        put.map_err(|error| Failure::unavailable(&error))?;
    }
    Ok(())
}
