//! The consumer that stands for Lambda's event source mapping: it reads every partition from its
//! beginning, in no group.

use std::time::Duration;

use krafka::consumer::{AutoOffsetReset, Consumer};
use krafka::{ConsumerRecord, Kafka};
use local_platform::kafka::LogRecord;
use polelake::error::CliError;

/// How long the broker may take for its next records.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);

/// Bytes of one answer and of one partition's part of it: four partitions, and no more than a
/// payload or two are held.
const FETCH_BYTES: i32 = 8 * 1024 * 1024;
const PARTITION_BYTES: i32 = 2 * 1024 * 1024;

/// Records that are handed out at once, and that are held before.
const POLL_RECORDS: i32 = 2_000;
const BUFFERED_RECORDS: i32 = 8_000;

/// A topic's records, as they come.
pub(super) struct WholeTopic {
    consumer: Consumer,
}

impl WholeTopic {
    /// Connects, and begins with the oldest record of each partition.
    pub(super) async fn open(bootstrap: &str, topic: &str) -> Result<Self, CliError> {
        let kafka = Kafka::builder(bootstrap).connect().await?;
        let consumer = kafka
            .consumer_without_group()
            .auto_offset_reset(AutoOffsetReset::Earliest)
            .fetch_max_bytes(FETCH_BYTES)
            .max_partition_fetch_bytes(PARTITION_BYTES)
            .max_poll_records(POLL_RECORDS)
            .max_buffered_records(BUFFERED_RECORDS)
            .build()
            .await?;
        consumer.subscribe([topic]).await?;
        Ok(Self { consumer })
    }

    /// The next records with their partitions.
    pub(super) async fn read_records(&self) -> Result<Vec<(i32, LogRecord)>, CliError> {
        let records = self.consumer.poll(ANSWER_TIMEOUT).await?;
        if records.is_empty() {
            let seconds = ANSWER_TIMEOUT.as_secs();
            return Err(format!("Kafka sent no record in {seconds} s").into());
        }
        Ok(records.into_iter().map(convert_record).collect())
    }
}

fn convert_record(record: ConsumerRecord) -> (i32, LogRecord) {
    let converted = LogRecord {
        offset: record.offset,
        timestamp: record.timestamp,
        // The topic of the comparison is one of LogAppendTime.
        is_append_time: true,
        key: record.key,
        value: record.value,
        headers: record.headers,
    };
    (record.partition, converted)
}
