//! Where an event source mapping reads a topic: the embedded log, or an external Kafka.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::kafka::{LogRecord, PartitionLog, TopicLogs};

/// The offset of the next record of each partition; a partition that has none begins at its first.
pub(crate) type NextOffsets = BTreeMap<i32, i64>;

/// Records of each partition, in their order.
pub(crate) type PartitionRecords = BTreeMap<i32, Vec<LogRecord>>;

/// A topic that is read from any offset on.
#[async_trait]
pub(crate) trait RecordSource: Send + Sync {
    /// Waits for records from these offsets on, no longer than about `within`; says how many are
    /// known.
    ///
    /// # Errors
    /// When the topic cannot be read.
    async fn wait_for_records(&self, from: &NextOffsets, within: Duration) -> io::Result<usize>;

    /// The records from these offsets on, up to about `bytes_max` of each partition.
    ///
    /// # Errors
    /// When the topic cannot be read.
    async fn read_records(
        &self,
        from: &NextOffsets,
        bytes_max: usize,
    ) -> io::Result<PartitionRecords>;

    /// How many records there are from these offsets on.
    ///
    /// # Errors
    /// When the topic cannot be asked.
    async fn count_lag(&self, from: &NextOffsets) -> io::Result<u64>;
}

/// A topic of the embedded broker.
pub(crate) struct EmbeddedTopic {
    pub(crate) topic: String,
    pub(crate) topics: Arc<TopicLogs>,
}

impl EmbeddedTopic {
    fn lag(&self, from: &NextOffsets) -> io::Result<u64> {
        let logs = self.topics.get_or_create_topic(&self.topic)?;
        let lag: i64 = (0..)
            .zip(logs.iter())
            .map(|(partition, log)| log.next_offset() - position(from, partition, log))
            .sum();
        Ok(lag.unsigned_abs())
    }
}

/// Where the next batch of a partition begins: at its offset, but not before the log does.
fn position(from: &NextOffsets, partition: i32, log: &PartitionLog) -> i64 {
    let next = from.get(&partition).copied();
    next.unwrap_or_default().max(log.start_offset())
}

#[async_trait]
impl RecordSource for EmbeddedTopic {
    async fn wait_for_records(&self, from: &NextOffsets, within: Duration) -> io::Result<usize> {
        let appended = self.topics.appended.notified();
        if self.lag(from)? == 0 {
            drop(tokio::time::timeout(within, appended).await);
        }
        Ok(usize::try_from(self.lag(from)?).unwrap_or(usize::MAX))
    }

    async fn read_records(
        &self,
        from: &NextOffsets,
        bytes_max: usize,
    ) -> io::Result<PartitionRecords> {
        let logs = self.topics.get_or_create_topic(&self.topic)?;
        let mut records = PartitionRecords::new();
        for (partition, log) in (0..).zip(logs.iter()) {
            let read = log.read_records(position(from, partition, log), bytes_max)?;
            records.insert(partition, read);
        }
        Ok(records)
    }

    async fn count_lag(&self, from: &NextOffsets) -> io::Result<u64> {
        self.lag(from)
    }
}
