//! A batch of messages of the events queue: the records of each topic are appended to its raw log.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use futures_util::future::join_all;
use host::{Failure, TimeBudget, emit_metric};
use lake::{Chunk, LOG_APPEND_TIME, RawRecord};
use store::raw_log::{AppendedChunk, LogEnd, RawLogError, append_behind};
use store::{ObjectStore, StoreError};
use thiserror::Error;
use trigger::{
    BatchReference, MessageNumber, QueuedBatch, QueuedMessage, QueuedMessageError, QueuedRecord,
    SqsEvent, SqsFailures,
};

use crate::context::Context;
use crate::landing_message::LandingMessage;
use crate::lane_session::{LaneSession, MissingMessages};
use crate::payload::unreadable_payload;

/// Bytes of unpacked records that wait in memory before they are appended. A batch of 6 MB may
/// unpack to ten times as much, and one of references to more. With the last message, of some 8 MB,
/// they are less than a raw object may hold ([`lake::limits`]).
const PENDING_BYTES_MAX: usize = 12 * 1024 * 1024;

/// Why the batch of a message was not read.
#[derive(Debug, Error)]
enum MessageError {
    #[error(transparent)]
    Unreadable(#[from] QueuedMessageError),
    #[error("the object of a message was not read: {0}")]
    Store(#[from] StoreError),
}

/// The messages of one topic that wait to be appended, by their numbers.
#[derive(Default)]
struct PendingTopic {
    messages: BTreeMap<MessageNumber, PendingMessage>,
    records: Vec<RawRecord<'static>>,
}

/// A message whose records wait to be appended.
struct PendingMessage {
    id: String,
    unacknowledged: Vec<u64>,
}

/// The messages of one topic, and what appending their records gave.
struct AppendedTopic {
    topic: String,
    messages: BTreeMap<MessageNumber, PendingMessage>,
    records: u64,
    outcome: Result<AppendedChunk, RawLogError>,
}

/// What one invocation has done.
struct MessageLanding<'c> {
    context: &'c Context,
    budget: TimeBudget,
    session: LaneSession<'c>,
    now: i64,
    pending: BTreeMap<String, PendingTopic>,
    pending_bytes: usize,
    repeats: BTreeMap<String, u64>,
    landed: BTreeSet<String>,
    failed: BTreeSet<String>,
}

/// Lands the messages that Lambda hands over. The answer names those that SQS is to deliver again. A
/// batch without messages finds what is missing.
///
/// # Errors
/// When the payload holds no SQS messages, or the state of a lane cannot be read.
pub(crate) async fn land_queue_batch(
    payload: &str,
    context: &Context,
    budget: TimeBudget,
) -> Result<SqsFailures, Failure> {
    let event: SqsEvent =
        serde_json::from_str(payload).map_err(|error| unreadable_payload(&error))?;
    let messages: Vec<LandingMessage<'_>> =
        event.records.iter().map(LandingMessage::from).collect();
    let failed = land_messages(messages.clone(), context, budget).await?;

    let mut failures = SqsFailures::default();
    for message in messages {
        if failed.contains(message.id) {
            failures.add_message(message.id);
        }
    }
    Ok(failures)
}

/// Lands messages; gives the ids of those that did not land.
///
/// # Errors
/// When the state of a lane cannot be read.
pub(crate) async fn land_messages(
    mut messages: Vec<LandingMessage<'_>>,
    context: &Context,
    budget: TimeBudget,
) -> Result<BTreeSet<String>, Failure> {
    // SQS shuffles them: in the order in which they were sent, ties between versions are decided
    // as the senders meant them more often.
    messages.sort_by_key(|message| message.sent_at);

    let mut landing = MessageLanding {
        context,
        budget,
        session: context.lanes.open(&*context.raw).await?,
        now: host::now_micros() / 1_000,
        pending: BTreeMap::new(),
        pending_bytes: 0,
        repeats: BTreeMap::new(),
        landed: BTreeSet::new(),
        failed: BTreeSet::new(),
    };
    for message in messages {
        landing.take_message(message).await;
        if landing.pending_bytes >= PENDING_BYTES_MAX {
            landing.append_pending().await;
        }
    }
    landing.append_pending().await;
    Ok(landing.finish().await)
}

/// Counts the messages that were acknowledged and are missing for half an hour, at a moment in
/// milliseconds since 1970. A first look notes since when they are.
///
/// # Errors
/// When the state of a lane cannot be read or written.
pub async fn count_missing_messages(context: &Context, now: i64) -> Result<u64, Failure> {
    let session = context.lanes.open(&*context.raw).await?;
    let missing = session.finish(&*context.raw, now).await?;
    Ok(missing.iter().map(MissingMessages::count).sum())
}

impl MessageLanding<'_> {
    /// Takes what a message brings; one that cannot be read is delivered again, and becomes a dead
    /// letter in the end.
    async fn take_message(&mut self, message: LandingMessage<'_>) {
        let taken = match QueuedMessage::decode(message.body) {
            Ok(QueuedMessage::Batch(batch)) => {
                self.take_batch(message, batch);
                Ok(())
            }
            Ok(QueuedMessage::Reference(reference)) => self
                .read_referenced(&reference)
                .await
                .map(|batch| self.take_batch(message, batch)),
            Ok(QueuedMessage::Notice(notice)) => {
                self.session
                    .note_acknowledged(&notice.topic, &notice.acknowledged, self.now);
                self.landed.insert(message.id.to_owned());
                Ok(())
            }
            Err(error) => Err(error.into()),
        };
        if let Err(error) = taken {
            tracing::error!(%error, message = message.id, "not landed");
            self.failed.insert(message.id.to_owned());
        }
    }

