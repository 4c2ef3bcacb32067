//! Tables and partitions as Glue stores them.

use std::collections::HashMap;

use aws_sdk_glue::error::BuildError;
use aws_sdk_glue::types::{
    Column, Partition, PartitionInput, SerDeInfo, StorageDescriptor, Table, TableInput,
};

use crate::{ColumnSpec, PartitionSpec, StoreError, StoreErrorKind, TableSpec};

/// Glue takes no longer comment on a column.
const COMMENT_CHARS_MAX: usize = 255;

/// The parameters of a partition by which Hive, Trino and Spark know how much is in it.
const PARTITION_FILES: &str = "numFiles";
const PARTITION_ROWS: &str = "numRows";
const PARTITION_BYTES: &str = "totalSize";

/// The partition that Glue describes.
pub(crate) fn to_partition_spec(partition: Partition) -> PartitionSpec {
    let descriptor = partition.storage_descriptor;
    let parameters = partition.parameters.unwrap_or_default();
    let number = |name: &str| parameters.get(name).and_then(|number| number.parse().ok());
    PartitionSpec {
        rows: number(PARTITION_ROWS).unwrap_or_default(),
        bytes: number(PARTITION_BYTES).unwrap_or_default(),
        values: partition.values.unwrap_or_default(),
        location: descriptor
            .and_then(|descriptor| descriptor.location)
            .unwrap_or_default(),
    }
}

/// The table as Glue stores it. Parameters that other programs have written stay.
pub(crate) fn build_table_input(
    table: &TableSpec,
    known: Option<&Table>,
) -> Result<TableInput, StoreError> {
    let mut keys = Vec::with_capacity(table.partition_keys.len());
    for (name, kind) in &table.partition_keys {
        let key = Column::builder().name(name).r#type(kind).build();
        keys.push(key.map_err(|error| build_error(&table.name, &error))?);
    }

    let mut parameters: HashMap<String, String> = known
        .and_then(|known| known.parameters.clone())
        .unwrap_or_default();
    parameters.insert("classification".into(), "parquet".into());
    parameters.extend(table.parameters.clone());

    TableInput::builder()
        .name(&table.name)
        .description(&table.description)
        .table_type("EXTERNAL_TABLE")
        .set_parameters(Some(parameters))
        .set_partition_keys(Some(keys))
        .storage_descriptor(build_storage_descriptor(table, &table.location)?)
        .build()
        .map_err(|error| build_error(&table.name, &error))
}

/// Whether an update would change nothing.
pub(crate) fn is_up_to_date(input: &TableInput, known: &Table) -> bool {
    let wanted = input.storage_descriptor.as_ref();
    let present = known.storage_descriptor.as_ref();

    input.description == known.description
        && input.parameters == known.parameters
        && wanted.map(|wanted| (&wanted.columns, &wanted.location))
            == present.map(|present| (&present.columns, &present.location))
}

/// The partition as Glue stores it.
pub(crate) fn build_partition_input(
    table: &TableSpec,
    partition: &PartitionSpec,
) -> Result<PartitionInput, StoreError> {
    let descriptor = build_storage_descriptor(table, &partition.location)?;
    Ok(PartitionInput::builder()
        .set_values(Some(partition.values.clone()))
        .storage_descriptor(descriptor)
        .parameters(PARTITION_FILES, "1")
        .parameters(PARTITION_ROWS, partition.rows.to_string())
        .parameters(PARTITION_BYTES, partition.bytes.to_string())
        .build())
}

/// Every partition is registered with the table's present columns: Athena refuses one that differs
/// in type.
fn build_storage_descriptor(
    table: &TableSpec,
    location: &str,
) -> Result<StorageDescriptor, StoreError> {
    let columns = table
        .columns
        .iter()
        .map(build_glue_column)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| build_error(&table.name, &error))?;

    let serde = SerDeInfo::builder()
        .serialization_library("org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe");
    Ok(StorageDescriptor::builder()
        .set_columns(Some(columns))
        .location(location)
        .input_format("org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat")
        .output_format("org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat")
        .serde_info(serde.build())
        .build())
}

fn build_glue_column(column: &ColumnSpec) -> Result<Column, BuildError> {
    let comment: String = column.meaning.chars().take(COMMENT_CHARS_MAX).collect();
    Column::builder()
        .name(&column.name)
        .r#type(&column.kind)
        .comment(comment)
        .parameters("polelake.classification", &column.classification)
        .build()
}

/// The error of a request that lacks what Glue demands.
pub(crate) fn build_error(table: &str, error: &BuildError) -> StoreError {
    StoreError::new(
        StoreErrorKind::Refused,
        "describe table",
        table,
        error.to_string(),
    )
}
