//! A batch of messages of the events queue: the records of each topic are appended to its raw log.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use futures_util::future::join_all;
use host::{Failure, TimeBudget, emit_metric};
use lake::{LOG_APPEND_TIME, RawRecord};
use store::StoreError;
use store::raw_log::{AppendedChunk, RawLogError, append_records};
use thiserror::Error;
use trigger::{
    MessageNumber, QueuedBatch, QueuedMessage, QueuedMessageError, SqsEvent, SqsFailures,
    SqsMessage,
};

use crate::context::Context;
use crate::handler::unreadable_payload;

/// Unpacked values that wait in memory before they are appended. A batch of 6 MB may unpack to ten
/// times as much, and one of references to more.
const PENDING_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Why the batch of a message was not read.
#[derive(Debug, Error)]
enum MessageError {
    #[error(transparent)]
    Unreadable(#[from] QueuedMessageError),
    #[error("the object of a message was not read: {0}")]
    Store(#[from] StoreError),
}

/// The messages of one topic that wait to be appended.
#[derive(Default)]
struct PendingTopic {
    message_ids: Vec<String>,
    numbers: Vec<MessageNumber>,
    records: Vec<RawRecord<'static>>,
}

/// What one invocation has done.
struct QueueLanding<'c> {
    context: &'c Context,
    budget: TimeBudget,
    pending: BTreeMap<String, PendingTopic>,
    pending_bytes: usize,
    repeats: BTreeMap<String, u64>,
    failed: BTreeSet<String>,
}

/// Lands a batch of messages. The answer names those that SQS is to deliver again.
///
/// # Errors
/// When the payload holds no SQS messages.
pub(crate) async fn land_queue_batch(
    payload: &str,
    context: &Context,
    budget: TimeBudget,
) -> Result<SqsFailures, Failure> {
    let event: SqsEvent =
        serde_json::from_str(payload).map_err(|error| unreadable_payload(&error))?;
    let mut messages: Vec<&SqsMessage> = event.records.iter().collect();
    // SQS shuffles them: in the order in which they were sent, ties between versions are decided
    // as the senders meant them more often.
    messages.sort_by_key(|message| sent_at(message));

    let mut landing = QueueLanding {
        context,
        budget,
        pending: BTreeMap::new(),
        pending_bytes: 0,
        repeats: BTreeMap::new(),
        failed: BTreeSet::new(),
    };
    for message in &messages {
        landing.take_message(message).await;
        if landing.pending_bytes >= PENDING_BYTES_MAX {
            landing.append_pending().await;
        }
    }
    landing.append_pending().await;
    Ok(landing.report_failures(&messages))
}

impl QueueLanding<'_> {
    /// Takes the records of a message; one that cannot be read is delivered again, and becomes a
    /// dead letter in the end.
    async fn take_message(&mut self, message: &SqsMessage) {
        let id = message_id(message);
        let batch = match self.read_batch(message).await {
            Ok(batch) => batch,
            Err(error) => {
                tracing::error!(%error, message = id, "not landed");
                self.failed.insert(id.to_owned());
                return;
            }
        };
        if self.is_repeat(&batch) {
            *self.repeats.entry(batch.topic).or_default() += 1;
            return;
        }

        let records = raw_records(&batch, sent_at(message));
        let values = records.iter().filter_map(|record| record.value.as_ref());
        self.pending_bytes += values.map(Bytes::len).sum::<usize>();
        let pending = self.pending.entry(batch.topic).or_default();
        pending.message_ids.push(id.to_owned());
        pending.numbers.push(batch.number);
        pending.records.extend(records);
    }

    async fn read_batch(&self, message: &SqsMessage) -> Result<QueuedBatch, MessageError> {
        let body = message.body.as_deref().unwrap_or_default();
        match QueuedMessage::decode(body)? {
            QueuedMessage::Batch(batch) => Ok(batch),
            QueuedMessage::Reference(reference) => {
                let object = self.context.raw.get(&reference.object).await?;
                Ok(reference.unpack_object(&object.body)?)
            }
        }
    }

    /// Whether the message came before: in this batch, or to this sandbox.
    fn is_repeat(&self, batch: &QueuedBatch) -> bool {
        let pending = self.pending.get(&batch.topic);
        pending.is_some_and(|pending| pending.numbers.contains(&batch.number))
            || self.context.landed.has_landed(&batch.topic, &batch.number)
    }