    async fn read_referenced(
        &self,
        reference: &BatchReference,
    ) -> Result<QueuedBatch, MessageError> {
        let object = self.context.raw.get(&reference.object).await?;
        Ok(reference.unpack_object(&object.body)?)
    }

    fn take_batch(&mut self, message: LandingMessage<'_>, batch: QueuedBatch) {
        let id = message.id.to_owned();
        if self.is_repeat(&batch) {
            *self.repeats.entry(batch.topic).or_default() += 1;
            self.landed.insert(id);
            return;
        }

        let records = raw_records(batch.records, &batch.number, message.sent_at, self.now);
        self.pending_bytes += records.iter().map(record_bytes).sum::<usize>();
        let pending = self.pending.entry(batch.topic).or_default();
        let waiting = PendingMessage {
            id,
            unacknowledged: batch.unacknowledged,
        };
        pending.messages.insert(batch.number, waiting);
        pending.records.extend(records);
    }

    /// Whether the message came before: in this batch, or in one that a lane knows.
    fn is_repeat(&self, batch: &QueuedBatch) -> bool {
        let pending = self.pending.get(&batch.topic);
        pending.is_some_and(|pending| pending.messages.contains_key(&batch.number))
            || self.session.has_landed(&batch.topic, &batch.number)
    }

    /// Appends what waits, several topics at once: each waits for its own PUT.
    async fn append_pending(&mut self) {
        self.pending_bytes = 0;
        let mut appends = Vec::new();
        for (topic, pending) in std::mem::take(&mut self.pending) {
            let (stream, end) = self.session.stream_of(&topic, self.context.epoch);
            appends.push(append_topic(
                &*self.context.raw,
                self.budget,
                (stream, end),
                pending,
            ));
        }
        for appended in join_all(appends).await {
            self.note_outcome(appended);
        }
    }

