//! The port to a queue: a message is stored by the service before it is acknowledged.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sqs::types::{BatchResultErrorEntry, SendMessageBatchRequestEntry};

use crate::{StoreError, StoreErrorKind, describe_causes};

/// The bytes of a message's body that SQS takes, at most.
pub const SQS_MESSAGE_BYTES_MAX: u32 = 1024 * 1024;

/// The longest delay of a message that SQS takes.
pub const SQS_DELAY_MAX: Duration = Duration::from_secs(900);

/// A message on its way into a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutgoingMessage {
    /// The body: characters of XML 1.0 alone.
    pub body: String,
    /// How long the queue holds it back, at most [`SQS_DELAY_MAX`].
    pub delay: Duration,
}

/// A queue that delivers each message at least once, in any order.
#[async_trait]
pub trait MessageQueue: Send + Sync {
    /// Sends up to ten messages, whose bodies together are within the queue's limit. All of them
    /// are stored when this returns; after a failure some may be.
    ///
    /// # Errors
    /// The service's failure: `NotFound` for a queue that does not exist, `Refused` where a right
    /// is missing.
    async fn send_messages(&self, messages: Vec<OutgoingMessage>) -> Result<(), StoreError>;
}

/// A standard queue of SQS.
#[derive(Clone, Debug)]
pub struct SqsQueue {
    client: Client,
    url: String,
}

impl SqsQueue {
    /// The queue of this URL, reached as the configuration says.
    #[must_use]
    pub fn open(config: impl Into<aws_sdk_sqs::config::Builder>, url: impl Into<String>) -> Self {
        Self::new(Client::from_conf(config.into().build()), url)
    }

    /// The queue of this URL.
    #[must_use]
    pub fn new(client: Client, url: impl Into<String>) -> Self {
        Self {
            client,
            url: url.into(),
        }
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

#[async_trait]
impl MessageQueue for SqsQueue {
    async fn send_messages(&self, messages: Vec<OutgoingMessage>) -> Result<(), StoreError> {
        let mut request = self.client.send_message_batch().queue_url(&self.url);
        for (place, message) in messages.into_iter().enumerate() {
            let entry = SendMessageBatchRequestEntry::builder()
                .id(place.to_string())
                .message_body(message.body)
                .delay_seconds(i32::try_from(message.delay.as_secs()).unwrap_or(0))
                .build();
            request = request.entries(entry.map_err(|error| self.refuse(&error.to_string()))?);
        }

        let answer = request.send().await;
        let answer = answer.map_err(|error| sqs_error("send", &self.url, &error))?;
        match answer.failed().first() {
            None => Ok(()),
            Some(failed) => Err(self.entry_error(failed)),
        }
    }
}

impl SqsQueue {
    fn refuse(&self, why: &str) -> StoreError {
        StoreError::new(StoreErrorKind::Refused, "send", &self.url, why)
    }

    /// Why one message of several was not stored.
    fn entry_error(&self, failed: &BatchResultErrorEntry) -> StoreError {
        let kind = match failed.sender_fault() {
            true => StoreErrorKind::Refused,
            false => StoreErrorKind::Unavailable,
        };
        let message = failed.message().unwrap_or_else(|| failed.code());
        StoreError::new(kind, "send", &self.url, message)
    }
}

/// The service's own message. The request, and with it the events, does not get into the error.
pub(crate) fn sqs_error<E, R>(
    operation: &'static str,
    url: &str,
    error: &SdkError<E, R>,
) -> StoreError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: std::fmt::Debug,
    SdkError<E, R>: std::error::Error + 'static,
{
    let message = error.message().or(error.code());
    let message = message.map_or_else(|| describe_causes(error), str::to_owned);
    StoreError::new(classify_code(error.code()), operation, url, message)
}

/// What the service's code means for another attempt. Codes have had the form
/// `AWS.SimpleQueueService.NonExistentQueue` before they were names alone.
fn classify_code(code: Option<&str>) -> StoreErrorKind {
    const MISSING: [&str; 2] = [
        "QueueDoesNotExist",
        "AWS.SimpleQueueService.NonExistentQueue",
    ];
    const REFUSED: [&str; 14] = [
        "AWS.SimpleQueueService.BatchRequestTooLong",
        "AccessDenied",
        "AccessDeniedException",
        "BatchRequestTooLong",
        "InvalidAddress",
        "InvalidAttributeValue",
        "InvalidMessageContents",
        "InvalidParameterValue",
        "InvalidSecurity",
        "KmsAccessDenied",
        "KmsDisabled",
        "KmsNotFound",
        "ReceiptHandleIsInvalid",
        "UnsupportedOperation",
    ];
    match code {
        Some(code) if MISSING.contains(&code) => StoreErrorKind::NotFound,
        Some(code) if REFUSED.contains(&code) => StoreErrorKind::Refused,
        _ => StoreErrorKind::Unavailable,
    }
}

/// Messages kept in memory, for unit tests.
#[derive(Debug, Default)]
pub struct MemoryQueue {
    sent: Mutex<Vec<OutgoingMessage>>,
}

impl MemoryQueue {
    /// The messages, the oldest first.
    #[must_use]
    pub fn sent_messages(&self) -> Vec<OutgoingMessage> {
        let sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        sent.clone()
    }
}

#[async_trait]
impl MessageQueue for MemoryQueue {
    async fn send_messages(&self, messages: Vec<OutgoingMessage>) -> Result<(), StoreError> {
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        sent.extend(messages);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_says_whether_another_attempt_can_succeed() {
        for (code, kind) in [
            (Some("QueueDoesNotExist"), StoreErrorKind::NotFound),
            (Some("AccessDenied"), StoreErrorKind::Refused),
            (Some("RequestThrottled"), StoreErrorKind::Unavailable),
            (Some("KmsThrottled"), StoreErrorKind::Unavailable),
            (None, StoreErrorKind::Unavailable),
        ] {
            assert_eq!(classify_code(code), kind, "{code:?}");
        }
    }
}
