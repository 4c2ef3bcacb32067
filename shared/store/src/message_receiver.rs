//! The port to a queue's other end: messages come out, and are deleted once they are processed.

use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_sqs::types::{
    BatchResultErrorEntry, DeleteMessageBatchRequestEntry, Message, MessageSystemAttributeName,
};

use crate::message_queue::{SqsQueue, sqs_error};
use crate::{StoreError, StoreErrorKind};

/// Messages of one answer or one deletion, at most: the service's limit.
pub const SQS_BATCH_MESSAGES_MAX: usize = 10;

/// A message as a queue delivered it. The queue hides it for its visibility timeout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveredMessage {
    /// The message's id, the same at each delivery.
    pub id: String,
    /// What deletes it: another at each delivery.
    pub receipt: String,
    /// The body.
    pub body: String,
    /// When the queue stored it, in milliseconds since 1970; none when the queue does not say it.
    pub sent_at: Option<i64>,
}

/// A queue whose messages are received, and deleted once they are processed.
#[async_trait]
pub trait MessageReceiver: Send + Sync {
    /// Receives up to [`SQS_BATCH_MESSAGES_MAX`] messages. Waits up to `wait`, in whole seconds up
    /// to 20, for the first one.
    ///
    /// # Errors
    /// The service's failure: `NotFound` for a queue that does not exist, `Refused` where a right
    /// is missing.
    async fn receive_messages(&self, wait: Duration) -> Result<Vec<DeliveredMessage>, StoreError>;

    /// Deletes up to [`SQS_BATCH_MESSAGES_MAX`] messages by their receipts.
    ///
    /// # Errors
    /// The service's failure; the messages that it left are delivered again.
    async fn delete_messages(&self, receipts: &[&str]) -> Result<(), StoreError>;
}

#[async_trait]
impl MessageReceiver for SqsQueue {
    async fn receive_messages(&self, wait: Duration) -> Result<Vec<DeliveredMessage>, StoreError> {
        let most = i32::try_from(SQS_BATCH_MESSAGES_MAX).unwrap_or(1);
        let request = self.client().receive_message().queue_url(self.url());
        let answer = request
            .max_number_of_messages(most)
            .wait_time_seconds(i32::try_from(wait.as_secs()).unwrap_or(0))
            .message_system_attribute_names(MessageSystemAttributeName::SentTimestamp)
            .send()
            .await
            .map_err(|error| sqs_error("receive", self.url(), &error))?;
        let messages = answer.messages.unwrap_or_default();
        Ok(messages.into_iter().map(delivered_message).collect())
    }

    async fn delete_messages(&self, receipts: &[&str]) -> Result<(), StoreError> {
        let mut request = self.client().delete_message_batch().queue_url(self.url());
        for (place, receipt) in receipts.iter().enumerate() {
            let entry = DeleteMessageBatchRequestEntry::builder()
                .id(place.to_string())
                .receipt_handle(*receipt)
                .build();
            let entry = entry.map_err(|error| {
                let kind = StoreErrorKind::Refused;
                StoreError::new(kind, "delete", self.url(), error.to_string())
            })?;
            request = request.entries(entry);
        }

        let answer = request.send().await;
        let answer = answer.map_err(|error| sqs_error("delete", self.url(), &error))?;
        match answer.failed().first() {
            None => Ok(()),
            Some(failed) => Err(deletion_error(self.url(), failed)),
        }
    }
}

fn delivered_message(message: Message) -> DeliveredMessage {
    let sent_at = message.attributes.as_ref().and_then(|attributes| {
        let text = attributes.get(&MessageSystemAttributeName::SentTimestamp)?;
        text.parse().ok()
    });
    DeliveredMessage {
        id: message.message_id.unwrap_or_default(),
        receipt: message.receipt_handle.unwrap_or_default(),
        body: message.body.unwrap_or_default(),
        sent_at,
    }
}

/// Why one message of several is still there.
fn deletion_error(url: &str, failed: &BatchResultErrorEntry) -> StoreError {
    let message = failed.message().unwrap_or_else(|| failed.code());
    StoreError::new(StoreErrorKind::Unavailable, "delete", url, message)
}
