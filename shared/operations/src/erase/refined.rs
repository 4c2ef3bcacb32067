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
use pole::{Op, Uuid};

use super::ids::{Ids, Named};
use super::subject::Subjects;

/// What is to become of a row.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Stays,
    Goes,
    /// Its set would be empty without it: it becomes the statement that the set is empty. Without that an earlier statement
    /// of the set, which perhaps holds others, would be true again.
    EmptiesSet,
}

/// A refined object, decoded once.
pub(super) struct Increment<'i> {
    table: &'i TableContract,
    batches: Vec<RecordBatch>,
}

impl<'i> Increment<'i> {
    /// # Errors
    /// When the bytes are no refined object.
    pub(super) fn decode(table: &'i TableContract, body: Bytes) -> Result<Self, LakeError> {
        let batches = file::read(body)?.collect::<Result<Vec<_>, _>>()?;
        Ok(Self { table, batches })
    }

    pub(super) fn rows(&self) -> u64 {
        self.batches
            .iter()
            .map(|batch| batch.num_rows() as u64)
            .sum()
    }

    /// The offsets of records whose rows name a subject, and of records that are about one by their keys.
    pub(super) fn located(
        &self,
        subjects: &Subjects,
    ) -> Result<(BTreeSet<i64>, BTreeSet<i64>), LakeError> {
        let (mut naming, mut about) = (BTreeSet::new(), BTreeSet::new());
        for batch in &self.batches {
            let (ids, offsets) = (Ids::of(batch, self.table), offsets(batch)?);
            for row in 0..batch.num_rows() {
                let named = ids.row(row);
                if subjects.is_about(named.source, named.key) {
                    about.insert(offsets.value(row));
                } else if names(&named, subjects) {
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
    pub(super) fn without(
        &self,
        subjects: &Subjects,
        about: &BTreeSet<i64>,
    ) -> Result<Option<(Bytes, u64, u64)>, LakeError> {
        let fates = self.fates(subjects, about)?;
        let gone = fates
            .iter()
            .flatten()
            .filter(|fate| **fate != Fate::Stays)
            .count() as u64;
        if gone == 0 {
            return Ok(None);
        }
        let kept = self
            .batches
            .iter()
            .zip(&fates)
            .map(|(batch, fates)| cut(batch, fates));
        let kept = kept.collect::<Result<Vec<_>, _>>()?;
        let left = kept.iter().map(|batch| batch.num_rows() as u64).sum();
        let shape = kept
            .first()
            .map_or_else(|| schema::refined(self.table), RecordBatch::schema);
        Ok(Some((
            file::write(&shape, &kept, file::refined())?,
            left,
            gone,
        )))
    }

    fn fates(
        &self,
        subjects: &Subjects,
        about: &BTreeSet<i64>,
    ) -> Result<Vec<Vec<Fate>>, LakeError> {
        let (mut all, mut sets) = (Vec::new(), HashSet::new());
        for batch in &self.batches {
            let (ids, offsets, owner_sets) = (
                Ids::of(batch, self.table),
                offsets(batch)?,
                owner_sets(batch),
            );
            let mut fates = Vec::with_capacity(batch.num_rows());
            for row in 0..batch.num_rows() {
                let (named, offset) = (ids.row(row), offsets.value(row));
                let whole = about.contains(&offset) || subjects.is_about(named.source, named.key);
                let stays = !whole && !names(&named, subjects);
                let set = Set::of(&named, offset, owner_sets.get(row).copied().flatten());
                let others = !whole
                    && named
                        .owner_id
                        .is_none_or(|owner| !subjects.ids.contains(&owner));
                fates.push(if stays { Fate::Stays } else { Fate::Goes });
                if let Some(set) = set.filter(|_| others) {
                    sets.insert((stays, set));
                }
            }
            all.push(fates);
        }
        self.restate(&mut all, &sets, subjects)?;
        Ok(all)
    }

    /// The first row that goes of each set of which none stays says that the set is empty.
    fn restate(
        &self,
        fates: &mut [Vec<Fate>],
        sets: &HashSet<(bool, Set)>,
        subjects: &Subjects,
    ) -> Result<(), LakeError> {
        let mut emptied: HashSet<&Set> = sets
            .iter()
            .filter(|(stays, _)| !stays)
            .map(|(_, set)| set)
            .collect();
        emptied.retain(|set| !sets.contains(&(true, (*set).clone())));
        for (batch, fates) in self.batches.iter().zip(fates) {
            let (ids, offsets, owner_sets) = (
                Ids::of(batch, self.table),
                offsets(batch)?,
                owner_sets(batch),
            );
            for (row, fate) in fates
                .iter_mut()
                .enumerate()
                .filter(|(_, fate)| **fate == Fate::Goes)
            {
                let named = ids.row(row);
                if named
                    .owner_id
                    .is_some_and(|owner| subjects.ids.contains(&owner))
                {
                    continue;
                }
                let set = Set::of(
                    &named,
                    offsets.value(row),
                    owner_sets.get(row).copied().flatten(),
                );
                if set.is_some_and(|set| emptied.remove(&set)) {
                    *fate = Fate::EmptiesSet;
                }
            }
        }
        Ok(())
    }
}

/// One statement of a set.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Set {
    offset: i64,
    owner: Option<Uuid>,
    name: String,
}

impl Set {
    fn of(named: &Named<'_>, offset: i64, name: Option<&str>) -> Option<Self> {
        Some(Self {
            offset,
            owner: named.owner_id,
            name: name?.to_owned(),
        })
    }
}

fn names(named: &Named<'_>, subjects: &Subjects) -> bool {
    named.ids.iter().any(|id| subjects.ids.contains(id))
}

fn missing(name: &str) -> LakeError {
    LakeError::Unexpected(format!("a refined object has the column {name}"))
}

fn offsets(batch: &RecordBatch) -> Result<&arrow_array::Int64Array, LakeError> {
    let column = batch
        .column_by_name("offset")
        .and_then(|column| column.as_primitive_opt::<Int64Type>());
    column.ok_or_else(|| missing("offset"))
}

fn owner_sets(batch: &RecordBatch) -> Vec<Option<&str>> {
    let column = batch
        .column_by_name("owner_set")
        .and_then(|column| column.as_string_opt::<i32>());
    column
        .map(|column| column.iter().collect())
        .unwrap_or_default()
}

fn cut(batch: &RecordBatch, fates: &[Fate]) -> Result<RecordBatch, LakeError> {
    let stays: BooleanArray = fates.iter().map(|fate| Some(*fate != Fate::Goes)).collect();
    let kept = filter_record_batch(batch, &stays)?;
    let empties: BooleanArray = fates
        .iter()
        .filter(|fate| **fate != Fate::Goes)
        .map(|fate| Some(*fate == Fate::EmptiesSet))
        .collect();
    if empties.true_count() == 0 {
        return Ok(kept);
    }
    let schema = kept.schema();
    let columns = schema.fields().iter().zip(kept.columns());
    let columns =
        columns.map(|(field, column)| stated_empty(field.name(), column, &kept, &empties));
    Ok(RecordBatch::try_new(
        Arc::clone(&schema),
        columns.collect::<Result<Vec<_>, _>>()?,
    )?)
}

/// A column in which the marked rows state an empty set: the owner's id, where it came from, and nothing else.
fn stated_empty(
    name: &str,
    column: &ArrayRef,
    batch: &RecordBatch,
    empties: &BooleanArray,
) -> Result<ArrayRef, LakeError> {
    if name == "pole_id" {
        let owners = batch
            .column_by_name("owner_id")
            .ok_or_else(|| missing("owner_id"))?;
        return Ok(zip(empties, owners, column)?);
    }
    if name == schema::OP {
        return Ok(zip(
            empties,
            &StringArray::new_scalar(Op::Replace.code()),
            column,
        )?);
    }
    if pole::PROVENANCE.iter().any(|known| known.name == name) {
        return Ok(Arc::clone(column));
    }
    Ok(nullif(column, empties)?)
}
