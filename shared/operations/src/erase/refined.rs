//! Refined increments: rows that name a subject, or that a record about one made, go.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, BooleanArray, RecordBatch, StringArray};
use arrow_select::filter::filter_record_batch;
use arrow_select::nullif::nullif;
use arrow_select::zip::zip;
use bytes::Bytes;
use contract::TableContract;
use lake::{LakeError, file, schema};
use pole::{RowOperation, Uuid};

use super::row_ids::{IdColumns, RowIdentity};
use super::subjects::Subjects;

/// What is to become of a row.
#[derive(Clone, Copy, PartialEq, Eq)]
enum RowFate {
    Retained,
    Removed,
    /// Its set would be empty without it: it becomes the statement that the set is empty. Without that an earlier statement
    /// of the set, which perhaps holds others, would be true again.
    EmptiesSet,
}

/// A refined object, decoded once.
pub(super) struct RefinedIncrement<'i> {
    table: &'i TableContract,
    batches: Vec<RecordBatch>,
}

impl<'i> RefinedIncrement<'i> {
    /// # Errors
    /// When the bytes are no refined object.
    pub(super) fn decode(table: &'i TableContract, body: Bytes) -> Result<Self, LakeError> {
        let batches = file::read_parquet(body)?.collect::<Result<Vec<_>, _>>()?;
        Ok(Self { table, batches })
    }

    pub(super) fn row_count(&self) -> u64 {
        self.batches
            .iter()
            .map(|batch| batch.num_rows() as u64)
            .sum()
    }

    /// The offsets of records whose rows name a subject, and of records that are about one by their keys.
    pub(super) fn find_subject_offsets(
        &self,
        subjects: &Subjects,
    ) -> Result<(BTreeSet<i64>, BTreeSet<i64>), LakeError> {
        let (mut naming, mut about) = (BTreeSet::new(), BTreeSet::new());
        for batch in &self.batches {
            let (ids, offsets) = (
                IdColumns::from_batch(batch, self.table),
                offset_column(batch)?,
            );
            for row in 0..batch.num_rows() {
                let named = ids.row_identity(row);
                if subjects.is_about(named.source, named.key) {
                    about.insert(offsets.value(row));
                } else if names_subject(&named, subjects) {
                    naming.insert(offsets.value(row));
                }
            }
        }
        Ok((naming, about))
    }

    /// The object without the rows: its bytes, how many rows are left, and how many went; none when all of them stay.
    ///
    /// # Errors
    /// When a column is missing or Parquet refuses to write.
    pub(super) fn remove_subject_rows(
        &self,
        subjects: &Subjects,
        about: &BTreeSet<i64>,
    ) -> Result<Option<(Bytes, u64, u64)>, LakeError> {
        let fates = self.decide_row_fates(subjects, about)?;
        let gone = fates
            .iter()
            .flatten()
            .filter(|fate| **fate != RowFate::Retained)
            .count() as u64;
        if gone == 0 {
            return Ok(None);
        }
        let kept = self
            .batches
            .iter()
            .zip(&fates)
            .map(|(batch, fates)| apply_fates(batch, fates));
        let kept = kept.collect::<Result<Vec<_>, _>>()?;
        let left = kept.iter().map(|batch| batch.num_rows() as u64).sum();
        let shape = kept
            .first()
            .map_or_else(|| schema::refined_schema(self.table), RecordBatch::schema);
        Ok(Some((
            file::write_parquet(&shape, &kept, file::refined_properties())?,
            left,
            gone,
        )))
    }

    fn decide_row_fates(
        &self,
        subjects: &Subjects,
        about: &BTreeSet<i64>,
    ) -> Result<Vec<Vec<RowFate>>, LakeError> {
        let (mut all, mut sets) = (Vec::new(), HashSet::new());
        for batch in &self.batches {
            let (ids, offsets, owner_sets) = (
                IdColumns::from_batch(batch, self.table),
                offset_column(batch)?,
                owner_set_values(batch),
            );
            let mut fates = Vec::with_capacity(batch.num_rows());
            for row in 0..batch.num_rows() {
                let (named, offset) = (ids.row_identity(row), offsets.value(row));
                let whole = about.contains(&offset) || subjects.is_about(named.source, named.key);
                let stays = !whole && !names_subject(&named, subjects);
                let set = StatedOwnerSet::from_row(
                    &named,
                    offset,
                    owner_sets.get(row).copied().flatten(),
                );
                let others = !whole
                    && named
                        .owner_id
                        .is_none_or(|owner| !subjects.ids.contains(&owner));
                fates.push(if stays {
                    RowFate::Retained
                } else {
                    RowFate::Removed
                });
                if let Some(set) = set.filter(|_| others) {
                    sets.insert((stays, set));
                }
            }
            all.push(fates);
        }
        self.mark_emptied_sets(&mut all, &sets, subjects)?;
        Ok(all)
    }

