//! The raw objects whose records may have left nothing in the refined zone: those that are not
//! transformed, and those of which records are ignored.
//!
//! Of a raw object the columns of offsets and headers are decoded, no key and no value. So an event
//! is found by the id that the relay wrote beside it, or by that of its place in the log.

use std::cmp::Reverse;

use futures_util::{StreamExt, TryStreamExt, stream};
use lake::{Chunk, Receipt, accepted_event_id};
use store::ObjectError;

use super::known_chunks::KnownChunks;
use super::listing::allow_refused;
use super::{EventFate, EventQuery, READS_AT_ONCE, SearchedParts, TracedEvent};
use crate::error::OperationError;
use crate::lake_handle::LakeHandle;

/// A raw object that may hold the event.
#[derive(Clone, Debug)]
pub(super) struct RawCandidate {
    pub(super) source: String,
    pub(super) chunk: Chunk,
    /// None of a raw object that is not transformed.
    pub(super) receipt: Option<Receipt>,
}

/// What the search of a raw object gave.
pub(super) enum RawReading {
    /// The offset of the event's record.
    Found(i64),
    /// It does not hold the event.
    Absent,
    /// The caller may not read it, or it is damaged.
    Unreadable,
}

/// Searches the event in raw objects that are not transformed, and in `ignored`, whose receipts have
/// no filter.
pub(super) async fn find_unrefined_event(
    lake: &LakeHandle,
    query: &EventQuery,
    known: &KnownChunks,
    ignored: Vec<RawCandidate>,
    searched: &mut SearchedParts,
) -> Result<Option<TracedEvent>, OperationError> {
    let mut candidates = list_waiting(lake, query, known).await?;
    candidates.extend(ignored);
    candidates.sort_by_key(|candidate| Reverse(candidate.chunk.offset));
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

/// The raw objects of the query's sources that have no receipt.
async fn list_waiting(
    lake: &LakeHandle,
    query: &EventQuery,
    known: &KnownChunks,
) -> Result<Vec<RawCandidate>, OperationError> {
    let mut waiting = Vec::new();
    for mapping in &lake.catalogue.mappings {
        let contract = &mapping.contract;
        if !query.covers_source(&contract.name) {
            continue;
        }
        let prefix = Chunk::topic_raw_prefix(&contract.topic);
        let listed = allow_refused(lake.raw.list(&prefix, None).await)?;
        let chunks = listed
            .iter()
            .filter_map(|entry| Chunk::from_raw_key(&entry.key));
        let without_receipt = chunks.filter(|chunk| !known.has_receipt(chunk));
        waiting.extend(without_receipt.map(|chunk| RawCandidate {
            source: contract.name.clone(),
            chunk,
            receipt: None,
        }));
    }
    Ok(waiting)
}

pub(super) async fn read_candidate(
    lake: &LakeHandle,
    candidate: &RawCandidate,
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
        accepted_event_id(&candidate.source, headers.as_deref(), chunk, *offset) == event_id
    });
    Ok(found.map_or(RawReading::Absent, |(offset, _)| RawReading::Found(offset)))
}

pub(super) fn describe_record(candidate: &RawCandidate, offset: i64) -> TracedEvent {
    let RawCandidate {
        source,
        chunk,
        receipt,
    } = candidate;
    TracedEvent {
        source: source.clone(),
        topic: chunk.topic.clone(),
        epoch: chunk.epoch,
        partition: chunk.partition,
        offset,
        raw_object: chunk.raw_key(),
        raw_object_exists: true,
        declared_lost: None,
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
