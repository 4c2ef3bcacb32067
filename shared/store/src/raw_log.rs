//! The raw log: the raw objects of one stream, exactly once.
//!
//! The object named by the offset `n` owns the range from `n` to its `next`. A PUT that succeeds
//! only when the name is free lets exactly one writer own each name, so ranges are disjoint and
//! contiguous whatever the batches, bisections, zombies or lost answers were. Nothing but `n` is in
//! the name: a date or a hash would let two writers claim the same range under two names.

mod error;
mod log_end;
mod raw_object;

pub use error::RawLogError;
pub use log_end::{LogEnd, LogEndCache};
pub use raw_object::{RawObject, record_content, recorded_newest, recorded_next, recorded_sha256};

use lake::{Chunk, RawRecord};

use crate::{ObjectMetadata, ObjectStore};
use log_end::{
    HINT_EVERY, METADATA_NEWEST, METADATA_NEXT, find_log_end, find_or_begin_log, read_log_end,
    write_end_hint,
};

/// How many records and offsets a landing counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LandingCounts {
    /// Records written.
    pub records: u64,
    /// Records that the log had already.
    pub repeats: u64,
    /// Offsets that no record has: transaction markers, compaction, filters.
    pub offset_gaps: u64,
    /// Records written that their landing dates: their topic is not `LogAppendTime`.
    pub dated_by_landing: u64,
}

/// Lands the records of one stream, which are sorted by offset. `stream.offset` is ignored.
///
/// # Errors
/// As [`RawLogError`]; nothing from the first record that is not landed is lost, for Lambda sends
/// it again.
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
    let cached_end = ends.stream_end(&stream);
    let mut cached_end = cached_end.lock().await;

    let (Some(first), Some(last)) = (records.first(), records.last()) else {
        return Ok(LandingCounts::default());
    };
    let mut end = match *cached_end {
        Some(end) => end,
        None => find_or_begin_log(store, &stream, first.offset).await?,
    };

    loop {
        let (repeats, fresh) = split_repeats(records, &end);
        refuse_recreated_topic(&stream, repeats, &end)?;
        refuse_before_log_start(&stream, repeats, &end)?;
        if fresh.is_empty() {
            *cached_end = Some(end);
            return Ok(count_landing(repeats, fresh, 0));
        }

        let chunk = end.next_chunk(&stream);
        let new_end = end.after(fresh, last.offset + 1);
        if put_chunk(store, &chunk, fresh, &new_end).await? {
            *cached_end = Some(write_end_hint(store, &stream, new_end).await);
            let gaps = count_gaps(&chunk, fresh, new_end.next);
            return Ok(count_landing(repeats, fresh, gaps));
        }

        // The name is taken: by another sandbox, or by this one, whose answer was lost. Continue
        // behind that object.
        end = LogEnd {
            log_start: end.log_start,
            ..read_log_end(store, &chunk.raw_key()).await?
        };
    }
}

/// The records that the log has already, and those behind its end.
fn split_repeats<'r, 'e>(
    records: &'r [RawRecord<'e>],
    end: &LogEnd,
) -> (&'r [RawRecord<'e>], &'r [RawRecord<'e>]) {
    records.split_at(records.partition_point(|record| record.offset < end.next))
}

