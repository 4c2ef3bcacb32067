//! The lanes of the events queue: the streams of each topic's raw log to which its records are
//! appended.
//!
//! The log counts their offsets itself, by conditional PUTs. Two writers of one lane would take
//! each other's names, so each sandbox has a lane of its own choice and leaves it when another
//! writes there. Few lanes, so that raw objects stay few.

use lake::{Chunk, FIRST_LANE_PARTITION, LaneState};
use store::{ObjectStore, StoreError};
use tokio::sync::Mutex;

use crate::lane_session::{LaneSession, read_lane_state};

/// Lanes of a topic, at most. More would mean more landings at once than a queue needs: each takes
/// 6 MB at a time.
pub const LANES_MAX: u32 = 16;

/// The lanes, and the one that this sandbox writes to.
#[derive(Debug)]
pub struct Lanes {
    count: u32,
    own: Mutex<OwnLane>,
}

/// The lane of this sandbox.
#[derive(Debug)]
pub(crate) struct OwnLane {
    lane: u32,
    /// What a batch landed whose state the storage did not take.
    pub(crate) unsaved: Option<LaneState>,
}

/// A lane's state, and the object that holds it.
#[derive(Clone, Debug, Default)]
pub(crate) struct StoredState {
    pub(crate) state: LaneState,
    /// The entity tag of the object; none where there is no object yet.
    pub(crate) etag: Option<String>,
}

impl Lanes {
    /// So many lanes, from 1 to [`LANES_MAX`]; the sandbox begins in any of them.
    #[must_use]
    pub fn new(count: u32) -> Self {
        let count = count.clamp(1, LANES_MAX);
        let own = OwnLane {
            lane: fastrand::u32(..count),
            unsaved: None,
        };
        Self {
            count,
            own: Mutex::new(own),
        }
    }

    /// Opens the sandbox's lane for one batch; another batch of the same sandbox waits for it.
    ///
    /// # Errors
    /// When the state of a lane cannot be read.
    pub(crate) async fn open(&self, raw: &dyn ObjectStore) -> Result<LaneSession<'_>, StoreError> {
        let own = self.own.lock().await;
        let mut stored = read_lane_state(raw, own.partition()).await?;
        if let Some(unsaved) = &own.unsaved {
            stored.state.merge(unsaved);
        }
        let others = self.read_others(raw, own.lane).await?;
        Ok(LaneSession::new(own, stored, others, self.count))
    }

    /// What the other lanes know, together.
    async fn read_others(&self, raw: &dyn ObjectStore, own: u32) -> Result<LaneState, StoreError> {
        let mut others = LaneState::default();
        for lane in (0..self.count).filter(|lane| *lane != own) {
            let stored = read_lane_state(raw, partition_of(lane)).await?;
            others.merge(&stored.state);
        }
        Ok(others)
    }
}

impl OwnLane {
    /// The partition in whose logs the lane's records are.
    pub(crate) fn partition(&self) -> i32 {
        partition_of(self.lane)
    }

    /// The stream of a topic in this lane.
    pub(crate) fn stream_of(&self, topic: &str, epoch: u32) -> Chunk {
        Chunk {
            topic: topic.to_owned(),
            epoch,
            partition: self.partition(),
            offset: 0,
        }
    }

    /// Leaves the lane for any other of `count`, so that two sandboxes that meet do not meet again
    /// in step.
    pub(crate) fn leave(&mut self, count: u32) {
        if count < 2 {
            return;
        }
        let step = 1 + fastrand::u32(..count - 1);
        self.lane = (self.lane + step) % count;
    }
}

fn partition_of(lane: u32) -> i32 {
    FIRST_LANE_PARTITION - lane.cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_are_neither_kafkas_partitions_nor_that_of_redrives() {
        let mut own = OwnLane {
            lane: 0,
            unsaved: None,
        };
        for _ in 0..50 {
            let partition = own.partition();
            assert!((-4..=-2).contains(&partition), "{partition}");
            own.leave(3);
            assert_ne!(own.partition(), partition);
        }
        own.lane = 0;
        own.leave(1);
        assert_eq!(own.partition(), FIRST_LANE_PARTITION);
    }
}
