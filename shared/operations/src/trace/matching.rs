//! Whether one object holds the event.

use bytes::Bytes;
use contract::{Event, SourceContract};
use lake::{Chunk, QuarantinedRecord, accepted_event_id};
use store::{ObjectError, StoreErrorKind};

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

/// What opening an object gave.
pub(super) enum ObjectMatch {
    /// It holds the event.
    Found(EventMatch),
    /// It does not.
    Absent,
    /// The caller may not read it, or it cannot be read: why.
    Unreadable(String),
}

/// An object's content, or why it cannot be read.
enum OpenedObject {
    Body(Bytes),
    Missing,
    Unreadable(String),
}

/// Opens an object and looks for the event. `is_named` says that a filter has the id: then an
/// object that the caller may not read is told as a probable place, and is not noted besides.
pub(super) async fn match_candidate(
    lake: &LakeHandle,
    candidate: &SearchCandidate,
    event_id: &str,
    is_named: bool,
) -> Result<ObjectMatch, OperationError> {
    let body = match read_object(lake, &candidate.key, is_named).await? {
        OpenedObject::Body(body) => body,
        OpenedObject::Missing if is_named => {
            return Ok(ObjectMatch::Unreadable("it is not there".to_owned()));
        }
        OpenedObject::Missing => return Ok(ObjectMatch::Absent),
        OpenedObject::Unreadable(cause) => return Ok(ObjectMatch::Unreadable(cause)),
    };
    let found = match candidate.table {
        Some(_) => {
            let offsets = lake::file::read_event_offsets(body, event_id);
            let offsets = lake.unreadable.note_decoded(&candidate.key, offsets);
            offsets.map(|offsets| {
                let offset = offsets.first().copied();
                offset.map(|offset| EventMatch::Rows { offset })
            })
        }
        None => {
            let records = lake::decode_quarantine(body);
            let records = lake.unreadable.note_decoded(&candidate.key, records);
            records.map(|records| {
                let refused = find_refused_record(lake, candidate, records, event_id);
                refused.map(|record| EventMatch::Refused(Box::new(record)))
            })
        }
    };
    Ok(match found {
        Some(Some(found)) => ObjectMatch::Found(found),
        Some(None) => ObjectMatch::Absent,
        None => ObjectMatch::Unreadable("it is damaged".to_owned()),
    })
}

async fn read_object(
    lake: &LakeHandle,
    key: &str,
    is_named: bool,
) -> Result<OpenedObject, OperationError> {
    let error = match lake.refined.get_if_present(key).await {
        Ok(Some(object)) => return Ok(OpenedObject::Body(object.body)),
        Ok(None) => return Ok(OpenedObject::Missing),
        Err(error) => error,
    };
    let is_refused = error.kind == StoreErrorKind::Refused;
    let object = error.unreadable_object().ok_or(error)?;
    let cause = object.cause.clone();
    if !(is_named && is_refused) {
        lake.unreadable.add(object);
    }
    Ok(OpenedObject::Unreadable(cause))
}

/// The offset of each row of the event in a refined object; none also where it cannot be read,
/// which is noted.
pub(super) async fn read_event_offsets(
    lake: &LakeHandle,
    key: &str,
    event_id: &str,
) -> Result<Vec<i64>, OperationError> {
    let OpenedObject::Body(body) = read_object(lake, key, false).await? else {
        return Ok(Vec::new());
    };
    let offsets = lake::file::read_event_offsets(body, event_id);
    Ok(lake
        .unreadable
        .note_decoded(key, offsets)
        .unwrap_or_default())
}

fn find_refused_record(
    lake: &LakeHandle,
    candidate: &SearchCandidate,
    records: Vec<QuarantinedRecord>,
    event_id: &str,
) -> Option<QuarantinedRecord> {
    let mapping = lake.catalogue.mapping_of_topic(&candidate.chunk.topic)?;
    let contract = &mapping.contract;
    let mut records = records.into_iter();
    records.find(|record| is_of_event(contract, &candidate.chunk, record, event_id))
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
