//! The event source mapping from a Kafka topic to a function, with Lambda's own rules.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};

use super::file_error::{damaged_file, name_path};
use super::kafka::{LogRecord, PartitionLog, TopicLogs};
use super::lambda::LambdaFunction;
use super::private_files::{create_private_folder, replace_private_file};

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
    topics: Arc<TopicLogs>,
    function: Arc<LambdaFunction>,
    file: PathBuf,
    committed: std::sync::Mutex<BTreeMap<i32, i64>>,
}

impl KafkaMapping {
    /// Opens the mapping at the offsets in `folder`.
    ///
    /// # Errors
    /// When the file is damaged.
    pub fn open(
        folder: &Path,
        topic: &str,
        topics: Arc<TopicLogs>,
        function: Arc<LambdaFunction>,
    ) -> io::Result<Self> {
        create_private_folder(folder)?;
        let file = offsets_file(folder, topic);
        let committed = read_committed_offsets(&file)?;
        Ok(Self {
            topic: topic.to_owned(),
            topics,
            function,
            file,
            committed: std::sync::Mutex::new(committed),
        })
    }

    /// Records that are not committed yet.
    #[must_use]
    pub fn offset_lag(&self) -> i64 {
        let Ok(logs) = self.topics.get_or_create_topic(&self.topic) else {
            return 0;
        };
        (0..)
            .zip(logs.iter())
            .map(|(partition, log)| log.next_offset() - self.position(partition, log))
            .sum()
    }

    /// Where the next batch of a partition begins: at the committed offset, but not before the log
    /// does.
    fn position(&self, partition: i32, log: &PartitionLog) -> i64 {
        let committed = self.lock_committed().get(&partition).copied();
        committed.unwrap_or_default().max(log.start_offset())
    }

    fn lock_committed(&self) -> std::sync::MutexGuard<'_, BTreeMap<i32, i64>> {
        self.committed
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Polls until the platform ends: one batch in flight, every partition in its order.
    pub async fn run(self: Arc<Self>) {
        let mut limit = BATCH_RECORDS_MAX;
        let mut pause = BATCHING_WINDOW;
        loop {
            let appended = self.topics.appended.notified();
            if self.offset_lag() == 0 {
                drop(tokio::time::timeout(BATCHING_WINDOW, appended).await);
                continue;
            }
            // A batch that is already full is delivered at once.
            if self.offset_lag() < BATCH_RECORDS_MAX as i64 {
                tokio::time::sleep(BATCHING_WINDOW).await;
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

    /// Invokes the function with one batch and commits what it processed; true when nothing failed.
    async fn deliver_batch(
        &self,
        limit: usize,
    ) -> Result<bool, Box<dyn std::error::Error + Send + Sync>> {
        let logs = self.topics.get_or_create_topic(&self.topic)?;
        let (payload, ends) = self.encode_batch(&logs, limit)?;
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

    fn commit_offsets(&self, offsets: BTreeMap<i32, i64>) -> io::Result<()> {
        let mut committed = self.lock_committed();
        committed.extend(offsets);

        replace_private_file(&self.file, &serde_json::to_vec(&*committed)?)
    }

    /// The batch as Lambda's JSON, and the offset after it for each partition.
    fn encode_batch(
        &self,
        logs: &[PartitionLog],
        limit: usize,
    ) -> io::Result<(Bytes, BTreeMap<i32, i64>)> {
        let mut bytes = 0;
        let mut count = 0;
        let mut ends = BTreeMap::new();
        let mut partitions = Vec::new();
        for (partition, log) in (0..).zip(logs) {
            let mut records = Vec::new();
            for record in log.read_records(self.position(partition, log), BATCH_BYTES_MAX / 2)? {
                let text = encode_lambda_record(&self.topic, partition, &record);
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
        Ok((Bytes::from(payload), ends))
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
    json!({
        "topic": topic,
        "partition": partition,
        "offset": record.offset,
        "timestamp": record.timestamp,
        "timestampType": "LOG_APPEND_TIME",
        "key": record.key.as_ref().map(encode_base64),
        "value": record.value.as_ref().map(encode_base64),
        "headers": headers,
    })
    .to_string()
}
