//! The lane that a sandbox writes to.

use lake::{Chunk, FIRST_LANE_PARTITION, LaneState};

/// The lane of this sandbox.
#[derive(Debug)]
pub(crate) struct OwnLane {
    pub(crate) lane: u32,
    /// What a batch landed whose state the storage did not take.
    pub(crate) unsaved: Option<LaneState>,
}

impl OwnLane {
    /// Any lane of so many.
    pub(crate) fn in_any_of(count: u32) -> Self {
        Self {
            lane: fastrand::u32(..count),
            unsaved: None,
        }
    }

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

/// The partition in whose logs a lane's records are.
pub(crate) fn partition_of(lane: u32) -> i32 {
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
