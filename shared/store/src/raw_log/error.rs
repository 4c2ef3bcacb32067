//! Why a stream could not be appended to.

use thiserror::Error;

use crate::StoreError;

/// Why a stream could not be appended to. It stops, loudly; no record is skipped.
#[derive(Debug, Error)]
pub enum RawLogError {
    /// The storage failed; another attempt may succeed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The raw object could not be written.
    #[error(transparent)]
    Lake(#[from] lake::LakeError),
    /// An object without `next` has a name of the log: another program wrote it.
    #[error("{0} is not part of the raw log: it has no `next`; move it away")]
    ForeignObject(String),
    /// Records have offsets before the log's first.
    #[error(
        "{topic}-{partition}: offset {offset} is before the raw log's beginning; raise TOPIC_EPOCH \
         to land the topic from its start"
    )]
    BeforeLogStart {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// The offset.
        offset: i64,
    },
    /// Other writers took every name that an append tried.
    #[error("{topic}-{partition}: too many writers append at once; deliver the records again")]
    Contended {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
    },
    /// The storage did not answer before the deadline's reserve.
    #[error("no time is left; Lambda delivers the batch again, and what has landed lands once")]
    OutOfTime,
    /// The storage shows nothing of a log that exists; it will, later.
    #[error(
        "{0} exists and is not listed: the storage's answers are out of date; the batch comes again"
    )]
    StaleListing(String),
    /// Records that are newer than the log's end have offsets before it.
    #[error(
        "{topic}-{partition} was recreated: offset {offset} comes again with newer records; raise \
         TOPIC_EPOCH"
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
