//! The state of a lane: where the logs of its topics end, and which messages of the events queue
//! it has landed.
//!
//! One small object for each lane, written once for each batch. By it a repeat is recognised, the
//! log's end is found without a listing, and a message that was acknowledged and did not come is
//! missed: the relay's sandboxes number what they send.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::LakeError;
use crate::format::{decode_document, encode_document};

/// A number that is missing for so long is told, in milliseconds. A message that fails once is
/// hidden for some 17 minutes before it is delivered again.
const MISSING_TOLD_AFTER_MILLIS: i64 = 30 * 60_000;

/// Numbers from the first to the last.
pub type NumberRange = (u64, u64);

/// The state of a lane.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaneState {
    /// What the lane knows of each topic.
    pub topics: BTreeMap<String, LaneTopic>,
}

/// What a lane knows of a topic.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaneTopic {
    /// The ends of the topic's logs in this lane, by epoch.
    pub ends: BTreeMap<u32, LaneEnd>,
    /// The messages of each sandbox of the relay, by its name.
    pub senders: BTreeMap<String, SenderMessages>,
}

/// The end of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaneEnd {
    /// The offset that names the next raw object.
    pub next: i64,
    /// When the latest record of the log came, in milliseconds since 1970.
    pub newest: i64,
}

/// The messages of one sandbox of the relay for one topic. It counts them from 0.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SenderMessages {
    /// The numbers that landed, in their order; no range touches the next.
    landed: Vec<NumberRange>,
    /// Numbers that the queue did not acknowledge: their senders were told to send again.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    unacknowledged: BTreeSet<u64>,
    /// One more than the greatest number that is known to be acknowledged.
    acknowledged: u64,
    /// When the latest of them was sent, in milliseconds since 1970.
    pub seen_at: i64,
    /// Since when numbers are missing, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing_since: Option<i64>,
}

impl LaneState {
    /// The key of a lane's state, in the raw zone.
    #[must_use]
    pub fn key(partition: i32) -> String {
        format!("{}partition={partition}.json", Self::PREFIX)
    }

    /// The prefix of the states of every lane.
    pub const PREFIX: &str = "raw/_log/_lanes/";

    /// The state as JSON.
    ///
    /// # Errors
    /// Never for such a state; JSON's writer could refuse.
    pub fn to_json(&self) -> Result<Vec<u8>, LakeError> {
        encode_document(self)
    }

    /// Reads a state.
    ///
    /// # Errors
    /// When the bytes are no such state, or not what was written.
    pub fn from_json(bytes: &[u8]) -> Result<Self, LakeError> {
        decode_document("state of a lane", bytes)
    }

    /// The messages of a sandbox for a topic, where the lane knows any.
    #[must_use]
    pub fn sender(&self, topic: &str, sandbox: &str) -> Option<&SenderMessages> {
        self.topics.get(topic)?.senders.get(sandbox)
    }

    /// The same, to be changed.
    pub fn sender_mut(&mut self, topic: &str, sandbox: &str) -> &mut SenderMessages {
        let topic = self.topics.entry(topic.to_owned()).or_default();
        topic.senders.entry(sandbox.to_owned()).or_default()
    }

    /// Adds what another writer of the same lane has done.
    pub fn merge(&mut self, other: &Self) {
        for (name, theirs) in &other.topics {
            let topic = self.topics.entry(name.clone()).or_default();
            for (epoch, end) in &theirs.ends {
                let own = topic.ends.entry(*epoch).or_insert(*end);
                if own.next < end.next {
                    *own = *end;
                }
            }
            for (sandbox, messages) in &theirs.senders {
                let own = topic.senders.entry(sandbox.clone()).or_default();
                own.merge(messages);
            }
        }
    }

    /// Removes the sandboxes of which nothing came since a moment, in milliseconds since 1970: the
    /// queue holds no message for so long.
    pub fn remove_senders_before(&mut self, moment: i64) {
        for topic in self.topics.values_mut() {
            topic.senders.retain(|_, sender| sender.seen_at >= moment);
        }
    }
}

impl SenderMessages {
    /// Whether the message of a number landed.
    #[must_use]
    pub fn has_landed(&self, number: u64) -> bool {
        let behind = self.landed.partition_point(|(first, _)| *first <= number);
        behind > 0 && self.landed[behind - 1].1 >= number
    }

    /// Notes that a message landed, and what it tells of earlier ones.
    pub fn note_landed(&mut self, number: u64, unacknowledged: &[u64], sent_at: i64) {
        self.add_range((number, number));
        self.unacknowledged.extend(unacknowledged);
        self.note_acknowledged(number, sent_at);
    }

    /// Notes that the queue acknowledged a message, whether it came or not.
    pub fn note_acknowledged(&mut self, number: u64, sent_at: i64) {
        self.acknowledged = self.acknowledged.max(number + 1);
        self.seen_at = self.seen_at.max(sent_at);
    }

    /// Adds what another lane, or another writer of this one, knows of the same sandbox.
    pub fn merge(&mut self, other: &Self) {
        for range in &other.landed {
            self.add_range(*range);
        }
        self.unacknowledged.extend(&other.unacknowledged);
        self.acknowledged = self.acknowledged.max(other.acknowledged);
        self.seen_at = self.seen_at.max(other.seen_at);
        self.missing_since = match (self.missing_since, other.missing_since) {
            (Some(own), Some(theirs)) => Some(own.min(theirs)),
            (own, theirs) => own.or(theirs),
        };
    }

    /// Takes over from what all lanes know together the numbers that landed without a gap from the
    /// first on: the state of a lane stays small, though others land what lies between its own.
    pub fn close_gaps(&mut self, all: &Self) {
        if let Some(first) = all.landed.first().filter(|(first, _)| *first == 0) {
            self.add_range(*first);
        }
    }

