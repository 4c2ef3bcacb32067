//! The lanes of a topic: the streams of the raw log to which the queue's records are appended.
//!
//! The log counts their offsets itself, by conditional PUTs. Two writers of one lane would take
//! each other's names, so each sandbox has a lane of its own choice and leaves it when another
//! writes there. Few lanes, so that raw objects stay few.

use std::sync::atomic::{AtomicU32, Ordering};

use lake::{Chunk, FIRST_LANE_PARTITION};

/// Lanes of a topic, at most. More would mean more landings at once than a queue needs: each takes
/// 6 MB at a time.
pub const LANES_MAX: u32 = 16;

/// The lanes, and the one that this sandbox writes to.
#[derive(Debug)]
pub struct Lanes {
    count: u32,
    current: AtomicU32,
}

impl Lanes {
    /// So many lanes, from 1 to [`LANES_MAX`]; the sandbox begins in any of them.
    #[must_use]
    pub fn new(count: u32) -> Self {
        let count = count.clamp(1, LANES_MAX);
        Self {
            count,
            current: AtomicU32::new(fastrand::u32(..count)),
        }
    }

    /// The stream of a topic in this sandbox's lane.
    pub(crate) fn current_stream(&self, topic: &str, epoch: u32) -> Chunk {
        let lane = self.current.load(Ordering::Relaxed);
        Chunk {
            topic: topic.to_owned(),
            epoch,
            partition: FIRST_LANE_PARTITION - lane.cast_signed(),
            offset: 0,
        }
    }

    /// Leaves the lane in which another writer took a name: for any other, so that two sandboxes
    /// that meet do not meet again in step.
    pub(crate) fn leave_contended(&self) {
        if self.count < 2 {
            return;
        }
        let lane = self.current.load(Ordering::Relaxed);
        let step = 1 + fastrand::u32(..self.count - 1);
        self.current
            .store((lane + step) % self.count, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_are_neither_kafkas_partitions_nor_that_of_redrives() {
        let lanes = Lanes::new(3);
        for _ in 0..50 {
            let partition = lanes.current_stream("t", 1).partition;
            assert!((-4..=-2).contains(&partition), "{partition}");
            lanes.leave_contended();
            assert_ne!(lanes.current_stream("t", 1).partition, partition);
        }
    }

    #[test]
    fn a_single_lane_is_not_left() {
        let lanes = Lanes::new(1);
        lanes.leave_contended();
        assert_eq!(lanes.current_stream("t", 1).partition, FIRST_LANE_PARTITION);
    }
}
