//! The batches in the raw zone that were too large for a message of the events queue.

use lake::Chunk;
use store::lane_states::read_all_lane_states;

use crate::error::OperationError;
use crate::lake_handle::LakeHandle;

/// Deletes the batches that were too large for a message and have landed: the raw log holds their
/// records. Gives how many are left, because they have not.
///
/// # Errors
/// When the storage does not answer.
pub async fn delete_landed_batches(lake: &LakeHandle) -> Result<u64, OperationError> {
    let raw = &*lake.raw;
    let batches = raw.list(Chunk::QUEUED_BATCHES_PREFIX, None).await?;
    if batches.is_empty() {
        return Ok(0);
    }

    let states = read_all_lane_states(raw).await?;
    let mut left = 0;
    for entry in batches {
        let number = Chunk::parse_queued_batch_key(&entry.key);
        let has_landed = number.is_some_and(|(topic, sandbox, sequence)| {
            let sender = states.state.sender(topic, sandbox);
            sender.is_some_and(|sender| sender.has_landed(sequence))
        });
        match has_landed {
            true => raw.delete(&entry.key).await?,
            false => left += 1,
        }
    }
    Ok(left)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;
    use contract::Catalogue;
    use lake::LaneState;
    use store::MemoryStore;

    use super::*;

    #[tokio::test]
    async fn a_batch_that_landed_is_deleted_and_another_is_left() {
        let zone = || Arc::new(MemoryStore::default());
        let catalogue = Arc::new(Catalogue::compile(&[]).unwrap());
        let lake = LakeHandle::from_stores(zone(), zone(), zone(), catalogue);
        let raw = &*lake.raw;
        for sequence in [0, 1] {
            let key = Chunk::queued_batch_key("t", "a", sequence);
            raw.put(&key, Bytes::from_static(b"x"), "application/zstd")
                .await
                .unwrap();
        }
        let mut state = LaneState::default();
        state.sender_mut("t", "a").note_landed(0, &[], 1);
        let body = Bytes::from(state.to_json().unwrap());
        raw.put(&LaneState::key(-2), body, "application/json")
            .await
            .unwrap();

        assert_eq!(delete_landed_batches(&lake).await.unwrap(), 1);
        let left = raw.list(Chunk::QUEUED_BATCHES_PREFIX, None).await.unwrap();
        assert_eq!(left[0].key, Chunk::queued_batch_key("t", "a", 1));
        assert_eq!(left.len(), 1);
    }
}
