//! The port to people: a short message to those on duty.

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use aws_sdk_sns::Client;
use aws_sdk_sns::error::{ProvideErrorMetadata, SdkError};

use crate::{StoreError, StoreErrorKind};

/// A channel to the people on duty.
#[async_trait]
pub trait Notifier: Send + Sync {
    /// Sends a message. The subject is ASCII, in one line of at most 100 characters: SNS takes no
    /// other.
    ///
    /// # Errors
    /// The service's failure.
    async fn notify(&self, subject: &str, message: &str) -> Result<(), StoreError>;
}

/// A topic of SNS.
#[derive(Clone, Debug)]
pub struct SnsNotifier {
    client: Client,
    topic: String,
}

impl SnsNotifier {
    /// The topic of this ARN.
    #[must_use]
    pub fn new(client: Client, topic: impl Into<String>) -> Self {
        Self {
            client,
            topic: topic.into(),
        }
    }
}

#[async_trait]
impl Notifier for SnsNotifier {
    async fn notify(&self, subject: &str, message: &str) -> Result<(), StoreError> {
        let request = self
            .client
            .publish()
            .topic_arn(&self.topic)
            .subject(subject)
            .message(message);
        request
            .send()
            .await
            .map(drop)
            .map_err(|error| sns_error(&self.topic, &error))
    }
}

/// The service's own message. The request, and with it the notification's text, does not get into
/// the error.
fn sns_error<E: ProvideErrorMetadata, R>(topic: &str, error: &SdkError<E, R>) -> StoreError {
    let refused = [
        "NotFound",
        "AuthorizationError",
        "InvalidParameter",
        "InvalidSecurity",
        "KMSAccessDenied",
    ];

    let kind = match error.code() {
        Some(code) if refused.contains(&code) => StoreErrorKind::Refused,
        _ => StoreErrorKind::Unavailable,
    };
    let message = error.message().or(error.code()).unwrap_or("no answer");
    StoreError::new(kind, "notify", topic, message)
}

/// Messages kept in memory, for unit tests.
#[derive(Debug, Default)]
pub struct MemoryNotifier {
    sent: Mutex<Vec<(String, String)>>,
}

impl MemoryNotifier {
    /// The sent messages as subject and text, the oldest first.
    #[must_use]
    pub fn sent_messages(&self) -> Vec<(String, String)> {
        self.sent
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

#[async_trait]
impl Notifier for MemoryNotifier {
    async fn notify(&self, subject: &str, message: &str) -> Result<(), StoreError> {
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        sent.push((subject.to_owned(), message.to_owned()));
        Ok(())
    }
}
