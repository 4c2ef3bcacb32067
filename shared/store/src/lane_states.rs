//! The states of the events queue's lanes, in the raw zone.

use std::collections::BTreeMap;

use lake::{LakeError, LaneState};

use crate::{ObjectStore, StoreError, StoreErrorKind};

/// A lane's state, and the object that holds it.
#[derive(Clone, Debug, Default)]
pub struct StoredLaneState {
    /// What the lane has landed.
    pub state: LaneState,
    /// The entity tag of the object; none where there is no object yet.
    pub etag: Option<String>,
}

/// The states of all lanes that there ever were.
#[derive(Clone, Debug, Default)]
pub struct AllLaneStates {
    /// What the lanes know together.
    pub state: LaneState,
    /// The keys of the states that cannot be read, each with the reason.
    pub damaged: BTreeMap<String, String>,
}

/// The state of a lane; an empty one where there is none yet.
///
/// # Errors
/// When the storage does not answer, or the object is not what was written: it is not written over,
/// for by it a log's count goes on.
pub async fn read_lane_state(
    raw: &dyn ObjectStore,
    partition: i32,
) -> Result<StoredLaneState, StoreError> {
    let key = LaneState::key(partition);
    let Some(object) = raw.get_if_present(&key).await? else {
        return Ok(StoredLaneState::default());
    };
    let damaged = |error: LakeError| {
        let why = format!("{error}; restore an earlier version of the object (docs/runbook.md)");
        StoreError::new(StoreErrorKind::Refused, "get", &key, why)
    };
    Ok(StoredLaneState {
        state: LaneState::from_json(&object.body).map_err(damaged)?,
        etag: Some(object.etag),
    })
}

/// The states of all lanes, also of those that a smaller number of lanes left behind.
///
/// # Errors
/// When the storage does not answer.
pub async fn read_all_lane_states(raw: &dyn ObjectStore) -> Result<AllLaneStates, StoreError> {
    let mut states = AllLaneStates::default();
    for entry in raw.list(LaneState::PREFIX, None).await? {
        let read = match raw.get(&entry.key).await {
            Ok(object) => LaneState::from_json(&object.body).map_err(|error| error.to_string()),
            Err(error) if error.is_over_limit() => Err(error.to_string()),
            Err(error) if error.is_not_found() => continue,
            Err(error) => return Err(error),
        };
        match read {
            Ok(state) => states.state.merge(&state),
            Err(why) => {
                states.damaged.insert(entry.key, why);
            }
        }
    }
    Ok(states)
}
