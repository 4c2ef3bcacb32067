//! The metrics of earlier days, read from their files, and the files of this day.

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use host::Failure;
use lake::{
    Day, METRICS_TABLE, QualityMetric, RULES_TABLE, decode_metrics, encode_metrics, encode_rules,
    history_key, history_prefix, parse_history_day,
};
use store::ObjectStore;

use crate::report::Report;

/// Files that are read at the same time.
const CONCURRENT_FILE_READS: usize = 8;

/// Reads the metrics of the days that `day` is compared with, the oldest first.
///
/// # Errors
/// When a file cannot be read.
pub(crate) async fn read_earlier_metrics(
    day: Day,
    curated: &dyn ObjectStore,
) -> Result<Vec<(Day, Vec<QualityMetric>)>, Failure> {
    let before_oldest = history_key(METRICS_TABLE, Day(day.0 - quality::LOOKBACK_DAYS - 1));
    let listed = curated
        .list(&history_prefix(METRICS_TABLE), Some(&before_oldest))
        .await?;

    let days = listed
        .iter()
        .filter_map(|entry| parse_history_day(METRICS_TABLE, &entry.key))
        .filter(|earlier| *earlier < day);
    stream::iter(days.map(|earlier| read_day_metrics(earlier, curated)))
        .buffered(CONCURRENT_FILE_READS)
        .try_collect()
        .await
}

async fn read_day_metrics(
    day: Day,
    curated: &dyn ObjectStore,
) -> Result<(Day, Vec<QualityMetric>), Failure> {
    let object = curated.get(&history_key(METRICS_TABLE, day)).await?;
    Ok((day, decode_metrics(object.body)?))
}

/// Writes the day's metrics and the results of its rules, as one file each.
///
/// # Errors
/// When storage does not answer.
pub(crate) async fn write_metrics_and_rules(
    day: Day,
    metrics: &[QualityMetric],
    report: &Report,
    curated: &dyn ObjectStore,
) -> Result<(), Failure> {
    let mut rules = Vec::new();
    for (table, manifest) in &report.tables {
        let dataset = format!("table/{table}");
        rules.extend(manifest.rules.iter().map(|rule| (dataset.clone(), rule)));
    }

    write_day_file(METRICS_TABLE, day, encode_metrics(metrics)?, curated).await?;
    write_day_file(RULES_TABLE, day, encode_rules(&rules)?, curated).await
}

async fn write_day_file(
    table: &str,
    day: Day,
    file: Bytes,
    curated: &dyn ObjectStore,
) -> Result<(), Failure> {
    let key = history_key(table, day);
    let written = curated
        .put(&key, file, lake::file::PARQUET_MEDIA_TYPE)
        .await;
    Ok(written?)
}
