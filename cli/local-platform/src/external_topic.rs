//! A topic of an external Kafka, as the mapping reads it.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::{Arc, Mutex as StdMutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use event_relay::kafka::{KafkaSettings, OffsetsClient, SendError, TopicReader, TopicRecord};
use tokio::sync::Mutex;

use super::kafka::LogRecord;
use super::record_source::{NextOffsets, PartitionRecords, RecordSource};

/// Records that are kept before they are delivered: one batch. More stay in Kafka.
const KEPT_RECORDS_MAX: usize = 10_000;

/// How long more records are looked for once there are some.
const MORE_WITHIN: Duration = Duration::from_millis(50);

/// A topic of an external Kafka.
pub(crate) struct ExternalTopic {
    topic: String,
    reader: TopicReader,
    offsets: Arc<OffsetsClient>,
    kept: Mutex<KeptRecords>,
    /// Behind what no reader is given: the marks of transactions have offsets too.
    read_up_to: StdMutex<NextOffsets>,
}

impl ExternalTopic {
    pub(crate) fn new(topic: &str, settings: KafkaSettings, offsets: Arc<OffsetsClient>) -> Self {
        Self {
            topic: topic.to_owned(),
            reader: TopicReader::new(settings, topic),
            offsets,
            kept: Mutex::default(),
            read_up_to: StdMutex::default(),
        }
    }

    /// Polls once, and keeps what comes. After an error everything is read again from the offsets
    /// of the next call.
    async fn poll_into(
        &self,
        kept: &mut KeptRecords,
        from: &NextOffsets,
        within: Duration,
    ) -> io::Result<()> {
        let polled = self.reader.poll(from, within).await;
        let records = polled.map_err(|error| {
            kept.clear();
            io::Error::other(error.to_string())
        })?;
        if let Err(why) = kept.keep(records, from) {
            kept.clear();
            self.reader.restart().await;
            return Err(io::Error::other(format!(
                "the topic `{}` {why}",
                self.topic
            )));
        }

        let next = self.reader.next_offsets().await;
        let drained = next.into_iter().filter(|(one, _)| kept.is_drained(*one));
        self.lock_read_up_to().extend(drained);
        Ok(())
    }

    fn lock_read_up_to(&self) -> std::sync::MutexGuard<'_, NextOffsets> {
        self.read_up_to
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl RecordSource for ExternalTopic {
    async fn wait_for_records(&self, from: &NextOffsets, within: Duration) -> io::Result<usize> {
        let mut kept = self.kept.lock().await;
        kept.drop_before(from);
        if kept.count() == 0 {
            self.poll_into(&mut kept, from, within).await?;
        }
        Ok(kept.count())
    }

    async fn read_records(
        &self,
        from: &NextOffsets,
        bytes_max: usize,
    ) -> io::Result<PartitionRecords> {
        let mut kept = self.kept.lock().await;
        kept.drop_before(from);
        if kept.count() < KEPT_RECORDS_MAX {
            self.poll_into(&mut kept, from, MORE_WITHIN).await?;
        }
        Ok(kept.copy(bytes_max))
    }

    async fn count_lag(&self, from: &NextOffsets) -> io::Result<u64> {
        let bounds = match self.offsets.partition_bounds(&self.topic).await {
            Ok(bounds) => bounds,
            // Nothing can wait in a topic that does not exist: the relay has refused it.
            Err(SendError::TopicMissing(_)) => return Ok(0),
            Err(error) => return Err(io::Error::other(error.to_string())),
        };
        let read_up_to = self.lock_read_up_to().clone();
        count_lag(&bounds, from, &read_up_to)
            .map_err(|why| io::Error::other(format!("the topic `{}` {why}", self.topic)))
    }
}

/// The records between what was delivered and the ends of the partitions.
fn count_lag(
    bounds: &BTreeMap<i32, (i64, i64)>,
    from: &NextOffsets,
    read_up_to: &NextOffsets,
) -> Result<u64, String> {
    let mut lag = 0;
    for (partition, (start, end)) in bounds {
        let landed = from.get(partition).copied().unwrap_or_default();
        if landed > *end {
            return Err(recreated_topic(*partition, *end, landed));
        }
        let empty_up_to = read_up_to.get(partition).copied().unwrap_or_default();
        lag += end - landed.max(*start).max(empty_up_to).min(*end);
    }
    Ok(lag.unsigned_abs())
}

/// That a topic holds other records than those that were read under its name.
fn recreated_topic(partition: i32, found: i64, landed: i64) -> String {
    format!(
        "is at offset {found} in partition {partition}, and its records up to {landed} are landed: \
         it was made again, or this is another Kafka. Its records would be taken for those that \
         are landed; give another --dir, and with an external S3 other buckets"
    )
}

/// Records that were read and are not committed yet.
#[derive(Default)]
struct KeptRecords {
    partitions: BTreeMap<i32, VecDeque<LogRecord>>,
}

impl KeptRecords {
    fn clear(&mut self) {
        self.partitions.clear();
    }

