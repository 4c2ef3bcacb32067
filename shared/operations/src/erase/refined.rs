//! Refined increments: rows that name a subject, or that a record about one made, are removed.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, ArrayRef, BooleanArray, Int64Array, RecordBatch, StringArray};
use arrow_select::filter::filter_record_batch;
use arrow_select::nullif::nullif;
use arrow_select::zip::zip;
use bytes::Bytes;
use contract::TableContract;
use lake::{LakeError, file, schema};
use pole::{RowOperation, Uuid};

use super::row_ids::{IdColumns, RowIdentity};
use super::statement_redactor::StatementRedactor;
use super::subjects::Subjects;

/// What an erasure does with a row.
#[derive(Clone, Copy, PartialEq, Eq)]
enum RowFate {
    Retained,
    Removed,
    /// Its owner set would be empty without it: the row becomes the change that empties the set.
    /// Without that change an earlier change of the set, which may hold other rows, would take
    /// effect again.
    EmptiesSet,
}

/// What is erased of refined rows.
pub(super) struct RowErasure<'e> {
    pub(super) subjects: &'e Subjects,
    /// The offsets of records about a subject.
    pub(super) about: &'e BTreeSet<i64>,
    /// The offsets of records that only a person can redact.
    pub(super) by_hand: BTreeSet<i64>,
    /// Redacts the mentions in statements of other records.
    pub(super) statements: StatementRedactor,
}

/// A refined object, decoded once.
pub(super) struct RefinedIncrement<'i> {
    table: &'i TableContract,
    batches: Vec<RecordBatch>,
}

/// A refined object's new content.
pub(super) struct RowRemoval {
    pub(super) body: Bytes,
    /// Rows of the new content.
    pub(super) retained: u64,
    /// Rows that are removed, that become the change that empties a set, or that are redacted.
    pub(super) removed: u64,
}

impl<'i> RefinedIncrement<'i> {
    /// # Errors
    /// When the bytes are no refined object.
    pub(super) fn decode(table: &'i TableContract, body: Bytes) -> Result<Self, LakeError> {
        let batches = file::read_refined(body)?;
        Ok(Self { table, batches })
    }

    /// The table of its rows.
    pub(super) fn table(&self) -> &'i TableContract {
        self.table
    }

    /// Its rows as they are stored.
    pub(super) fn batches(&self) -> &[RecordBatch] {
        &self.batches
    }

    pub(super) fn row_count(&self) -> u64 {
        let rows = self.batches.iter().map(|batch| batch.num_rows() as u64);
        rows.sum()
    }

    /// The offsets of records whose rows name a subject, and of records that are about one by their
    /// keys.
    pub(super) fn find_subject_offsets(
        &self,
        subjects: &Subjects,
    ) -> Result<(BTreeSet<i64>, BTreeSet<i64>), LakeError> {
        let mut naming = BTreeSet::new();
        let mut about = BTreeSet::new();
        for batch in &self.batches {
            let rows = IncrementRows::new(batch, self.table)?;
            for row in 0..batch.num_rows() {
                let identity = rows.ids.row_identity(row);
                if subjects.is_about(identity.source, identity.key) {
                    about.insert(rows.offsets.value(row));
                } else if names_subject(&identity, subjects) {
                    naming.insert(rows.offsets.value(row));
                }
            }
        }
        Ok((naming, about))
    }

    /// The object without what an erasure removes; none when all rows stay as they are.
    ///
    /// # Errors
    /// When a column is missing or Parquet refuses to write.
    pub(super) fn remove_subject_rows(
        &self,
        erasure: &RowErasure<'_>,
    ) -> Result<Option<RowRemoval>, LakeError> {
        let fates = self.decide_row_fates(erasure.subjects, erasure.about)?;
        let mut removed = fates
            .iter()
            .flatten()
            .filter(|fate| **fate != RowFate::Retained)
            .count() as u64;

        let mut remaining = Vec::new();
        for (batch, fates) in self.batches.iter().zip(&fates) {
            let batch = apply_fates(batch, fates)?;
            let (batch, redacted) = redact_statements(&batch, erasure)?;
            removed += redacted;
            remaining.push(batch);
        }
        if removed == 0 {
            return Ok(None);
        }

        let retained = remaining.iter().map(|batch| batch.num_rows() as u64).sum();
        let schema = match remaining.first() {
            Some(batch) => batch.schema(),
            None => schema::refined_schema(self.table),
        };
        Ok(Some(RowRemoval {
            body: file::write_parquet(&schema, &remaining, file::refined_properties())?,
            retained,
            removed,
        }))
    }

    /// Decides the fate of every row, batch by batch.
    fn decide_row_fates(
        &self,
        subjects: &Subjects,
        about: &BTreeSet<i64>,
    ) -> Result<Vec<Vec<RowFate>>, LakeError> {
        let mut fates = Vec::new();
        let mut sets = ChangedSets::default();
        for batch in &self.batches {
            let rows = IncrementRows::new(batch, self.table)?;
            let batch_fates = (0..batch.num_rows()).map(|row| {
                let identity = rows.ids.row_identity(row);
                let is_about = about.contains(&rows.offsets.value(row))
                    || subjects.is_about(identity.source, identity.key);
                let stays = !is_about && !names_subject(&identity, subjects);
                if !is_about && !is_owned_by_subject(&identity, subjects) {
                    sets.add(rows.owner_set(row, &identity), stays);
                }
                if stays {
                    RowFate::Retained
                } else {
                    RowFate::Removed
                }
            });
            fates.push(batch_fates.collect());
        }

        self.mark_emptied_sets(&mut fates, sets.into_emptied(), subjects)?;
        Ok(fates)
    }

    /// Marks the first removed row of each emptied set: it becomes the change that empties the set.
    fn mark_emptied_sets(
        &self,
        fates: &mut [Vec<RowFate>],
        mut emptied: HashSet<StatedOwnerSet>,
        subjects: &Subjects,
    ) -> Result<(), LakeError> {
        for (batch, fates) in self.batches.iter().zip(fates) {
            let rows = IncrementRows::new(batch, self.table)?;
            for (row, fate) in fates.iter_mut().enumerate() {
                let identity = rows.ids.row_identity(row);
                if *fate != RowFate::Removed || is_owned_by_subject(&identity, subjects) {
                    continue;
                }
                let set = rows.owner_set(row, &identity);
                if set.is_some_and(|set| emptied.remove(&set)) {
                    *fate = RowFate::EmptiesSet;
                }
            }
        }
        Ok(())
    }
}

