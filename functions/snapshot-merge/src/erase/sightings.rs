//! Rows of `entity` without what an erased person's records counted.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{
    Array, ArrayRef, BooleanArray, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use lake::LakeError;
use lake::schema::STATEMENT_COLUMN;

use super::selector::ErasureSelector;
use super::shard_rewrite::exclude_rows;
use crate::entity_rows::{remembered_sightings, restate_entity};
use crate::entity_sightings::{EntitySightings, hash_record};

/// The records whose sightings are taken out, by the hash that a sighting names them with.
pub(super) struct ErasedRecords(BTreeSet<(String, u64)>);

impl ErasedRecords {
    pub(super) fn of_selector(selector: &ErasureSelector) -> Self {
        let records = selector.records.iter();
        let hashes = records.map(|(source, key)| (source.clone(), hash_record(source, key)));
        Self(hashes.collect())
    }

    /// How many rows hold a sighting by one of the records.
    ///
    /// # Errors
    /// When a row holds what no merge writes.
    pub(super) fn count_rows(&self, batch: &RecordBatch) -> Result<u64, LakeError> {
        let mut counted = 0;
        for row in 0..batch.num_rows() {
            counted += u64::from(self.remove_from(batch, row)?.is_some());
        }
        Ok(counted)
    }

    /// What a row remembers without the records' sightings; none where it has none of them.
    fn remove_from(
        &self,
        batch: &RecordBatch,
        row: usize,
    ) -> Result<Option<EntitySightings>, LakeError> {
        let texts = batch
            .column_by_name(STATEMENT_COLUMN)
            .and_then(|column| column.as_string_opt::<i32>());
        if self.0.is_empty() || texts.is_none_or(|texts| texts.is_null(row)) {
            return Ok(None);
        }
        let mut sightings = remembered_sightings((batch, row))?;
        let removed = sightings.remove_records(|source, record| {
            self.0
                .iter()
                .any(|(known, hash)| known == source && *hash == record)
        });
        Ok(removed.then_some(sightings))
    }

    /// The rows with first dates and memories that leave the records out.
    ///
    /// # Errors
    /// When a row holds what no merge writes.
    pub(super) fn redact_rows(&self, batch: &RecordBatch) -> Result<RecordBatch, LakeError> {
        let mut first_seen = Vec::with_capacity(batch.num_rows());
        let mut texts = Vec::with_capacity(batch.num_rows());
        for row in 0..batch.num_rows() {
            let sightings = match self.remove_from(batch, row)? {
                Some(sightings) => sightings,
                None => remembered_sightings((batch, row))?,
            };
            let (first, text) = restate_entity((batch, row), &sightings)?;
            first_seen.push(first);
            texts.push(text);
        }

        let first_seen = TimestampMicrosecondArray::from(first_seen).with_timezone("UTC");
        let redacted = replace_column(batch, "first_seen", Arc::new(first_seen))?;
        let texts = StringArray::from_iter_values(texts);
        replace_column(&redacted, STATEMENT_COLUMN, Arc::new(texts))
    }

    /// The same for what is remembered of entities without rows: one of which nothing is left is
    /// dropped.
    ///
    /// # Errors
    /// As [`Self::redact_rows`].
    pub(super) fn redact_state(&self, batch: &RecordBatch) -> Result<RecordBatch, LakeError> {
        let mut is_dropped = Vec::with_capacity(batch.num_rows());
        for row in 0..batch.num_rows() {
            let left = self.remove_from(batch, row)?;
            is_dropped.push(Some(left.is_some_and(|left| left.is_empty())));
        }
        let redacted = self.redact_rows(batch)?;
        exclude_rows(&redacted, &BooleanArray::from(is_dropped))
    }
}

fn replace_column(
    batch: &RecordBatch,
    name: &str,
    column: ArrayRef,
) -> Result<RecordBatch, LakeError> {
    let schema = batch.schema();
    let mut columns = batch.columns().to_vec();
    columns[schema.index_of(name)?] = column;
    Ok(RecordBatch::try_new(schema, columns)?)
}
