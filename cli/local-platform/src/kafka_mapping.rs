//! The event source mapping from a Kafka topic to a function, with Lambda's own rules.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::file_error::{damaged_file, name_path};
use super::kafka::LogRecord;
use super::lambda::LambdaFunction;
use super::private_files::{create_private_folder, replace_private_file};
use super::record_source::{NextOffsets, PartitionRecords, RecordSource};

/// The folder of committed offsets, a file for each topic.
pub(super) const OFFSETS_FOLDER: &str = "offsets";

/// Records of a batch at most.
const BATCH_RECORDS_MAX: usize = 10_000;

/// Bytes of a payload at most: Lambda's limit, less room for the JSON around the records.
const BATCH_BYTES_MAX: usize = 6 * 1024 * 1024 - 64 * 1024;

/// How long a batch is gathered after its first record. On AWS it is half a second by default.
const BATCHING_WINDOW: Duration = Duration::from_millis(200);

/// Longest wait before a failed batch is tried again.
const BACKOFF_MAX: Duration = Duration::from_secs(2);

/// A topic's consumer with its committed offsets, stored in a file.
pub struct KafkaMapping {
    topic: String,
    source: Box<dyn RecordSource>,
    function: Arc<LambdaFunction>,
    file: PathBuf,
    committed: std::sync::Mutex<NextOffsets>,
    /// Told of every commit.
    landed: Arc<Notify>,
}

impl KafkaMapping {
    /// Opens the mapping at the offsets in `folder`.
    ///
    /// # Errors
    /// When the file is damaged.
    pub(crate) fn open(
        folder: &Path,
        topic: &str,
        source: Box<dyn RecordSource>,
        function: Arc<LambdaFunction>,
        landed: Arc<Notify>,
    ) -> io::Result<Self> {
        create_private_folder(folder)?;
        let file = offsets_file(folder, topic);
        let committed = read_committed_offsets(&file)?;
        Ok(Self {
            topic: topic.to_owned(),
            source,
            function,
            file,
            committed: std::sync::Mutex::new(committed),
            landed,
        })
    }

    /// Records that are not committed yet.
    ///
    /// # Errors
    /// When Kafka is external and does not answer.
    pub async fn offset_lag(&self) -> io::Result<u64> {
        self.source.count_lag(&self.committed_offsets()).await
    }

    fn committed_offsets(&self) -> NextOffsets {
        self.lock_committed().clone()
    }

    fn lock_committed(&self) -> std::sync::MutexGuard<'_, NextOffsets> {
        self.committed
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Polls until the platform ends: one batch in flight, every partition in its order.
    pub async fn run(self: Arc<Self>) {
        let mut limit = BATCH_RECORDS_MAX;
        let mut pause = BATCHING_WINDOW;
        loop {
            if !self.wait_for_batch(&mut pause).await {
                continue;
            }
            match self.deliver_batch(limit).await {
                Ok(true) => (limit, pause) = (BATCH_RECORDS_MAX, BATCHING_WINDOW),
                Ok(false) => tokio::time::sleep(pause).await,
                Err(error) => {
                    tracing::warn!(
                        %error,
                        topic = self.topic,
                        limit,
                        "the batch is delivered again, in halves",
                    );
                    tokio::time::sleep(pause).await;
                    limit = (limit / 2).max(1);
                    pause = (pause * 2).min(BACKOFF_MAX);
                }
            }
        }
    }

    /// Waits for records, and then until a batch of them is gathered; false when there are none.
    async fn wait_for_batch(&self, pause: &mut Duration) -> bool {
        let from = self.committed_offsets();
        match self.source.wait_for_records(&from, BATCHING_WINDOW).await {
            Ok(0) => false,
            Ok(known) => {
                // A batch that is already full is delivered at once.
                if known < BATCH_RECORDS_MAX {
                    tokio::time::sleep(BATCHING_WINDOW).await;
                }
                true
            }
            Err(error) => {
                tracing::warn!(%error, topic = self.topic, "the topic cannot be read");
                tokio::time::sleep(*pause).await;
                *pause = (*pause * 2).min(BACKOFF_MAX);
                false
            }
        }
    }

    /// Invokes the function with one batch and commits what it processed; true when nothing failed.
    async fn deliver_batch(
        &self,
        limit: usize,
    ) -> Result<bool, Box<dyn std::error::Error + Send + Sync>> {
        let from = self.committed_offsets();
        let records = self.source.read_records(&from, BATCH_BYTES_MAX / 2).await?;
        let (payload, ends) = self.encode_batch(&records, limit);
        let answer = self.function.invoke(payload).await?;
        let answer: Value = serde_json::from_slice(&answer)?;

        let mut offsets = ends.clone();
        let failures = answer["batchItemFailures"].as_array();
        for failure in failures.into_iter().flatten() {
            let (partition, offset) = failed_offset(failure)
                .filter(|(partition, _)| ends.contains_key(partition))
                .ok_or("the answer names a record that is not in the batch")?;
            offsets.insert(partition, offset);
        }
        self.commit_offsets(offsets)?;
        Ok(failures.is_none_or(Vec::is_empty))
    }

