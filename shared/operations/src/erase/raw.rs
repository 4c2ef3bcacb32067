//! Raw objects: erased records keep their offset, redacted ones keep the rest of their value.

use std::collections::BTreeMap;

use bytes::Bytes;
use contract::{CompiledMapping, Event};
use lake::{Chunk, LakeError, REDRIVE_PARTITION, RawBatch, RawRecord, RedriveOrigin};

use super::classify::{CandidateRecord, RecordClassification, RecordClassifier};

/// The classifications of an object's records, by offset; unrelated records have none.
pub(super) type OffsetClassifications = BTreeMap<i64, RecordClassification>;

/// Classifies every record. `located` says of an offset whether rows of the record name a subject.
pub(super) fn classify_raw_records(
    batches: &[RawBatch],
    classifier: &RecordClassifier<'_>,
    located: impl Fn(i64) -> bool,
) -> OffsetClassifications {
    let mut classifications = OffsetClassifications::new();
    for (batch, row) in iter_records(batches) {
        let record = CandidateRecord {
            key: batch.key(row),
            value: batch.value(row),
            headers: batch.headers(row),
            arrived: batch.arrived_at(row) * 1_000,
        };
        let offset = batch.offset(row);
        let class = classifier.classify_record(record, located(offset));
        if class != RecordClassification::Unrelated {
            classifications.insert(offset, class);
        }
    }
    classifications
}

/// The origins of the erased records that were redriven.
pub(super) fn redriven_origins(
    batches: &[RawBatch],
    classifications: &OffsetClassifications,
) -> Vec<String> {
    let mut origins = Vec::new();
    for (batch, row) in iter_records(batches) {
        let class = classifications.get(&batch.offset(row));
        if class.is_some_and(RecordClassification::is_erased) {
            let origin = RedriveOrigin::from_headers(batch.headers(row));
            origins.extend(origin.map(|origin| origin.to_string()));
        }
    }
    origins
}

/// Whether a record about a subject reveals its own key. By such a record a later run finds what an
/// earlier one that broke off was to erase, so these are the last to be erased.
pub(super) fn reveals_record_key(
    batches: &[RawBatch],
    classifications: &OffsetClassifications,
    mapping: Option<&CompiledMapping>,
) -> bool {
    let Some(mapping) = mapping else { return false };
    iter_records(batches).any(|(batch, row)| {
        let class = classifications.get(&batch.offset(row));
        matches!(class, Some(RecordClassification::AboutSubject { .. }))
            && is_readable(mapping, batch, row)
    })
}

/// Whether the record's contract can read it.
fn is_readable(mapping: &CompiledMapping, batch: &RawBatch, row: usize) -> bool {
    let header_id = lake::find_header_text(batch.headers(row), lake::EVENT_ID_HEADER);
    let value = batch.value(row).unwrap_or_default();
    Event::parse(&mapping.contract, value, header_id.as_deref()).is_ok()
}

/// The object's new content, and how many of its records are erased or redacted; none when all stay
/// as they are.
///
/// # Errors
/// When Parquet refuses to write.
pub(super) fn rewrite_raw_object(
    chunk: &Chunk,
    next: i64,
    batches: &[RawBatch],
    classifications: &OffsetClassifications,
) -> Result<Option<(Bytes, u64)>, LakeError> {
    let changed = classifications.values().filter(|class| {
        matches!(
            class,
            RecordClassification::AboutSubject { .. } | RecordClassification::MentionsSubject(_)
        )
    });
    let count = changed.count() as u64;
    if count == 0 {
        return Ok(None);
    }

    let records: Vec<RawRecord<'_>> = iter_records(batches)
        .map(|(batch, row)| rewrite_record(chunk, batch, row, classifications))
        .collect();
    let body = lake::encode_raw(chunk, &records, next)?;
    Ok(Some((body, count)))
}

pub(super) fn iter_records(batches: &[RawBatch]) -> impl Iterator<Item = (&RawBatch, usize)> {
    batches
        .iter()
        .flat_map(|batch| (0..batch.len()).map(move |row| (batch, row)))
}

fn rewrite_record<'r>(
    chunk: &Chunk,
    batch: &'r RawBatch,
    row: usize,
    classifications: &OffsetClassifications,
) -> RawRecord<'r> {
    let record = RawRecord {
        offset: batch.offset(row),
        timestamp: batch.timestamp(row),
        timestamp_type: batch.timestamp_type(row),
        landed_at: batch.landed_at(row),
        key: batch.key(row).map(Bytes::copy_from_slice),
        value: batch.value(row).map(Bytes::copy_from_slice),
        headers: batch.headers(row).map(str::to_owned),
    };

    match classifications.get(&record.offset) {
        Some(RecordClassification::AboutSubject { .. }) => {
            let origin = RedriveOrigin::from_headers(batch.headers(row))
                .filter(|_| chunk.partition == REDRIVE_PARTITION);
            RawRecord {
                key: None,
                value: None,
                headers: Some(lake::erased_headers(origin)),
                ..record
            }
        }
        Some(RecordClassification::MentionsSubject(redacted)) => RawRecord {
            value: Some(redacted.clone()),
            ..record
        },
        _ => record,
    }
}
