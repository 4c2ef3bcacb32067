//! The metrics history: the results of every day as Parquet, so that analysts query quality as they
//! query data.
//!
//! Two tables of one file for each day: a number for every metric, and a row for every rule.
//! Neither holds a value of a record.

use std::sync::Arc;

use arrow_array::types::Float64Type;
use arrow_array::{Array, ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use bytes::Bytes;

use crate::batch_columns::{primitive_column, text_column};
use crate::{Day, LakeError, RuleResult, RuleVerdict, file};

/// What errors call a day's metrics.
const METRICS_FILE: &str = "a file of metrics";

/// What the metrics' table is called.
pub const METRICS_TABLE: &str = "quality_metrics";

/// What the rules' table is called.
pub const RULES_TABLE: &str = "quality_rules";

/// The columns of the metrics' table: name, type as Glue writes it, meaning.
pub const METRIC_COLUMNS: [(&str, &str, &str); 4] = [
    (
        "dataset",
        "string",
        "What it is a metric of: table/person, source/housing-person",
    ),
    (
        "column_name",
        "string",
        "The column; null for the full table or source",
    ),
    (
        "metric",
        "string",
        "The metric: rows, null_share, landed and so on; docs/quality.md has them all",
    ),
    ("value", "double", "The number"),
];

/// The columns of the rules' table.
pub const RULE_COLUMNS: [(&str, &str, &str); 9] = [
    (
        "dataset",
        "string",
        "The table that the rule is about: table/person",
    ),
    ("rule", "string", "The rule's stable id"),
    (
        "column_name",
        "string",
        "The column; null for the full row or table",
    ),
    (
        "dimension",
        "string",
        "The dimension, in the contract standard's words",
    ),
    (
        "severity",
        "string",
        "What a failure leads to: warn or block",
    ),
    ("failed", "bigint", "Rows that failed"),
    ("checked", "bigint", "Rows that were checked"),
    ("target", "string", "What is tolerated, in words"),
    ("verdict", "string", "pass, warn or fail"),
];

/// A metric of a day.
#[derive(Clone, Debug, PartialEq)]
pub struct QualityMetric {
    /// What it is a metric of.
    pub dataset: String,
    /// The column; none for the full table or source.
    pub column: Option<String>,
    /// Its name.
    pub metric: String,
    /// The number.
    pub value: f64,
}

/// The prefix of a table of the history.
#[must_use]
pub fn history_prefix(table: &str) -> String {
    format!("quality/{table}/")
}

/// The location of a day's file, as the catalogue's partition projection writes it.
#[must_use]
pub fn history_location_template(table: &str) -> String {
    format!("{}report_date=${{report_date}}/", history_prefix(table))
}

/// The key of a day's file.
#[must_use]
pub fn history_key(table: &str, day: Day) -> String {
    format!("{}report_date={day}/part-0.parquet", history_prefix(table))
}

/// The day of a file.
#[must_use]
pub fn parse_history_day(table: &str, key: &str) -> Option<Day> {
    let rest = key
        .strip_prefix(&history_prefix(table))?
        .strip_prefix("report_date=")?;
    Day::parse(rest.strip_suffix("/part-0.parquet")?)
}

fn history_schema(columns: &[(&str, &str, &str)]) -> SchemaRef {
    let field = |(name, kind, _): &(&str, &str, &str)| {
        let kind = match *kind {
            "double" => DataType::Float64,
            "bigint" => DataType::Int64,
            _ => DataType::Utf8,
        };
        Field::new(*name, kind, *name == "column_name")
    };
    Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()))
}

fn text_array<'t>(texts: impl Iterator<Item = Option<&'t str>>) -> ArrayRef {
    Arc::new(texts.collect::<StringArray>())
}

/// A day's metrics as a file.
///
/// # Errors
/// When the file cannot be written.
pub fn encode_metrics(metrics: &[QualityMetric]) -> Result<Bytes, LakeError> {
    let schema = history_schema(&METRIC_COLUMNS);
    let columns: Vec<ArrayRef> = vec![
        text_array(metrics.iter().map(|metric| Some(metric.dataset.as_str()))),
        text_array(metrics.iter().map(|metric| metric.column.as_deref())),
        text_array(metrics.iter().map(|metric| Some(metric.metric.as_str()))),
        Arc::new(Float64Array::from_iter_values(
            metrics.iter().map(|metric| metric.value),
        )),
    ];
    file::write_parquet(
        &schema,
        &[RecordBatch::try_new(Arc::clone(&schema), columns)?],
        file::refined_properties(),
    )
}

