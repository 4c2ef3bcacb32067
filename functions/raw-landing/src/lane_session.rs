//! A lane during one batch: what has landed, where the logs end, and what is missing.

use lake::{Chunk, LaneEnd, LaneState, NumberRange, SenderMessages};
use store::lane_states::{StoredLaneState, read_all_lane_states, read_lane_state};
use store::raw_log::{AppendedChunk, LogEnd};
use store::{ObjectMetadata, ObjectStore, StoreError, StoreErrorKind};
use tokio::sync::MutexGuard;
use trigger::MessageNumber;

use crate::own_lane::OwnLane;

/// A sandbox of the relay of which nothing came for so long is forgotten, in milliseconds: the
/// queue holds no message for more than 14 days.
const SENDER_KEPT_MILLIS: i64 = 15 * 24 * 3_600_000;

/// Other writers of the same lane that a save gives way to, before it gives up.
const SAVE_ATTEMPTS_MAX: u32 = 10;

/// The sandbox's lane, which no other batch of the sandbox uses meanwhile.
pub(crate) struct LaneSession<'l> {
    own: MutexGuard<'l, OwnLane>,
    stored: StoredLaneState,
    others: LaneState,
    count: u32,
    is_changed: bool,
    is_contended: bool,
}

/// Messages that were acknowledged and did not come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MissingMessages {
    pub(crate) topic: String,
    pub(crate) sandbox: String,
    pub(crate) numbers: Vec<NumberRange>,
}

impl MissingMessages {
    pub(crate) fn count(&self) -> u64 {
        let numbers = self.numbers.iter();
        numbers.map(|(first, last)| last - first + 1).sum()
    }
}

impl<'l> LaneSession<'l> {
    pub(crate) fn new(
        own: MutexGuard<'l, OwnLane>,
        stored: StoredLaneState,
        others: LaneState,
        count: u32,
    ) -> Self {
        Self {
            is_changed: own.unsaved.is_some(),
            own,
            stored,
            others,
            count,
            is_contended: false,
        }
    }

    /// Whether a message of a topic landed, in any lane.
    pub(crate) fn has_landed(&self, topic: &str, number: &MessageNumber) -> bool {
        let lanes = [&self.stored.state, &self.others];
        let known = lanes.map(|state| state.sender(topic, &number.sandbox));
        let mut known = known.into_iter().flatten();
        known.any(|sender| sender.has_landed(number.sequence))
    }

    /// Notes that a message landed.
    pub(crate) fn note_landed(
        &mut self,
        topic: &str,
        number: &MessageNumber,
        unacknowledged: &[u64],
        now: i64,
    ) {
        self.sender_mut(topic, number)
            .note_landed(number.sequence, unacknowledged, now);
    }

    /// Notes that the queue acknowledged a message, whether it came or not.
    pub(crate) fn note_acknowledged(&mut self, topic: &str, number: &MessageNumber, now: i64) {
        if !self.has_landed(topic, number) {
            self.sender_mut(topic, number)
                .note_acknowledged(number.sequence, now);
        }
    }

    fn sender_mut(&mut self, topic: &str, number: &MessageNumber) -> &mut SenderMessages {
        self.is_changed = true;
        self.stored.state.sender_mut(topic, &number.sandbox)
    }

    /// The stream of a topic in the lane, and where its log ends as far as the lane knows.
    pub(crate) fn stream_of(&self, topic: &str, epoch: u32) -> (Chunk, Option<LogEnd>) {
        let ends = self.stored.state.topics.get(topic).map(|topic| &topic.ends);
        let end = ends.and_then(|ends| ends.get(&epoch));
        let end = end.map(|end| LogEnd::at(end.next, end.newest));
        (self.own.stream_of(topic, epoch), end)
    }