    /// The first row that goes of each set of which none stays says that the set is empty.
    fn mark_emptied_sets(
        &self,
        fates: &mut [Vec<RowFate>],
        sets: &HashSet<(bool, StatedOwnerSet)>,
        subjects: &Subjects,
    ) -> Result<(), LakeError> {
        let mut emptied: HashSet<&StatedOwnerSet> = sets
            .iter()
            .filter(|(stays, _)| !stays)
            .map(|(_, set)| set)
            .collect();
        emptied.retain(|set| !sets.contains(&(true, (*set).clone())));
        for (batch, fates) in self.batches.iter().zip(fates) {
            let (ids, offsets, owner_sets) = (
                IdColumns::from_batch(batch, self.table),
                offset_column(batch)?,
                owner_set_values(batch),
            );
            for (row, fate) in fates
                .iter_mut()
                .enumerate()
                .filter(|(_, fate)| **fate == RowFate::Removed)
            {
                let named = ids.row_identity(row);
                if named
                    .owner_id
                    .is_some_and(|owner| subjects.ids.contains(&owner))
                {
                    continue;
                }
                let set = StatedOwnerSet::from_row(
                    &named,
                    offsets.value(row),
                    owner_sets.get(row).copied().flatten(),
                );
                if set.is_some_and(|set| emptied.remove(&set)) {
                    *fate = RowFate::EmptiesSet;
                }
            }
        }
        Ok(())
    }
}

/// One statement of a set.
#[derive(Clone, PartialEq, Eq, Hash)]
struct StatedOwnerSet {
    offset: i64,
    owner: Option<Uuid>,
    name: String,
}

impl StatedOwnerSet {
    fn from_row(named: &RowIdentity<'_>, offset: i64, name: Option<&str>) -> Option<Self> {
        Some(Self {
            offset,
            owner: named.owner_id,
            name: name?.to_owned(),
        })
    }
}

fn names_subject(named: &RowIdentity<'_>, subjects: &Subjects) -> bool {
    named.ids.iter().any(|id| subjects.ids.contains(id))
}

fn missing_column(name: &str) -> LakeError {
    LakeError::Unexpected(format!("a refined object has the column {name}"))
}

fn offset_column(batch: &RecordBatch) -> Result<&arrow_array::Int64Array, LakeError> {
    let column = batch
        .column_by_name("offset")
        .and_then(|column| column.as_primitive_opt::<Int64Type>());
    column.ok_or_else(|| missing_column("offset"))
}

fn owner_set_values(batch: &RecordBatch) -> Vec<Option<&str>> {
    let column = batch
        .column_by_name("owner_set")
        .and_then(|column| column.as_string_opt::<i32>());
    column
        .map(|column| column.iter().collect())
        .unwrap_or_default()
}

fn apply_fates(batch: &RecordBatch, fates: &[RowFate]) -> Result<RecordBatch, LakeError> {
    let stays: BooleanArray = fates
        .iter()
        .map(|fate| Some(*fate != RowFate::Removed))
        .collect();
    let kept = filter_record_batch(batch, &stays)?;
    let empties: BooleanArray = fates
        .iter()
        .filter(|fate| **fate != RowFate::Removed)
        .map(|fate| Some(*fate == RowFate::EmptiesSet))
        .collect();
    if empties.true_count() == 0 {
        return Ok(kept);
    }
    let schema = kept.schema();
    let columns = schema.fields().iter().zip(kept.columns());
    let columns =
        columns.map(|(field, column)| empty_set_column(field.name(), column, &kept, &empties));
    Ok(RecordBatch::try_new(
        Arc::clone(&schema),
        columns.collect::<Result<Vec<_>, _>>()?,
    )?)
}

/// A column in which the marked rows state an empty set: the owner's id, where it came from, and nothing else.
fn empty_set_column(
    name: &str,
    column: &ArrayRef,
    batch: &RecordBatch,
    empties: &BooleanArray,
) -> Result<ArrayRef, LakeError> {
    if name == "pole_id" {
        let owners = batch
            .column_by_name("owner_id")
            .ok_or_else(|| missing_column("owner_id"))?;
        return Ok(zip(empties, owners, column)?);
    }
    if name == schema::OPERATION_COLUMN {
        return Ok(zip(
            empties,
            &StringArray::new_scalar(RowOperation::Replace.code()),
            column,
        )?);
    }
    if pole::PROVENANCE.iter().any(|known| known.name == name) {
        return Ok(Arc::clone(column));
    }
    Ok(nullif(column, empties)?)
}
