//! Records into messages of the events queue.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use backon::Retryable;
use futures_util::future::join_all;
use lake::Chunk;
use store::{
    MessageQueue, ObjectMetadata, ObjectStore, OutgoingMessage, StoreError, StoreErrorKind,
};
use trigger::{
    AcknowledgementNotice, BatchReference, MessageNumber, QueuedBatch, QueuedMessage, QueuedRecord,
    VALUE_BYTES_MAX,
};

use super::numbers::{MessageNumbers, NextNumber};
use crate::delivery::{EventSink, OutgoingRecord, SendError};
use crate::retry::{SEND_RETRY, time_left};

/// One attempt at one message: SQS answers in milliseconds, and a request that hangs must leave
/// time for another.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);

/// What a sink needs.
pub struct QueueSinkOptions {
    /// The events queue.
    pub queue: Arc<dyn MessageQueue>,
    /// The bytes of a message that the queue takes, at most.
    pub message_bytes_max: u32,
    /// How long the notice of a message is held back: longer than a message takes to land.
    pub notice_delay: Duration,
    /// The raw zone, which takes the batches that are too large for a message.
    pub raw: Arc<dyn ObjectStore>,
}

/// The events queue as a sink: what it acknowledges is stored by SQS.
pub struct QueueSink {
    options: QueueSinkOptions,
    numbers: MessageNumbers,
}

/// Records of one topic for one message, with their places among all of a call.
struct MessageRecords {
    topic: String,
    places: Vec<usize>,
    records: Vec<QueuedRecord>,
}

impl QueueSink {
    /// A sink whose messages are counted from 0.
    #[must_use]
    pub fn new(options: QueueSinkOptions) -> Self {
        Self {
            options,
            numbers: MessageNumbers::default(),
        }
    }

    /// Sends a topic's messages one after the other, so that a record's events keep their order.
    /// What is behind a message that was not acknowledged is not sent.
    async fn send_topic(
        &self,
        messages: Vec<MessageRecords>,
        deadline: Instant,
    ) -> Vec<(usize, Result<(), SendError>)> {
        let mut outcomes = Vec::new();
        let mut failed = None;
        for message in messages {
            let outcome = match &failed {
                None => {
                    self.send_message(message.topic, message.records, deadline)
                        .await
                }
                Some(error) => Err(SendError::clone(error)),
            };
            failed = outcome.clone().err();
            outcomes.extend(message.places.iter().map(|place| (*place, outcome.clone())));
        }
        outcomes
    }

    async fn send_message(
        &self,
        topic: String,
        records: Vec<QueuedRecord>,
        deadline: Instant,
    ) -> Result<(), SendError> {
        let NextNumber {
            number,
            unacknowledged,
        } = self.numbers.take_next(&topic, host::now_micros());
        let batch = QueuedBatch {
            topic,
            number,
            unacknowledged,
            records,
        };

        let sent = self.send_batch(&batch, deadline).await;
        if sent.is_err() {
            self.numbers
                .note_unacknowledged(&batch.topic, &batch.number);
        }
        sent
    }

    async fn send_batch(&self, batch: &QueuedBatch, deadline: Instant) -> Result<(), SendError> {
        let packed = batch
            .pack()
            .map_err(|error| SendError::Unavailable(format!("a batch was not packed: {error}")))?;

        let attempt = || self.attempt_batch(batch, &packed, deadline);
        attempt
            .retry(SEND_RETRY.pauses_until(deadline))
            .when(|error| matches!(error, SendError::Unavailable(_)))
            .await
    }

    /// One attempt. The same message may come twice when an answer was lost: it has the same
    /// number.
    async fn attempt_batch(
        &self,
        batch: &QueuedBatch,
        packed: &[u8],
        deadline: Instant,
    ) -> Result<(), SendError> {
        let within = ATTEMPT_TIMEOUT.min(time_left(deadline));
        let attempt = async {
            let messages = self.messages_of(batch, packed).await?;
            let sent = self.options.queue.send_messages(messages).await;
            sent.map_err(|error| queue_error(&error))
        };
        tokio::time::timeout(within, attempt)
            .await
            .unwrap_or_else(|_| {
                let message = "the queue did not answer in time".to_owned();
                Err(SendError::Unavailable(message))
            })
    }

