//! The chain of raw objects of one stream.
//!
//! The object named by the offset `n` owns the range from `n` to its `next`. A PUT that succeeds only when the name
//! is free lets exactly one writer own each name, so ranges are disjoint and contiguous whatever the batches,
//! bisections, zombies or lost answers were. Nothing but `n` is in the name: a date or a hash would let two
//! writers claim the same place under two names.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

use crate::{ObjectMetadata, ObjectStore, StoreError};
use bytes::Bytes;
use lake::{Chunk, RawRecord};
use thiserror::Error;
use tokio::sync::Mutex;

/// A hint of the chain's end is written every so many objects. Without one a cold start lists the whole chain.
const HINT_EVERY: u32 = 64;

/// Why a stream could not be landed. It stops, loudly; no record is skipped.
#[derive(Debug, Error)]
pub enum RawLogError {
    /// The storage failed; trying again may mend it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The raw object could not be written.
    #[error(transparent)]
    Lake(#[from] lake::LakeError),
    /// An object without `next` lies in the chain's place: somebody else put it there.
    #[error("{0} is not part of the chain: it has no `next`; move it away")]
    ForeignObject(String),
    /// Records have offsets before the chain's first.
    #[error(
        "{topic}-{partition}: offset {offset} is before the chain's beginning; raise TOPIC_EPOCH to land the topic from its start"
    )]
    BeforeLogStart {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// The offset.
        offset: i64,
    },
    /// The storage did not answer before the deadline's reserve.
    #[error("no time is left; the batch comes again")]
    OutOfTime,
    /// The storage shows nothing of a chain that is there; it will, later.
    #[error("{0} is there and is not shown: the storage's answers are out of date")]
    StaleListing(String),
    /// Records that are newer than the chain's end have offsets before it.
    #[error(
        "{topic}-{partition} was made anew: offset {offset} comes again with newer records; raise TOPIC_EPOCH"
    )]
    TopicRecreated {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// The offset.
        offset: i64,
    },
}

/// The end of a chain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogEnd {
    /// The offset that names the next object.
    pub next: i64,
    /// The latest timestamp in the chain's last object, in milliseconds since 1970.
    pub newest_timestamp: i64,
    /// The offset at which the chain began, as far as it is known: what is before it was never landed.
    log_start: i64,
    /// Objects landed since the last hint.
    since_hint: u32,
}

/// What landing came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LandingCounts {
    /// Records written.
    pub records: u64,
    /// Records that lay there already.
    pub repeats: u64,
    /// Offsets that no record has: transaction markers, compaction, filters.
    pub offset_gaps: u64,
}

/// The ends of chains that this sandbox knows. A cache: the chain itself is the truth.
#[derive(Debug, Default)]
pub struct LogEndCache(std::sync::Mutex<HashMap<Chunk, Arc<Mutex<Option<LogEnd>>>>>);

impl LogEndCache {
    /// The end of a stream, locked while its records are landed: one at a time in this sandbox.
    fn stream_end(&self, stream: &Chunk) -> Arc<Mutex<Option<LogEnd>>> {
        let mut ends = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(ends.entry(stream.clone()).or_default())
    }
}