/// The columns of a batch that decide the fate of its rows.
struct IncrementRows<'b> {
    ids: IdColumns<'b>,
    offsets: &'b Int64Array,
    owner_sets: Option<&'b StringArray>,
}

impl<'b> IncrementRows<'b> {
    fn new(batch: &'b RecordBatch, table: &TableContract) -> Result<Self, LakeError> {
        let offsets = batch
            .column_by_name("offset")
            .and_then(|column| column.as_primitive_opt::<Int64Type>());
        let owner_sets = batch
            .column_by_name("owner_set")
            .and_then(|column| column.as_string_opt::<i32>());
        Ok(Self {
            ids: IdColumns::from_batch(batch, table),
            offsets: offsets.ok_or_else(|| missing_column("offset"))?,
            owner_sets,
        })
    }

    /// The change of an owner set that a row belongs to; none when it belongs to no set.
    fn owner_set(&self, row: usize, identity: &RowIdentity<'_>) -> Option<StatedOwnerSet> {
        let names = self.owner_sets.filter(|names| names.is_valid(row))?;
        Some(StatedOwnerSet {
            offset: self.offsets.value(row),
            owner: identity.owner_id,
            name: names.value(row).to_owned(),
        })
    }
}

/// One change of an owner set.
#[derive(Clone, PartialEq, Eq, Hash)]
struct StatedOwnerSet {
    offset: i64,
    owner: Option<Uuid>,
    name: String,
}

/// The owner sets whose rows stay, and those whose rows are removed.
#[derive(Default)]
struct ChangedSets {
    staying: HashSet<StatedOwnerSet>,
    losing: HashSet<StatedOwnerSet>,
}

impl ChangedSets {
    fn add(&mut self, set: Option<StatedOwnerSet>, stays: bool) {
        if stays {
            self.staying.extend(set);
        } else {
            self.losing.extend(set);
        }
    }

    /// The sets that lose every row.
    fn into_emptied(self) -> HashSet<StatedOwnerSet> {
        let Self {
            staying,
            mut losing,
        } = self;
        losing.retain(|set| !staying.contains(set));
        losing
    }
}

pub(super) fn names_subject(identity: &RowIdentity<'_>, subjects: &Subjects) -> bool {
    identity.ids.iter().any(|id| subjects.ids.contains(id))
}

fn is_owned_by_subject(identity: &RowIdentity<'_>, subjects: &Subjects) -> bool {
    let owner = identity.owner_id;
    owner.is_some_and(|owner| subjects.ids.contains(&owner))
}

fn missing_column(name: &str) -> LakeError {
    LakeError::Unexpected(format!("a refined object has the column {name}"))
}

/// The batch without mentions in its statements, and how many of them lost one. A statement stays
/// as long as its raw record does.
fn redact_statements(
    batch: &RecordBatch,
    erasure: &RowErasure<'_>,
) -> Result<(RecordBatch, u64), LakeError> {
    let offsets = batch
        .column_by_name("offset")
        .and_then(|column| column.as_primitive_opt::<Int64Type>())
        .ok_or_else(|| missing_column("offset"))?;
    lake::redact_statements(batch, |row, text| {
        let stays = erasure.by_hand.contains(&offsets.value(row));
        erasure.statements.redact(text).filter(|_| !stays)
    })
}

fn apply_fates(batch: &RecordBatch, fates: &[RowFate]) -> Result<RecordBatch, LakeError> {
    let stays: BooleanArray = fates
        .iter()
        .map(|fate| Some(*fate != RowFate::Removed))
        .collect();
    let retained = filter_record_batch(batch, &stays)?;
    let empties: BooleanArray = fates
        .iter()
        .filter(|fate| **fate != RowFate::Removed)
        .map(|fate| Some(*fate == RowFate::EmptiesSet))
        .collect();
    if empties.true_count() == 0 {
        return Ok(retained);
    }

    let schema = retained.schema();
    let mut columns = Vec::new();
    for (field, column) in schema.fields().iter().zip(retained.columns()) {
        columns.push(empty_set_column(field.name(), column, &retained, &empties)?);
    }
    Ok(RecordBatch::try_new(schema, columns)?)
}

/// A column in which the marked rows empty their set: they keep the owner's id and the provenance,
/// and nothing else.
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
        let replace = StringArray::new_scalar(RowOperation::Replace.code());
        return Ok(zip(empties, &replace, column)?);
    }
    if pole::PROVENANCE.iter().any(|known| known.name == name) {
        return Ok(Arc::clone(column));
    }
    Ok(nullif(column, empties)?)
}
