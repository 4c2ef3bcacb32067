//! The chain of raw objects of one stream.
//!
//! The object named by the offset `n` owns the range from `n` to its `next`. A PUT that succeeds only when the name
//! is free lets exactly one writer own each name, so ranges are disjoint and contiguous whatever the batches,
//! bisections, zombies or lost answers were. Nothing but `n` is in the name: a date or a hash would let two
//! writers claim the same place under two names.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

use crate::{Metadata, ObjectStore, StoreError};
use bytes::Bytes;
use lake::{Chunk, RawRecord};
use thiserror::Error;
use tokio::sync::Mutex;

/// A hint of the chain's end is written every so many objects. Without one a cold start lists the whole chain.
const HINT_EVERY: u32 = 64;

/// Why a stream could not be landed. It stops, loudly; no record is skipped.
#[derive(Debug, Error)]
pub enum ChainError {
    /// The storage failed; trying again may mend it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The raw object could not be written.
    #[error(transparent)]
    Lake(#[from] lake::LakeError),
    /// An object without `next` lies in the chain's place: somebody else put it there.
    #[error("{0} is not part of the chain: it has no `next`; move it away")]
    Foreign(String),
    /// Records have offsets before the chain's first.
    #[error(
        "{topic}-{partition}: offset {offset} is before the chain's beginning; raise TOPIC_EPOCH to land the topic from its start"
    )]
    BeforeTheBeginning {
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
    OutOfDate(String),
    /// Records that are newer than the chain's end have offsets before it.
    #[error(
        "{topic}-{partition} was made anew: offset {offset} comes again with newer records; raise TOPIC_EPOCH"
    )]
    MadeAnew {
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
pub struct End {
    /// The offset that names the next object.
    pub next: i64,
    /// The latest timestamp in the chain's last object, in milliseconds since 1970.
    pub newest: i64,
    /// The offset at which the chain began, as far as it is known: what is before it was never landed.
    begin: i64,
    /// Objects landed since the last hint.
    since_hint: u32,
}

/// What landing came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Landed {
    /// Records written.
    pub records: u64,
    /// Records that lay there already.
    pub repeats: u64,
    /// Offsets that no record has: transaction markers, compaction, filters.
    pub holes: u64,
}

/// The ends of chains that this sandbox knows. A cache: the chain itself is the truth.
#[derive(Debug, Default)]
pub struct Ends(std::sync::Mutex<HashMap<Chunk, Arc<Mutex<Option<End>>>>>);

impl Ends {
    /// The end of a stream, locked while its records are landed: one at a time in this sandbox.
    fn of(&self, stream: &Chunk) -> Arc<Mutex<Option<End>>> {
        let mut ends = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(ends.entry(stream.clone()).or_default())
    }
}

