//! Column statistics in Glue's words.

use aws_sdk_glue::error::BuildError;
use aws_sdk_glue::primitives::{Blob, DateTime};
use aws_sdk_glue::types::{
    ColumnStatistics as GlueStatistics, ColumnStatisticsData, ColumnStatisticsType,
    DateColumnStatisticsData, DecimalColumnStatisticsData, DecimalNumber,
    DoubleColumnStatisticsData, LongColumnStatisticsData, StringColumnStatisticsData,
};

use crate::ColumnStatistics;

/// Seconds of a day.
const SECONDS_PER_DAY: i64 = 86_400;

/// What Glue is told of a column; nothing of types that it has no words for.
pub(crate) fn build_glue_statistics(
    column: &ColumnStatistics,
) -> Result<Option<GlueStatistics>, BuildError> {
    let Some(data) = build_statistics_data(column)? else {
        return Ok(None);
    };
    let statistics = GlueStatistics::builder()
        .column_name(&column.name)
        .column_type(&column.kind);
    let of_day = DateTime::from_secs(i64::from(column.day) * SECONDS_PER_DAY);
    statistics
        .analyzed_time(of_day)
        .statistics_data(data)
        .build()
        .map(Some)
}

fn build_statistics_data(
    column: &ColumnStatistics,
) -> Result<Option<ColumnStatisticsData>, BuildError> {
    let count = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    let (nulls, distinct) = (count(column.nulls), count(column.distinct));
    let (least, greatest) = column.range.map_or((None, None), |(least, greatest)| {
        (Some(least), Some(greatest))
    });
    let data = ColumnStatisticsData::builder();
    let data = match column.kind.as_str() {
        "string" => {
            let mean = if column.filled == 0 {
                0.0
            } else {
                column.bytes as f64 / column.filled as f64
            };
            let texts = StringColumnStatisticsData::builder()
                .maximum_length(count(column.max_bytes))
                .average_length(mean);
            let texts = texts
                .number_of_nulls(nulls)
                .number_of_distinct_values(distinct)
                .build();
            data.r#type(ColumnStatisticsType::String)
                .string_column_statistics_data(texts)
        }
        "date" => {
            let day = |day: i64| DateTime::from_secs(day * SECONDS_PER_DAY);
            let dates = DateColumnStatisticsData::builder().set_minimum_value(least.map(day));
            let dates = dates
                .set_maximum_value(greatest.map(day))
                .number_of_nulls(nulls);
            data.r#type(ColumnStatisticsType::Date)
                .date_column_statistics_data(dates.number_of_distinct_values(distinct).build())
        }
        "bigint" => {
            // Without a least and a greatest value Glue would take both for nought.
            let (Some(least), Some(greatest)) = (least, greatest) else {
                return Ok(None);
            };
            let numbers = LongColumnStatisticsData::builder()
                .minimum_value(least)
                .maximum_value(greatest);
            let numbers = numbers.number_of_nulls(nulls);
            data.r#type(ColumnStatisticsType::Long)
                .long_column_statistics_data(numbers.number_of_distinct_values(distinct).build())
        }
        "double" => {
            let numbers = DoubleColumnStatisticsData::builder().number_of_nulls(nulls);
            data.r#type(ColumnStatisticsType::Double)
                .double_column_statistics_data(numbers.number_of_distinct_values(distinct).build())
        }
        kind if kind.starts_with("decimal(") => {
            let scale = kind
                .trim_end_matches(')')
                .split(',')
                .nth(1)
                .and_then(|scale| scale.trim().parse().ok());
            let number = |value: i64| {
                let bytes = Blob::new(value.to_be_bytes());
                DecimalNumber::builder()
                    .unscaled_value(bytes)
                    .scale(scale.unwrap_or(0))
                    .build()
            };
            let numbers = DecimalColumnStatisticsData::builder()
                .set_minimum_value(least.map(number).transpose()?);
            let numbers = numbers
                .set_maximum_value(greatest.map(number).transpose()?)
                .number_of_nulls(nulls);
            data.r#type(ColumnStatisticsType::Decimal)
                .decimal_column_statistics_data(numbers.number_of_distinct_values(distinct).build())
        }
        // Booleans want counts of each value, which nobody takes; instants have no type of their own.
        _ => return Ok(None),
    };
    data.build().map(Some)
}
