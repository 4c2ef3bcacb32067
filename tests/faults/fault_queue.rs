//! The events queue of a seed's world: at least once, in any order, and it fails.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use local_platform::clock::Clock;
use serde_json::{Value, json};
use std::time::Duration;

use store::{
    DeliveredMessage, MessageQueue, MessageReceiver, OutgoingMessage, SQS_BATCH_MESSAGES_MAX,
    StoreError, StoreErrorKind,
};
use trigger::{QueuedBatch, QueuedMessage};

use crate::fault_injector::FaultInjector;
use crate::guards::Guard;

/// A message that the queue stored.
#[derive(Clone, Debug)]
pub(crate) struct StoredMessage {
    pub(crate) body: String,
    pub(crate) sent_at: i64,
    is_deleted: bool,
    /// Lost by the queue itself, which SQS never does: what the reconciliation is for.
    is_lost: bool,
}

impl StoredMessage {
    pub(crate) fn is_lost(&self) -> bool {
        self.is_lost
    }
}

pub(crate) struct FaultQueue {
    injector: Arc<FaultInjector>,
    clock: Arc<Clock>,
    broken: Option<Guard>,
    messages: Mutex<BTreeMap<usize, StoredMessage>>,
    /// Messages that a consumer has received, until their visibility timeout is over.
    hidden: Mutex<BTreeSet<usize>>,
}

impl FaultQueue {
    pub(crate) fn new(
        injector: Arc<FaultInjector>,
        clock: Arc<Clock>,
        broken: Option<Guard>,
    ) -> Self {
        Self {
            injector,
            clock,
            broken,
            messages: Mutex::default(),
            hidden: Mutex::default(),
        }
    }

    /// Messages that are neither done nor lost.
    pub(crate) fn waiting(&self) -> Vec<usize> {
        let messages = self.messages.lock().unwrap();
        let waiting = messages
            .iter()
            .filter(|(_, message)| !message.is_deleted && !message.is_lost);
        waiting.map(|(number, _)| *number).collect()
    }

    pub(crate) fn delete_message(&self, number: usize) {
        let mut messages = self.messages.lock().unwrap();
        messages.get_mut(&number).unwrap().is_deleted = true;
    }

    /// The visibility timeouts of all messages are over.
    pub(crate) fn show_hidden(&self) {
        self.hidden.lock().unwrap().clear();
    }

    /// The numbers of the messages that a receive gets: some that wait, in any order, and perhaps
    /// one that is hidden or deleted, as SQS delivers at least once.
    fn draw_visible(&self) -> Vec<usize> {
        let mut visible = self.waiting();
        let mut hidden = self.hidden.lock().unwrap();
        visible.retain(|number| !hidden.contains(number));
        self.injector.shuffle(&mut visible);
        visible.truncate(SQS_BATCH_MESSAGES_MAX);

        if self.injector.inject_fault("message received again", 100) {
            let messages = self.messages.lock().unwrap();
            let place = self.injector.random_below(messages.len());
            let again = messages.get(&place).filter(|message| !message.is_lost);
            visible.extend(again.map(|_| place));
        }
        hidden.extend(&visible);
        visible
    }

    /// Everything that was ever stored.
    pub(crate) fn stored_messages(&self) -> BTreeMap<usize, StoredMessage> {
        self.messages.lock().unwrap().clone()
    }

    /// The batches that were ever stored, each with the time at which it was.
    pub(crate) fn stored_batches(&self) -> Vec<(i64, QueuedBatch)> {
        let messages = self.stored_messages().into_values();
        // The events of a seed are small: none goes by reference.
        let batches =
            messages.filter_map(
                |message| match QueuedMessage::decode(&message.body).unwrap() {
                    QueuedMessage::Batch(batch) => Some((message.sent_at, batch)),
                    QueuedMessage::Notice(_) | QueuedMessage::Reference(_) => None,
                },
            );
        batches.collect()
    }