    /// Appends what waits, several topics at once: each waits for its own PUT.
    async fn append_pending(&mut self) {
        self.pending_bytes = 0;
        let (context, budget) = (self.context, self.budget);
        let appends = std::mem::take(&mut self.pending)
            .into_iter()
            .map(|(topic, pending)| append_topic(context, budget, topic, pending));
        for failed in join_all(appends).await {
            self.failed.extend(failed);
        }
    }

    fn report_failures(self, messages: &[&SqsMessage]) -> SqsFailures {
        for (topic, repeats) in &self.repeats {
            emit_landing_metric(topic, &[("messages_repeated", *repeats)]);
        }
        let mut failures = SqsFailures::default();
        for message in messages {
            let id = message_id(message);
            if self.failed.contains(id) {
                failures.add_message(id);
            }
        }
        failures
    }
}

/// Appends the records of a topic; gives the messages that are to be delivered again.
async fn append_topic(
    context: &Context,
    budget: TimeBudget,
    topic: String,
    pending: PendingTopic,
) -> Vec<String> {
    let PendingTopic {
        message_ids,
        numbers,
        records,
    } = pending;
    let count = records.len() as u64;
    match append_in_lane(context, budget, &topic, records).await {
        Ok(conflicts) => {
            let values = [
                ("records_landed", count),
                ("messages_landed", message_ids.len() as u64),
                ("append_conflicts", u64::from(conflicts)),
            ];
            emit_landing_metric(&topic, &values);
            context.landed.remember_all(&topic, numbers);
            Vec::new()
        }
        Err(error) => {
            let messages = message_ids.len();
            tracing::error!(%error, topic, messages, "not landed");
            emit_landing_metric(&topic, &[("landing_failed", 1)]);
            message_ids
        }
    }
}

/// Appends records in this sandbox's lane; gives the names that other writers had taken.
async fn append_in_lane(
    context: &Context,
    budget: TimeBudget,
    topic: &str,
    records: Vec<RawRecord<'_>>,
) -> Result<u32, RawLogError> {
    if records.is_empty() {
        return Ok(0);
    }
    if budget.is_spent() {
        return Err(RawLogError::OutOfTime);
    }
    let stream = context.lanes.current_stream(topic, context.epoch);
    let append = append_records(&*context.raw, &context.log_ends, &stream, records);
    let appended = tokio::time::timeout(budget.time_left(), append)
        .await
        .unwrap_or(Err(RawLogError::OutOfTime));

    let is_contended = match &appended {
        Ok(AppendedChunk { conflicts, .. }) => *conflicts > 0,
        Err(error) => matches!(error, RawLogError::Contended { .. }),
    };
    if is_contended {
        context.lanes.leave_contended();
    }
    appended.map(|appended| appended.conflicts)
}

/// The records of a message as the raw log takes them. SQS stamps each message as it stores it, as
/// Kafka stamps a record with `LogAppendTime`: a repeat has the same time.
fn raw_records(batch: &QueuedBatch, sent_at: Option<i64>) -> Vec<RawRecord<'static>> {
    let landed_at = host::now_micros() / 1_000;
    let records = batch.records.iter().map(|record| RawRecord {
        offset: 0,
        timestamp: sent_at.unwrap_or(landed_at),
        timestamp_type: sent_at.map(|_| LOG_APPEND_TIME),
        landed_at: Some(landed_at),
        key: record.key.clone().map(Bytes::from),
        value: Some(Bytes::from(record.value.clone())),
        headers: Some(record.raw_headers(&batch.number)),
    });
    records.collect()
}

/// When SQS stored the message, in milliseconds since 1970.
fn sent_at(message: &SqsMessage) -> Option<i64> {
    message.attributes.get("SentTimestamp")?.parse().ok()
}

fn message_id(message: &SqsMessage) -> &str {
    message.message_id.as_deref().unwrap_or_default()
}

fn emit_landing_metric(topic: &str, values: &[(&str, u64)]) {
    emit_metric(&[("function", "raw-landing"), ("topic", topic)], values);
}

#[cfg(test)]
mod tests;
