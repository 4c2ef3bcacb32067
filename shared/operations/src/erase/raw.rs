//! Raw objects: erased records keep their place, redacted ones the rest of what they say.

use std::collections::BTreeMap;

use bytes::Bytes;
use contract::{CompiledMapping, Event};
use lake::{Chunk, REDRIVE_PARTITION, RawBatch, RawRecord, RedriveOrigin};

use super::classify::{CandidateRecord, RecordClassification, RecordClassifier};

/// The judgements of an object's records, by offset; of those that say nothing of a subject there is none.
pub(super) type OffsetClassifications = BTreeMap<i64, RecordClassification>;

/// Judges every record. `located` says whose rows name a subject.
pub(super) fn classify_raw_records(
    batches: &[RawBatch],
    judge: &RecordClassifier<'_>,
    located: impl Fn(i64) -> bool,
) -> OffsetClassifications {
    let mut judgements = OffsetClassifications::new();
    for (batch, row) in iter_records(batches) {
        let record = CandidateRecord {
            key: batch.key(row),
            value: batch.value(row),
            headers: batch.headers(row),
        };
        let offset = batch.offset(row);
        let judgement = judge.classify_record(record, located(offset));
        if judgement != RecordClassification::Unrelated {
            judgements.insert(offset, judgement);
        }
    }
    judgements
}

/// Where the records that are about a subject were first landed, where they were redriven.
pub(super) fn redriven_origins(
    batches: &[RawBatch],
    judgements: &OffsetClassifications,
) -> Vec<String> {
    let gone = |offset| {
        matches!(
            judgements.get(&offset),
            Some(RecordClassification::AboutSubject { .. } | RecordClassification::AlreadyErased)
        )
    };
    let rows = iter_records(batches).filter(|(batch, row)| gone(batch.offset(*row)));
    rows.filter_map(|(batch, row)| {
        Some(RedriveOrigin::from_headers(batch.headers(row))?.to_string())
    })
    .collect()
}

/// Whether a record about a subject tells its own key. An earlier run that broke off is taken up by such a record, so these
/// are the last to go.
pub(super) fn reveals_record_key(
    batches: &[RawBatch],
    judgements: &OffsetClassifications,
    plan: Option<&CompiledMapping>,
) -> bool {
    let about = |offset| {
        matches!(
            judgements.get(&offset),
            Some(RecordClassification::AboutSubject { .. })
        )
    };
    plan.is_some_and(|plan| {
        let mut rows = iter_records(batches).filter(|(batch, row)| about(batch.offset(*row)));
        rows.any(|(batch, row)| {
            let given = lake::find_header_text(batch.headers(row), "event-id");
            Event::parse(
                &plan.contract,
                batch.value(row).unwrap_or_default(),
                given.as_deref(),
            )
            .is_ok()
        })
    })
}

/// The object with what was judged, and how many records of it are other than before; none when nothing is.
///
/// # Errors
/// When Parquet refuses to write.
pub(super) fn rewrite_raw_object(
    chunk: &Chunk,
    next: i64,
    batches: &[RawBatch],
    judgements: &OffsetClassifications,
) -> Result<Option<(Bytes, u64)>, lake::LakeError> {
    let changes = |one: &&RecordClassification| {
        matches!(
            one,
            RecordClassification::AboutSubject { .. } | RecordClassification::MentionsSubject(_)
        )
    };
    let count = judgements.values().filter(changes).count();
    if count == 0 {
        return Ok(None);
    }
    let records: Vec<RawRecord<'_>> = iter_records(batches)
        .map(|(batch, row)| rewritten_record(chunk, batch, row, judgements))
        .collect();
    Ok(Some((
        lake::encode_raw(chunk, &records, next)?,
        count as u64,
    )))
}

fn iter_records(batches: &[RawBatch]) -> impl Iterator<Item = (&RawBatch, usize)> {
    batches
        .iter()
        .flat_map(|batch| (0..batch.len()).map(move |row| (batch, row)))
}

fn rewritten_record<'r>(
    chunk: &Chunk,
    batch: &'r RawBatch,
    row: usize,
    judgements: &OffsetClassifications,
) -> RawRecord<'r> {
    let offset = batch.offset(row);
    let bytes = |bytes: Option<&[u8]>| bytes.map(Bytes::copy_from_slice);
    let (key, value, headers) = match judgements.get(&offset) {
        Some(RecordClassification::AboutSubject { .. }) => {
            let origin = RedriveOrigin::from_headers(batch.headers(row))
                .filter(|_| chunk.partition == REDRIVE_PARTITION);
            (None, None, Some(lake::erased_headers(origin)))
        }
        Some(RecordClassification::MentionsSubject(redacted)) => (
            bytes(batch.key(row)),
            Some(redacted.clone()),
            batch.headers(row).map(str::to_owned),
        ),
        _ => (
            bytes(batch.key(row)),
            bytes(batch.value(row)),
            batch.headers(row).map(str::to_owned),
        ),
    };
    RawRecord {
        offset,
        timestamp: batch.timestamp(row),
        timestamp_type: batch.timestamp_type(row),
        key,
        value,
        headers,
    }
}
