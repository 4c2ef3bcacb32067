//! The ids in a table's rows: the row's own, its owner's, and those of other rows that it names.

use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch, StringArray};
use bytes::Bytes;
use contract::{Cell, PoleRow, TableContract};
use lake::{LakeError, id_columns};
use pole::Uuid;

/// The ids of one row, and the record that made it.
pub(super) struct RowIdentity<'r> {
    pub(super) source: &'r str,
    /// The key of the record that made the row.
    pub(super) key: &'r str,
    pub(super) pole_id: Option<Uuid>,
    pub(super) owner_id: Option<Uuid>,
    /// Every id in the row.
    pub(super) ids: Vec<Uuid>,
}

impl RowIdentity<'_> {
    /// Whether the row belongs to no other.
    pub(super) fn is_aggregate_root(&self) -> bool {
        self.pole_id.is_some() && self.pole_id == self.owner_id
    }
}

/// The id columns of a batch.
pub(super) struct IdColumns<'b> {
    source: Option<&'b StringArray>,
    key: Option<&'b StringArray>,
    pole_id: Option<&'b StringArray>,
    owner_id: Option<&'b StringArray>,
    all: Vec<&'b StringArray>,
}

impl<'b> IdColumns<'b> {
    pub(super) fn from_batch(batch: &'b RecordBatch, table: &TableContract) -> Self {
        let text = |name: &str| {
            batch
                .column_by_name(name)
                .and_then(|column| column.as_string_opt::<i32>())
        };
        Self {
            source: text("source"),
            key: text("source_record_id"),
            // A statement is of the record that owns it, and has no id of its own.
            pole_id: text(if table.holds_records() {
                "owner_id"
            } else {
                "pole_id"
            }),
            owner_id: text("owner_id"),
            all: id_columns(table).filter_map(text).collect(),
        }
    }

    pub(super) fn row_identity(&self, row: usize) -> RowIdentity<'b> {
        let id = |column: Option<&'b StringArray>| {
            column.and_then(|column| parse_uuid(text_at(column, row)?))
        };
        let text = |column: Option<&'b StringArray>| column.and_then(|column| text_at(column, row));
        RowIdentity {
            source: text(self.source).unwrap_or_default(),
            key: text(self.key).unwrap_or_default(),
            pole_id: id(self.pole_id),
            owner_id: id(self.owner_id),
            ids: self
                .all
                .iter()
                .filter_map(|column| parse_uuid(text_at(column, row)?))
                .collect(),
        }
    }
}

fn text_at(column: &StringArray, row: usize) -> Option<&str> {
    column.is_valid(row).then(|| column.value(row))
}

/// The id that a text is; most texts are none, and that is seen by their length.
pub(super) fn parse_uuid(text: &str) -> Option<Uuid> {
    (text.len() == 36)
        .then(|| Uuid::parse_str(text).ok())
        .flatten()
}

/// Every id in a row that an event gave.
pub(super) fn mapped_row_ids<'r>(row: &'r PoleRow<'_>) -> impl Iterator<Item = Uuid> + 'r {
    let cell = |cell: &Cell<'_>| match cell {
        Cell::Text(text) => parse_uuid(text),
        _ => None,
    };
    [row.pole_id, row.owner_id]
        .into_iter()
        .chain(row.cells.iter().filter_map(cell))
}

/// The columns of a table that are read for the ids in its rows.
pub(super) fn identity_columns(table: &TableContract) -> impl Iterator<Item = &str> {
    id_columns(table).chain(["source", "source_record_id"])
}

/// Calls `found` with every row of a refined object of the table. Only ids are decoded.
///
/// # Errors
/// When the bytes are no file of rows.
pub(super) fn for_each_row(
    table: &TableContract,
    body: Bytes,
    mut found: impl FnMut(&RowIdentity<'_>),
) -> Result<(), LakeError> {
    for batch in lake::file::read_columns(body, identity_columns(table))? {
        for_each_batch_row(table, &batch?, &mut found);
    }
    Ok(())
}

/// Calls `found` with every row of a batch.
pub(super) fn for_each_batch_row(
    table: &TableContract,
    batch: &RecordBatch,
    mut found: impl FnMut(&RowIdentity<'_>),
) {
    let ids = IdColumns::from_batch(batch, table);
    (0..batch.num_rows()).for_each(|row| found(&ids.row_identity(row)));
}