fn count_landing(
    repeats: &[RawRecord<'_>],
    fresh: &[RawRecord<'_>],
    offset_gaps: u64,
) -> LandingCounts {
    LandingCounts {
        records: fresh.len() as u64,
        repeats: repeats.len() as u64,
        offset_gaps,
        dated_by_landing: count_dated_by_landing(fresh),
    }
}

fn count_dated_by_landing(records: &[RawRecord<'_>]) -> u64 {
    let by_landing = records.iter().filter(|record| !record.has_append_time());
    by_landing.count() as u64
}

/// Offsets of the object's range, which goes to `next`, that no record has.
fn count_gaps(chunk: &Chunk, records: &[RawRecord<'_>], next: i64) -> u64 {
    (next - chunk.offset).unsigned_abs() - records.len() as u64
}

/// Names that an append tries, each taken by another writer, before it gives up. Two writers that
/// take turns need two.
const APPEND_ATTEMPTS_MAX: u32 = 50;

/// What appending gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppendedChunk {
    /// The raw object that holds the records.
    pub chunk: Chunk,
    /// The end of the log behind it.
    pub end: LogEnd,
    /// How often the name that was to be next had been taken by another writer.
    pub conflicts: u32,
}

/// Appends records to a stream whose offsets the log itself counts: those of the records are
/// ignored. Gives the raw object that holds the records.
///
/// # Errors
/// As [`RawLogError`]; then nothing was appended, or an answer was lost and the records are there.
pub async fn append_records(
    store: &dyn ObjectStore,
    stream: &Chunk,
    records: Vec<RawRecord<'_>>,
) -> Result<Chunk, RawLogError> {
    let appended = append_behind(store, stream, None, records).await?;

    // Such appends are rare: each writes its hint, so that the count goes on when the objects have
    // expired.
    let end = LogEnd {
        since_hint: HINT_EVERY,
        ..appended.end
    };
    write_end_hint(store, stream, end).await;
    Ok(appended.chunk)
}

/// The same from a known end; without one, the end is looked for in the store. The caller keeps the
/// new end.
///
/// # Errors
/// As [`append_records`].
pub async fn append_behind(
    store: &dyn ObjectStore,
    stream: &Chunk,
    end: Option<LogEnd>,
    mut records: Vec<RawRecord<'_>>,
) -> Result<AppendedChunk, RawLogError> {
    let mut end = match end {
        Some(end) => end,
        None => find_log_end(store, stream)
            .await?
            .unwrap_or(LogEnd::at(0, i64::MIN)),
    };

    for conflicts in 0..APPEND_ATTEMPTS_MAX {
        for (offset, record) in (end.next..).zip(&mut records) {
            record.offset = offset;
        }
        let chunk = end.next_chunk(stream);
        let new_end = end.after(&records, offset_behind(&chunk, &records));

        // A name that is taken: another append at the same time, or the answer was lost and the
        // object is ours.
        if put_chunk(store, &chunk, &records, &new_end).await?
            || holds_records(store, &chunk, &records).await?
        {
            return Ok(AppendedChunk {
                chunk,
                end: new_end,
                conflicts,
            });
        }
        end = read_log_end(store, &chunk.raw_key()).await?;
    }
    Err(RawLogError::Contended {
        topic: stream.topic.clone(),
        partition: stream.partition,
    })
}

/// The offset behind the object, when its records have no gaps.
fn offset_behind(chunk: &Chunk, records: &[RawRecord<'_>]) -> i64 {
    chunk.offset + i64::try_from(records.len()).unwrap_or(i64::MAX)
}

/// Whether the object holds exactly these records.
async fn holds_records(
    store: &dyn ObjectStore,
    chunk: &Chunk,
    records: &[RawRecord<'_>],
) -> Result<bool, RawLogError> {
    let stored = store.get(&chunk.raw_key()).await?.body;
    Ok(stored == lake::encode_raw(chunk, records, offset_behind(chunk, records))?)
}

/// Writes a raw object whose range goes to the new end; whether its name was free.
async fn put_chunk(
    store: &dyn ObjectStore,
    chunk: &Chunk,
    records: &[RawRecord<'_>],
    new_end: &LogEnd,
) -> Result<bool, RawLogError> {
    let body = lake::encode_raw(chunk, records, new_end.next)?;
    let offset_gaps = count_gaps(chunk, records, new_end.next);
    let metadata = ObjectMetadata::from([
        (METADATA_NEXT.to_owned(), new_end.next.to_string()),
        (
            METADATA_NEWEST.to_owned(),
            new_end.newest_timestamp.to_string(),
        ),
        ("count".to_owned(), records.len().to_string()),
        ("offset_gaps".to_owned(), offset_gaps.to_string()),
    ]);
    let metadata = record_content(&metadata, &body);

    let was_free = store
        .put_if_absent(&chunk.raw_key(), body, metadata)
        .await?;
    Ok(was_free)
}

/// A repeat is never newer than the log's end: Kafka stamps records as it appends them. A record
/// that is newer belongs to another topic of the same name, and dropping it as a repeat would lose
/// it in silence.
fn refuse_recreated_topic(
    stream: &Chunk,
    repeats: &[RawRecord<'_>],
    end: &LogEnd,
) -> Result<(), RawLogError> {
    let newer = repeats.iter().find(|record| {
        record.has_append_time()
            && end.newest_timestamp != i64::MIN
            && record.timestamp > end.newest_timestamp
    });

    newer.map_or(Ok(()), |record| {
        Err(RawLogError::TopicRecreated {
            topic: stream.topic.clone(),
            partition: stream.partition,
            offset: record.offset,
        })
    })
}

/// A record from before the log's beginning is no repeat: it was never landed, and cannot be, for
/// the log has its beginning. This happens when a topic is read from its start after it was first
/// read from its end.
fn refuse_before_log_start(
    stream: &Chunk,
    repeats: &[RawRecord<'_>],
    end: &LogEnd,
) -> Result<(), RawLogError> {
    let earlier = repeats
        .first()
        .filter(|record| record.offset < end.log_start);

    earlier.map_or(Ok(()), |record| {
        Err(RawLogError::BeforeLogStart {
            topic: stream.topic.clone(),
            partition: stream.partition,
            offset: record.offset,
        })
    })
}

#[cfg(test)]
mod tests;