    /// The event that Lambda hands to the landing for these messages.
    pub(crate) fn encode_batch(&self, numbers: &[usize]) -> String {
        let messages = self.messages.lock().unwrap();
        let records: Vec<Value> = numbers
            .iter()
            .map(|number| {
                let message = &messages[number];
                json!({
                    "messageId": number.to_string(), "body": message.body,
                    "attributes": {"SentTimestamp": message.sent_at.to_string()},
                    "messageAttributes": {}, "eventSource": "aws:sqs",
                    "eventSourceARN": "arn:aws:sqs:eu-west-2:0:events",
                })
            })
            .collect();
        json!({"Records": records}).to_string()
    }

    fn store_message(&self, message: OutgoingMessage) {
        let is_batch = message.delay.is_zero();
        let is_lost = self.broken == Some(Guard::QueueLosesMessages)
            && is_batch
            && self.injector.inject_fault("message lost by the queue", 100);
        let mut messages = self.messages.lock().unwrap();
        let number = messages.len();
        messages.insert(
            number,
            StoredMessage {
                body: message.body,
                sent_at: self.clock.now_millis(),
                is_deleted: false,
                is_lost,
            },
        );
    }
}

#[async_trait]
impl MessageReceiver for FaultQueue {
    async fn receive_messages(&self, _wait: Duration) -> Result<Vec<DeliveredMessage>, StoreError> {
        tokio::task::yield_now().await;
        if self.injector.inject_fault("queue unavailable", 40) {
            return Err(unavailable("receive"));
        }
        let numbers = self.draw_visible();
        if self.broken == Some(Guard::DeleteOnReceipt) {
            numbers
                .iter()
                .for_each(|number| self.delete_message(*number));
        }
        let messages = self.messages.lock().unwrap();
        let delivered = numbers.into_iter().map(|number| {
            let message = &messages[&number];
            DeliveredMessage {
                id: number.to_string(),
                receipt: number.to_string(),
                body: message.body.clone(),
                sent_at: Some(message.sent_at),
            }
        });
        Ok(delivered.collect())
    }

    async fn delete_messages(&self, receipts: &[&str]) -> Result<(), StoreError> {
        tokio::task::yield_now().await;
        for receipt in receipts {
            if self.injector.inject_fault("message not deleted", 30) {
                return Err(unavailable("delete"));
            }
            self.delete_message(receipt.parse().unwrap());
        }
        Ok(())
    }
}

fn unavailable(operation: &'static str) -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable, operation, "events", "injected")
}

/// How sending goes.
#[derive(Clone, Copy)]
enum SendFault {
    RefusedBefore,
    /// The first of the messages is stored, and the answer says that none was.
    PartStored,
    LostAnswer,
    StoredTwice,
}

#[async_trait]
impl MessageQueue for FaultQueue {
    async fn send_messages(&self, messages: Vec<OutgoingMessage>) -> Result<(), StoreError> {
        tokio::task::yield_now().await;
        let fault = self.injector.draw_fault(&[
            ("queue unavailable", 60, SendFault::RefusedBefore),
            ("queue stored a part", 30, SendFault::PartStored),
            ("queue answer lost", 50, SendFault::LostAnswer),
            ("queue stored twice", 30, SendFault::StoredTwice),
        ]);
        match fault {
            Some(SendFault::RefusedBefore) => return Err(unavailable("send")),
            Some(SendFault::PartStored) => {
                messages
                    .into_iter()
                    .take(1)
                    .for_each(|message| self.store_message(message));
                return Err(unavailable("send"));
            }
            Some(SendFault::StoredTwice) => {
                for message in messages.clone() {
                    self.store_message(message);
                }
            }
            Some(SendFault::LostAnswer) | None => {}
        }
        for message in messages {
            self.store_message(message);
        }
        tokio::task::yield_now().await;
        match fault {
            Some(SendFault::LostAnswer) => Err(unavailable("send")),
            _ => Ok(()),
        }
    }
}