    fn count(&self) -> usize {
        self.partitions.values().map(VecDeque::len).sum()
    }

    fn is_drained(&self, partition: i32) -> bool {
        self.partitions
            .get(&partition)
            .is_none_or(VecDeque::is_empty)
    }

    /// Keeps records behind those of their partition.
    ///
    /// # Errors
    /// When one lies before these offsets: it is no record that was asked for.
    fn keep(&mut self, records: Vec<TopicRecord>, from: &NextOffsets) -> Result<(), String> {
        for record in records {
            let begin = from.get(&record.partition).copied().unwrap_or_default();
            if record.offset < begin {
                return Err(recreated_topic(record.partition, record.offset, begin));
            }
            let partition = self.partitions.entry(record.partition).or_default();
            partition.push_back(LogRecord {
                offset: record.offset,
                timestamp: record.timestamp,
                is_append_time: record.is_append_time,
                key: record.key,
                value: record.value,
                headers: record.headers,
            });
        }
        Ok(())
    }

    /// Drops what was committed.
    fn drop_before(&mut self, from: &NextOffsets) {
        for (partition, records) in &mut self.partitions {
            let begin = from.get(partition).copied().unwrap_or_default();
            while records.front().is_some_and(|record| record.offset < begin) {
                records.pop_front();
            }
        }
    }

    /// The first records of each partition, up to about `bytes_max`; at least one.
    fn copy(&self, bytes_max: usize) -> PartitionRecords {
        let first_ones = |records: &VecDeque<LogRecord>| {
            let mut bytes = 0;
            let fitting = records.iter().take_while(|record| {
                let fits = bytes < bytes_max;
                bytes += record.value.as_ref().map_or(0, bytes::Bytes::len);
                fits
            });
            fitting.cloned().collect()
        };
        self.partitions
            .iter()
            .map(|(partition, records)| (*partition, first_ones(records)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn record(partition: i32, offset: i64) -> TopicRecord {
        TopicRecord {
            partition,
            offset,
            timestamp: 7,
            is_append_time: true,
            key: None,
            value: Some(Bytes::from_static(b"1234")),
            headers: Vec::new(),
        }
    }

    fn offsets(kept: &KeptRecords, bytes_max: usize) -> Vec<(i32, Vec<i64>)> {
        let copied = kept.copy(bytes_max).into_iter();
        copied
            .map(|(partition, records)| {
                (
                    partition,
                    records.iter().map(|record| record.offset).collect(),
                )
            })
            .collect()
    }

    #[test]
    fn what_is_not_committed_is_read_again_and_what_is_goes() {
        let mut kept = KeptRecords::default();
        let from = NextOffsets::from([(0, 3)]);
        let records = vec![record(0, 3), record(1, 0), record(0, 5), record(1, 1)];
        kept.keep(records, &from).unwrap();
        for _ in 0..2 {
            assert_eq!(offsets(&kept, 100), [(0, vec![3, 5]), (1, vec![0, 1])]);
        }
        assert_eq!(offsets(&kept, 1), [(0, vec![3]), (1, vec![0])]);

        kept.drop_before(&NextOffsets::from([(0, 5), (1, 2)]));
        assert_eq!(offsets(&kept, 100), [(0, vec![5]), (1, vec![])]);
        assert!(kept.is_drained(1) && kept.is_drained(2) && !kept.is_drained(0));
        assert_eq!(kept.count(), 1);
    }

    #[test]
    fn a_topic_that_was_made_again_is_not_read_as_the_old_one() {
        let mut kept = KeptRecords::default();
        let from = NextOffsets::from([(0, 3)]);
        let error = kept.keep(vec![record(0, 2)], &from).unwrap_err();
        assert!(error.contains("offset 2 in partition 0"), "{error}");

        let bounds = BTreeMap::from([(0, (0, 2))]);
        let error = count_lag(&bounds, &from, &NextOffsets::new()).unwrap_err();
        assert!(error.contains("up to 3 are landed"), "{error}");
    }

    #[test]
    fn the_lag_counts_neither_deleted_records_nor_marks_of_transactions() {
        let bounds = BTreeMap::from([(0, (0, 10)), (1, (5, 9)), (2, (0, 4))]);
        let nothing = NextOffsets::new();
        assert_eq!(count_lag(&bounds, &nothing, &nothing), Ok(10 + 4 + 4));
        let from = NextOffsets::from([(0, 8), (1, 9), (2, 3)]);
        assert_eq!(count_lag(&bounds, &from, &nothing), Ok(2 + 1));
        let read_up_to = NextOffsets::from([(0, 10), (2, 99)]);
        assert_eq!(count_lag(&bounds, &from, &read_up_to), Ok(0));
    }
}
