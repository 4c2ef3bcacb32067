//! The lanes of the events queue: the streams of each topic's raw log to which its records are
//! appended.
//!
//! The log counts their offsets itself, by conditional PUTs. Two writers of one lane would take
//! each other's names, so each sandbox has a lane of its own choice and leaves it when another
//! writes there. Few lanes, so that raw objects stay few.

use lake::LaneState;
use store::lane_states::read_lane_state;
use store::{ObjectStore, StoreError};
use tokio::sync::Mutex;

use crate::lane_session::LaneSession;
use crate::own_lane::{OwnLane, partition_of};

/// Lanes of a topic, at most. More would mean more landings at once than a queue needs: each takes
/// 6 MB at a time.
pub const LANES_MAX: u32 = 16;

/// The lanes, and the one that this sandbox writes to.
#[derive(Debug)]
pub struct Lanes {
    count: u32,
    own: Mutex<OwnLane>,
}

impl Lanes {
    /// So many lanes, from 1 to [`LANES_MAX`]; the sandbox begins in any of them.
    #[must_use]
    pub fn new(count: u32) -> Self {
        let count = count.clamp(1, LANES_MAX);
        let own = OwnLane::in_any_of(count);
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
