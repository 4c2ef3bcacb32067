//! The event source mapping from a queue to a function, with Lambda's own rules.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::lambda::{LambdaFunction, PAYLOAD_BYTES_MAX};
use super::queue::{BatchLimits, LocalQueue, ReceivedMessage};

/// How long an empty queue is left alone; messages that failed become visible by time alone.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Room for the JSON around one message's body.
const ENVELOPE_BYTES: usize = 600;

/// How a mapping cuts a queue into batches.
#[derive(Clone, Copy, Debug)]
pub(crate) struct QueueMappingOptions {
    /// Messages of one invocation, at most.
    pub(crate) messages_max: usize,
    /// How long a batch is gathered after its first message.
    pub(crate) window: Duration,
}

impl QueueMappingOptions {
    /// As with SQS without a batching window.
    pub(crate) const AT_ONCE: Self = Self {
        messages_max: 10,
        window: Duration::ZERO,
    };

    /// As the deployment lands the events queue, with a window so short that a user does not wait.
    pub(crate) const EVENTS: Self = Self {
        messages_max: 10_000,
        window: Duration::from_millis(200),
    };
}

/// Delivers messages until the platform ends: batches, partial answers, retries. `done` is told of
/// every batch of which something was processed.
pub(crate) async fn run_queue_mapping(
    queue: Arc<LocalQueue>,
    function: Arc<LambdaFunction>,
    options: QueueMappingOptions,
    done: Arc<Notify>,
) {
    let limits = BatchLimits {
        messages: options.messages_max,
        bytes: PAYLOAD_BYTES_MAX,
        bytes_around: ENVELOPE_BYTES,
    };
    loop {
        if !queue.has_visible_message() {
            queue.wait_for_message(LOOK_EVERY).await;
            continue;
        }
        tokio::time::sleep(options.window).await;
        let batch = queue.receive_batch(limits);
        if batch.is_empty() {
            continue;
        }

        let failed = failed_message_ids(&function, queue.name(), &batch).await;
        settle_batch(&queue, &batch, &failed);
        done.notify_one();
    }
}

/// Deletes what was processed; what failed is delivered again, or becomes a dead letter.
fn settle_batch(queue: &LocalQueue, batch: &[ReceivedMessage], failed: &[String]) {
    for message in batch {
        let id = &message.id;
        let settled = if failed.contains(id) {
            queue.retry_or_dead_letter(id)
        } else {
            queue.delete_message(id)
        };
        if let Err(error) = settled {
            tracing::error!(%error, queue = queue.name(), id, "a message could not be settled");
        }
    }
}

/// The ids to deliver again: those that the answer names, or all when there is no valid answer.
async fn failed_message_ids(
    function: &LambdaFunction,
    queue: &str,
    batch: &[ReceivedMessage],
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
            .all(|id| batch.iter().any(|sent| sent.id == *id))
    });
    named.unwrap_or_else(|| batch.iter().map(|message| message.id.clone()).collect())
}

/// The event that Lambda hands to the function for these messages.
fn encode_batch(queue: &str, batch: &[ReceivedMessage]) -> String {
    let records: Vec<Value> = batch
        .iter()
        .map(|message| {
            json!({
                "messageId": message.id,
                "receiptHandle": message.id,
                "body": message.body,
                "attributes": message.attributes(),
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