    /// Notes the new end of a topic's log.
    pub(crate) fn note_appended(&mut self, appended: &AppendedChunk) {
        let Chunk { topic, epoch, .. } = &appended.chunk;
        let end = LaneEnd {
            next: appended.end.next,
            newest: appended.end.newest_timestamp,
        };
        let topics = &mut self.stored.state.topics;
        let topic = topics.entry(topic.clone()).or_default();
        topic.ends.insert(*epoch, end);
        self.is_changed = true;
        self.is_contended |= appended.conflicts > 0;
    }

    /// Notes that other writers took the names that an append tried.
    pub(crate) fn note_contended(&mut self) {
        self.is_contended = true;
    }

    /// Stores what the batch changed, and finds what has been missing for long.
    ///
    /// # Errors
    /// When the storage does not take the state: what the batch landed is then to be delivered
    /// again, and is known as landed by this sandbox.
    pub(crate) async fn finish(
        mut self,
        raw: &dyn ObjectStore,
        now: i64,
    ) -> Result<Vec<MissingMessages>, StoreError> {
        let mut missing = self.find_missing(now);
        if !missing.is_empty() {
            // A lane that is no longer used may have them.
            self.others = read_all_lane_states(raw).await?.state;
            missing = self.find_missing(now);
        }
        self.stored
            .state
            .remove_senders_before(now - SENDER_KEPT_MILLIS);
        let saved = match self.is_changed {
            true => self.save(raw).await,
            false => Ok(()),
        };

        if let Err(error) = saved {
            self.own.unsaved = Some(self.stored.state);
            return Err(error);
        }
        self.own.unsaved = None;
        if self.is_contended {
            self.own.leave(self.count);
        }
        Ok(missing)
    }

    /// The messages that are missing for long, of the sandboxes that this lane knows.
    fn find_missing(&mut self, now: i64) -> Vec<MissingMessages> {
        let mut found = Vec::new();
        for (topic, known) in &mut self.stored.state.topics {
            for (sandbox, own) in &mut known.senders {
                let mut all = own.clone();
                if let Some(others) = self.others.sender(topic, sandbox) {
                    all.merge(others);
                }
                own.close_gaps(&all);

                let since = own.missing_since.unwrap_or(now);
                let missing_since = (!all.missing().is_empty()).then_some(since);
                self.is_changed |= own.missing_since != missing_since;
                own.missing_since = missing_since;
                all.missing_since = missing_since;
                let numbers = all.missing_for_long(now);
                if !numbers.is_empty() {
                    found.push(MissingMessages {
                        topic: topic.clone(),
                        sandbox: sandbox.clone(),
                        numbers,
                    });
                }
            }
        }
        found
    }

    /// Writes the state over the one that was read. What another writer of the same lane wrote
    /// meanwhile is added.
    async fn save(&mut self, raw: &dyn ObjectStore) -> Result<(), StoreError> {
        let partition = self.own.partition();
        let key = LaneState::key(partition);
        for _ in 0..SAVE_ATTEMPTS_MAX {
            if try_save(raw, &key, &self.stored).await? {
                return Ok(());
            }
            self.is_contended = true;
            let theirs = read_lane_state(raw, partition).await?;
            self.stored.state.merge(&theirs.state);
            self.stored.etag = theirs.etag;
        }
        let why = "other landings write the lane's state again and again";
        Err(StoreError::new(
            StoreErrorKind::Unavailable,
            "put",
            &key,
            why,
        ))
    }
}

/// One attempt to write the state; false when another writer was first.
async fn try_save(
    raw: &dyn ObjectStore,
    key: &str,
    stored: &StoredLaneState,
) -> Result<bool, StoreError> {
    let refuse = |error: lake::LakeError| {
        StoreError::new(StoreErrorKind::Refused, "put", key, error.to_string())
    };
    let body = bytes::Bytes::from(stored.state.to_json().map_err(refuse)?);
    match &stored.etag {
        Some(etag) => raw.put_if_match(key, etag, body).await,
        None => raw.put_if_absent(key, body, ObjectMetadata::new()).await,
    }
}
