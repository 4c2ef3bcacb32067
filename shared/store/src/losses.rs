//! Declared losses: offsets that an operator gave up, and over which readers of a stream go on.

use futures_util::{StreamExt, TryStreamExt, stream};
use lake::{Chunk, DeclaredLoss, LakeError, Receipt};

use crate::streams::ReceiptReading;
use crate::{ObjectError, ObjectStore, StoreError, UnreadableObject};

/// How many declarations are read at the same time.
const CONCURRENT_READS: usize = 16;

/// An object among the declared losses.
#[derive(Debug)]
pub struct LossReading {
    /// Its key.
    pub key: String,
    /// The declaration, or why it is none.
    pub loss: Result<DeclaredLoss, UnreadableObject>,
}

/// The declared losses below a prefix, in the order of their keys. One that cannot be read hides no
/// other.
///
/// # Errors
/// When the storage does not answer.
pub async fn read_losses(
    prefix: &str,
    refined: &dyn ObjectStore,
) -> Result<Vec<LossReading>, StoreError> {
    let listed = refined.list(prefix, None).await?;
    stream::iter(listed)
        .map(|entry| async move {
            let loss = read_loss(&entry.key, refined).await?;
            let key = entry.key;
            Ok(LossReading { key, loss })
        })
        .buffered(CONCURRENT_READS)
        .try_collect()
        .await
}

/// The declared loss that has this key, or why it cannot be read.
///
/// # Errors
/// When the storage does not answer.
pub async fn read_loss(
    key: &str,
    refined: &dyn ObjectStore,
) -> Result<Result<DeclaredLoss, UnreadableObject>, StoreError> {
    let object = match refined.get(key).await {
        Ok(object) => object,
        Err(error) => return Ok(Err(error.unreadable_object().ok_or(error)?)),
    };
    let loss = parse_loss(key, &object.body);
    Ok(loss.map_err(|error| UnreadableObject::new(key, error)))
}

fn parse_loss(key: &str, body: &[u8]) -> Result<DeclaredLoss, LakeError> {
    if DeclaredLoss::parse_key(key).is_none() {
        let what = "it has a name that the platform does not write";
        return Err(LakeError::Unexpected(what.into()));
    }
    DeclaredLoss::from_json(key, body)
}

/// The declared losses of a stream that can be read, by their offsets.
async fn read_stream_losses(
    stream: &Chunk,
    refined: &dyn ObjectStore,
) -> Result<Vec<DeclaredLoss>, StoreError> {
    let prefix = DeclaredLoss::stream_prefix(stream);
    let readings = read_losses(&prefix, refined).await?;
    let losses = readings.into_iter();
    Ok(losses.filter_map(|reading| reading.loss.ok()).collect())
}

/// Adds to the receipts of a stream an empty one for each declared loss that has none: then what is
/// behind it follows without a gap. Where the receipts have no gap, nothing is read.
///
/// # Errors
/// When the storage does not answer.
pub async fn pass_declared_losses(
    from: &Chunk,
    receipts: Vec<ReceiptReading>,
    refined: &dyn ObjectStore,
) -> Result<Vec<ReceiptReading>, StoreError> {
    if find_gaps(from.offset, &receipts).is_empty() {
        return Ok(receipts);
    }

    let losses = read_stream_losses(from, refined).await?;
    let mut passed = receipts;
    // Several losses can follow each other in one gap.
    for loss in losses {
        let gaps = find_gaps(from.offset, &passed);
        if gaps.iter().any(|gap| begins_gap(&loss, *gap)) {
            passed.push(ReceiptReading::from(empty_receipt(&loss)));
            passed.sort_by_key(|reading| reading.offset);
        }
    }
    Ok(passed)
}

/// Whether declared losses of a stream cover every offset from `from` up to `to`.
///
/// # Errors
/// When the storage does not answer.
pub async fn covers_gap(
    stream: &Chunk,
    (from, to): (i64, i64),
    refined: &dyn ObjectStore,
) -> Result<bool, StoreError> {
    let mut next = from;
    for loss in read_stream_losses(stream, refined).await? {
        if begins_gap(&loss, (next, to)) {
            next = loss.next;
        }
    }
    Ok(next == to)
}

fn begins_gap(loss: &DeclaredLoss, (from, to): (i64, i64)) -> bool {
    loss.first == from && loss.next <= to
}

/// The offsets between receipts, each gap with its first offset and the one behind it. Behind a
/// receipt that cannot be read nothing is known.
fn find_gaps(from: i64, receipts: &[ReceiptReading]) -> Vec<(i64, i64)> {
    let mut gaps = Vec::new();
    let mut expected = Some(from);
    for reading in receipts {
        let gap = expected.filter(|expected| *expected < reading.offset);
        gaps.extend(gap.map(|from| (from, reading.offset)));
        expected = reading.readable().map(|receipt| receipt.next);
    }
    gaps
}

