//! Which rows of an increment state an entity.

use arrow_array::{Array, BooleanArray, RecordBatch, StringArray};
use arrow_select::filter::filter_record_batch;
use lake::{LakeError, schema};
use pole::RowOperation;

use crate::batch_columns::text_column;

/// The rows of a batch that state an entity: its own row, or the whole of its record. Rows that
/// belong to another record are none.
pub(crate) fn select_sightings(batch: &RecordBatch) -> Result<RecordBatch, LakeError> {
    let columns = SightingColumns::from_batch(batch)?;
    let rows = 0..batch.num_rows();
    let is_stated: BooleanArray = rows.map(|row| Some(columns.states_entity(row))).collect();
    Ok(filter_record_batch(batch, &is_stated)?)
}

struct SightingColumns<'b> {
    pole_ids: &'b StringArray,
    owners: &'b StringArray,
    sets: &'b StringArray,
    operations: &'b StringArray,
}

impl<'b> SightingColumns<'b> {
    fn from_batch(batch: &'b RecordBatch) -> Result<Self, LakeError> {
        Ok(Self {
            pole_ids: text_column(batch, "pole_id")?,
            owners: text_column(batch, "owner_id")?,
            sets: text_column(batch, "owner_set")?,
            operations: text_column(batch, schema::OPERATION_COLUMN)?,
        })
    }

    fn states_entity(&self, row: usize) -> bool {
        match RowOperation::from_code(self.operations.value(row)) {
            None | Some(RowOperation::Replace) => false,
            Some(operation) if operation.is_statement() => true,
            Some(_) => self.sets.is_null(row) && self.pole_ids.value(row) == self.owners.value(row),
        }
    }
}
