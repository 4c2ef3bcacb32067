//! The records of a topic, in the order of their offsets: what Lambda's event source mapping does
//! where Lambda is not there. No group of consumers is joined, and nothing is committed to Kafka.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use krafka::consumer::{AutoOffsetReset, Consumer, IsolationLevel, TopicPartition};
use krafka::{CloseOptions, ConsumerRecord, TimestampType};
use tokio::sync::Mutex;

use super::connection::{ATTEMPT_TIMEOUT, KafkaSettings, connect_kafka};
use super::topics::describe_error;
use crate::delivery::SendError;

/// Records that one poll gives at most: as many as Lambda puts into a batch.
const POLL_RECORDS_MAX: i32 = 10_000;

/// Bytes of one fetch, as Kafka stores them, and of one partition in it.
const FETCH_BYTES_MAX: i32 = 4 * 1024 * 1024;
const PARTITION_BYTES_MAX: i32 = 1024 * 1024;

/// How long Kafka holds a fetch for which there is nothing.
const FETCH_WAIT: Duration = Duration::from_millis(500);

/// A record as its topic has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicRecord {
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
    /// Its time, in milliseconds since 1970.
    pub timestamp: i64,
    /// Whether Kafka gave it that time when it appended the record, and not its producer.
    pub is_append_time: bool,
    /// Its key.
    pub key: Option<Bytes>,
    /// Its value; none for a tombstone.
    pub value: Option<Bytes>,
    /// Its headers in their order, with repeated names.
    pub headers: Vec<(String, Option<Bytes>)>,
}

impl From<ConsumerRecord> for TopicRecord {
    fn from(record: ConsumerRecord) -> Self {
        Self {
            partition: record.partition,
            offset: record.offset,
            timestamp: record.timestamp,
            is_append_time: record.timestamp_type == TimestampType::LogAppendTime,
            key: record.key,
            value: record.value,
            headers: record.headers,
        }
    }
}

/// Reads a topic.
pub struct TopicReader {
    settings: KafkaSettings,
    topic: String,
    consumer: Mutex<Option<Consumer>>,
}

impl TopicReader {
    /// A reader that connects with its first poll.
    #[must_use]
    pub fn new(settings: KafkaSettings, topic: &str) -> Self {
        Self {
            settings,
            topic: topic.to_owned(),
            consumer: Mutex::default(),
        }
    }

    /// The next records of every partition, as soon as there are some; none after `within`.
    ///
    /// The first poll, and one after an error, begins at these offsets, and a partition that has
    /// none at its first record. Every other poll goes on behind the last.
    ///
    /// # Errors
    /// When Kafka does not answer, or the topic may not be read.
    pub async fn poll(
        &self,
        from: &BTreeMap<i32, i64>,
        within: Duration,
    ) -> Result<Vec<TopicRecord>, SendError> {
        let mut connected = self.consumer.lock().await;
        let consumer = match connected.take() {
            Some(consumer) => consumer,
            None => self
                .connect(from)
                .await
                .map_err(|error| describe_error(&self.topic, &error))?,
        };

        match consumer.poll(within).await {
            Ok(records) => {
                *connected = Some(consumer);
                Ok(records.into_iter().map(TopicRecord::from).collect())
            }
            Err(error) => {
                close_consumer(&consumer).await;
                Err(describe_error(&self.topic, &error))
            }
        }
    }

    /// The offset of the next record of each partition: it lies behind the last one that was given,
    /// and behind what no reader is given, such as the marks of transactions.
    pub async fn next_offsets(&self) -> BTreeMap<i32, i64> {
        let connected = self.consumer.lock().await;
        let Some(consumer) = connected.as_ref() else {
            return BTreeMap::new();
        };
        let mut offsets = BTreeMap::new();
        let assigned = consumer.assignment().await.remove(&self.topic);
        for partition in assigned.unwrap_or_default() {
            if let Some(offset) = consumer.position(&self.topic, partition).await {
                offsets.insert(partition, offset);
            }
        }
        offsets
    }

    /// Ends the connection: the next poll begins at its offsets.
    pub async fn restart(&self) {
        if let Some(consumer) = self.consumer.lock().await.take() {
            close_consumer(&consumer).await;
        }
    }

    async fn connect(&self, from: &BTreeMap<i32, i64>) -> krafka::Result<Consumer> {
        let kafka = connect_kafka(&self.settings, ATTEMPT_TIMEOUT).await?;
        let offsets = from
            .iter()
            .map(|(partition, offset)| (TopicPartition::new(&self.topic, *partition), *offset));
        let consumer = kafka
            .consumer_without_group()
            .enable_auto_commit(false)
            .auto_offset_reset(AutoOffsetReset::Earliest)
            .initial_offsets(offsets)
            .isolation_level(IsolationLevel::ReadCommitted)
            .fetch_max_wait(FETCH_WAIT)
            .fetch_max_bytes(FETCH_BYTES_MAX)
            .max_partition_fetch_bytes(PARTITION_BYTES_MAX)
            .max_poll_records(POLL_RECORDS_MAX)
            .metrics_push(false)
            .build()
            .await?;
        if let Err(error) = consumer.subscribe([&self.topic]).await {
            close_consumer(&consumer).await;
            return Err(error);
        }
        Ok(consumer)
    }
}

async fn close_consumer(consumer: &Consumer) {
    let at_once = CloseOptions::new().timeout(Duration::ZERO);
    drop(consumer.close_with(at_once).await);
}
