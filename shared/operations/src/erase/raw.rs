//! Raw objects: erased records keep their place, redacted ones the rest of what they say.

use std::collections::BTreeMap;

use bytes::Bytes;
use contract::{Event, Plan};
use lake::{Chunk, Origin, REDRIVE_PARTITION, RawBatch, RawRecord};

use super::judge::{Judge, Judgement, Record};

/// The judgements of an object's records, by offset; of those that say nothing of a subject there is none.
pub(super) type Judgements = BTreeMap<i64, Judgement>;

/// Judges every record. `located` says whose rows name a subject.
pub(super) fn judged(
    batches: &[RawBatch],
    judge: &Judge<'_>,
    located: impl Fn(i64) -> bool,
) -> Judgements {
    let mut judgements = Judgements::new();
    for (batch, row) in places(batches) {
        let record = Record {
            key: batch.key(row),
            value: batch.value(row),
            headers: batch.headers(row),
        };
        let offset = batch.offset(row);
        let judgement = judge.judge(record, located(offset));
        if judgement != Judgement::Clear {
            judgements.insert(offset, judgement);
        }
    }
    judgements
}

/// Where the records that are about a subject were first landed, where they were redriven.
pub(super) fn origins(batches: &[RawBatch], judgements: &Judgements) -> Vec<String> {
    let gone = |offset| {
        matches!(
            judgements.get(&offset),
            Some(Judgement::About { .. } | Judgement::Erased)
        )
    };
    let rows = places(batches).filter(|(batch, row)| gone(batch.offset(*row)));
    rows.filter_map(|(batch, row)| Some(Origin::of_headers(batch.headers(row))?.to_string()))
        .collect()
}

/// Whether a record about a subject tells its own key. An earlier run that broke off is taken up by such a record, so these
/// are the last to go.
pub(super) fn tells_a_key(
    batches: &[RawBatch],
    judgements: &Judgements,
    plan: Option<&Plan>,
) -> bool {
    let about = |offset| matches!(judgements.get(&offset), Some(Judgement::About { .. }));
    plan.is_some_and(|plan| {
        let mut rows = places(batches).filter(|(batch, row)| about(batch.offset(*row)));
        rows.any(|(batch, row)| {
            let given = lake::header(batch.headers(row), "event-id");
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
pub(super) fn rewritten(
    chunk: &Chunk,
    next: i64,
    batches: &[RawBatch],
    judgements: &Judgements,
) -> Result<Option<(Bytes, u64)>, lake::LakeError> {
    let changes =
        |one: &&Judgement| matches!(one, Judgement::About { .. } | Judgement::Mentions(_));
    let count = judgements.values().filter(changes).count();
    if count == 0 {
        return Ok(None);
    }
    let records: Vec<RawRecord<'_>> = places(batches)
        .map(|(batch, row)| record(chunk, batch, row, judgements))
        .collect();
    Ok(Some((
        lake::encode_raw(chunk, &records, next)?,
        count as u64,
    )))
}

fn places(batches: &[RawBatch]) -> impl Iterator<Item = (&RawBatch, usize)> {
    batches
        .iter()
        .flat_map(|batch| (0..batch.len()).map(move |row| (batch, row)))
}

fn record<'r>(
    chunk: &Chunk,
    batch: &'r RawBatch,
    row: usize,
    judgements: &Judgements,
) -> RawRecord<'r> {
    let offset = batch.offset(row);
    let bytes = |bytes: Option<&[u8]>| bytes.map(Bytes::copy_from_slice);
    let (key, value, headers) = match judgements.get(&offset) {
        Some(Judgement::About { .. }) => {
            let origin = Origin::of_headers(batch.headers(row))
                .filter(|_| chunk.partition == REDRIVE_PARTITION);
            (None, None, Some(lake::erased_headers(origin)))
        }
        Some(Judgement::Mentions(redacted)) => (
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
