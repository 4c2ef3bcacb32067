//! The parts of the index that cover some days, tested for the event as they are read: of a part only
//! what it says of the event is kept.

use std::collections::BTreeMap;

use futures_util::{StreamExt, TryStreamExt, stream};
use lake::{Day, EventIdHash, EventIndexPart, StreamKey};
use store::ListedObject;

use super::known_chunks::stream_key;
use crate::error::OperationError;
use crate::lake_handle::LakeHandle;

/// Parts that are read at once: each takes up to 25 MB while it is decoded.
const PARTS_AT_ONCE: usize = 8;

/// What the index says of a raw object and the event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct IndexedTest {
    /// The day of its first record.
    pub(super) day: Option<Day>,
    /// Whether its receipt must be read: its filter has the id, or records of it were refused under
    /// another version of the contract than today's.
    pub(super) may_hold: bool,
}

/// What the index says of the raw objects of a stream, by offset and by the entity tag of the
/// receipt that it was read from.
pub(super) type StreamTests = BTreeMap<(i64, String), IndexedTest>;

/// A topic's days that the index has, the newest first, each with its parts.
pub(super) type IndexedDays = Vec<(Day, Vec<String>)>;

/// Groups the parts of a topic by day.
pub(super) fn group_parts(listed: Vec<ListedObject>) -> IndexedDays {
    let mut days: BTreeMap<Day, Vec<String>> = BTreeMap::new();
    for entry in listed {
        if let Some((_, day, _)) = EventIndexPart::parse_key(&entry.key) {
            days.entry(day).or_default().push(entry.key);
        }
    }
    days.into_iter().rev().collect()
}

/// Reads parts and tests each of their raw objects for the event; gives also how many parts could
/// be read. One that cannot be read is noted, and the receipts are read in its place.
pub(super) async fn test_parts(
    lake: &LakeHandle,
    hash: EventIdHash,
    parts: Vec<String>,
) -> Result<(BTreeMap<StreamKey, StreamTests>, usize), OperationError> {
    let mut readings = stream::iter(parts)
        .map(|key| test_part(lake, hash, key))
        .buffer_unordered(PARTS_AT_ONCE);
    let mut tests: BTreeMap<StreamKey, StreamTests> = BTreeMap::new();
    let mut count = 0;
    while let Some(tested) = readings.try_next().await? {
        let Some(tested) = tested else { continue };
        count += 1;
        for (stream, of_stream) in tested {
            tests.entry(stream).or_default().extend(of_stream);
        }
    }
    Ok((tests, count))
}

async fn test_part(
    lake: &LakeHandle,
    hash: EventIdHash,
    key: String,
) -> Result<Option<BTreeMap<StreamKey, StreamTests>>, OperationError> {
    let object = lake.curated.get_if_present(&key).await;
    let Some(object) = lake.unreadable.note(object)?.flatten() else {
        return Ok(None);
    };
    let part = EventIndexPart::decode(&object.body);
    let Some(part) = lake.unreadable.note_decoded(&key, part) else {
        return Ok(None);
    };
    // A part that stands under another's key says nothing of its own topic.
    if part.key() != key {
        return Ok(None);
    }

    let mut tests: BTreeMap<StreamKey, StreamTests> = BTreeMap::new();
    for indexed in part.chunks {
        let refused_under = indexed.refused_under.as_deref();
        let is_other = refused_under
            .is_some_and(|version| !is_todays_contract(lake, &indexed.chunk.topic, version));
        let test = IndexedTest {
            day: indexed.day,
            may_hold: is_other || indexed.event_ids.may_contain(hash),
        };
        let of_stream = tests.entry(stream_key(&indexed.chunk)).or_default();
        of_stream.insert((indexed.chunk.offset, indexed.receipt_tag), test);
    }
    Ok(Some(tests))
}

/// Whether a version is that of the topic's contract. Another one may have read another id in a
/// record that was refused; rows keep the id under which they were made.
pub(super) fn is_todays_contract(lake: &LakeHandle, topic: &str, version: &str) -> bool {
    let mapping = lake.catalogue.mapping_of_topic(topic);
    mapping.is_some_and(|mapping| mapping.contract.version == version)
}
