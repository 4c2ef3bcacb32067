//! Records on their way to a transport, and what is known of each of them from attempt to attempt.

use std::time::Duration;

use async_trait::async_trait;

/// A record on its way to its transport.
#[derive(Clone, Debug)]
pub struct OutgoingRecord {
    /// The topic.
    pub topic: String,
    /// The record's key; of Kafka, Java's murmur2 of it gives the partition.
    pub key: Option<String>,
    /// The event, byte for byte as it came.
    pub value: Vec<u8>,
    /// Headers.
    pub headers: Vec<(&'static str, String)>,
}

/// Where records are sent.
#[async_trait]
pub trait EventSink: Send + Sync {
    /// Sends the records in their order. Each result says whether the transport has acknowledged
    /// the record: Kafka with every in-sync replica, SQS when it has stored the message.
    async fn send_records(
        &self,
        records: Vec<OutgoingRecord>,
        within: Duration,
    ) -> Vec<Result<(), SendError>>;
}

/// Why a record was not acknowledged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The record is larger than the broker accepts; another attempt cannot succeed.
    #[error("the record is larger than the topic takes")]
    TooLarge,
    /// The topic does not exist; no attempt succeeds before it is created.
    #[error("the topic `{0}` does not exist")]
    TopicMissing(String),
    /// The caller may not use the topic; no attempt succeeds before its rights are changed.
    #[error("Kafka does not let this role use the topic `{0}`")]
    TopicDenied(String),
    /// The events queue does not exist; no attempt succeeds before it is created.
    #[error("the events queue {0} does not exist")]
    QueueMissing(String),
    /// The events queue refused the message; no attempt succeeds before its rights are changed.
    #[error("the events queue refuses the message: {0}")]
    QueueRefused(String),
    /// The transport did not acknowledge; another attempt may succeed.
    #[error("{0}")]
    Unavailable(String),
}

impl SendError {
    /// What an operator has to do before another attempt succeeds; none when an attempt may
    /// succeed without.
    #[must_use]
    pub fn remedy(&self) -> Option<&'static str> {
        match self {
            Self::TopicMissing(_) => Some("create it (docs/deploy.md, Topics)"),
            Self::TopicDenied(_) => Some(
                "grant the role `kafka-cluster:DescribeTopic` and `kafka-cluster:WriteData` on it \
                 (docs/deploy.md, Topics)",
            ),
            Self::QueueMissing(_) => {
                Some("create it, or correct EVENTS_QUEUE_URL (docs/deploy.md, The events queue)")
            }
            Self::QueueRefused(_) => Some(
                "grant the role `sqs:SendMessage` on the queue, and the use of its key \
                 (docs/deploy.md, The events queue)",
            ),
            Self::TooLarge | Self::Unavailable(_) => None,
        }
    }
}

/// The records of one call, with what is known of each of them.
pub(crate) struct Delivery {
    /// The records, in their order.
    pub(crate) records: Vec<OutgoingRecord>,
    /// One outcome for each record.
    pub(crate) outcomes: Vec<Result<(), SendError>>,
    /// The indexes of the records that another attempt may get through.
    pub(crate) pending: Vec<usize>,
}

/// Kafka has not acknowledged some records, and another attempt may get them through.
pub(crate) struct RecordsPending;

impl Delivery {
    /// A delivery of which nothing has been sent.
    pub(crate) fn new(records: Vec<OutgoingRecord>) -> Self {
        let unsent = Err(SendError::Unavailable("no time was left".to_owned()));
        Self {
            outcomes: vec![unsent; records.len()],
            pending: (0..records.len()).collect(),
            records,
        }
    }

    /// Copies of the pending records, for one attempt.
    pub(crate) fn pending_records(&self) -> Vec<OutgoingRecord> {
        self.pending
            .iter()
            .map(|index| self.records[*index].clone())
            .collect()
    }

    /// Notes the outcomes of the pending records, in their order.
    pub(crate) fn note_outcomes(&mut self, outcomes: Vec<Result<(), SendError>>) {
        for (index, outcome) in self.pending.iter().zip(outcomes) {
            self.outcomes[*index] = outcome;
        }
        self.pending
            .retain(|index| matches!(self.outcomes[*index], Err(SendError::Unavailable(_))));
    }

    /// Whether another attempt is worthwhile, in the form that a retry decides by.
    pub(crate) fn state(&self) -> Result<(), RecordsPending> {
        if self.pending.is_empty() {
            Ok(())
        } else {
            Err(RecordsPending)
        }
    }
}
