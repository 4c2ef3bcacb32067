//! The objects of raw objects that may hold the event, opened until one holds it.

use futures_util::{StreamExt, TryStreamExt, stream};
use lake::Day;

use super::candidates::{SearchCandidate, source_of_topic};
use super::chunk_candidate::{CandidateCause, ChunkCandidate};
use super::matching::{ObjectMatch, match_candidate};
use super::raw_search::{RawCandidate, RawReading, describe_record, read_candidate};
use super::{EventQuery, ProbablePlace, READS_AT_ONCE, SearchedParts, TracedEvent, description};
use crate::error::OperationError;
use crate::lake_handle::LakeHandle;

/// What a search without a match leaves for later.
#[derive(Default)]
pub(super) struct LeftoverChunks {
    /// Raw objects whose filter has the id and whose objects the caller may not read, or that
    /// cannot be read.
    pub(super) probable: Vec<ProbablePlace>,
    /// Raw objects with ignored records, whose receipts have no filter.
    pub(super) ignored: Vec<RawCandidate>,
}

/// Opens the objects of raw objects, the newest day first, and gives the event of the first match.
pub(super) async fn search_chunks(
    lake: &LakeHandle,
    query: &EventQuery,
    chunks: Vec<ChunkCandidate>,
    searched: &mut SearchedParts,
    leftover: &mut LeftoverChunks,
) -> Result<Option<TracedEvent>, OperationError> {
    let mut objects: Vec<(usize, SearchCandidate)> = Vec::new();
    for (index, chunk) in chunks.iter().enumerate() {
        objects.extend(chunk.objects().into_iter().map(|object| (index, object)));
    }
    objects.sort_by_cached_key(|(_, object)| object.search_order());

    let reads = objects.iter().map(|(index, object)| {
        let by_filter = chunks[*index].cause == CandidateCause::Filter;
        async move {
            let found = match_candidate(lake, object, &query.event_id, by_filter).await?;
            Ok::<_, OperationError>((*index, object, found))
        }
    });
    let mut closed: Vec<Vec<String>> = vec![Vec::new(); chunks.len()];
    let mut matches = stream::iter(reads).buffered(READS_AT_ONCE);
    while let Some((index, object, found)) = matches.try_next().await? {
        searched.add_candidate(object);
        match found {
            ObjectMatch::Found(found) => {
                let event = description::describe_event(lake, object, found, &query.event_id);
                if let Some(event) = event.await? {
                    return Ok(Some(event));
                }
            }
            ObjectMatch::Absent => {}
            ObjectMatch::Unreadable(cause) => closed[index].push(cause),
        }
    }
    drop(matches);

    for (chunk, causes) in chunks.into_iter().zip(closed) {
        let ignored = search_ignored(lake, query, chunk, &causes, searched, leftover).await?;
        if ignored.is_some() {
            return Ok(ignored);
        }
    }
    Ok(None)
}

/// Searches the event among the ignored records of a raw object of which no object holds it.
async fn search_ignored(
    lake: &LakeHandle,
    query: &EventQuery,
    chunk: ChunkCandidate,
    causes: &[String],
    searched: &mut SearchedParts,
    leftover: &mut LeftoverChunks,
) -> Result<Option<TracedEvent>, OperationError> {
    let may_be_ignored = chunk.may_be_ignored() && ends_in_time(query, &chunk);
    let raw = RawCandidate {
        source: source_of_topic(lake, &chunk.chunk.topic).to_owned(),
        chunk: chunk.chunk.clone(),
        receipt: Some(chunk.receipt.clone()),
    };
    match (chunk.cause, causes.first()) {
        (CandidateCause::Filter, Some(cause)) => {
            let place = ProbablePlace::of_candidate(lake, &chunk, causes.len(), cause);
            leftover.probable.push(place);
        }
        (CandidateCause::Filter, None) if may_be_ignored => {
            match read_candidate(lake, &raw, &query.event_id).await? {
                RawReading::Found(offset) => return Ok(Some(describe_record(&raw, offset))),
                RawReading::Absent => searched.raw_objects += 1,
                RawReading::Unreadable => {
                    searched.raw_objects_unreadable += 1;
                    let cause = "its raw object cannot be read";
                    let place = ProbablePlace::of_candidate(lake, &chunk, 1, cause);
                    leftover.probable.push(place);
                }
            }
        }
        (CandidateCause::NoFilter, _) if may_be_ignored => leftover.ignored.push(raw),
        _ => {}
    }
    Ok(None)
}

/// Whether a raw object's last day is not before the query's first.
fn ends_in_time(query: &EventQuery, chunk: &ChunkCandidate) -> bool {
    let days = chunk.receipt.days.iter();
    let last = days.filter_map(|start| Day::parse(&start.date)).max();
    query
        .from
        .is_none_or(|from| last.is_none_or(|last| last >= from))
}
