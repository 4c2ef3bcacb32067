//! The numbers of the messages that a sandbox sends.
//!
//! Who reads the raw log finds by them what was acknowledged and did not come, and what came twice.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use trigger::MessageNumber;

/// Unacknowledged numbers that a message tells of, at most. A sandbox that has more begins anew
/// under another name, so that messages stay small while the queue cannot be reached.
const UNACKNOWLEDGED_MAX: usize = 100;

/// The numbers of each topic.
#[derive(Debug, Default)]
pub(super) struct MessageNumbers(Mutex<BTreeMap<String, TopicNumbers>>);

/// The numbers of one topic.
#[derive(Debug)]
struct TopicNumbers {
    sandbox: String,
    next: u64,
    unacknowledged: Vec<u64>,
}

/// The number of the next message, and what it tells of earlier ones.
#[derive(Debug)]
pub(super) struct NextNumber {
    pub(super) number: MessageNumber,
    pub(super) unacknowledged: Vec<u64>,
}

impl MessageNumbers {
    /// Takes the next number of a topic.
    pub(super) fn take_next(&self, topic: &str) -> NextNumber {
        let mut topics = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let numbers = topics
            .entry(topic.to_owned())
            .or_insert_with(TopicNumbers::begin);
        let sequence = numbers.next;
        numbers.next += 1;

        NextNumber {
            number: MessageNumber {
                sandbox: numbers.sandbox.clone(),
                sequence,
            },
            unacknowledged: numbers.unacknowledged.clone(),
        }
    }

    /// Notes that the queue did not acknowledge a message: later messages tell of it.
    pub(super) fn note_unacknowledged(&self, topic: &str, number: &MessageNumber) {
        let mut topics = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(numbers) = topics.get_mut(topic) else {
            return;
        };
        if numbers.sandbox != number.sandbox {
            return;
        }
        numbers.unacknowledged.push(number.sequence);
        if numbers.unacknowledged.len() > UNACKNOWLEDGED_MAX {
            *numbers = TopicNumbers::begin();
        }
    }
}

impl TopicNumbers {
    fn begin() -> Self {
        Self {
            sandbox: format!("{:016x}", fastrand::u64(..)),
            next: 0,
            unacknowledged: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_topic_is_counted_from_0_and_tells_of_what_was_not_acknowledged() {
        let numbers = MessageNumbers::default();
        let first = numbers.take_next("a");
        assert_eq!(first.number.sequence, 0);
        assert_eq!(numbers.take_next("b").number.sequence, 0);

        numbers.note_unacknowledged("a", &first.number);
        let second = numbers.take_next("a");
        assert_eq!(second.number.sequence, 1);
        assert_eq!(second.number.sandbox, first.number.sandbox);
        assert_eq!(second.unacknowledged, [0]);
    }

    #[test]
    fn a_sandbox_with_too_many_failures_begins_anew() {
        let numbers = MessageNumbers::default();
        let first = numbers.take_next("a").number;
        numbers.note_unacknowledged("a", &first);
        for _ in 0..UNACKNOWLEDGED_MAX {
            let next = numbers.take_next("a").number;
            numbers.note_unacknowledged("a", &next);
        }

        let anew = numbers.take_next("a");
        assert_ne!(anew.number.sandbox, first.sandbox);
        assert_eq!((anew.number.sequence, anew.unacknowledged.len()), (0, 0));
    }
}