/// A day's rules as a file: (dataset, result).
///
/// # Errors
/// When the file cannot be written.
pub fn encode_rules(results: &[(String, &RuleResult)]) -> Result<Bytes, LakeError> {
    let schema = history_schema(&RULE_COLUMNS);
    let columns = vec![
        text_array(results.iter().map(|(dataset, _)| Some(dataset.as_str()))),
        rule_texts(results, |rule| Some(&rule.rule)),
        rule_texts(results, |rule| rule.column.as_deref()),
        rule_texts(results, |rule| Some(&rule.dimension)),
        rule_texts(results, |rule| Some(&rule.severity)),
        rule_counts(results, |rule| rule.failed),
        rule_counts(results, |rule| rule.checked),
        rule_texts(results, |rule| Some(&rule.target)),
        rule_texts(results, |rule| Some(verdict_label(rule.verdict))),
    ];

    file::write_parquet(
        &schema,
        &[RecordBatch::try_new(Arc::clone(&schema), columns)?],
        file::refined_properties(),
    )
}

fn rule_texts(
    results: &[(String, &RuleResult)],
    text: fn(&RuleResult) -> Option<&str>,
) -> ArrayRef {
    text_array(results.iter().map(|(_, rule)| text(rule)))
}

fn rule_counts(results: &[(String, &RuleResult)], count: fn(&RuleResult) -> u64) -> ArrayRef {
    let counts = results
        .iter()
        .map(|(_, rule)| i64::try_from(count(rule)).unwrap_or(i64::MAX));
    Arc::new(Int64Array::from_iter_values(counts))
}

fn verdict_label(verdict: RuleVerdict) -> &'static str {
    match verdict {
        RuleVerdict::Pass => "pass",
        RuleVerdict::Warn => "warn",
        RuleVerdict::Fail => "fail",
    }
}

/// The metrics of a file.
///
/// # Errors
/// When the bytes are no such file.
pub fn decode_metrics(bytes: Bytes) -> Result<Vec<QualityMetric>, LakeError> {
    let mut metrics = Vec::new();
    for batch in file::read_whole(bytes)? {
        let datasets = text_column(&batch, METRICS_FILE, "dataset")?;
        let columns = text_column(&batch, METRICS_FILE, "column_name")?;
        let names = text_column(&batch, METRICS_FILE, "metric")?;
        let values = primitive_column::<Float64Type>(&batch, METRICS_FILE, "value")?;

        metrics.extend((0..batch.num_rows()).map(|row| QualityMetric {
            dataset: datasets.value(row).to_owned(),
            column: columns.is_valid(row).then(|| columns.value(row).to_owned()),
            metric: names.value(row).to_owned(),
            value: values.value(row),
        }));
    }
    Ok(metrics)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_read_as_they_were_written() {
        let metric = |column: Option<&str>, value| QualityMetric {
            dataset: "table/person".into(),
            column: column.map(str::to_owned),
            metric: "rows".into(),
            value,
        };
        let metrics = [metric(None, 7.0), metric(Some("surname"), 0.25)];
        assert_eq!(
            decode_metrics(encode_metrics(&metrics).unwrap()).unwrap(),
            metrics
        );
        assert_eq!(
            encode_metrics(&metrics).unwrap(),
            encode_metrics(&metrics).unwrap()
        );
    }

    #[test]
    fn a_key_names_its_day() {
        let key = history_key(METRICS_TABLE, Day(20_514));
        assert_eq!(
            key,
            "quality/quality_metrics/report_date=2026-03-02/part-0.parquet"
        );
        assert_eq!(parse_history_day(METRICS_TABLE, &key), Some(Day(20_514)));
        assert_eq!(parse_history_day(RULES_TABLE, &key), None);
    }
}
