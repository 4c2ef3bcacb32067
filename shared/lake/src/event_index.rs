//! Which events the raw objects of a day may hold, in few objects: the filters of many receipts
//! together, so that a search reads one object in place of thousands.
//!
//! Derived data. A part repeats what receipts say, each with the entity tag of its receipt. A reader
//! takes an entry for true only where the receipt still has that tag, and otherwise reads the
//! receipt. So a part that is lost, late or of an earlier time costs requests and hides no event.
//!
//! A part is one line of JSON, which is a document with its digest, and behind it the filters' bytes
//! in the order of their entries. The document records the digest of those bytes.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::digest::ObjectDigest;
use crate::event_filter::EventIdFilter;
use crate::format::{decode_document, encode_document};
use crate::{Chunk, Day, LakeError};

/// The prefix of the parts of all topics and days.
const EVENTS_PREFIX: &str = "curated/_events/";

/// How the keys of parts end.
const PART_ENDING: &str = ".filters";

/// What errors call a part.
const KIND: &str = "index of a day's events";

/// What a receipt says of its raw object's events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexedChunk {
    /// The raw object.
    pub chunk: Chunk,
    /// The day of its first record; none where it has no record.
    pub day: Option<Day>,
    /// The entity tag of its receipt, when the filter was read from it.
    pub receipt_tag: String,
    /// The version of the contract under which records of it were refused; none where none was. A
    /// later contract may read another id in them.
    pub refused_under: Option<String>,
    /// The ids of its events.
    pub event_ids: EventIdFilter,
}

/// A part of what is known of a topic's events on a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventIndexPart {
    /// The topic.
    pub topic: String,
    /// The day whose merge wrote it. Its raw objects are those that the merge found behind the day
    /// before.
    pub day: Day,
    /// The part, from 0.
    pub part: u32,
    /// The raw objects.
    pub chunks: Vec<IndexedChunk>,
}

/// The first line of a part.
#[derive(Deserialize, Serialize)]
struct PartDocument {
    topic: String,
    date: String,
    part: u32,
    /// The bytes behind the line.
    filters: ObjectDigest,
    chunks: Vec<ChunkEntry>,
}

/// One raw object in the first line of a part.
#[derive(Deserialize, Serialize)]
struct ChunkEntry {
    epoch: u32,
    partition: i32,
    offset: i64,
    /// The day of its first record, where that is not the part's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    date: Option<String>,
    receipt: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refused_under: Option<String>,
    /// Bytes of its filter.
    bytes: usize,
}

impl EventIndexPart {
    /// Bytes of the filters of a part, at two for an event: some four million events. A day with
    /// more has several parts.
    pub const FILTER_BYTES_MAX: usize = 8 << 20;

    /// Raw objects of a part: their entries take some 130 bytes each.
    pub const CHUNKS_MAX: usize = 20_000;

    /// Bytes of a part that is read: its filters and the last of them, which may be a large one,
    /// and its first line.
    pub const BYTES_MAX: u64 = 16 << 20;

    /// The key of the part, in the curated zone.
    #[must_use]
    pub fn key(&self) -> String {
        let prefix = Self::day_prefix(&self.topic, self.day);
        format!("{prefix}{:04}{PART_ENDING}", self.part)
    }

    /// The prefix of a day's parts; they sort by number.
    #[must_use]
    pub fn day_prefix(topic: &str, day: Day) -> String {
        format!("{}{day}/", Self::topic_prefix(topic))
    }

    /// The prefix of a topic's parts; they sort by day.
    #[must_use]
    pub fn topic_prefix(topic: &str) -> String {
        format!("{EVENTS_PREFIX}{topic}/")
    }

    /// The prefix of the parts of all topics.
    #[must_use]
    pub fn prefix() -> &'static str {
        EVENTS_PREFIX
    }

    /// The topic, day and number of the part that has this key; none for another key.
    #[must_use]
    pub fn parse_key(key: &str) -> Option<(&str, Day, u32)> {
        let (topic, rest) = key.strip_prefix(EVENTS_PREFIX)?.split_once('/')?;
        let (date, name) = rest.split_once('/')?;
        let digits = name.strip_suffix(PART_ENDING)?;
        let is_number = digits.len() >= 4 && digits.bytes().all(|byte| byte.is_ascii_digit());
        let part = digits.parse().ok().filter(|_| is_number)?;
        Some((topic, Day::parse(date)?, part))
    }

    /// The part as it is stored; the same part gives the same bytes.
    ///
    /// # Errors
    /// Never for such a part; JSON's writer could refuse.
    pub fn encode(&self) -> Result<Bytes, LakeError> {
        let mut filters = Vec::new();
        for chunk in &self.chunks {
            filters.extend_from_slice(chunk.event_ids.as_bytes());
        }
        let mut stored = encode_document(&PartDocument {
            topic: self.topic.clone(),
            date: self.day.to_string(),
            part: self.part,
            filters: ObjectDigest::of_content(&filters),
            chunks: self.chunks.iter().map(|chunk| self.entry(chunk)).collect(),
        })?;
        stored.push(b'\n');
        stored.append(&mut filters);
        Ok(Bytes::from(stored))
    }

    fn entry(&self, chunk: &IndexedChunk) -> ChunkEntry {
        let other_day = chunk.day.filter(|day| *day != self.day);
        ChunkEntry {
            epoch: chunk.chunk.epoch,
            partition: chunk.chunk.partition,
            offset: chunk.chunk.offset,
            date: match chunk.day {
                Some(_) => other_day.map(|day| day.to_string()),
                None => Some(String::new()),
            },
            receipt: chunk.receipt_tag.clone(),
            refused_under: chunk.refused_under.clone(),
            bytes: chunk.event_ids.as_bytes().len(),
        }
    }

    /// Reads a part.
    ///
    /// # Errors
    /// When the bytes are no such part, are not what was written, or are over a limit.
    pub fn decode(bytes: &[u8]) -> Result<Self, LakeError> {
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let (line, rest) = bytes.split_at(end.unwrap_or(bytes.len()));
        let document: PartDocument = decode_document(KIND, line)?;
        let mut filters = rest.get(1..).unwrap_or_default();
        document.filters.check(filters)?;

        let day = Day::parse(&document.date).ok_or_else(no_part)?;
        let mut chunks = Vec::with_capacity(document.chunks.len());
        for entry in document.chunks {
            let (filter, behind) = filters.split_at_checked(entry.bytes).ok_or_else(no_part)?;
            filters = behind;
            chunks.push(entry.into_chunk(&document.topic, day, filter)?);
        }
        Ok(Self {
            topic: document.topic,
            day,
            part: document.part,
            chunks,
        })
    }
}

