//! Rows that differ, as they are shown: values of personal columns only when the operator asks for
//! them.

use arrow_array::{Array, ArrayRef, RecordBatch};
use contract::TableContract;
use serde::Serialize;
use serde_json::Value;

use super::columns::paired_columns;
use super::stream::SnapshotRowKey;
use crate::error::OperationError;

/// The columns that make a row's key; the difference has them anyway.
const KEY_COLUMNS: [&str; 3] = ["owner_id", "pole_id", "source"];

/// What is shown of rows that differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DiffDisplay {
    /// Rows of a table at most.
    pub rows: usize,
    /// Values of personal columns too.
    pub values: bool,
}

/// How a row differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RowChangeKind {
    /// Only the later day has it.
    Added,
    /// Both have it, and not the same.
    Changed,
    /// Only the earlier day has it.
    Removed,
}

/// A column of a row that differs. A column of a row that only one day has is null on the other
/// side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ColumnDifference {
    /// The column.
    pub column: String,
    /// Whether it is one of the provenance, which every table has.
    pub provenance: bool,
    /// Whether its values are not shown because they are personal.
    pub hidden: bool,
    /// Its value on the earlier day.
    pub before: Value,
    /// Its value on the later day.
    pub after: Value,
}

/// A row that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RowDifference {
    /// How it differs.
    pub what: RowChangeKind,
    /// The record that it belongs to.
    pub owner_id: String,
    /// The entity that it describes.
    pub pole_id: String,
    /// The source that sent it.
    pub source: String,
    /// The columns that differ.
    pub columns: Vec<ColumnDifference>,
}

/// Whether a column is one of the provenance.
pub(super) fn is_provenance(column: &str) -> bool {
    pole::PROVENANCE.iter().any(|known| known.name == column)
}

/// Whether a column's values are shown only when the operator asks for them, by its contract. A
/// column that the contract does not know counts as personal.
fn is_personal(table: &TableContract, column: &str) -> bool {
    let known = table.columns.iter().find(|known| known.name == column);
    known.is_none_or(|column| column.personal)
}

/// Compares a row of two one-row batches with the same columns; a row that a day does not have is
/// null in all of them.
pub(super) fn describe_row_difference(
    table: &TableContract,
    what: RowChangeKind,
    (owner_id, pole_id, source): SnapshotRowKey<'_>,
    [old, new]: [&RecordBatch; 2],
    values: bool,
) -> Result<RowDifference, OperationError> {
    let mut columns = Vec::new();
    for (column, before, after) in paired_columns(old, new) {
        if KEY_COLUMNS.contains(&column.as_str()) || *before == *after {
            continue;
        }
        let hidden = !values && is_personal(table, &column);
        columns.push(ColumnDifference {
            provenance: is_provenance(&column),
            column,
            hidden,
            before: shown_value(&before, hidden)?,
            after: shown_value(&after, hidden)?,
        });
    }

    Ok(RowDifference {
        what,
        owner_id: owner_id.to_owned(),
        pole_id: pole_id.to_owned(),
        source: source.to_owned(),
        columns,
    })
}

fn shown_value(array: &ArrayRef, hidden: bool) -> Result<Value, OperationError> {
    if hidden {
        return Ok(Value::Null);
    }
    first_value_json(array)
}

/// The one value of a column, as JSON.
fn first_value_json(array: &ArrayRef) -> Result<Value, OperationError> {
    const NAME: &str = "value";
    let batch = RecordBatch::try_from_iter_with_nullable([(NAME, array.slice(0, 1), true)])?;
    let mut writer = arrow_json::ArrayWriter::new(Vec::new());
    writer.write(&batch)?;
    writer.finish()?;
    // A null is not written at all.
    let rows = contract::read_json(&writer.into_inner())?;
    let value = &rows[0][NAME];
    // An amount with more digits than a JSON reader's number holds is shown as their text.
    Ok(match value.is_object() {
        true => contract::number_text(value).map_or(Value::Null, Value::from),
        false => value.clone(),
    })
}
