//! Glue's operations on what planners know of the columns of a table and of its partitions.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::file::{GlueTable, STATISTICS};
use super::partitions::find_partition;
use super::request::{GlueException, GlueRequest, not_found, unknown_operation};

/// Glue takes the statistics of no more columns in one request.
const UPDATE_MAX: usize = 25;

/// Glue is asked for the statistics of no more columns in one request.
const ASKED_MAX: usize = 100;

const OPERATIONS: [&str; 6] = [
    "GetColumnStatisticsForTable",
    "UpdateColumnStatisticsForTable",
    "DeleteColumnStatisticsForTable",
    "GetColumnStatisticsForPartition",
    "UpdateColumnStatisticsForPartition",
    "DeleteColumnStatisticsForPartition",
];

/// Statistics by column.
type StatisticsByColumn = BTreeMap<String, Value>;

/// Whether an operation is one on column statistics.
pub(super) fn is_operation(operation: &str) -> bool {
    OPERATIONS.contains(&operation)
}

/// Answers an operation on the column statistics of `table`, or of one of its partitions.
pub(super) fn answer_operation(
    table: &mut GlueTable,
    operation: &str,
    request: GlueRequest<'_>,
) -> Result<Value, GlueException> {
    if let Some(what) = operation.strip_suffix("ForTable") {
        return answer_part(&mut table.statistics, what, request);
    }
    let Some(what) = operation.strip_suffix("ForPartition") else {
        return Err(unknown_operation(operation));
    };

    let partition = find_partition(table, request.required("PartitionValues")?)?;
    let stored = partition[STATISTICS].as_object().cloned();
    let mut statistics = stored.unwrap_or_default().into_iter().collect();
    let answer = answer_part(&mut statistics, what, request)?;
    partition[STATISTICS] = json!(statistics);
    Ok(answer)
}

fn answer_part(
    statistics: &mut StatisticsByColumn,
    what: &str,
    request: GlueRequest<'_>,
) -> Result<Value, GlueException> {
    match what {
        "GetColumnStatistics" => get_statistics(statistics, request),
        "UpdateColumnStatistics" => put_statistics(statistics, request),
        _ => delete_statistics(statistics, request),
    }
}

fn get_statistics(
    statistics: &StatisticsByColumn,
    request: GlueRequest<'_>,
) -> Result<Value, GlueException> {
    let columns = request.list_of("ColumnNames", ASKED_MAX)?;
    let known: Vec<&Value> = columns
        .iter()
        .filter_map(|column| statistics.get(&column.as_str()?.to_lowercase()))
        .collect();
    Ok(json!({"ColumnStatisticsList": known, "Errors": []}))
}

fn put_statistics(
    statistics: &mut StatisticsByColumn,
    request: GlueRequest<'_>,
) -> Result<Value, GlueException> {
    for column in request.list_of("ColumnStatisticsList", UPDATE_MAX)? {
        let name = GlueRequest(column).name_of("ColumnName")?;
        statistics.insert(name, column.clone());
    }
    Ok(json!({"Errors": []}))
}

fn delete_statistics(
    statistics: &mut StatisticsByColumn,
    request: GlueRequest<'_>,
) -> Result<Value, GlueException> {
    let column = request.name_of("ColumnName")?;
    match statistics.remove(&column) {
        Some(_) => Ok(json!({})),
        None => Err(not_found(format!("Column {column} has no statistics."))),
    }
}
