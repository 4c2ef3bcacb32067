//! The promises of a catalogue.

use std::sync::Arc;

use super::{ConformanceError, check_promise};
use crate::{
    ColumnSpec, ColumnStatistics, PartitionSpec, StoreError, StoreErrorKind, TableCatalogue,
    TableSpec,
};

/// The database that the suite works in; back ends must have it.
pub const CONFORMANCE_DATABASE: &str = "polelake_curated_conformance";

/// Every promise of a catalogue.
///
/// # Errors
/// The first promise that was broken.
pub async fn check_catalogue(catalogue: Arc<dyn TableCatalogue>) -> Result<(), ConformanceError> {
    let table = check_tables(Arc::clone(&catalogue)).await?;
    check_statistics(&*catalogue, &table).await
}

/// The promises on tables and partitions alone: moto 5.2 knows no column statistics.
///
/// # Errors
/// The first promise that was broken.
pub async fn check_tables(
    catalogue: Arc<dyn TableCatalogue>,
) -> Result<TableSpec, ConformanceError> {
    let mut table = conformance_table();
    catalogue.put_table(&table).await?;
    catalogue.put_table(&table).await?;
    check_partitions(&*catalogue, &table).await?;
    table.columns.push(column_spec("floor", "bigint"));
    table
        .parameters
        .insert("polelake.last_passing_snapshot".into(), "2026-03-02".into());
    catalogue.put_table(&table).await?;
    let kept = catalogue.list_partitions(&table).await?.len();
    check_promise(
        kept == 100,
        "a table that is brought up to date keeps its partitions",
    )?;

    check_refused_changes(&*catalogue, &table).await?;

    catalogue.put_table(&table).await?;
    Ok(table)
}

/// Changes of a table that would make its files unreadable.
async fn check_refused_changes(
    catalogue: &dyn TableCatalogue,
    table: &TableSpec,
) -> Result<(), ConformanceError> {
    let mut narrower = table.clone();
    narrower.columns.retain(|column| column.name != "rent");
    check_promise(
        is_refused(catalogue.put_table(&narrower).await),
        "a table that loses a column is refused",
    )?;

    let mut other = table.clone();
    other.columns[1].kind = "double".into();
    check_promise(
        is_refused(catalogue.put_table(&other).await),
        "a column that changes its type is refused",
    )?;

    let mut keyed = table.clone();
    keyed.partition_keys.pop();
    check_promise(
        is_refused(catalogue.put_table(&keyed).await),
        "other partition keys are refused",
    )?;
    Ok(())
}

fn conformance_table() -> TableSpec {
    TableSpec {
        database: CONFORMANCE_DATABASE.into(),
        name: "conformance".into(),
        description: "A table of the conformance suite".into(),
        location: "s3://bucket/conformance/".into(),
        columns: vec![
            column_spec("pole_id", "string"),
            column_spec("rent", "decimal(12,2)"),
        ],
        partition_keys: vec![
            ("snapshot_date".into(), "string".into()),
            ("shard".into(), "string".into()),
        ],
        parameters: [("polelake.owner".to_owned(), "housing".to_owned())].into(),
    }
}

fn column_spec(name: &str, kind: &str) -> ColumnSpec {
    ColumnSpec {
        name: name.into(),
        kind: kind.into(),
        meaning: format!("What {name} means"),
        classification: "internal".into(),
    }
}

fn is_refused(answer: Result<(), StoreError>) -> bool {
    answer.is_err_and(|error| error.kind == StoreErrorKind::Refused)
}

fn partition_spec(day: usize, location: &str) -> PartitionSpec {
    let date = format!("2026-{:02}-{:02}", day / 28 + 1, day % 28 + 1);
    PartitionSpec {
        values: vec![date, "0".into()],
        location: format!("s3://bucket/{location}/{day}/"),
        rows: 1_000 + day as u64,
        bytes: 4_096,
    }
}

async fn check_partitions(
    catalogue: &dyn TableCatalogue,
    table: &TableSpec,
) -> Result<(), ConformanceError> {
    // More than the hundred of one call.
    let first: Vec<_> = (0..130).map(|day| partition_spec(day, "a")).collect();
    catalogue.put_partitions(table, &first).await?;
    let moved: Vec<_> = (0..2).map(|day| partition_spec(day, "b")).collect();
    catalogue.put_partitions(table, &moved).await?;
    let mut found = catalogue.list_partitions(table).await?;
    found.sort();
    check_promise(found.len() == 130, "every partition is listed once")?;
    check_promise(
        found[..2] == moved[..],
        "a partition is pointed to its new location",
    )?;
    check_promise(found[2] == first[2], "the others stay")?;

    let values: Vec<_> = first[..30]
        .iter()
        .map(|partition| partition.values.clone())
        .collect();
    catalogue.delete_partitions(table, &values).await?;
    catalogue.delete_partitions(table, &values).await?;
    check_promise(
        catalogue.list_partitions(table).await?.len() == 100,
        "deleted partitions are not listed, also when they are deleted twice",
    )
}

async fn check_statistics(
    catalogue: &dyn TableCatalogue,
    table: &TableSpec,
) -> Result<(), ConformanceError> {
    let columns: Vec<ColumnStatistics> = table.columns.iter().map(column_statistics).collect();
    catalogue.put_statistics(table, None, &columns).await?;

    let absent = TableSpec {
        name: "absent".into(),
        ..table.clone()
    };
    let answer = catalogue.put_statistics(&absent, None, &columns).await;
    check_promise(
        answer.is_err_and(|error| error.is_not_found()),
        "statistics of an absent table are not found",
    )?;

    let kept = catalogue.list_partitions(table).await?;
    let values = kept.first().map(|partition| partition.values.as_slice());
    catalogue.put_statistics(table, values, &columns).await?;
    let absent = ["1999-01-01".to_owned(), "0".to_owned()];
    let answer = catalogue
        .put_statistics(table, Some(&absent), &columns)
        .await;
    check_promise(
        answer.is_err_and(|error| error.is_not_found()),
        "statistics of an absent partition are not found",
    )
}

fn column_statistics(column: &ColumnSpec) -> ColumnStatistics {
    ColumnStatistics {
        name: column.name.clone(),
        kind: column.kind.clone(),
        day: 20_000,
        nulls: 1,
        distinct: 7,
        max_bytes: 36,
        bytes: 72,
        filled: 2,
        range: Some((-5, 1_000_000)),
    }
}
