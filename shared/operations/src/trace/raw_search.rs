//! The raw objects whose records may have left nothing in the refined zone: those that are not
//! transformed, and those of which records are ignored.
//!
//! Of a raw object the columns of offsets and headers are decoded, no key and no value. So an event
//! is found by the id that the relay wrote beside it, or by that of its place in the log.

use std::cmp::Reverse;

use futures_util::{StreamExt, TryStreamExt, stream};
use lake::{Chunk, Day, Receipt, accepted_event_id};
use store::ObjectError;
use store::streams::{find_first_chunks, list_raw_chunks, read_each_receipt};

use super::{EventFate, EventQuery, READS_AT_ONCE, SearchedParts, TracedEvent};
use crate::error::OperationError;
use crate::lake_handle::LakeHandle;

/// A raw object that may hold the event.
struct RawCandidate<'l> {
    source: &'l str,
    chunk: Chunk,
    /// None of a raw object that is not transformed.
    receipt: Option<Receipt>,
}

/// What the search of a raw object gave.
enum RawReading {
    /// The offset of the event's record.
    Found(i64),
    /// It does not hold the event.
    Absent,
    /// The caller may not read it, or it is damaged.
    Unreadable,
}

/// Searches the event among the records that gave no rows and were not refused.
pub(super) async fn find_unrefined_event(
    lake: &LakeHandle,
    query: &EventQuery,
    searched: &mut SearchedParts,
) -> Result<Option<TracedEvent>, OperationError> {
    let candidates = list_raw_candidates(lake, query).await?;
    let reads = candidates.iter().map(|candidate| async move {
        let reading = read_candidate(lake, candidate, &query.event_id).await?;
        Ok::<_, OperationError>((candidate, reading))
    });

    let mut readings = stream::iter(reads).buffered(READS_AT_ONCE);
    while let Some((candidate, reading)) = readings.try_next().await? {
        match reading {
            RawReading::Found(offset) => return Ok(Some(describe_record(candidate, offset))),
            RawReading::Absent => searched.raw_objects += 1,
            RawReading::Unreadable => searched.raw_objects_unreadable += 1,
        }
    }
    Ok(None)
}

/// The raw objects of the query that may hold a record without rows, the newest of a stream first.
async fn list_raw_candidates<'l>(
    lake: &'l LakeHandle,
    query: &EventQuery,
) -> Result<Vec<RawCandidate<'l>>, OperationError> {
    let mut candidates = Vec::new();
    for mapping in &lake.catalogue.mappings {
        let contract = &mapping.contract;
        if !query.covers_source(&contract.name) {
            continue;
        }
        for first in find_first_chunks(&contract.topic, &*lake.raw).await? {
            let raw = list_raw_chunks(&first, &*lake.raw).await?;
            let readings = read_each_receipt(&first, &*lake.refined).await?;
            for chunk in raw {
                let known = readings.iter().find(|known| known.offset == chunk.offset);
                let receipt = known.and_then(|known| known.readable().cloned());
                if known.is_some() && !may_hide_event(query, receipt.as_ref()) {
                    continue;
                }
                candidates.push(RawCandidate {
                    source: &contract.name,
                    chunk,
                    receipt,
                });
            }
        }
    }
    candidates.sort_by_key(|candidate| Reverse(candidate.chunk.offset));
    Ok(candidates)
}

/// Whether records of a receipt are ignored, on the query's days.
fn may_hide_event(query: &EventQuery, receipt: Option<&Receipt>) -> bool {
    let Some(receipt) = receipt else { return false };
    let days = || {
        receipt
            .days
            .iter()
            .filter_map(|start| Day::parse(&start.date))
    };
    let begins_in_time = query
        .to
        .is_none_or(|to| days().min().is_none_or(|day| day <= to));
    let ends_in_time = query
        .from
        .is_none_or(|from| days().max().is_none_or(|day| day >= from));
    receipt.ignored > 0 && begins_in_time && ends_in_time
}

async fn read_candidate(
    lake: &LakeHandle,
    candidate: &RawCandidate<'_>,
    event_id: &str,
) -> Result<RawReading, OperationError> {
    let chunk = &candidate.chunk;
    let object = match lake.raw.get(&chunk.raw_key()).await {
        Ok(object) => object,
        Err(error) if error.unreadable_object().is_some() => return Ok(RawReading::Unreadable),
        Err(error) => return Err(error.into()),
    };
    let Ok(records) = lake::read_raw_headers(object.body) else {
        return Ok(RawReading::Unreadable);
    };

    let mut records = records.into_iter();
    let found = records.find(|(offset, headers)| {
        accepted_event_id(candidate.source, headers.as_deref(), chunk, *offset) == event_id
    });
    Ok(found.map_or(RawReading::Absent, |(offset, _)| RawReading::Found(offset)))
}

fn describe_record(candidate: &RawCandidate<'_>, offset: i64) -> TracedEvent {
    let RawCandidate {
        source,
        chunk,
        receipt,
    } = candidate;
    TracedEvent {
        source: (*source).to_owned(),
        topic: chunk.topic.clone(),
        epoch: chunk.epoch,
        partition: chunk.partition,
        offset,
        raw_object: chunk.raw_key(),
        raw_object_exists: true,
        receipt: receipt.as_ref().map(|_| chunk.receipt_key()),
        contract_version: receipt
            .as_ref()
            .map(|receipt| receipt.contract_version.clone()),
        mapping_version: receipt
            .as_ref()
            .map(|receipt| receipt.mapping_version.clone()),
        fate: match receipt {
            None => EventFate::Waiting,
            Some(receipt) => EventFate::Ignored {
                may_be_erased: receipt.erased > 0,
            },
        },
    }
}
