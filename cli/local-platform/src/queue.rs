//! A queue like SQS: a message is a file until it was done, and comes again when it was not.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::lambda::LambdaFunction;

/// Messages of one invocation, as SQS has it without a batching window.
const BATCH_MESSAGES_MAX: usize = 10;

/// Receives before a message is moved to the dead letters.
const RECEIVES_MAX: u32 = 5;

/// How long a message is out of sight after it failed: short here, so that a laptop's user sees it come again.
const RETRY_DELAY: Duration = Duration::from_millis(500);

/// A message that waits.
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
    /// Opens the queue whose messages lie in `folder/name`.
    ///
    /// # Errors
    /// When the folder cannot be read or made.
    pub fn open(folder: &Path, name: &str) -> io::Result<Self> {
        let folder = folder.join(name);
        std::fs::create_dir_all(folder.join("dead"))?;
        let mut messages = BTreeMap::new();
        for entry in std::fs::read_dir(&folder)? {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                let body = std::fs::read_to_string(entry.path())?;
                messages.insert(
                    entry.file_name().to_string_lossy().into_owned(),
                    new_message(body),
                );
            }
        }
        // The dead count too: a new message must not take a dead one's name.
        let dead = std::fs::read_dir(folder.join("dead"))?.flatten();
        let ids = messages
            .keys()
            .cloned()
            .chain(dead.map(|entry| entry.file_name().to_string_lossy().into_owned()));
        let last = ids
            .filter_map(|id| id.parse::<u64>().ok())
            .max()
            .unwrap_or_default();
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
        std::fs::write(self.folder.join(&id), &body)?;
        self.lock_messages().insert(id, new_message(body));
        self.arrived.notify_one();
        Ok(())
    }

    /// Messages that are not done.
    #[must_use]
    pub fn pending_count(&self) -> usize {
        self.lock_messages().len()
    }

    /// Messages that were given up.
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
            drop(tokio::time::timeout(RETRY_DELAY / 2, queue.arrived.notified()).await);
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

/// The ids that are to come again: those that the answer names, or all when there is no answer.
async fn failed_message_ids(
    function: &LambdaFunction,
    queue: &str,
    batch: &[(String, QueueMessage)],
) -> Vec<String> {
    let record = |(id, message): &(String, QueueMessage)| {
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
    };
    let payload = json!({"Records": batch.iter().map(record).collect::<Vec<_>>()}).to_string();
    let all = || batch.iter().map(|(id, _)| id.clone()).collect();
    match function.invoke(Bytes::from(payload)).await {
        Err(error) => {
            tracing::warn!(%error, function = function.name(), "the batch comes again");
            all()
        }
        Ok(answer) => {
            let Ok(answer) = serde_json::from_slice::<Value>(&answer) else {
                return all();
            };
            let failures = answer["batchItemFailures"].as_array().into_iter().flatten();
            let named: Vec<String> = failures
                .map(|failure| {
                    failure["itemIdentifier"]
                        .as_str()
                        .unwrap_or_default()
                        .to_owned()
                })
                .collect();
            // A name that is not in the batch is a complete failure, as SQS has it.
            let known = named
                .iter()
                .all(|id| batch.iter().any(|(known, _)| known == id));
            if known { named } else { all() }
        }
    }
}
