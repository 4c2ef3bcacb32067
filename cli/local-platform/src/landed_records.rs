//! The records of Kafka's log that the raw zone holds: an erasure cuts them, for the raw zone holds
//! what may be kept of them.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;

use super::kafka::TopicLogs;
use super::kafka_mapping::{offsets_file, read_committed_offsets};

/// Knows by the committed offsets what the raw zone holds.
pub(super) struct LandedRecords {
    topics: Arc<TopicLogs>,
    offsets: PathBuf,
}

/// What became of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct LogTruncation {
    /// Records that were cut.
    records_cut: i64,
    /// Records that are left: not in the raw zone, or in one batch with such a record.
    records_left: i64,
}

impl LandedRecords {
    pub(super) fn new(topics: Arc<TopicLogs>, offsets: PathBuf) -> Self {
        Self { topics, offsets }
    }

    /// Cuts those records of every topic, also of those whose source is no longer declared.
    ///
    /// # Errors
    /// When a file cannot be read or written. Nothing is lost then, and a repeat cuts the rest.
    pub(super) fn truncate(&self) -> io::Result<LogTruncation> {
        let mut truncation = LogTruncation::default();
        for topic in self.topics.topic_names() {
            let committed = read_committed_offsets(&offsets_file(&self.offsets, &topic))?;
            let logs = self.topics.get_or_create_topic(&topic)?;
            for (partition, log) in (0..).zip(logs.iter()) {
                let landed = committed.get(&partition).copied().unwrap_or_default();
                truncation.records_cut += log.truncate_before(landed)?;
                truncation.records_left += log.next_offset() - log.start_offset();
            }
        }
        Ok(truncation)
    }
}
