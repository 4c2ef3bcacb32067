//! What the events queue holds: events that were accepted and have not landed.

use serde::{Deserialize, Serialize};
use store::QueueCounts;

/// Messages of the events queue. A message holds one event or many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventsQueueStatus {
    /// Messages that no landing has.
    pub waiting: u64,
    /// Messages that a landing has, or that failed and wait for their next try.
    pub in_flight: u64,
    /// Messages whose delay is not over: the notices of messages that were acknowledged.
    pub delayed: u64,
    /// Messages that the queue gave up; none for a queue without a dead-letter queue.
    pub dead_letters: Option<u64>,
    /// How long the oldest of those that wait or are in flight is there, in seconds; none where
    /// there is none, or where the queue does not tell it.
    pub oldest_age: Option<i64>,
}

impl From<QueueCounts> for EventsQueueStatus {
    fn from(counts: QueueCounts) -> Self {
        Self {
            waiting: counts.waiting,
            in_flight: counts.in_flight,
            delayed: counts.delayed,
            dead_letters: counts.dead_letters,
            oldest_age: None,
        }
    }
}

impl EventsQueueStatus {
    /// Messages that are not landed, apart from those that are delayed or given up.
    #[must_use]
    pub fn unlanded(&self) -> u64 {
        self.waiting + self.in_flight
    }

    /// Messages that the queue gave up.
    #[must_use]
    pub fn given_up(&self) -> u64 {
        self.dead_letters.unwrap_or(0)
    }

    /// Whether there is no message, delayed or given up ones included.
    pub(super) fn is_empty(&self) -> bool {
        self.unlanded() + self.delayed + self.given_up() == 0
    }
}

/// What the events queue answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum EventsQueueAnswer {
    /// What it holds.
    Counts(EventsQueueStatus),
    /// That it did not answer.
    Failure {
        /// Why.
        failure: String,
    },
}

impl EventsQueueAnswer {
    /// What it holds; none when it did not answer.
    #[must_use]
    pub fn counts(&self) -> Option<&EventsQueueStatus> {
        match self {
            Self::Counts(counts) => Some(counts),
            Self::Failure { .. } => None,
        }
    }
}
