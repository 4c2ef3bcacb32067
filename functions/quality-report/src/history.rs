//! The metrics of earlier days, read from their files, and the file of this day.

use futures_util::{StreamExt, TryStreamExt, stream};
use host::Failure;
use lake::{
    Day, METRICS, Metric, RULES, day_of_history, decode_metrics, encode_metrics, encode_rules,
    history_key, history_prefix,
};
use store::ObjectStore;

use crate::report::{History, Report};
use crate::trends::Earlier;

/// Files that are read at once.
const FILES_AT_ONCE: usize = 8;

/// The metrics of the days before `day` that it is compared with.
///
/// # Errors
/// When a file cannot be read.
pub(crate) async fn earlier(
    day: Day,
    curated: &dyn ObjectStore,
) -> Result<Vec<(Day, Vec<Metric>)>, Failure> {
    let oldest = history_key(METRICS, Day(day.0 - quality::DAYS_BACK - 1));
    let listed = curated.list(&history_prefix(METRICS), Some(&oldest)).await;
    let listed = listed.map_err(|error| Failure::unavailable(&error))?;
    let days = listed
        .iter()
        .filter_map(|entry| day_of_history(METRICS, &entry.key));
    let files = days.filter(|earlier| *earlier < day).map(async |day| {
        let object = curated.get(&history_key(METRICS, day)).await;
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
pub(crate) fn by_metric(earlier: &[(Day, Vec<Metric>)]) -> Earlier {
    let mut numbers = Earlier::new();
    for (day, metrics) in earlier {
        for Metric {
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
pub(crate) fn drawn(earlier: &[(Day, Vec<Metric>)], day: Day, today: &[Metric]) -> History {
    let mut history = History::default();
    let days = earlier
        .iter()
        .map(|(day, metrics)| (*day, metrics.as_slice()))
        .chain([(day, today)]);
    for (day, metrics) in days {
        for metric in metrics {
            let column = metric.column.as_deref().unwrap_or_default();
            history.add(
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
pub(crate) async fn write(
    day: Day,
    metrics: &[Metric],
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
        (METRICS, encode_metrics(metrics)),
        (RULES, encode_rules(&rules)),
    ] {
        let file = file.map_err(|error| Failure::corrupt(&error))?;
        let put = curated
            .put(&history_key(table, day), file, lake::file::MEDIA_TYPE)
            .await;
        put.map_err(|error| Failure::unavailable(&error))?;
    }
    Ok(())
}
