//! The end of a raw log: what the sandbox knows of it, what the hint and the last object record.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

use bytes::Bytes;
use lake::{Chunk, RawRecord, Sha256Digest};
use tokio::sync::Mutex;

use super::error::RawLogError;
use crate::{ObjectMetadata, ObjectStore};

/// A hint of the log's end is written every so many objects. Without a hint a cold start lists the
/// full log.
pub(super) const HINT_EVERY: u32 = 64;

/// The metadata of a raw object that holds the offset behind its range.
pub(super) const METADATA_NEXT: &str = "next";

/// The metadata of a raw object that holds the latest arrival in the log up to its end.
pub(super) const METADATA_NEWEST: &str = "newest";

/// The end of a raw log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogEnd {
    /// The offset that names the next object.
    pub next: i64,
    /// When the latest record of the log came, in milliseconds since 1970.
    pub newest_timestamp: i64,
    /// The offset at which the log began, as far as it is known: what is before it was never
    /// landed.
    pub(super) log_start: i64,
    /// Objects written since the last hint.
    pub(super) since_hint: u32,
}

impl LogEnd {
    /// The end at an offset, of a log whose latest record came at `newest_timestamp`.
    #[must_use]
    pub fn at(next: i64, newest_timestamp: i64) -> Self {
        Self {
            next,
            newest_timestamp,
            log_start: i64::MIN,
            since_hint: 0,
        }
    }

