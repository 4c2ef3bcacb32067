//! How many messages a queue of SQS holds, by the attributes that the service keeps of it.

use std::collections::HashMap;

use aws_sdk_sqs::types::QueueAttributeName;
use serde::Deserialize;

use crate::message_queue::{SqsQueue, sqs_error};
use crate::{StoreError, StoreErrorKind};

/// About how many messages a queue holds: SQS counts over many servers, up to a minute behind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueCounts {
    /// Messages that a receive may deliver.
    pub waiting: u64,
    /// Messages that were received, and neither deleted nor shown again.
    pub in_flight: u64,
    /// Messages whose delay is not over.
    pub delayed: u64,
    /// Messages that the queue gave up; none for a queue without a dead-letter queue.
    pub dead_letters: Option<u64>,
}

/// The part of a queue's redrive policy that names where its dead letters are.
#[derive(Deserialize)]
struct RedrivePolicy {
    #[serde(rename = "deadLetterTargetArn")]
    target_arn: String,
}

type QueueAttributes = HashMap<QueueAttributeName, String>;

/// The attributes that together count all messages of a queue.
const COUNTS: [QueueAttributeName; 3] = [
    QueueAttributeName::ApproximateNumberOfMessages,
    QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
    QueueAttributeName::ApproximateNumberOfMessagesDelayed,
];

/// What is done, as errors name it.
const OPERATION: &str = "count the messages of";

impl SqsQueue {
    /// Counts the messages of the queue, and of the queue of its dead letters.
    ///
    /// # Errors
    /// The service's failure, with the URL of the queue that was asked: `NotFound` for a queue that
    /// does not exist, `Refused` where a right is missing.
    pub async fn count_messages(&self) -> Result<QueueCounts, StoreError> {
        let attributes = self.read_attributes(self.url()).await?;
        let [waiting, in_flight, delayed] = read_counts(self.url(), &attributes)?;

        let dead_letters = match dead_letters_url(self.url(), &attributes) {
            Some(url) => Some(self.count_all(&url).await?),
            None => None,
        };
        Ok(QueueCounts {
            waiting,
            in_flight,
            delayed,
            dead_letters,
        })
    }

    /// All messages of a queue, visible or not: a redrive hides dead letters.
    async fn count_all(&self, url: &str) -> Result<u64, StoreError> {
        let attributes = self.read_attributes(url).await?;
        Ok(read_counts(url, &attributes)?.into_iter().sum())
    }

    async fn read_attributes(&self, url: &str) -> Result<QueueAttributes, StoreError> {
        let names = COUNTS
            .into_iter()
            .chain([QueueAttributeName::RedrivePolicy]);
        let request = self.client().get_queue_attributes().queue_url(url);
        let request = request.set_attribute_names(Some(names.collect()));
        let answer = request.send().await;
        let answer = answer.map_err(|error| sqs_error(OPERATION, url, &error))?;
        Ok(answer.attributes.unwrap_or_default())
    }
}

/// The numbers of [`COUNTS`].
fn read_counts(url: &str, attributes: &QueueAttributes) -> Result<[u64; 3], StoreError> {
    let mut counts = [0; 3];
    for (count, name) in counts.iter_mut().zip(COUNTS) {
        let number = attributes.get(&name).and_then(|text| text.parse().ok());
        *count = number.ok_or_else(|| {
            let why = format!("the answer has no {name}");
            StoreError::new(StoreErrorKind::Unavailable, OPERATION, url, why)
        })?;
    }
    Ok(counts)
}

/// The URL of the queue that takes a queue's dead letters; none where there is no such queue. SQS
/// wants it in the same account and region, so that only the name is another.
fn dead_letters_url(url: &str, attributes: &QueueAttributes) -> Option<String> {
    let policy = attributes.get(&QueueAttributeName::RedrivePolicy)?;
    let policy: RedrivePolicy = serde_json::from_str(policy).ok()?;
    let name = policy.target_arn.rsplit(':').next()?;
    let (place, _) = url.rsplit_once('/')?;
    Some(format!("{place}/{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_queue_of_dead_letters_is_beside_its_queue() {
        let policy = r#"{"deadLetterTargetArn":"arn:aws:sqs:eu-west-2:1:p-events-dead-letters","maxReceiveCount":20}"#;
        let with = |policy: &str| {
            let attribute = (QueueAttributeName::RedrivePolicy, policy.to_owned());
            QueueAttributes::from([attribute])
        };
        let url = "https://sqs.eu-west-2.amazonaws.com/1/p-events";
        assert_eq!(
            dead_letters_url(url, &with(policy)).as_deref(),
            Some("https://sqs.eu-west-2.amazonaws.com/1/p-events-dead-letters")
        );
        assert_eq!(dead_letters_url(url, &with("")), None);
        assert_eq!(dead_letters_url(url, &QueueAttributes::new()), None);
    }
}
