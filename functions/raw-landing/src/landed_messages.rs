//! The messages that this sandbox has landed: SQS delivers a message at least once, and most
//! repeats come within minutes.

use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use trigger::MessageNumber;

/// Messages that are remembered, at most: some 10 MB.
const REMEMBERED_MAX: usize = 50_000;

/// The numbers of landed messages. A memory, not a proof: a repeat that another sandbox gets lands
/// again, and its number tells that it is one.
#[derive(Debug, Default)]
pub(crate) struct LandedMessages(Mutex<RememberedMessages>);

#[derive(Debug, Default)]
struct RememberedMessages {
    known: HashSet<(String, MessageNumber)>,
    in_order: VecDeque<(String, MessageNumber)>,
}

impl LandedMessages {
    /// Whether the message of a topic landed in this sandbox.
    pub(crate) fn has_landed(&self, topic: &str, number: &MessageNumber) -> bool {
        let key = (topic.to_owned(), number.clone());
        self.lock_remembered().known.contains(&key)
    }

    /// Remembers messages that landed.
    pub(crate) fn remember_all(&self, topic: &str, numbers: Vec<MessageNumber>) {
        let mut remembered = self.lock_remembered();
        for number in numbers {
            let key = (topic.to_owned(), number);
            if remembered.known.insert(key.clone()) {
                remembered.in_order.push_back(key);
            }
        }
        while remembered.in_order.len() > REMEMBERED_MAX {
            if let Some(oldest) = remembered.in_order.pop_front() {
                remembered.known.remove(&oldest);
            }
        }
    }

    fn lock_remembered(&self) -> MutexGuard<'_, RememberedMessages> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_messages_are_forgotten_first() {
        let landed = LandedMessages::default();
        let number = |sequence| MessageNumber {
            sandbox: "a".to_owned(),
            sequence,
        };
        landed.remember_all("t", (0..=REMEMBERED_MAX as u64).map(number).collect());
        assert!(!landed.has_landed("t", &number(0)));
        assert!(landed.has_landed("t", &number(1)));
        assert!(!landed.has_landed("u", &number(1)));
    }
}
