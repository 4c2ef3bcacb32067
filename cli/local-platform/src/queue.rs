//! A queue like SQS: a message is a file until it is done, and is delivered again when it fails.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::file_error::name_path;
use super::lambda::LambdaFunction;
use super::private_files::{create_private_folder, write_private_file};

/// Messages of one invocation, as with SQS without a batching window.
const BATCH_MESSAGES_MAX: usize = 10;

/// How often a message is received before it becomes a dead letter.
const RECEIVES_MAX: u32 = 5;

/// How long a failed message is hidden: shorter than on AWS, so that a user sees it delivered
/// again.
const RETRY_DELAY: Duration = Duration::from_millis(500);

/// A message that is not done.
#[derive(Clone, Debug)]
struct QueueMessage {
    body: String,
    receives: u32,
    visible_at: Instant,
    in_flight: bool,
}

/// A queue with its dead letters.
pub struct LocalQueue {
    name: String,
    folder: PathBuf,
    messages: Mutex<BTreeMap<String, QueueMessage>>,
    counter: AtomicU64,
    arrived: Notify,
}

impl LocalQueue {
    /// Opens the queue whose messages are stored in `folder/name`.
    ///
    /// # Errors
    /// When the folder cannot be read or created.
    pub fn open(folder: &Path, name: &str) -> io::Result<Self> {
        let folder = folder.join(name);
        create_private_folder(&folder.join("dead"))?;
        let messages = read_messages(&folder)?;

        // Dead letters count too: a new message must not get the id of one.
        let dead = std::fs::read_dir(folder.join("dead"))?.flatten();
        let dead_ids = dead.map(|entry| entry.file_name().to_string_lossy().into_owned());
        let ids = messages.keys().cloned().chain(dead_ids);
        let last = ids.filter_map(|id| id.parse::<u64>().ok()).max();
        let last = last.unwrap_or_default();

        Ok(Self {
            name: name.to_owned(),
            folder,
            messages: Mutex::new(messages),
            counter: AtomicU64::new(last + 1),
            arrived: Notify::new(),
        })
    }

    /// Puts a message into the queue: it is on disk when this returns.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn send_message(&self, body: String) -> io::Result<()> {
        let id = format!("{:020}", self.counter.fetch_add(1, Ordering::SeqCst));
        write_private_file(&self.folder.join(&id), body.as_bytes())?;
        self.lock_messages().insert(id, new_message(body));
        self.arrived.notify_one();
        Ok(())
    }

    /// Messages that are not done.
    #[must_use]
    pub fn pending_count(&self) -> usize {
        self.lock_messages().len()
    }

    /// Messages that failed too often.
    #[must_use]
    pub fn dead_letter_count(&self) -> usize {
        std::fs::read_dir(self.folder.join("dead"))
            .map(Iterator::count)
            .unwrap_or_default()
    }

    fn lock_messages(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, QueueMessage>> {
        self.messages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn receive_batch(&self) -> Vec<(String, QueueMessage)> {
        let now = Instant::now();
        let mut messages = self.lock_messages();

        let visible = messages
            .iter_mut()
            .filter(|(_, message)| !message.in_flight && message.visible_at <= now);
        let mut batch = Vec::new();
        for (id, message) in visible.take(BATCH_MESSAGES_MAX) {
            message.in_flight = true;
            message.receives += 1;
            batch.push((id.clone(), message.clone()));
        }
        batch
    }

    fn delete_message(&self, id: &str) -> io::Result<()> {
        self.lock_messages().remove(id);
        std::fs::remove_file(self.folder.join(id))
    }

    fn retry_or_dead_letter(&self, id: &str) -> io::Result<()> {
        let mut messages = self.lock_messages();
        let Some(message) = messages.get_mut(id) else {
            return Ok(());
        };

        if message.receives < RECEIVES_MAX {
            message.in_flight = false;
            message.visible_at = Instant::now() + RETRY_DELAY * 2u32.pow(message.receives.min(6));
            return Ok(());
        }

        messages.remove(id);
        std::fs::rename(self.folder.join(id), self.folder.join("dead").join(id))
    }
}

fn read_messages(folder: &Path) -> io::Result<BTreeMap<String, QueueMessage>> {
    let mut messages = BTreeMap::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            let id = entry.file_name().to_string_lossy().into_owned();
            let path = entry.path();
            let body = std::fs::read_to_string(&path).map_err(|error| name_path(&path, &error))?;
            messages.insert(id, new_message(body));
        }
    }
    Ok(messages)
}

fn new_message(body: String) -> QueueMessage {
    QueueMessage {
        body,
        receives: 0,
        visible_at: Instant::now(),
        in_flight: false,
    }
}

/// The event source mapping from a queue to a function: batches, partial answers, retries.
pub async fn run_queue_mapping(queue: Arc<LocalQueue>, function: Arc<LambdaFunction>) {
    loop {
        let batch = queue.receive_batch();
        if batch.is_empty() {
            // Messages that failed become visible by time alone.
            let arrived = queue.arrived.notified();
            drop(tokio::time::timeout(RETRY_DELAY / 2, arrived).await);
            continue;
        }

        let failed = failed_message_ids(&function, &queue.name, &batch).await;
        for (id, _) in &batch {
            let settled = if failed.contains(id) {
                queue.retry_or_dead_letter(id)
            } else {
                queue.delete_message(id)
            };
            if let Err(error) = settled {
                tracing::error!(%error, queue = queue.name, id, "a message could not be settled");
            }
        }
    }
}

/// The ids to deliver again: those that the answer names, or all when there is no valid answer.
async fn failed_message_ids(
    function: &LambdaFunction,
    queue: &str,
    batch: &[(String, QueueMessage)],
) -> Vec<String> {
    let payload = encode_batch(queue, batch);
    let named = match function.invoke(Bytes::from(payload)).await {
        Ok(answer) => named_failures(&answer),
        Err(error) => {
            tracing::warn!(%error, function = function.name(), "the batch is delivered again");
            None
        }
    };

    // As with SQS, an id that is not in the batch makes the whole batch fail.
    let named = named.filter(|named| {
        named
            .iter()
            .all(|id| batch.iter().any(|(sent, _)| sent == id))
    });
    named.unwrap_or_else(|| batch.iter().map(|(id, _)| id.clone()).collect())
}

/// The event that Lambda hands to the function for these messages.
fn encode_batch(queue: &str, batch: &[(String, QueueMessage)]) -> String {
    let records: Vec<Value> = batch
        .iter()
        .map(|(id, message)| {
            json!({
                "messageId": id,
                "receiptHandle": id,
                "body": message.body,
                "attributes": {"ApproximateReceiveCount": message.receives.to_string()},
                "messageAttributes": {},
                "eventSource": "aws:sqs",
                "eventSourceARN": format!("arn:aws:sqs:eu-west-2:000000000000:{queue}"),
                "awsRegion": "eu-west-2",
            })
        })
        .collect();
    json!({"Records": records}).to_string()
}

/// The ids that a function's answer names as failed; none when it is not JSON.
fn named_failures(answer: &[u8]) -> Option<Vec<String>> {
    let answer = serde_json::from_slice::<Value>(answer).ok()?;
    let failures = answer["batchItemFailures"].as_array().into_iter().flatten();
    let ids = failures.map(|failure| failure["itemIdentifier"].as_str().unwrap_or_default());
    Some(ids.map(str::to_owned).collect())
}