/// Lands the records of one stream, which are sorted by offset. `stream.offset` is not looked at.
///
/// # Errors
/// As [`RawLogError`]; nothing from the first record that is not landed is lost, for Lambda sends it again.
pub async fn land_records(
    store: &dyn ObjectStore,
    ends: &LogEndCache,
    stream: &Chunk,
    records: &[RawRecord<'_>],
) -> Result<LandingCounts, RawLogError> {
    let stream = Chunk {
        offset: 0,
        ..stream.clone()
    };
    let known = ends.stream_end(&stream);
    let mut known = known.lock().await;
    let (Some(first), Some(last)) = (records.first(), records.last()) else {
        return Ok(LandingCounts::default());
    };
    let mut end = match *known {
        Some(end) => end,
        None => match find_log_end(store, &stream).await? {
            Some(end) => end,
            None => begin_log(store, &stream, first.offset).await?,
        },
    };
    loop {
        let fresh = &records[records.partition_point(|record| record.offset < end.next)..];
        let repeats = &records[..records.len() - fresh.len()];
        refuse_recreated_topic(&stream, repeats, &end)?;
        refuse_before_log_start(&stream, repeats, &end)?;
        if fresh.is_empty() {
            *known = Some(end);
            return Ok(LandingCounts {
                repeats: repeats.len() as u64,
                ..LandingCounts::default()
            });
        }
        let chunk = Chunk {
            offset: end.next,
            ..stream.clone()
        };
        let mine = LogEnd {
            next: last.offset + 1,
            newest_timestamp: max_timestamp(fresh).max(end.newest_timestamp),
            log_start: end.log_start,
            since_hint: end.since_hint + 1,
        };
        if put_chunk(store, &chunk, fresh, &mine).await? {
            let holes = (mine.next - end.next).unsigned_abs() - fresh.len() as u64;
            *known = Some(write_end_hint(store, &stream, mine).await);
            return Ok(LandingCounts {
                records: fresh.len() as u64,
                repeats: repeats.len() as u64,
                offset_gaps: holes,
            });
        }
        // Somebody owns the name: another sandbox, or this one, whose answer was lost. Go on behind it.
        end = LogEnd {
            log_start: end.log_start,
            ..read_log_end(store, &chunk.raw_key()).await?
        };
    }
}

/// Appends records to a stream whose offsets are counted by the chain itself: those of the records are not looked
/// at. Gives the raw object that holds them.
///
/// # Errors
/// As [`RawLogError`]; then nothing was appended.
pub async fn append_records(
    store: &dyn ObjectStore,
    stream: &Chunk,
    mut records: Vec<RawRecord<'_>>,
) -> Result<Chunk, RawLogError> {
    let mut end = find_log_end(store, stream).await?.unwrap_or(LogEnd {
        newest_timestamp: i64::MIN,
        ..LogEnd::default()
    });
    loop {
        for (offset, record) in (end.next..).zip(&mut records) {
            record.offset = offset;
        }
        let chunk = Chunk {
            offset: end.next,
            ..stream.clone()
        };
        let next = end.next + i64::try_from(records.len()).unwrap_or(i64::MAX);
        // Appends are rare: each leaves its hint, so that the count goes on when the objects have expired.
        let mine = LogEnd {
            next,
            newest_timestamp: max_timestamp(&records).max(end.newest_timestamp),
            log_start: end.log_start,
            since_hint: HINT_EVERY,
        };
        // A name that is taken: somebody appended at the same time, or the answer was lost and the object is ours.
        if put_chunk(store, &chunk, &records, &mine).await?
            || holds_records(store, &chunk, &records).await?
        {
            write_end_hint(store, stream, mine).await;
            return Ok(chunk);
        }
        end = read_log_end(store, &chunk.raw_key()).await?;
    }
}

/// Whether the object holds exactly these records.
async fn holds_records(
    store: &dyn ObjectStore,
    chunk: &Chunk,
    records: &[RawRecord<'_>],
) -> Result<bool, RawLogError> {
    let next = chunk.offset + i64::try_from(records.len()).unwrap_or(i64::MAX);
    Ok(store.get(&chunk.raw_key()).await?.body == lake::encode_raw(chunk, records, next)?)
}

async fn put_chunk(
    store: &dyn ObjectStore,
    chunk: &Chunk,
    records: &[RawRecord<'_>],
    end: &LogEnd,
) -> Result<bool, RawLogError> {
    let body = lake::encode_raw(chunk, records, end.next)?;
    let metadata = [
        ("next", end.next.to_string()),
        ("newest", end.newest_timestamp.to_string()),
        ("count", records.len().to_string()),
        (
            "holes",
            ((end.next - chunk.offset).unsigned_abs() - records.len() as u64).to_string(),
        ),
    ];
    let metadata: ObjectMetadata = metadata
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    Ok(store
        .put_if_absent(&chunk.raw_key(), body, metadata)
        .await?)
}

fn max_timestamp(records: &[RawRecord<'_>]) -> i64 {
    records
        .iter()
        .map(|record| record.timestamp)
        .max()
        .unwrap_or(i64::MIN)
}

/// A repeat is never newer than the chain's end: the log stamps records as it appends them. One that is newer
/// belongs to another topic of the same name, and dropping it as a repeat would lose it in silence.
fn refuse_recreated_topic(
    stream: &Chunk,
    repeats: &[RawRecord<'_>],
    end: &LogEnd,
) -> Result<(), RawLogError> {
    let anew = repeats.iter().find(|record| {
        record.timestamp_type == Some("LOG_APPEND_TIME")
            && end.newest_timestamp != i64::MIN
            && record.timestamp > end.newest_timestamp
    });
    anew.map_or(Ok(()), |record| {
        let Chunk {
            topic, partition, ..
        } = stream.clone();
        Err(RawLogError::TopicRecreated {
            topic,
            partition,
            offset: record.offset,
        })
    })
}

/// A record from before the chain's beginning is no repeat: it was never landed, and cannot be, for the chain has its
/// beginning. So it is when a topic is read from its start after it was first read from its end.
fn refuse_before_log_start(
    stream: &Chunk,
    repeats: &[RawRecord<'_>],
    end: &LogEnd,
) -> Result<(), RawLogError> {
    let before = repeats
        .first()
        .filter(|record| record.offset < end.log_start);
    before.map_or(Ok(()), |record| {
        let Chunk {
            topic, partition, ..
        } = stream.clone();
        Err(RawLogError::BeforeLogStart {
            topic,
            partition,
            offset: record.offset,
        })
    })
}

/// Writes the hint now and then; losing it is harmless.
async fn write_end_hint(store: &dyn ObjectStore, stream: &Chunk, end: LogEnd) -> LogEnd {
    if end.since_hint < HINT_EVERY {
        return end;
    }
    let body = Bytes::from(format!(
        "{} {} {}",
        end.next, end.newest_timestamp, end.log_start
    ));
    if let Err(error) = store
        .put(&stream.log_end_hint_key(), body, "application/json")
        .await
    {
        tracing::warn!(%error, topic = stream.topic, partition = stream.partition, "hint not written");
    }
    LogEnd {
        since_hint: 0,
        ..end
    }
}

/// The chain's end in the store: the last object behind the hint, or none when nothing was ever landed.
async fn find_log_end(
    store: &dyn ObjectStore,
    stream: &Chunk,
) -> Result<Option<LogEnd>, RawLogError> {
    let hint = match store.get(&stream.log_end_hint_key()).await {
        Ok(object) => parse_end_hint(&object.body),
        Err(error) if error.is_not_found() => None,
        Err(error) => return Err(error.into()),
    };
    // What the hint knows of may have expired; only what came after it needs to be looked at.
    let after = hint.map(|end| {
        Chunk {
            offset: end.next - 1,
            ..stream.clone()
        }
        .raw_key()
    });
    let behind = store.list(&stream.raw_prefix(), after.as_deref()).await?;
    let begin = hint.map_or(i64::MIN, |hint| hint.log_start);
    match behind.last() {
        // The first landing of a sandbox renews the hint: a quiet stream's would else stay at its beginning.
        Some(entry) => {
            let end = read_log_end(store, &entry.key).await?;
            Ok(Some(LogEnd {
                log_start: begin,
                since_hint: HINT_EVERY - 1,
                ..end
            }))
        }
        None => Ok(hint.map(|hint| LogEnd {
            since_hint: HINT_EVERY - 1,
            ..hint
        })),
    }
}

/// Begins a chain at `offset`: the hint is its first claim. Where a listing is out of date and shows nothing, the
/// claim fails, and no second chain begins in the middle of the first.
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
    let body = Bytes::from(format!(
        "{} {} {}",
        end.next, end.newest_timestamp, end.log_start
    ));
    if store
        .put_if_absent(&stream.log_end_hint_key(), body, ObjectMetadata::new())
        .await?
    {
        return Ok(end);
    }
    // Begun by another, or by this sandbox, whose answer was lost: then it is found now.
    find_log_end(store, stream)
        .await?
        .ok_or_else(|| RawLogError::StaleListing(stream.log_end_hint_key()))
}

/// The end that a hint tells of: `<next> <newest> <begin>`.
fn parse_end_hint(body: &[u8]) -> Option<LogEnd> {
    let mut numbers = std::str::from_utf8(body)
        .ok()?
        .split(' ')
        .map(|text| text.parse::<i64>().ok());
    let (next, newest) = (numbers.next()??, numbers.next()??);
    Some(LogEnd {
        next,
        newest_timestamp: newest,
        log_start: numbers.next().flatten().unwrap_or(i64::MIN),
        since_hint: 0,
    })
}

async fn read_log_end(store: &dyn ObjectStore, key: &str) -> Result<LogEnd, RawLogError> {
    let head = store.head(key).await?;
    let number = |name: &str| {
        head.metadata
            .get(name)
            .and_then(|text| text.parse::<i64>().ok())
    };
    let next = number("next").ok_or_else(|| RawLogError::ForeignObject(key.to_owned()))?;
    Ok(LogEnd {
        next,
        newest_timestamp: number("newest_timestamp").unwrap_or(i64::MIN),
        log_start: i64::MIN,
        since_hint: 0,
    })
}

#[cfg(test)]
mod tests;