/// Lands the records of one stream, which are sorted by offset. `stream.offset` is not looked at.
///
/// # Errors
/// As [`ChainError`]; nothing from the first record that is not landed is lost, for Lambda sends it again.
pub async fn land(
    store: &dyn ObjectStore,
    ends: &Ends,
    stream: &Chunk,
    records: &[RawRecord<'_>],
) -> Result<Landed, ChainError> {
    let stream = Chunk {
        offset: 0,
        ..stream.clone()
    };
    let known = ends.of(&stream);
    let mut known = known.lock().await;
    let (Some(first), Some(last)) = (records.first(), records.last()) else {
        return Ok(Landed::default());
    };
    let mut end = match *known {
        Some(end) => end,
        None => match find_end(store, &stream).await? {
            Some(end) => end,
            None => begin(store, &stream, first.offset).await?,
        },
    };
    loop {
        let fresh = &records[records.partition_point(|record| record.offset < end.next)..];
        let repeats = &records[..records.len() - fresh.len()];
        refuse_made_anew(&stream, repeats, &end)?;
        refuse_before_the_beginning(&stream, repeats, &end)?;
        if fresh.is_empty() {
            *known = Some(end);
            return Ok(Landed {
                repeats: repeats.len() as u64,
                ..Landed::default()
            });
        }
        let chunk = Chunk {
            offset: end.next,
            ..stream.clone()
        };
        let mine = End {
            next: last.offset + 1,
            newest: newest(fresh).max(end.newest),
            begin: end.begin,
            since_hint: end.since_hint + 1,
        };
        if put(store, &chunk, fresh, &mine).await? {
            let holes = (mine.next - end.next).unsigned_abs() - fresh.len() as u64;
            *known = Some(remember(store, &stream, mine).await);
            return Ok(Landed {
                records: fresh.len() as u64,
                repeats: repeats.len() as u64,
                holes,
            });
        }
        // Somebody owns the name: another sandbox, or this one, whose answer was lost. Go on behind it.
        end = End {
            begin: end.begin,
            ..read_end(store, &chunk.raw_key()).await?
        };
    }
}

/// Appends records to a stream whose offsets are counted by the chain itself: those of the records are not looked
/// at. Gives the raw object that holds them.
///
/// # Errors
/// As [`ChainError`]; then nothing was appended.
pub async fn append(
    store: &dyn ObjectStore,
    stream: &Chunk,
    mut records: Vec<RawRecord<'_>>,
) -> Result<Chunk, ChainError> {
    let mut end = find_end(store, stream).await?.unwrap_or(End {
        newest: i64::MIN,
        ..End::default()
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
        let mine = End {
            next,
            newest: newest(&records).max(end.newest),
            begin: end.begin,
            since_hint: HINT_EVERY,
        };
        // A name that is taken: somebody appended at the same time, or the answer was lost and the object is ours.
        if put(store, &chunk, &records, &mine).await? || is_mine(store, &chunk, &records).await? {
            remember(store, stream, mine).await;
            return Ok(chunk);
        }
        end = read_end(store, &chunk.raw_key()).await?;
    }
}

/// Whether the object holds exactly these records.
async fn is_mine(
    store: &dyn ObjectStore,
    chunk: &Chunk,
    records: &[RawRecord<'_>],
) -> Result<bool, ChainError> {
    let next = chunk.offset + i64::try_from(records.len()).unwrap_or(i64::MAX);
    Ok(store.get(&chunk.raw_key()).await?.body == lake::encode_raw(chunk, records, next)?)
}

async fn put(
    store: &dyn ObjectStore,
    chunk: &Chunk,
    records: &[RawRecord<'_>],
    end: &End,
) -> Result<bool, ChainError> {
    let body = lake::encode_raw(chunk, records, end.next)?;
    let metadata = [
        ("next", end.next.to_string()),
        ("newest", end.newest.to_string()),
        ("count", records.len().to_string()),
        (
            "holes",
            ((end.next - chunk.offset).unsigned_abs() - records.len() as u64).to_string(),
        ),
    ];
    let metadata: Metadata = metadata
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    Ok(store.put_new(&chunk.raw_key(), body, metadata).await?)
}

fn newest(records: &[RawRecord<'_>]) -> i64 {
    records
        .iter()
        .map(|record| record.timestamp)
        .max()
        .unwrap_or(i64::MIN)
}

/// A repeat is never newer than the chain's end: the log stamps records as it appends them. One that is newer
/// belongs to another topic of the same name, and dropping it as a repeat would lose it in silence.
fn refuse_made_anew(
    stream: &Chunk,
    repeats: &[RawRecord<'_>],
    end: &End,
) -> Result<(), ChainError> {
    let anew = repeats.iter().find(|record| {
        record.timestamp_type == Some("LOG_APPEND_TIME")
            && end.newest != i64::MIN
            && record.timestamp > end.newest
    });
    anew.map_or(Ok(()), |record| {
        let Chunk {
            topic, partition, ..
        } = stream.clone();
        Err(ChainError::MadeAnew {
            topic,
            partition,
            offset: record.offset,
        })
    })
}

/// A record from before the chain's beginning is no repeat: it was never landed, and cannot be, for the chain has its
/// beginning. So it is when a topic is read from its start after it was first read from its end.
fn refuse_before_the_beginning(
    stream: &Chunk,
    repeats: &[RawRecord<'_>],
    end: &End,
) -> Result<(), ChainError> {
    let before = repeats.first().filter(|record| record.offset < end.begin);
    before.map_or(Ok(()), |record| {
        let Chunk {
            topic, partition, ..
        } = stream.clone();
        Err(ChainError::BeforeTheBeginning {
            topic,
            partition,
            offset: record.offset,
        })
    })
}

/// Writes the hint now and then; losing it is harmless.
async fn remember(store: &dyn ObjectStore, stream: &Chunk, end: End) -> End {
    if end.since_hint < HINT_EVERY {
        return end;
    }
    let body = Bytes::from(format!("{} {} {}", end.next, end.newest, end.begin));
    if let Err(error) = store
        .put(&stream.hint_key(), body, "application/json")
        .await
    {
        tracing::warn!(%error, topic = stream.topic, partition = stream.partition, "hint not written");
    }
    End {
        since_hint: 0,
        ..end
    }
}

/// The chain's end in the store: the last object behind the hint, or none when nothing was ever landed.
async fn find_end(store: &dyn ObjectStore, stream: &Chunk) -> Result<Option<End>, ChainError> {
    let hint = match store.get(&stream.hint_key()).await {
        Ok(object) => hint(&object.body),
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
    let begin = hint.map_or(i64::MIN, |hint| hint.begin);
    match behind.last() {
        // The first landing of a sandbox renews the hint: a quiet stream's would else stay at its beginning.
        Some(entry) => {
            let end = read_end(store, &entry.key).await?;
            Ok(Some(End {
                begin,
                since_hint: HINT_EVERY - 1,
                ..end
            }))
        }
        None => Ok(hint.map(|hint| End {
            since_hint: HINT_EVERY - 1,
            ..hint
        })),
    }
}

/// Begins a chain at `offset`: the hint is its first claim. Where a listing is out of date and shows nothing, the
/// claim fails, and no second chain begins in the middle of the first.
async fn begin(store: &dyn ObjectStore, stream: &Chunk, offset: i64) -> Result<End, ChainError> {
    let end = End {
        next: offset,
        newest: i64::MIN,
        begin: offset,
        since_hint: 0,
    };
    let body = Bytes::from(format!("{} {} {}", end.next, end.newest, end.begin));
    if store
        .put_new(&stream.hint_key(), body, Metadata::new())
        .await?
    {
        return Ok(end);
    }
    // Begun by another, or by this sandbox, whose answer was lost: then it is found now.
    find_end(store, stream)
        .await?
        .ok_or_else(|| ChainError::OutOfDate(stream.hint_key()))
}

/// The end that a hint tells of: `<next> <newest> <begin>`.
fn hint(body: &[u8]) -> Option<End> {
    let mut numbers = std::str::from_utf8(body)
        .ok()?
        .split(' ')
        .map(|text| text.parse::<i64>().ok());
    let (next, newest) = (numbers.next()??, numbers.next()??);
    Some(End {
        next,
        newest,
        begin: numbers.next().flatten().unwrap_or(i64::MIN),
        since_hint: 0,
    })
}

async fn read_end(store: &dyn ObjectStore, key: &str) -> Result<End, ChainError> {
    let head = store.head(key).await?;
    let number = |name: &str| {
        head.metadata
            .get(name)
            .and_then(|text| text.parse::<i64>().ok())
    };
    let next = number("next").ok_or_else(|| ChainError::Foreign(key.to_owned()))?;
    Ok(End {
        next,
        newest: number("newest").unwrap_or(i64::MIN),
        begin: i64::MIN,
        since_hint: 0,
    })
}

#[cfg(test)]
mod tests;
