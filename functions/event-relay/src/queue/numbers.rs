//! The numbers of the messages that a sandbox sends.
//!
//! By them the landing's lanes know what came twice, and what was acknowledged and did not come.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use trigger::MessageNumber;

/// Unacknowledged numbers that a message tells of, at most. A sandbox that has more begins anew
/// under another name, so that messages stay small while the queue cannot be reached.
const UNACKNOWLEDGED_MAX: usize = 100;

/// A topic that was quiet for longer is counted anew under another name, in microseconds: the lanes
/// forget a name of which nothing came for 15 days, and would miss all its earlier numbers.
const QUIET_MAX_MICROS: i64 = 24 * 3_600 * 1_000_000;

/// The numbers of each topic.
#[derive(Debug, Default)]
pub(super) struct MessageNumbers(Mutex<BTreeMap<String, TopicNumbers>>);

/// The numbers of one topic.
#[derive(Debug)]
struct TopicNumbers {
    sandbox: String,
    next: u64,
    unacknowledged: Vec<u64>,
    /// When the latest number was taken, in microseconds since 1970.
    taken_at: i64,
}

/// The number of the next message, and what it tells of earlier ones.
#[derive(Debug)]
pub(super) struct NextNumber {
    pub(super) number: MessageNumber,
    pub(super) unacknowledged: Vec<u64>,
}

impl MessageNumbers {
    /// Takes the next number of a topic; `now` is in microseconds since 1970.
    pub(super) fn take_next(&self, topic: &str, now: i64) -> NextNumber {
        let mut topics = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let numbers = topics
            .entry(topic.to_owned())
            .or_insert_with(TopicNumbers::begin);
        if numbers.next > 0 && now - numbers.taken_at > QUIET_MAX_MICROS {
            *numbers = TopicNumbers::begin();
        }
        let sequence = numbers.next;
        numbers.next += 1;
        numbers.taken_at = now;

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
            taken_at: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_topic_is_counted_from_0_and_tells_of_what_was_not_acknowledged() {
        let numbers = MessageNumbers::default();
        let first = numbers.take_next("a", 0);
        assert_eq!(first.number.sequence, 0);
        assert_eq!(numbers.take_next("b", 0).number.sequence, 0);

        numbers.note_unacknowledged("a", &first.number);
        let second = numbers.take_next("a", 0);
        assert_eq!(second.number.sequence, 1);
        assert_eq!(second.number.sandbox, first.number.sandbox);
        assert_eq!(second.unacknowledged, [0]);
    }

    #[test]
    fn a_sandbox_with_too_many_failures_begins_anew() {
        let numbers = MessageNumbers::default();
        let first = numbers.take_next("a", 0).number;
        numbers.note_unacknowledged("a", &first);
        for _ in 0..UNACKNOWLEDGED_MAX {
            let next = numbers.take_next("a", 0).number;
            numbers.note_unacknowledged("a", &next);
        }

        let anew = numbers.take_next("a", 0);
        assert_ne!(anew.number.sandbox, first.sandbox);
        assert_eq!((anew.number.sequence, anew.unacknowledged.len()), (0, 0));
    }

    #[test]
    fn a_topic_that_was_quiet_for_a_day_is_counted_anew() {
        let numbers = MessageNumbers::default();
        let first = numbers.take_next("a", 1).number;
        let soon = numbers.take_next("a", QUIET_MAX_MICROS).number;
        assert_eq!((&soon.sandbox, soon.sequence), (&first.sandbox, 1));
        let later = numbers.take_next("a", 2 * QUIET_MAX_MICROS + 1).number;
        assert_ne!(later.sandbox, first.sandbox);
        assert_eq!(later.sequence, 0);
    }
}