    /// The end after an object with these records, whose range goes to `next`.
    pub(super) fn after(self, records: &[RawRecord<'_>], next: i64) -> Self {
        Self {
            next,
            newest_timestamp: latest_arrival(records).max(self.newest_timestamp),
            log_start: self.log_start,
            since_hint: self.since_hint + 1,
        }
    }

    /// The raw object that begins at this end.
    pub(super) fn next_chunk(&self, stream: &Chunk) -> Chunk {
        Chunk {
            offset: self.next,
            ..stream.clone()
        }
    }

    /// The body of a hint: `<next> <newest timestamp> <log start> <SHA-256 of these three>`.
    fn to_hint(self) -> Bytes {
        let numbers = format!("{} {} {}", self.next, self.newest_timestamp, self.log_start);
        let digest = Sha256Digest::of_bytes(numbers.as_bytes());
        Bytes::from(format!("{numbers} {digest}"))
    }

    /// The end that a hint records; none of a hint that the landing did not write.
    #[must_use]
    pub fn from_hint(body: &[u8]) -> Option<Self> {
        let (numbers, digest) = std::str::from_utf8(body).ok()?.rsplit_once(' ')?;
        if Sha256Digest::parse(digest)? != Sha256Digest::of_bytes(numbers.as_bytes()) {
            return None;
        }

        let mut numbers = numbers.split(' ').map(|text| text.parse::<i64>().ok());
        Some(Self {
            next: numbers.next()??,
            newest_timestamp: numbers.next()??,
            log_start: numbers.next()??,
            since_hint: 0,
        })
    }
}

/// The ends of raw logs that this sandbox knows. A cache: the log itself decides.
#[derive(Debug, Default)]
pub struct LogEndCache(std::sync::Mutex<HashMap<Chunk, Arc<Mutex<Option<LogEnd>>>>>);

impl LogEndCache {
    /// The end of a stream, locked while its records are appended: one landing at a time in this
    /// sandbox.
    pub(super) fn stream_end(&self, stream: &Chunk) -> Arc<Mutex<Option<LogEnd>>> {
        let mut ends = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(ends.entry(stream.clone()).or_default())
    }
}

fn latest_arrival(records: &[RawRecord<'_>]) -> i64 {
    records
        .iter()
        .map(RawRecord::arrived_at)
        .max()
        .unwrap_or(i64::MIN)
}

/// Writes the hint every [`HINT_EVERY`] objects; losing it is harmless.
pub(super) async fn write_end_hint(store: &dyn ObjectStore, stream: &Chunk, end: LogEnd) -> LogEnd {
    if end.since_hint < HINT_EVERY {
        return end;
    }

    let key = stream.log_end_hint_key();
    if let Err(error) = store.put(&key, end.to_hint(), "application/json").await {
        tracing::warn!(
            %error,
            topic = stream.topic,
            partition = stream.partition,
            "hint not written",
        );
    }
    LogEnd {
        since_hint: 0,
        ..end
    }
}

/// The end of the log in the store; where there is no log, it begins at `offset`.
pub(super) async fn find_or_begin_log(
    store: &dyn ObjectStore,
    stream: &Chunk,
    offset: i64,
) -> Result<LogEnd, RawLogError> {
    match find_log_end(store, stream).await? {
        Some(end) => Ok(end),
        None => begin_log(store, stream, offset).await,
    }
}

/// The log's end in the store: that of the last object behind the hint, or none when nothing was
/// ever landed.
pub(super) async fn find_log_end(
    store: &dyn ObjectStore,
    stream: &Chunk,
) -> Result<Option<LogEnd>, RawLogError> {
    let hint = read_end_hint(store, stream).await?;

    // The objects before the hint may have expired; only those behind it have to be listed.
    let last_before_hint = hint.map(|hint| {
        let chunk = Chunk {
            offset: hint.next - 1,
            ..stream.clone()
        };
        chunk.raw_key()
    });
    let behind_hint = store
        .list(&stream.raw_prefix(), last_before_hint.as_deref())
        .await?;

    let end = match behind_hint.last() {
        Some(entry) => Some(LogEnd {
            log_start: hint.map_or(i64::MIN, |hint| hint.log_start),
            ..read_log_end(store, &entry.key).await?
        }),
        None => hint,
    };

    // The first landing of a sandbox renews the hint: otherwise that of a quiet stream would stay
    // at its beginning.
    Ok(end.map(|end| LogEnd {
        since_hint: HINT_EVERY - 1,
        ..end
    }))
}

async fn read_end_hint(
    store: &dyn ObjectStore,
    stream: &Chunk,
) -> Result<Option<LogEnd>, RawLogError> {
    let hint = store
        .get_if_within_limit(&stream.log_end_hint_key())
        .await?;

    Ok(hint.and_then(|object| LogEnd::from_hint(&object.body)))
}

/// Begins a log at `offset`: the hint is its first claim. Where a listing is out of date and shows
/// nothing, the claim fails, and no second log begins in the middle of the first.
async fn begin_log(
    store: &dyn ObjectStore,
    stream: &Chunk,
    offset: i64,
) -> Result<LogEnd, RawLogError> {
    let end = LogEnd {
        next: offset,
        newest_timestamp: i64::MIN,
        log_start: offset,
        since_hint: 0,
    };
    let hint_key = stream.log_end_hint_key();
    let claimed = store
        .put_if_absent(&hint_key, end.to_hint(), ObjectMetadata::new())
        .await?;
    if claimed {
        return Ok(end);
    }

    // Another sandbox began the log, or this one, whose answer was lost: then it is found now.
    find_log_end(store, stream)
        .await?
        .ok_or(RawLogError::StaleListing(hint_key))
}

/// The end that the metadata of a raw object records. The object does not know where the log began.
pub(super) async fn read_log_end(
    store: &dyn ObjectStore,
    key: &str,
) -> Result<LogEnd, RawLogError> {
    let head = store.head(key).await?;
    let next = metadata_number(&head.metadata, METADATA_NEXT)
        .ok_or_else(|| RawLogError::ForeignObject(key.to_owned()))?;

    Ok(LogEnd {
        next,
        newest_timestamp: metadata_number(&head.metadata, METADATA_NEWEST).unwrap_or(i64::MIN),
        log_start: i64::MIN,
        since_hint: 0,
    })
}

fn metadata_number(metadata: &ObjectMetadata, name: &str) -> Option<i64> {
    metadata.get(name)?.parse().ok()
}