/// A receipt of offsets without a record.
fn empty_receipt(loss: &DeclaredLoss) -> Receipt {
    Receipt {
        stream: loss.stream.clone(),
        offset: loss.first,
        next: loss.next,
        ..Receipt::default()
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use lake::StreamKey;

    use super::*;
    use crate::MemoryStore;

    fn chunk_at(offset: i64) -> Chunk {
        Chunk {
            topic: "t".into(),
            epoch: 1,
            partition: 0,
            offset,
        }
    }

    fn stream_key() -> StreamKey {
        StreamKey {
            topic: "t".into(),
            epoch: 1,
            partition: 0,
        }
    }

    async fn store_with(losses: &[(i64, i64)]) -> MemoryStore {
        let store = MemoryStore::default();
        for (first, next) in losses {
            let chunk = chunk_at(*first);
            let loss = DeclaredLoss {
                stream: stream_key(),
                first: *first,
                next: *next,
                object: chunk.raw_key(),
                records: None,
                rows_kept: false,
                reason: "a test".into(),
                declared_at: 0,
            };
            let body = Bytes::from(loss.to_json().unwrap());
            let key = DeclaredLoss::key_of(&chunk);
            store.put(&key, body, "").await.unwrap();
        }
        store
    }

    fn receipts(ranges: &[(i64, i64)]) -> Vec<ReceiptReading> {
        let receipts = ranges.iter().map(|(offset, next)| Receipt {
            stream: stream_key(),
            offset: *offset,
            next: *next,
            ..Receipt::default()
        });
        receipts.map(ReceiptReading::from).collect()
    }

    async fn passed(losses: &[(i64, i64)], stored: &[(i64, i64)]) -> Vec<(i64, i64)> {
        let store = store_with(losses).await;
        let passed = pass_declared_losses(&chunk_at(0), receipts(stored), &store).await;
        let passed = passed.unwrap();
        let readable = passed.iter().filter_map(ReceiptReading::readable);
        readable
            .map(|receipt| (receipt.offset, receipt.next))
            .collect()
    }

    #[tokio::test]
    async fn a_gap_is_passed_where_its_offsets_are_declared_and_nowhere_else() {
        let stored = [(0, 5), (9, 10)];
        for (losses, expected) in [
            (&[][..], &stored[..]),
            (&[(5, 9)], &[(0, 5), (5, 9), (9, 10)]),
            (&[(5, 7), (7, 9)], &[(0, 5), (5, 7), (7, 9), (9, 10)]),
            // A declaration that reaches over a raw object that is there.
            (&[(5, 10)], &stored),
            (&[(4, 9)], &stored),
            // One of an object that has a receipt.
            (&[(0, 5)], &stored),
            // The rest of the gap is not declared.
            (&[(5, 7)], &[(0, 5), (5, 7), (9, 10)]),
            (&[(10, 12)], &stored),
        ] {
            assert_eq!(passed(losses, &stored).await, expected, "{losses:?}");
        }
        assert_eq!(passed(&[(0, 5)], &[(5, 6)]).await, [(0, 5), (5, 6)]);
    }

    #[tokio::test]
    async fn a_gap_is_covered_by_losses_that_follow_each_other() {
        for (losses, is_covered) in [
            (&[][..], false),
            (&[(5, 9)], true),
            (&[(5, 7), (7, 9)], true),
            (&[(5, 7)], false),
            (&[(5, 10)], false),
            (&[(6, 9)], false),
        ] {
            let store = store_with(losses).await;
            let covered = covers_gap(&chunk_at(0), (5, 9), &store).await.unwrap();
            assert_eq!(covered, is_covered, "{losses:?}");
        }
    }

    #[tokio::test]
    async fn a_damaged_declaration_declares_nothing() {
        let store = store_with(&[(5, 9)]).await;
        let key = DeclaredLoss::key_of(&chunk_at(5));
        let mut body = store.get(&key).await.unwrap().body.to_vec();
        let middle = body.len() / 2;
        body[middle] ^= 1;
        store.put(&key, Bytes::from(body), "").await.unwrap();

        let readings = read_losses(DeclaredLoss::prefix(), &store).await.unwrap();
        assert_eq!(readings[0].loss.as_ref().unwrap_err().object, key);
        assert!(!covers_gap(&chunk_at(0), (5, 9), &store).await.unwrap());
    }
}
