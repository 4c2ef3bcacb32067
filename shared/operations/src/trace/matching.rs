//! Whether one object holds the event.

use contract::{Event, SourceContract};
use lake::{Chunk, QuarantinedRecord, accepted_event_id};

use super::candidates::SearchCandidate;
use crate::error::OperationError;
use crate::lake_handle::LakeHandle;

/// What an object has of the event.
pub(super) enum EventMatch {
    /// Rows, each at this offset.
    Rows {
        /// The offset of the event's record.
        offset: i64,
    },
    /// A refused record.
    Refused(Box<QuarantinedRecord>),
}

/// What an object has of the event; none also when it cannot be read, which is noted.
pub(super) async fn match_candidate(
    lake: &LakeHandle,
    candidate: &SearchCandidate,
    event_id: &str,
) -> Result<Option<EventMatch>, OperationError> {
    match candidate.table {
        Some(_) => {
            let offsets = read_event_offsets(lake, &candidate.key, event_id).await?;
            let offset = offsets.first().copied();
            Ok(offset.map(|offset| EventMatch::Rows { offset }))
        }
        None => {
            let refused = find_refused_record(lake, candidate, event_id).await?;
            Ok(refused.map(|record| EventMatch::Refused(Box::new(record))))
        }
    }
}

/// The offset of each row of the event in a refined object.
pub(super) async fn read_event_offsets(
    lake: &LakeHandle,
    key: &str,
    event_id: &str,
) -> Result<Vec<i64>, OperationError> {
    let object = lake.refined.get_if_present(key).await;
    let Some(object) = lake.unreadable.note(object)?.flatten() else {
        return Ok(Vec::new());
    };
    let offsets = lake::file::read_event_offsets(object.body, event_id);
    Ok(lake
        .unreadable
        .note_decoded(key, offsets)
        .unwrap_or_default())
}

async fn find_refused_record(
    lake: &LakeHandle,
    candidate: &SearchCandidate,
    event_id: &str,
) -> Result<Option<QuarantinedRecord>, OperationError> {
    let object = lake.refined.get_if_present(&candidate.key).await;
    let Some(object) = lake.unreadable.note(object)?.flatten() else {
        return Ok(None);
    };
    let records = lake::decode_quarantine(object.body);
    let records = lake.unreadable.note_decoded(&candidate.key, records);

    let mapping = lake.catalogue.mapping_of_topic(&candidate.chunk.topic);
    let Some(mapping) = mapping else {
        return Ok(None);
    };
    let contract = &mapping.contract;
    let mut records = records.into_iter().flatten();
    Ok(records.find(|record| is_of_event(contract, &candidate.chunk, record, event_id)))
}

/// Whether a refused record is of the event: by the id that the relay wrote beside it, or that of
/// its place in the log, or the one that the contract reads in it. A record that is not JSON has no
/// id of its own.
fn is_of_event(
    contract: &SourceContract,
    chunk: &Chunk,
    record: &QuarantinedRecord,
    event_id: &str,
) -> bool {
    let headers = record.headers.as_deref();
    let accepted = accepted_event_id(&contract.name, headers, chunk, record.offset);
    if accepted == event_id {
        return true;
    }
    let value = record.value.as_deref().unwrap_or_default();
    Event::parse(contract, value, Some(&accepted)).is_ok_and(|event| event.id == event_id)
}
