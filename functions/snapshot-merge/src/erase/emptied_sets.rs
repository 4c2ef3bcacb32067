//! Sets that lose their last row. The members of a tenancy are resolved as one set: without any
//! row, nothing would show when the set was last stated, and an older change that arrives later
//! would restore its members. A marker without a name is stored instead.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, BooleanArray, RecordBatch, StringArray, new_null_array};
use arrow_schema::{DataType, SchemaRef};
use lake::LakeError;
use lake::schema::OPERATION_COLUMN;
use pole::RowOperation;

use crate::batch_columns::text_column;

/// A set of an owner: its name and its source.
type OwnerSetKey = (String, String);

/// Observes rows in the order of owners, and gives the markers of the sets that an erasure empties.
pub(super) struct EmptiedSetTracker {
    refined: SchemaRef,
    owner: String,
    remaining: BTreeSet<OwnerSetKey>,
    removed: BTreeMap<OwnerSetKey, RecordBatch>,
    markers: Vec<RecordBatch>,
}

impl EmptiedSetTracker {
    pub(super) fn new(refined: &SchemaRef) -> Self {
        Self {
            refined: Arc::clone(refined),
            owner: String::new(),
            remaining: BTreeSet::new(),
            removed: BTreeMap::new(),
            markers: Vec::new(),
        }
    }

    /// Observes the next rows; `is_removed` says which of them the erasure removes.
    pub(super) fn observe_rows(
        &mut self,
        batch: &RecordBatch,
        is_removed: &BooleanArray,
    ) -> Result<(), LakeError> {
        let owners = text_column(batch, "owner_id")?;
        let sets = text_column(batch, "owner_set")?;
        let sources = text_column(batch, "source")?;
        for row in 0..batch.num_rows() {
            if owners.value(row) != self.owner {
                self.finish_owner();
                owners.value(row).clone_into(&mut self.owner);
            }
            if sets.is_null(row) {
                continue;
            }
            let set = (sets.value(row).to_owned(), sources.value(row).to_owned());
            if is_removed.value(row) {
                let marker = anonymous_markers(&batch.slice(row, 1), &self.refined)?;
                self.removed.insert(set, marker);
            } else {
                self.remaining.insert(set);
            }
        }
        Ok(())
    }

    fn finish_owner(&mut self) {
        let remaining = std::mem::take(&mut self.remaining);
        for (set, marker) in std::mem::take(&mut self.removed) {
            if !remaining.contains(&set) {
                self.markers.push(marker);
            }
        }
    }

    /// The markers, in the order of their owners.
    pub(super) fn into_markers(mut self) -> Vec<RecordBatch> {
        self.finish_owner();
        self.markers
    }
}

/// Rows as markers of their sets: when and by which event the set was stated, without a member.
pub(super) fn anonymous_markers(
    rows: &RecordBatch,
    refined: &SchemaRef,
) -> Result<RecordBatch, LakeError> {
    let mut columns = Vec::with_capacity(refined.fields().len());
    for (index, field) in refined.fields().iter().enumerate() {
        let is_provenance = index < pole::PROVENANCE.len();
        columns.push(match field.name().as_str() {
            "pole_id" => provenance_or_null(rows, "owner_id", field.data_type()),
            OPERATION_COLUMN => replace_operations(rows.num_rows()),
            name if is_provenance => provenance_or_null(rows, name, field.data_type()),
            _ => new_null_array(field.data_type(), rows.num_rows()),
        });
    }
    Ok(RecordBatch::try_new(Arc::clone(refined), columns)?)
}

fn provenance_or_null(rows: &RecordBatch, name: &str, kind: &DataType) -> ArrayRef {
    match rows.column_by_name(name) {
        Some(column) => Arc::clone(column),
        None => new_null_array(kind, rows.num_rows()),
    }
}

fn replace_operations(rows: usize) -> ArrayRef {
    let codes = std::iter::repeat_n(RowOperation::Replace.code(), rows);
    Arc::new(StringArray::from_iter_values(codes))
}
