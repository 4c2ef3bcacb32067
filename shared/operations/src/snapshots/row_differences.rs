//! Rows that differ, as they are shown: values of personal columns only when they are asked for.

use arrow_array::{Array, ArrayRef, RecordBatch};
use contract::TableContract;
use serde::Serialize;
use serde_json::Value;

use super::columns::paired_columns;
use super::stream::SnapshotRowKey;
use crate::OperationError;

/// What is shown of rows that differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DiffDisplay {
    /// So many of a table at most.
    pub rows: usize,
    /// Values of personal columns too.
    pub values: bool,
}

/// What became of a row.
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

/// A column of a row that differs. A column that came or went with its row has nothing on the other side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ColumnDifference {
    /// The column.
    pub column: String,
    /// Whether it is one of the provenance, which every table has.
    pub provenance: bool,
    /// Whether its values are not shown because they are personal.
    pub hidden: bool,
    /// What it was.
    pub before: Value,
    /// What it is.
    pub after: Value,
}

/// A row that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RowDifference {
    /// What became of it.
    pub what: RowChangeKind,
    /// The record that it belongs to.
    pub owner_id: String,
    /// The thing that it is about.
    pub pole_id: String,
    /// The source that states it.
    pub source: String,
    /// The columns that differ.
    pub columns: Vec<ColumnDifference>,
}

/// Whether a column is one of the provenance.
pub(super) fn is_provenance(column: &str) -> bool {
    pole::PROVENANCE.iter().any(|known| known.name == column)
}

/// Whether a column's values may not be shown unasked: so says its contract. Nobody says so of a column that the contract
/// does not know: then it is taken for personal.
fn is_personal(table: &TableContract, column: &str) -> bool {
    table
        .columns
        .iter()
        .find(|known| known.name == column)
        .is_none_or(|column| column.personal)
}

/// A row of two one-row batches; `old` and `new` have the same columns, and a row that is not there is null in all.
pub(super) fn describe_row_difference(
    table: &TableContract,
    what: RowChangeKind,
    key: SnapshotRowKey<'_>,
    rows: [&RecordBatch; 2],
    values: bool,
) -> Result<RowDifference, OperationError> {
    let (owner, id, source) = key;
    let mut columns = Vec::new();
    for (column, old, new) in paired_columns(rows[0], rows[1]) {
        let is_key = ["owner_id", "pole_id", "source"].contains(&column.as_str());
        if is_key || *old == *new {
            continue;
        }
        let hidden = !values && is_personal(table, &column);
        let shown = |array: &ArrayRef| {
            if hidden {
                Ok(Value::Null)
            } else {
                first_value_json(array)
            }
        };
        let (before, after) = (shown(&old)?, shown(&new)?);
        columns.push(ColumnDifference {
            provenance: is_provenance(&column),
            column,
            hidden,
            before,
            after,
        });
    }
    let text = str::to_owned;
    Ok(RowDifference {
        what,
        owner_id: text(owner),
        pole_id: text(id),
        source: text(source),
        columns,
    })
}

/// The one value of a column, as JSON.
fn first_value_json(array: &ArrayRef) -> Result<Value, OperationError> {
    const NAME: &str = "value";
    let batch = RecordBatch::try_from_iter_with_nullable([(NAME, array.slice(0, 1), true)])?;
    let mut writer = arrow_json::ArrayWriter::new(Vec::new());
    writer.write(&batch)?;
    writer.finish()?;
    // A null is not written at all.
    let rows: Value = serde_json::from_slice(&writer.into_inner())?;
    Ok(rows[0][NAME].clone())
}
