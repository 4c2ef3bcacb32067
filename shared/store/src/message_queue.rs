//! The port to a queue: a message is stored by the service before it is acknowledged.

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};

use crate::{StoreError, StoreErrorKind, describe_causes};

/// The bytes of a message's body that SQS takes, at most.
pub const SQS_MESSAGE_BYTES_MAX: u32 = 1024 * 1024;

/// A queue that delivers each message at least once, in any order.
#[async_trait]
pub trait MessageQueue: Send + Sync {
    /// Sends a message. It is stored when this returns; after a failure it may be.
    ///
    /// # Errors
    /// The service's failure: `NotFound` for a queue that does not exist, `Refused` where a right
    /// is missing.
    async fn send_message(&self, body: &str) -> Result<(), StoreError>;
}

/// A standard queue of SQS.
#[derive(Clone, Debug)]
pub struct SqsQueue {
    client: Client,
    url: String,
}

impl SqsQueue {
    /// The queue of this URL.
    #[must_use]
    pub fn new(client: Client, url: impl Into<String>) -> Self {
        Self {
            client,
            url: url.into(),
        }
    }
}

#[async_trait]
impl MessageQueue for SqsQueue {
    async fn send_message(&self, body: &str) -> Result<(), StoreError> {
        let request = self.client.send_message().queue_url(&self.url);
        let sent = request.message_body(body).send().await;
        sent.map(drop).map_err(|error| sqs_error(&self.url, &error))
    }
}

/// The service's own message. The request, and with it the events, does not get into the error.
fn sqs_error<E, R>(url: &str, error: &SdkError<E, R>) -> StoreError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: std::fmt::Debug,
    SdkError<E, R>: std::error::Error + 'static,
{
    let message = error.message().or(error.code());
    let message = message.map_or_else(|| describe_causes(error), str::to_owned);
    StoreError::new(classify_code(error.code()), "send", url, message)
}

/// What the service's code means for another attempt. Codes have had the form
/// `AWS.SimpleQueueService.NonExistentQueue` before they were names alone.
fn classify_code(code: Option<&str>) -> StoreErrorKind {
    const MISSING: [&str; 2] = [
        "QueueDoesNotExist",
        "AWS.SimpleQueueService.NonExistentQueue",
    ];
    const REFUSED: [&str; 10] = [
        "AccessDenied",
        "AccessDeniedException",
        "InvalidAddress",
        "InvalidMessageContents",
        "InvalidParameterValue",
        "InvalidSecurity",
        "KmsAccessDenied",
        "KmsDisabled",
        "KmsNotFound",
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
    sent: Mutex<Vec<String>>,
}

impl MemoryQueue {
    /// The bodies of the messages, the oldest first.
    #[must_use]
    pub fn sent_messages(&self) -> Vec<String> {
        let sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        sent.clone()
    }
}

#[async_trait]
impl MessageQueue for MemoryQueue {
    async fn send_message(&self, body: &str) -> Result<(), StoreError> {
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        sent.push(body.to_owned());
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