    /// The message of a batch, and the notice that it was acknowledged: one request to the queue.
    async fn messages_of(
        &self,
        batch: &QueuedBatch,
        packed: &[u8],
    ) -> Result<Vec<OutgoingMessage>, SendError> {
        let notice = AcknowledgementNotice::of_batch(batch);
        let notice = QueuedMessage::encode_notice(&notice).map_err(|error| not_encoded(&error))?;
        let room = u64::from(self.options.message_bytes_max).saturating_sub(notice.len() as u64);
        let body = self.message_body(batch, packed, room).await?;

        let message = |body, delay| OutgoingMessage { body, delay };
        Ok(vec![
            message(body, Duration::ZERO),
            message(notice, self.options.notice_delay),
        ])
    }

    /// The body of the message: the batch itself, or where the raw zone has it.
    async fn message_body(
        &self,
        batch: &QueuedBatch,
        packed: &[u8],
        room: u64,
    ) -> Result<String, SendError> {
        let body = QueuedMessage::encode_batch(packed);
        if body.len() as u64 <= room {
            return Ok(body);
        }

        let MessageNumber { sandbox, sequence } = &batch.number;
        let key = Chunk::queued_batch_key(&batch.topic, sandbox, *sequence);
        // The raw bucket takes conditional writes alone. The number is this batch's own, so what is
        // there already is what an earlier attempt has stored.
        let body = packed.to_vec().into();
        let raw = &self.options.raw;
        let stored = raw.put_if_absent(&key, body, ObjectMetadata::new()).await;
        stored.map_err(|error| SendError::Unavailable(error.to_string()))?;

        let reference = BatchReference::to_object(key, packed);
        QueuedMessage::encode_reference(&reference).map_err(|error| not_encoded(&error))
    }
}

#[async_trait]
impl EventSink for QueueSink {
    async fn send_records(
        &self,
        records: Vec<OutgoingRecord>,
        within: Duration,
    ) -> Vec<Result<(), SendError>> {
        let deadline = Instant::now() + within;
        let count = records.len();
        let topics = group_into_messages(records).into_values();
        let sent = join_all(topics.map(|messages| self.send_topic(messages, deadline))).await;

        let mut outcomes = vec![Ok(()); count];
        for (place, outcome) in sent.into_iter().flatten() {
            outcomes[place] = outcome;
        }
        outcomes
    }
}

/// The messages of each topic. A message takes values up to [`VALUE_BYTES_MAX`], or one value.
fn group_into_messages(records: Vec<OutgoingRecord>) -> BTreeMap<String, Vec<MessageRecords>> {
    let mut topics: BTreeMap<String, Vec<MessageRecords>> = BTreeMap::new();
    for (place, record) in records.into_iter().enumerate() {
        let messages = topics.entry(record.topic.clone()).or_default();
        match messages.last_mut() {
            Some(message) if message.has_room_for(&record) => message.push(place, record),
            _ => messages.push(MessageRecords::of(place, record)),
        }
    }
    topics
}

impl MessageRecords {
    fn of(place: usize, record: OutgoingRecord) -> Self {
        let mut message = Self {
            topic: record.topic.clone(),
            places: Vec::new(),
            records: Vec::new(),
        };
        message.push(place, record);
        message
    }

    fn push(&mut self, place: usize, record: OutgoingRecord) {
        let headers = record.headers.into_iter();
        self.places.push(place);
        self.records.push(QueuedRecord {
            key: record.key,
            headers: headers
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
            value: record.value,
        });
    }

    fn has_room_for(&self, record: &OutgoingRecord) -> bool {
        let values = self.records.iter().map(|record| record.value.len());
        values.sum::<usize>() + record.value.len() <= VALUE_BYTES_MAX
    }
}

fn not_encoded(error: &serde_json::Error) -> SendError {
    SendError::Unavailable(format!("a message was not encoded: {error}"))
}

/// What the queue's failure means for the sender.
fn queue_error(error: &StoreError) -> SendError {
    match error.kind {
        StoreErrorKind::NotFound => SendError::QueueMissing(error.key.clone()),
        StoreErrorKind::Refused => SendError::QueueRefused(error.message.clone()),
        StoreErrorKind::Unavailable | StoreErrorKind::OverLimit => {
            SendError::Unavailable(error.to_string())
        }
    }
}

#[cfg(test)]
mod tests;
