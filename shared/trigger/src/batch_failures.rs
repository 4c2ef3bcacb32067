//! The answer to a batch of either transport.

use serde::Serialize;

use crate::{KafkaFailures, SqsFailures};

/// What is to be delivered again of a batch, in the form that its trigger understands.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum BatchFailures {
    /// The first offset of each partition that was not processed.
    Kafka(KafkaFailures),
    /// The messages that were not processed.
    Sqs(SqsFailures),
}

impl BatchFailures {
    /// Whether everything was processed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Kafka(failures) => failures.batch_item_failures.is_empty(),
            Self::Sqs(failures) => failures.batch_item_failures.is_empty(),
        }
    }
}