    /// Keeps the offsets once their records are landed: a crash before that repeats a batch, and
    /// the landing knows what it has.
    fn commit_offsets(&self, offsets: NextOffsets) -> io::Result<()> {
        let mut committed = self.lock_committed();
        committed.extend(offsets);

        replace_private_file(&self.file, &serde_json::to_vec(&*committed)?)?;
        self.landed.notify_one();
        Ok(())
    }

    /// The batch as Lambda's JSON, and the offset after it for each partition.
    fn encode_batch(&self, batch: &PartitionRecords, limit: usize) -> (Bytes, NextOffsets) {
        let mut bytes = 0;
        let mut count = 0;
        let mut ends = BTreeMap::new();
        let mut partitions = Vec::new();
        for (&partition, candidates) in batch {
            let mut records = Vec::new();
            for record in candidates {
                let text = encode_lambda_record(&self.topic, partition, record);
                if count > 0 && (count == limit || bytes + text.len() > BATCH_BYTES_MAX) {
                    break;
                }
                bytes += text.len() + 1;
                count += 1;
                ends.insert(partition, record.offset + 1);
                records.push(text);
            }
            if !records.is_empty() {
                let records = records.join(",");
                partitions.push(format!("\"{}-{partition}\":[{records}]", self.topic));
            }
        }

        let arn = "arn:aws:kafka:eu-west-2:000000000000:cluster/local/0";
        let payload = format!(
            "{{\"eventSource\":\"aws:kafka\",\"eventSourceArn\":\"{arn}\",\"bootstrapServers\":\"127.0.0.1\",\"records\":{{{}}}}}",
            partitions.join(",")
        );
        (Bytes::from(payload), ends)
    }
}

/// The file of a topic's committed offsets.
pub(super) fn offsets_file(folder: &Path, topic: &str) -> PathBuf {
    folder.join(format!("{topic}.json"))
}

/// The committed offset of every partition that has one.
///
/// # Errors
/// When the file is damaged.
pub(super) fn read_committed_offsets(file: &Path) -> io::Result<BTreeMap<i32, i64>> {
    match std::fs::read(file) {
        Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| {
            let next = "move it away and run the command again: the topic is read from its \
                        beginning, and what has landed lands no second time";
            damaged_file(file, error, next)
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(BTreeMap::new()),
        Err(error) => Err(name_path(file, &error)),
    }
}

/// The partition and the offset from which a failure asks for records again.
fn failed_offset(failure: &Value) -> Option<(i32, i64)> {
    let item = &failure["itemIdentifier"];
    let partition = item["partition"].as_str()?.rsplit('-').next()?;
    Some((partition.parse().ok()?, item["offset"].as_i64()?))
}

fn encode_base64(bytes: &Bytes) -> String {
    base64_simd::STANDARD.encode_to_string(bytes)
}

fn signed_bytes(bytes: &Bytes) -> Vec<i8> {
    bytes.iter().map(|byte| byte.cast_signed()).collect()
}

/// A record as Lambda delivers it: base64, headers as signed bytes.
#[must_use]
pub fn encode_lambda_record(topic: &str, partition: i32, record: &LogRecord) -> String {
    let headers: Vec<Value> = record
        .headers
        .iter()
        .map(|(name, value)| json!({name: value.as_ref().map(signed_bytes)}))
        .collect();
    let timestamp_type = match record.is_append_time {
        true => "LOG_APPEND_TIME",
        false => "CREATE_TIME",
    };
    json!({
        "topic": topic,
        "partition": partition,
        "offset": record.offset,
        "timestamp": record.timestamp,
        "timestampType": timestamp_type,
        "key": record.key.as_ref().map(encode_base64),
        "value": record.value.as_ref().map(encode_base64),
        "headers": headers,
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_whole_or_damaged_and_never_guessed() {
        let folder = tempfile::tempdir().unwrap();
        let file = offsets_file(folder.path(), "t");
        assert_eq!(read_committed_offsets(&file).unwrap(), NextOffsets::new());
        let offsets = NextOffsets::from([(0, 7), (12, 1)]);
        replace_private_file(&file, &serde_json::to_vec(&offsets).unwrap()).unwrap();
        assert_eq!(read_committed_offsets(&file).unwrap(), offsets);

        // What a crash within the write leaves lies beside the file.
        std::fs::write(file.with_extension("staged"), b"{\"0\":").unwrap();
        assert_eq!(read_committed_offsets(&file).unwrap(), offsets);
        std::fs::write(&file, b"{\"0\":").unwrap();
        let error = read_committed_offsets(&file).unwrap_err().to_string();
        assert!(error.contains("is damaged"), "{error}");
    }

    #[test]
    fn a_record_says_who_gave_it_its_time() {
        let mut record = LogRecord {
            offset: 3,
            timestamp: 9,
            is_append_time: true,
            key: None,
            value: None,
            headers: Vec::new(),
        };
        assert!(encode_lambda_record("t", 0, &record).contains("LOG_APPEND_TIME"));
        record.is_append_time = false;
        assert!(encode_lambda_record("t", 0, &record).contains("CREATE_TIME"));
    }
}
