//! What the status says of declared losses.

use bytes::Bytes;
use lake::{Chunk, DeclaredLoss, StreamKey};
use operations::status::DeclaredLossCount;
use store::ObjectStore;

use super::{SOURCE, WEDNESDAY, assert_one, attention, handle, status_on, two_days};

/// A loss of three offsets of a partition of which nothing else landed.
fn declared_loss() -> DeclaredLoss {
    let chunk = Chunk {
        topic: SOURCE.to_owned(),
        epoch: 1,
        partition: 7,
        offset: 0,
    };
    DeclaredLoss {
        stream: StreamKey {
            topic: chunk.topic.clone(),
            epoch: chunk.epoch,
            partition: chunk.partition,
        },
        first: 0,
        next: 3,
        object: chunk.raw_key(),
        records: None,
        rows_kept: false,
        reason: "a disk burnt".to_owned(),
        declared_at: 0,
    }
}

#[tokio::test]
async fn declared_losses_are_counted_and_one_that_cannot_be_read_is_named() {
    let days = two_days().await;
    let lake = handle(&days);
    let loss = declared_loss();
    let key = DeclaredLoss::key_of(&loss.chunk());
    let body = Bytes::from(loss.to_json().unwrap());
    let kind = "application/json";
    days.refined.put(&key, body, kind).await.unwrap();

    let status = status_on(&lake, WEDNESDAY).await;
    for source in &status.sources {
        let expected = match source.source == SOURCE {
            true => DeclaredLossCount {
                objects: 1,
                offsets: 3,
            },
            false => DeclaredLossCount::default(),
        };
        assert_eq!(source.declared_lost, expected, "{}", source.source);
    }
    assert_eq!(attention(&status), [] as [String; 0]);

    let damaged = Bytes::from_static(b"{}");
    days.refined.put(&key, damaged, kind).await.unwrap();
    assert_one(&status_on(&lake, WEDNESDAY).await, &[&key, "--withdraw"]);
}