    fn note_outcome(&mut self, appended: AppendedTopic) {
        let AppendedTopic {
            topic,
            messages,
            records,
            outcome,
        } = appended;
        let count = messages.len();
        match outcome {
            Ok(chunk) => {
                self.session.note_appended(&chunk);
                let values = [
                    ("records_landed", records),
                    ("messages_landed", count as u64),
                    ("append_conflicts", u64::from(chunk.conflicts)),
                ];
                emit_landing_metric(&topic, &values);
                for (number, message) in messages {
                    let unacknowledged = &message.unacknowledged;
                    self.session
                        .note_landed(&topic, &number, unacknowledged, self.now);
                    self.landed.insert(message.id);
                }
            }
            Err(error) => {
                if matches!(error, RawLogError::Contended { .. }) {
                    self.session.note_contended();
                }
                tracing::error!(%error, topic, messages = count, "not landed");
                emit_landing_metric(&topic, &[("landing_failed", 1)]);
                let ids = messages.into_values().map(|message| message.id);
                self.failed.extend(ids);
            }
        }
    }

    /// Stores the lane's state, and gives the ids of the messages that did not land. Without the
    /// state, what landed would not be known as landed: then it did not.
    async fn finish(mut self) -> BTreeSet<String> {
        for (topic, repeats) in &self.repeats {
            emit_landing_metric(topic, &[("messages_repeated", *repeats)]);
        }
        match self.session.finish(&*self.context.raw, self.now).await {
            Ok(missing) => report_missing(&missing),
            Err(error) => {
                tracing::error!(%error, "the lane's state was not stored");
                self.failed.append(&mut self.landed);
            }
        }
        self.failed
    }
}

/// Appends a topic's records, within the time that is left.
async fn append_topic(
    raw: &dyn ObjectStore,
    budget: TimeBudget,
    (stream, end): (Chunk, Option<LogEnd>),
    pending: PendingTopic,
) -> AppendedTopic {
    let records = pending.records.len() as u64;
    let outcome = match budget.is_spent() {
        true => Err(RawLogError::OutOfTime),
        false => {
            let append = append_behind(raw, &stream, end, pending.records);
            tokio::time::timeout(budget.time_left(), append)
                .await
                .unwrap_or(Err(RawLogError::OutOfTime))
        }
    };
    AppendedTopic {
        topic: stream.topic,
        messages: pending.messages,
        records,
        outcome,
    }
}

/// Tells of messages that were acknowledged and did not come.
fn report_missing(missing: &[MissingMessages]) {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for sender in missing {
        *counts.entry(&sender.topic).or_default() += sender.count();
        tracing::error!(
            topic = sender.topic,
            sandbox = sender.sandbox,
            numbers = ?sender.numbers,
            next = "look for them among the dead letters of the events queue (docs/runbook.md)",
            "messages were acknowledged and did not land"
        );
    }
    for (topic, count) in counts {
        emit_landing_metric(topic, &[("messages_missing", count)]);
    }
}

/// The records of a message as the raw log takes them. SQS stamps each message as it stores it, as
/// Kafka stamps a record with `LogAppendTime`: a repeat has the same time.
fn raw_records(
    records: Vec<QueuedRecord>,
    number: &MessageNumber,
    sent_at: Option<i64>,
    landed_at: i64,
) -> Vec<RawRecord<'static>> {
    let raw = records.into_iter().map(|record| RawRecord {
        offset: 0,
        timestamp: sent_at.unwrap_or(landed_at),
        timestamp_type: sent_at.map(|_| LOG_APPEND_TIME),
        landed_at: Some(landed_at),
        headers: Some(record.raw_headers(number)),
        key: record.key.map(Bytes::from),
        value: Some(Bytes::from(record.value)),
    });
    raw.collect()
}

/// Bytes of a record's key, value and headers.
fn record_bytes(record: &RawRecord<'_>) -> usize {
    let parts = [&record.key, &record.value].map(|part| part.as_ref().map_or(0, Bytes::len));
    parts.iter().sum::<usize>() + record.headers.as_ref().map_or(0, String::len)
}

fn emit_landing_metric(topic: &str, values: &[(&str, u64)]) {
    emit_metric(&[("function", "raw-landing"), ("topic", topic)], values);
}

#[cfg(test)]
mod tests;
