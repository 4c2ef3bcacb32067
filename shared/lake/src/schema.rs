//! Arrow schemas: of raw objects, of refined increments, of curated tables.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use contract::{ColumnType, TableContract};
use parquet::arrow::PARQUET_FIELD_ID_META_KEY;

/// The refined zone's column that says what a row does; see [`pole::RowOperation`].
pub const OPERATION_COLUMN: &str = "_op";

/// The refined zone's column that names the columns that a patch changes, joined by commas.
pub const CHANGED_COLUMNS_COLUMN: &str = "_changed_columns";

/// The refined zone's column that holds what an event states of its record; see
/// [`contract::Statement`]. Only rows of sources with patches have it.
pub const STATEMENT_COLUMN: &str = "_statement";

/// The table of every thing that some source knows. Its rows are made from those of other tables.
pub const ENTITY_TABLE: &str = "entity";

/// The columns that a change has behind those of its table: operation, changed columns, statement.
pub const CHANGE_COLUMNS: usize = 3;

/// Columns whose value is new in nearly every row: a dictionary of them would save nothing.
pub const UNIQUE_VALUE_COLUMNS: [&str; 9] = [
    STATEMENT_COLUMN,
    "pole_id",
    "owner_id",
    "source_record_id",
    "source_event_id",
    "offset",
    "event_time",
    "from_id",
    "to_id",
];

/// The Arrow type of a column. Timestamps are microseconds in UTC, never INT96 or nanoseconds:
/// Spark, Athena and DuckDB read those wrongly or not at all.
#[must_use]
pub fn arrow_type(kind: ColumnType) -> DataType {
    match kind {
        ColumnType::Text => DataType::Utf8,
        ColumnType::Integer => DataType::Int64,
        ColumnType::Float => DataType::Float64,
        ColumnType::Boolean => DataType::Boolean,
        ColumnType::Date => DataType::Date32,
        ColumnType::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        ColumnType::Decimal(digits, scale) => DataType::Decimal128(digits, scale),
    }
}

/// The maximum id that a text gets. Iceberg keeps those near `i32::MAX` for itself, and gives new
/// columns the next id after the last.
const SMALL_ID_MAX: u32 = 1 << 30;

/// The id by which Iceberg's readers know a column, in Parquet files and in table metadata: a hash
/// of its name.
///
/// No file has to remember it: a contract may put a new column anywhere, so its position says
/// nothing. The table's Iceberg schema is checked for two columns of one id when it is built.
#[must_use]
pub fn field_id(name: &str) -> i32 {
    hashed_small_id("iceberg-field", name)
}

/// A number from 1 to 2^30, by the hash of a text.
pub(crate) fn hashed_small_id(namespace: &str, text: &str) -> i32 {
    let id = (pole::stable_id(namespace, &[text]).as_u128() >> 96) % u128::from(SMALL_ID_MAX);
    i32::try_from(id).unwrap_or_default() + 1
}

/// The schema of a curated table. Its columns carry their ids, so that readers of Iceberg find them
/// by id.
#[must_use]
pub fn curated_schema(table: &TableContract) -> SchemaRef {
    let fields: Vec<Field> = table_fields(table).into_iter().map(with_field_id).collect();
    Arc::new(Schema::new(fields))
}

/// The schema of a table's files in the curated zone. A row of a record table is a statement, as
/// the refined zone has it. A row of `entity` holds behind its columns what its sources stated,
/// which only merges read.
#[must_use]
pub fn stored_schema(table: &TableContract) -> SchemaRef {
    if table.holds_records() {
        return refined_schema(table);
    }
    let curated = curated_schema(table);
    if table.name != ENTITY_TABLE {
        return curated;
    }
    let mut fields: Vec<Field> = curated
        .fields()
        .iter()
        .map(|field| (**field).clone())
        .collect();
    let statement = Field::new(STATEMENT_COLUMN, DataType::Utf8, true);
    fields.push(with_field_id(statement));
    Arc::new(Schema::new(fields))
}

fn with_field_id(field: Field) -> Field {
    let id = field_id(field.name()).to_string();
    field.with_metadata(HashMap::from([(PARQUET_FIELD_ID_META_KEY.to_owned(), id)]))
}

/// The schema of a table's increments: the table's columns, all of them optional because a
/// tombstone has few of them, and the row's operation.
#[must_use]
pub fn refined_schema(table: &TableContract) -> SchemaRef {
    let mut fields: Vec<Field> = table_fields(table)
        .into_iter()
        .map(|field| field.with_nullable(true))
        .collect();

    fields.push(Field::new(OPERATION_COLUMN, DataType::Utf8, false));
    fields.push(Field::new(CHANGED_COLUMNS_COLUMN, DataType::Utf8, true));
    fields.push(Field::new(STATEMENT_COLUMN, DataType::Utf8, true));
    Arc::new(Schema::new(fields))
}

/// The columns of a raw object as a catalogue shows them: name, Glue's type, meaning.
pub const RAW_COLUMNS: [(&str, &str, &str); 9] = [
    ("topic", "string", "The topic"),
    (
        "partition",
        "int",
        "Kafka's partition; -1 holds redriven records, -2 and below what the events queue brought",
    ),
    ("offset", "bigint", "The place in the partition's log"),
    (
        "timestamp",
        "timestamp",
        "When the log took the record, or what its producer says",
    ),
    (
        "timestamp_type",
        "string",
        "Which clock that is: LOG_APPEND_TIME or CREATE_TIME",
    ),
    ("key", "binary", "The record's key, as it came"),
    ("value", "binary", "The record's value, as it came"),
    (
        "headers",
        "string",
        "The record's headers as JSON, values in base64",
    ),
    (
        "landed_at",
        "timestamp",
        "When the record landed; it dates records without LOG_APPEND_TIME",
    ),
];

/// The schema of a raw object: the record as Kafka gave it, its value unread. Times are microseconds,
/// though Kafka counts milliseconds: Iceberg knows no others, and Trino reads no others by it.
#[must_use]
pub fn raw_schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("topic", DataType::Utf8, false),
        Field::new("partition", DataType::Int32, false),
        Field::new("offset", DataType::Int64, false),
        Field::new(
            "timestamp",
            DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            false,
        ),
        Field::new("timestamp_type", DataType::Utf8, true),
        Field::new("key", DataType::Binary, true),
        Field::new("value", DataType::Binary, true),
        Field::new("headers", DataType::Utf8, true),
        Field::new(
            "landed_at",
            DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            true,
        ),
    ]))
}

/// The table's columns as fields. Only provenance columns are required in a file: a patch may come
/// before its record.
fn table_fields(table: &TableContract) -> Vec<Field> {
    let mut fields = Vec::with_capacity(table.columns.len());
    for (position, column) in table.columns.iter().enumerate() {
        let is_required = column.required && position < pole::PROVENANCE.len();
        fields.push(Field::new(
            &column.name,
            arrow_type(column.kind),
            !is_required,
        ));
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn field_ids_never_change() {
        // Files and table metadata that are out there name columns by these.
        let ids = ["pole_id", "source", "owner_id", "event_time"].map(field_id);
        assert_eq!(ids, [408_055_163, 806_232_511, 671_747_555, 31_403_686]);
    }
}
