//! Sets that lose their last row. Who belonged to a tenancy is judged as a whole: with the last row gone, nothing would show
//! how late the set was stated, and an older statement that comes in would be true again. A row without anybody's name in it
//! is remembered instead.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, BooleanArray, RecordBatch, StringArray, new_null_array};
use arrow_schema::SchemaRef;
use lake::LakeError;
use pole::RowOperation;

use crate::increments::typed_column;

/// A set of an owner: its name and its source.
type OwnerSetKey = (String, String);

/// Watches rows go by, in the order of owners, and gives the markers of sets that were emptied.
pub(super) struct EmptiedSetTracker {
    refined: SchemaRef,
    owner: String,
    remaining: BTreeSet<OwnerSetKey>,
    removed: BTreeMap<OwnerSetKey, RecordBatch>,
    markers: Vec<RecordBatch>,
}

impl EmptiedSetTracker {
    pub(super) fn new(refined: &SchemaRef) -> Self {
        let (left, gone) = (BTreeSet::new(), BTreeMap::new());
        Self {
            refined: Arc::clone(refined),
            owner: String::new(),
            remaining: left,
            removed: gone,
            markers: Vec::new(),
        }
    }

    /// Looks at the next rows; those that go are marked.
    pub(super) fn observe_rows(
        &mut self,
        batch: &RecordBatch,
        going: &BooleanArray,
    ) -> Result<(), LakeError> {
        let text = |name| typed_column::<StringArray>(batch, name);
        let (owners, sets, sources) = (text("owner_id")?, text("owner_set")?, text("source")?);
        for row in 0..batch.num_rows() {
            if owners.value(row) != self.owner {
                self.finish_owner();
                owners.value(row).clone_into(&mut self.owner);
            }
            if sets.is_null(row) {
                continue;
            }
            let set = (sets.value(row).to_owned(), sources.value(row).to_owned());
            if going.value(row) {
                let marker = anonymous_markers(&batch.slice(row, 1), &self.refined)?;
                self.removed.insert(set, marker);
            } else {
                self.remaining.insert(set);
            }
        }
        Ok(())
    }

    fn finish_owner(&mut self) {
        let left = std::mem::take(&mut self.remaining);
        let gone = std::mem::take(&mut self.removed);
        self.markers.extend(
            gone.into_iter()
                .filter(|(set, _)| !left.contains(set))
                .map(|(_, marker)| marker),
        );
    }

    /// The markers, in the order of their owners.
    pub(super) fn into_markers(mut self) -> Vec<RecordBatch> {
        self.finish_owner();
        self.markers
    }
}

/// Rows as markers of their sets: when and by which event the set was stated, and nobody's name.
pub(super) fn anonymous_markers(
    rows: &RecordBatch,
    refined: &SchemaRef,
) -> Result<RecordBatch, LakeError> {
    let count = rows.num_rows();
    let columns =
        refined
            .fields()
            .iter()
            .enumerate()
            .map(|(place, field)| -> Result<ArrayRef, LakeError> {
                let name = match field.name().as_str() {
                    "pole_id" => "owner_id",
                    name if name == lake::schema::OPERATION_COLUMN => {
                        return Ok(Arc::new(StringArray::from_iter_values(
                            (0..count).map(|_| RowOperation::Replace.code()),
                        )));
                    }
                    name => name,
                };
                let kept = rows
                    .column_by_name(name)
                    .filter(|_| place < pole::PROVENANCE.len());
                Ok(kept
                    .cloned()
                    .unwrap_or_else(|| new_null_array(field.data_type(), count)))
            });
    Ok(RecordBatch::try_new(
        Arc::clone(refined),
        columns.collect::<Result<_, _>>()?,
    )?)
}
