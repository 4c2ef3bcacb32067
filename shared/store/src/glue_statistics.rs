//! Column statistics as Glue stores them.

use aws_sdk_glue::error::BuildError;
use aws_sdk_glue::primitives::{Blob, DateTime};
use aws_sdk_glue::types::{
    ColumnStatistics as GlueStatistics, ColumnStatisticsData, ColumnStatisticsType,
    DateColumnStatisticsData, DecimalColumnStatisticsData, DecimalNumber,
    DoubleColumnStatisticsData, LongColumnStatisticsData, StringColumnStatisticsData,
};
use lake::Day;

use crate::ColumnStatistics;

/// The statistics of a column; none of types for which Glue has no statistics.
pub(crate) fn build_glue_statistics(
    column: &ColumnStatistics,
) -> Result<Option<GlueStatistics>, BuildError> {
    let Some(data) = build_statistics_data(column)? else {
        return Ok(None);
    };

    GlueStatistics::builder()
        .column_name(&column.name)
        .column_type(&column.kind)
        .analyzed_time(midnight(column.day))
        .statistics_data(data)
        .build()
        .map(Some)
}

/// Instants have no statistics of their own in Glue; booleans want counts of each value, which the
/// merge does not take.
fn build_statistics_data(
    column: &ColumnStatistics,
) -> Result<Option<ColumnStatisticsData>, BuildError> {
    match column.kind.as_str() {
        "string" => build_text_data(column).map(Some),
        "date" => build_date_data(column).map(Some),
        "bigint" => build_integer_data(column),
        "double" => build_float_data(column).map(Some),
        kind if kind.starts_with("decimal(") => build_decimal_data(column).map(Some),
        _ => Ok(None),
    }
}

fn build_text_data(column: &ColumnStatistics) -> Result<ColumnStatisticsData, BuildError> {
    let mean_bytes = if column.filled == 0 {
        0.0
    } else {
        column.bytes as f64 / column.filled as f64
    };
    let texts = StringColumnStatisticsData::builder()
        .maximum_length(glue_count(column.max_bytes))
        .average_length(mean_bytes)
        .number_of_nulls(glue_count(column.nulls))
        .number_of_distinct_values(glue_count(column.distinct))
        .build();

    ColumnStatisticsData::builder()
        .r#type(ColumnStatisticsType::String)
        .string_column_statistics_data(texts)
        .build()
}

fn build_date_data(column: &ColumnStatistics) -> Result<ColumnStatisticsData, BuildError> {
    let days = column.range.map(|(minimum, maximum)| {
        let [first, last] = [minimum, maximum].map(|day| i32::try_from(day).unwrap_or(i32::MAX));
        (midnight(first), midnight(last))
    });
    let (first, last) = days.unzip();
    let dates = DateColumnStatisticsData::builder()
        .set_minimum_value(first)
        .set_maximum_value(last)
        .number_of_nulls(glue_count(column.nulls))
        .number_of_distinct_values(glue_count(column.distinct))
        .build();

    ColumnStatisticsData::builder()
        .r#type(ColumnStatisticsType::Date)
        .date_column_statistics_data(dates)
        .build()
}

/// None without a range: Glue would take a missing minimum and maximum for 0. A column without any
/// value is written with these: an erased value must not stay as its minimum.
fn build_integer_data(
    column: &ColumnStatistics,
) -> Result<Option<ColumnStatisticsData>, BuildError> {
    let range = column.range.or((column.filled == 0).then_some((0, 0)));
    let Some((minimum, maximum)) = range else {
        return Ok(None);
    };
    let numbers = LongColumnStatisticsData::builder()
        .minimum_value(minimum)
        .maximum_value(maximum)
        .number_of_nulls(glue_count(column.nulls))
        .number_of_distinct_values(glue_count(column.distinct))
        .build();

    ColumnStatisticsData::builder()
        .r#type(ColumnStatisticsType::Long)
        .long_column_statistics_data(numbers)
        .build()
        .map(Some)
}

fn build_float_data(column: &ColumnStatistics) -> Result<ColumnStatisticsData, BuildError> {
    let numbers = DoubleColumnStatisticsData::builder()
        .number_of_nulls(glue_count(column.nulls))
        .number_of_distinct_values(glue_count(column.distinct))
        .build();

    ColumnStatisticsData::builder()
        .r#type(ColumnStatisticsType::Double)
        .double_column_statistics_data(numbers)
        .build()
}

fn build_decimal_data(column: &ColumnStatistics) -> Result<ColumnStatisticsData, BuildError> {
    let scale = decimal_scale(&column.kind);
    let (minimum, maximum) = match column.range {
        Some((minimum, maximum)) => (
            Some(decimal_number(minimum, scale)?),
            Some(decimal_number(maximum, scale)?),
        ),
        None => (None, None),
    };
    let numbers = DecimalColumnStatisticsData::builder()
        .set_minimum_value(minimum)
        .set_maximum_value(maximum)
        .number_of_nulls(glue_count(column.nulls))
        .number_of_distinct_values(glue_count(column.distinct))
        .build();

    ColumnStatisticsData::builder()
        .r#type(ColumnStatisticsType::Decimal)
        .decimal_column_statistics_data(numbers)
        .build()
}

/// The digits after the point of `decimal(<digits>,<scale>)`.
fn decimal_scale(kind: &str) -> i32 {
    kind.trim_end_matches(')')
        .split(',')
        .nth(1)
        .and_then(|scale| scale.trim().parse().ok())
        .unwrap_or(0)
}

fn decimal_number(unscaled: i64, scale: i32) -> Result<DecimalNumber, BuildError> {
    DecimalNumber::builder()
        .unscaled_value(Blob::new(unscaled.to_be_bytes()))
        .scale(scale)
        .build()
}

fn glue_count(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// The first instant of a day, which is given as days since 1970-01-01.
fn midnight(day: i32) -> DateTime {
    DateTime::from_secs(Day(day).start_micros() / 1_000_000)
}
