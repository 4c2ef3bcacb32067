//! The events queue of a seed's world: at least once, in any order, and it fails.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use local_platform::clock::Clock;
use serde_json::{Value, json};
use store::{MessageQueue, OutgoingMessage, StoreError, StoreErrorKind};
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
        let unavailable = || {
            let kind = StoreErrorKind::Unavailable;
            Err(StoreError::new(kind, "send", "events", "injected"))
        };
        match fault {
            Some(SendFault::RefusedBefore) => return unavailable(),
            Some(SendFault::PartStored) => {
                messages
                    .into_iter()
                    .take(1)
                    .for_each(|message| self.store_message(message));
                return unavailable();
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
            Some(SendFault::LostAnswer) => unavailable(),
            _ => Ok(()),
        }
    }
}