impl ChunkEntry {
    fn into_chunk(self, topic: &str, day: Day, filter: &[u8]) -> Result<IndexedChunk, LakeError> {
        Ok(IndexedChunk {
            chunk: Chunk {
                topic: topic.to_owned(),
                epoch: self.epoch,
                partition: self.partition,
                offset: self.offset,
            },
            day: match self.date {
                Some(date) => Day::parse(&date),
                None => Some(day),
            },
            receipt_tag: self.receipt,
            refused_under: self.refused_under,
            event_ids: EventIdFilter::from_bytes(filter).ok_or_else(no_part)?,
        })
    }
}

fn no_part() -> LakeError {
    LakeError::Unexpected(format!("the object is no {KIND}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::EventIdHash;

    fn part() -> EventIndexPart {
        let chunk = |partition, offset, day, ids: &[&str]| IndexedChunk {
            chunk: Chunk {
                topic: "housing-person".into(),
                epoch: 1,
                partition,
                offset,
            },
            day,
            receipt_tag: format!("\"{offset}\""),
            refused_under: (offset == 7).then(|| "1.0.0".to_owned()),
            event_ids: EventIdFilter::of_hashes(
                ids.iter().map(|id| EventIdHash::of_id(id)).collect(),
            ),
        };
        EventIndexPart {
            topic: "housing-person".into(),
            day: Day(20_514),
            part: 0,
            chunks: vec![
                chunk(0, 0, Some(Day(20_514)), &["a", "b"]),
                chunk(0, 7, Some(Day(20_513)), &["c"]),
                chunk(1, 0, None, &[]),
            ],
        }
    }

    #[test]
    fn a_part_is_read_as_it_was_written() {
        let part = part();
        let stored = part.encode().unwrap();
        assert_eq!(EventIndexPart::decode(&stored).unwrap(), part);
        assert_eq!(part.encode().unwrap(), stored);
        assert_eq!(
            part.key(),
            "curated/_events/housing-person/2026-03-02/0000.filters"
        );
        let parsed = EventIndexPart::parse_key("curated/_events/a.b/2026-03-02/10012.filters");
        assert_eq!(parsed, Some(("a.b", Day(20_514), 10_012)));
        for key in [
            "curated/_events/a/2026-03-02/0000-1.filters",
            "curated/_events/a/2026-03-02/1.filters",
            "curated/_events/a/2026-03-02/+001.filters",
            "curated/_events/a/2026-03-02.filters",
            "curated/_roots/2026-03-02.json",
        ] {
            assert_eq!(EventIndexPart::parse_key(key), None, "{key}");
        }
    }

    #[test]
    fn a_part_that_was_changed_anywhere_is_refused() {
        let stored = part().encode().unwrap();
        for position in 0..stored.len() {
            let mut changed = stored.to_vec();
            changed[position] ^= 0x01;
            assert!(EventIndexPart::decode(&changed).is_err(), "byte {position}");
            let cut = &stored[..position];
            assert!(EventIndexPart::decode(cut).is_err(), "cut at {position}");
        }
        let longer = [&stored[..], b"x"].concat();
        assert!(EventIndexPart::decode(&longer).is_err());
    }

    #[test]
    fn lengths_that_do_not_fit_are_refused() {
        let mut part = part();
        part.chunks.clear();
        let line = encode_document(&PartDocument {
            topic: part.topic.clone(),
            date: part.day.to_string(),
            part: 0,
            filters: ObjectDigest::of_content(&[]),
            chunks: vec![ChunkEntry {
                epoch: 1,
                partition: 0,
                offset: 0,
                date: None,
                receipt: String::new(),
                refused_under: None,
                bytes: 32,
            }],
        });
        let stored = [line.unwrap(), b"\n".to_vec()].concat();
        let error = EventIndexPart::decode(&stored).unwrap_err().to_string();
        assert_eq!(error, "the object is no index of a day's events");
    }
}
