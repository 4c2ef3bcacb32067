//! An invocation by a schedule: it receives the messages of the events queue itself, until those
//! that waited have landed.
//!
//! Lambda's own mapping gathers a batch for each of its connections, at least two of them at once,
//! and polls an empty queue all month. A schedule makes one batch for each window
//! (docs/adr/0047-scheduled-landing.md).

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::join_all;
use host::{Failure, FailureKind, TimeBudget};
use serde::Deserialize;
use store::{DeliveredMessage, MessageReceiver, SQS_BATCH_MESSAGES_MAX, StoreError};

use crate::context::Context;
use crate::landing_message::LandingMessage;
use crate::queue_batch::land_messages;

/// Messages that land together, at most, and the bytes of their bodies: as many as Lambda's mapping
/// hands over, so that the same memory is enough.
const ROUND_MESSAGES_MAX: usize = 10_000;
const ROUND_BYTES_MAX: usize = 6 * 1024 * 1024;

/// Receives at once. Each brings up to ten messages of 256 KB: four are 10 MB above the round's.
const RECEIVES_AT_ONCE: usize = 4;

/// Deletions at once, each of ten messages.
const DELETIONS_AT_ONCE: usize = 8;

/// How long a receive waits for a first message. A receive that does not wait asks only some of the
/// queue's servers, and may find nothing in a queue that has messages.
const RECEIVE_WAIT: Duration = Duration::from_secs(1);

/// The time below which no messages are received: hidden ones that did not land come back only when
/// the queue's visibility timeout is over.
const ROUND_TIME_MIN: Duration = Duration::from_secs(5);

/// The payload of the schedule.
#[derive(Debug, Deserialize)]
pub(crate) struct EmptyQueueOrder {
    /// Whether the events queue is to be emptied.
    pub(crate) empty_queue: bool,
}

/// Messages that were received together.
#[derive(Default)]
struct ReceivedRound {
    messages: Vec<DeliveredMessage>,
    bytes: usize,
    /// Whether no message is left that waited when the invocation began.
    is_last: bool,
    failure: Option<StoreError>,
}

/// Lands the messages that wait in the events queue, and deletes those that landed. The others come
/// again once the queue's visibility timeout is over.
///
/// # Errors
/// When the function has no events queue, the queue does not answer, or the state of a lane cannot
/// be read.
pub(crate) async fn empty_queue(context: &Context, budget: TimeBudget) -> Result<(), Failure> {
    let Some(queue) = &context.events_queue else {
        let why = "EVENTS_QUEUE_URL is not set: there is no queue to empty";
        return Err(Failure::new(FailureKind::Configuration, why));
    };

    let started_at = host::now_micros() / 1_000;
    while budget.time_left() >= ROUND_TIME_MIN {
        let round = receive_round(&**queue, started_at).await;
        if !round.messages.is_empty() {
            land_round(&**queue, &round.messages, context, budget).await?;
        }
        if let Some(failure) = round.failure {
            return Err(failure.into());
        }
        if round.is_last {
            return Ok(());
        }
    }
    tracing::warn!(
        next = "when it lasts, set queue_landing = \"mapping\" (docs/choose-a-transport.md)",
        "the time of an invocation was too short to empty the events queue"
    );
    Ok(())
}

/// Receives messages until there are enough to land, or those that waited are received. What was
/// received before a failure is landed all the same.
async fn receive_round(queue: &dyn MessageReceiver, started_at: i64) -> ReceivedRound {
    let mut round = ReceivedRound::default();
    let mut at_once = 1;
    while round.messages.len() < ROUND_MESSAGES_MAX && round.bytes < ROUND_BYTES_MAX {
        let receives = (0..at_once).map(|_| queue.receive_messages(RECEIVE_WAIT));
        let mut wave = Vec::new();
        for received in join_all(receives).await {
            match received {
                Ok(messages) => wave.extend(messages),
                Err(error) => round.failure = Some(error),
            }
        }

        round.is_last = is_last_wave(&wave, started_at);
        at_once = match wave.len() < at_once * SQS_BATCH_MESSAGES_MAX {
            true => at_once,
            false => RECEIVES_AT_ONCE,
        };
        round.bytes += wave.iter().map(|message| message.body.len()).sum::<usize>();
        round.messages.append(&mut wave);
        if round.is_last || round.failure.is_some() {
            break;
        }
    }
    round
}

/// Whether the queue has none left of the messages that waited when the invocation began: nothing
/// came, or most came since. Otherwise an invocation would follow a steady stream of small requests
/// to the end of its time, and store an object for each handful.
fn is_last_wave(wave: &[DeliveredMessage], started_at: i64) -> bool {
    let is_new = |message: &&DeliveredMessage| message.sent_at.is_some_and(|at| at >= started_at);
    2 * wave.iter().filter(is_new).count() >= wave.len()
}

/// Lands messages, and deletes those that landed.
async fn land_round(
    queue: &dyn MessageReceiver,
    messages: &[DeliveredMessage],
    context: &Context,
    budget: TimeBudget,
) -> Result<(), Failure> {
    let landing = messages.iter().map(LandingMessage::from).collect();
    let failed = land_messages(landing, context, budget).await?;
    delete_landed(queue, messages, &failed).await;
    Ok(())
}

/// Deletes the messages that did not fail. One that stays is a repeat when it comes again.
async fn delete_landed(
    queue: &dyn MessageReceiver,
    messages: &[DeliveredMessage],
    failed: &BTreeSet<String>,
) {
    let landed = messages
        .iter()
        .filter(|message| !failed.contains(&message.id));
    let receipts: Vec<&str> = landed.map(|message| message.receipt.as_str()).collect();
    let batches: Vec<&[&str]> = receipts.chunks(SQS_BATCH_MESSAGES_MAX).collect();
    for batches in batches.chunks(DELETIONS_AT_ONCE) {
        let deletions = batches.iter().map(|batch| queue.delete_messages(batch));
        for error in join_all(deletions)
            .await
            .into_iter()
            .filter_map(Result::err)
        {
            tracing::warn!(%error, "messages that landed were not deleted, and come again");
        }
    }
}

#[cfg(test)]
mod tests;