    /// The numbers that were acknowledged, and neither landed nor are known to have failed.
    #[must_use]
    pub fn missing(&self) -> Vec<NumberRange> {
        let mut missing = Vec::new();
        let mut next = 0;
        for (first, last) in self.landed.iter().copied() {
            self.push_missing(next, first, &mut missing);
            next = last + 1;
        }
        self.push_missing(next, self.acknowledged, &mut missing);
        missing
    }

    /// The numbers that are missing for half an hour at a moment, in milliseconds since 1970.
    #[must_use]
    pub fn missing_for_long(&self, now: i64) -> Vec<NumberRange> {
        let is_long = |since| now - since >= MISSING_TOLD_AFTER_MILLIS;
        match self.missing_since.is_some_and(is_long) {
            true => self.missing(),
            false => Vec::new(),
        }
    }

    /// The numbers from `from` on and before `end` that no sender was told of.
    fn push_missing(&self, from: u64, end: u64, missing: &mut Vec<NumberRange>) {
        let mut next = from;
        for failed in self.unacknowledged.range(from..end.max(from)) {
            if next < *failed {
                missing.push((next, failed - 1));
            }
            next = failed + 1;
        }
        if next < end {
            missing.push((next, end - 1));
        }
    }

    fn add_range(&mut self, (first, last): NumberRange) {
        // Ranges that the new one overlaps or touches become one with it.
        let from = self
            .landed
            .partition_point(|(_, end)| end.saturating_add(1) < first);
        let to = self
            .landed
            .partition_point(|(begin, _)| *begin <= last.saturating_add(1));
        let touched = self.landed.get(from..to).unwrap_or_default();

        let begin = touched.first().map_or(first, |range| range.0.min(first));
        let end = touched.last().map_or(last, |range| range.1.max(last));
        self.landed.splice(from..to.max(from), [(begin, end)]);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn landed(numbers: &[u64]) -> SenderMessages {
        let mut messages = SenderMessages::default();
        for number in numbers {
            messages.note_landed(*number, &[], 0);
        }
        messages
    }

    proptest! {
        /// Whatever the order, the repeats and the lanes: what landed is known, and what is missing
        /// is exactly the rest.
        #[test]
        fn ranges_are_the_set_that_they_stand_for(
            first in proptest::collection::vec(0..40u64, 0..40),
            second in proptest::collection::vec(0..40u64, 0..40),
            failed in proptest::collection::btree_set(0..40u64, 0..9),
            acknowledged in 0..45u64,
        ) {
            let (mut one, other) = (landed(&first), landed(&second));
            one.merge(&other);
            one.note_acknowledged(acknowledged, 7);
            one.unacknowledged.extend(&failed);

            let known: BTreeSet<u64> = first.iter().chain(&second).copied().collect();
            for number in 0..45 {
                prop_assert_eq!(one.has_landed(number), known.contains(&number));
            }
            let apart = one.landed.windows(2).all(|pair| pair[0].1 + 1 < pair[1].0);
            prop_assert!(apart, "{:?}", one.landed);

            let end = known.iter().max().map_or(0, |last| last + 1).max(acknowledged + 1);
            let expected: Vec<u64> = (0..end)
                .filter(|number| !known.contains(number) && !failed.contains(number))
                .collect();
            let missing: Vec<u64> = one.missing().into_iter().flat_map(|(a, b)| a..=b).collect();
            prop_assert_eq!(missing, expected);
        }
    }

    #[test]
    fn a_message_is_missing_after_half_an_hour() {
        let mut sender = landed(&[0]);
        sender.note_acknowledged(2, 0);
        sender.missing_since = Some(1_000);
        assert!(sender.missing_for_long(1_000).is_empty());
        let later = 1_000 + MISSING_TOLD_AFTER_MILLIS;
        assert_eq!(sender.missing_for_long(later), [(1, 2)]);
        sender.merge(&landed(&[1, 2]));
        assert!(sender.missing_for_long(later).is_empty());
    }

    #[test]
    fn a_lane_takes_over_what_another_landed_between_its_own() {
        let (mut even, odd) = (landed(&[0, 2, 4, 8]), landed(&[1, 3, 5]));
        let mut all = even.clone();
        all.merge(&odd);
        even.close_gaps(&all);
        assert_eq!(even.landed, [(0, 5), (8, 8)]);
        assert_eq!(even.missing(), [(6, 7)]);
    }

    #[test]
    fn the_state_of_two_writers_of_a_lane_is_that_of_both() {
        let mut one = LaneState::default();
        one.sender_mut("t", "a").note_landed(0, &[], 5);
        let end = |next| LaneEnd { next, newest: 1 };
        one.topics.get_mut("t").unwrap().ends.insert(1, end(7));

        let mut other = LaneState::default();
        other.sender_mut("t", "a").note_landed(1, &[], 9);
        other.sender_mut("u", "b").note_landed(0, &[], 9);
        other.topics.get_mut("t").unwrap().ends.insert(1, end(4));

        one.merge(&other);
        let messages = one.sender("t", "a").unwrap();
        assert!(messages.has_landed(0) && messages.has_landed(1));
        assert_eq!(one.topics["t"].ends[&1].next, 7);
        assert!(one.sender("u", "b").is_some());

        let read = LaneState::from_json(&one.to_json().unwrap()).unwrap();
        assert_eq!(read, one);
        one.remove_senders_before(10);
        assert!(one.sender("t", "a").is_none());
        assert_eq!(one.topics["t"].ends[&1].next, 7);
    }
}
