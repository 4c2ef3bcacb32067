//! The raw objects and the receipts of each stream.

use std::collections::BTreeMap;

use futures_util::{StreamExt, TryStreamExt, stream};
use lake::{
    Chunk, Day, LakeError, Receipt, SnapshotManifest, StreamKey, manifest_key, manifest_prefix,
    parse_manifest_day,
};
use thiserror::Error;

use crate::{ObjectError, ObjectStore, StoreError, UnreadableObject};

/// How many receipts are read at the same time.
const CONCURRENT_READS: usize = 16;

/// Why a stream could not be read.
#[derive(Debug, Error)]
pub enum StreamError {
    /// The storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A receipt or a manifest is damaged.
    #[error("{0} cannot be read: {1}; {next}", next = lake::repair_hint(.0))]
    Damaged(String, LakeError),
}

/// The first raw object of every stream of a topic: one small listing for each.
///
/// # Errors
/// When the storage does not answer.
pub async fn find_first_chunks(
    topic: &str,
    raw: &dyn ObjectStore,
) -> Result<Vec<Chunk>, StreamError> {
    let prefix = Chunk::topic_raw_prefix(topic);
    let mut after = None;
    let mut chunks = Vec::new();
    loop {
        let first = raw.find_first(&prefix, after.as_deref()).await?;
        let Some(first) = first else {
            return Ok(chunks);
        };
        // A key that is no raw object, such as a folder that a console made, is passed over.
        let Some(chunk) = Chunk::from_raw_key(&first.key) else {
            after = Some(first.key);
            continue;
        };
        after = Some(chunk.raw_list_end());
        chunks.push(chunk);
    }
}

/// Where every stream of a topic begins: at its first raw object, or at its first receipt where
/// that is of an earlier one. A raw object that is lost, or that has expired, does not move the
/// beginning: its receipt still names the rows that it became.
///
/// # Errors
/// When the storage does not answer.
pub async fn find_stream_starts(
    topic: &str,
    raw: &dyn ObjectStore,
    refined: &dyn ObjectStore,
) -> Result<Vec<Chunk>, StreamError> {
    let mut starts = BTreeMap::new();
    let first_chunks = find_first_chunks(topic, raw).await?;
    let first_receipts = find_first_receipts(topic, refined).await?;
    for chunk in first_chunks.into_iter().chain(first_receipts) {
        let start = starts
            .entry((chunk.epoch, chunk.partition))
            .or_insert_with(|| chunk.clone());
        start.offset = chunk.offset.min(start.offset);
    }
    Ok(starts.into_values().collect())
}

/// The first receipt of every stream of a topic: one small listing for each.
///
/// # Errors
/// When the storage does not answer.
pub async fn find_first_receipts(
    topic: &str,
    refined: &dyn ObjectStore,
) -> Result<Vec<Chunk>, StreamError> {
    let prefix = Chunk::topic_receipt_prefix(topic);
    let mut after = None;
    let mut chunks = Vec::new();
    while let Some(first) = refined.find_first(&prefix, after.as_deref()).await? {
        let Some(chunk) = Chunk::from_receipt_key(&first.key) else {
            after = Some(first.key);
            continue;
        };
        after = Some(chunk.receipt_list_end());
        chunks.push(chunk);
    }
    Ok(chunks)
}

/// The receipts of a stream from `from.offset` on, in their order, without their events' ids.
///
/// # Errors
/// When the storage does not answer, or a receipt is damaged.
pub async fn read_receipts(
    from: &Chunk,
    refined: &dyn ObjectStore,
) -> Result<Vec<Receipt>, StreamError> {
    let start = from.receipt_list_start();
    let listed = refined.list(&from.receipt_prefix(), Some(&start)).await?;

    stream::iter(listed)
        .map(|entry| async move { read_receipt(&entry.key, refined).await })
        .buffered(CONCURRENT_READS)
        .try_collect()
        .await
}

/// A receipt of a stream, or the object that should be one.
#[derive(Debug)]
pub struct ReceiptReading {
    /// The offset that names its raw object.
    pub offset: i64,
    /// The receipt, or why it cannot be read.
    pub receipt: Result<Receipt, UnreadableObject>,
}

impl ReceiptReading {
    /// The receipt, when it can be read.
    #[must_use]
    pub fn readable(&self) -> Option<&Receipt> {
        self.receipt.as_ref().ok()
    }
}

impl From<Receipt> for ReceiptReading {
    fn from(receipt: Receipt) -> Self {
        Self {
            offset: receipt.offset,
            receipt: Ok(receipt),
        }
    }
}

/// The same, each receipt alone: one that cannot be read hides no other. An object whose name is no
/// receipt's is passed over.
///
/// # Errors
/// When the storage does not answer.
pub async fn read_each_receipt(
    from: &Chunk,
    refined: &dyn ObjectStore,
) -> Result<Vec<ReceiptReading>, StreamError> {
    let start = from.receipt_list_start();
    let listed = refined.list(&from.receipt_prefix(), Some(&start)).await?;
    let chunks = listed
        .into_iter()
        .filter_map(|entry| Some((Chunk::from_receipt_key(&entry.key)?.offset, entry.key)));

    stream::iter(chunks)
        .map(|(offset, key)| async move {
            let receipt = match read_receipt(&key, refined).await {
                Ok(receipt) => Ok(receipt),
                Err(error) => Err(error.unreadable_object().ok_or(error)?),
            };
            Ok(ReceiptReading { offset, receipt })
        })
        .buffered(CONCURRENT_READS)
        .try_collect()
        .await
}

/// A receipt without the filter of its events' ids. Whoever reads a stream's receipts holds all of
/// them, and filters take two bytes for every event.
async fn read_receipt(key: &str, refined: &dyn ObjectStore) -> Result<Receipt, StreamError> {
    let (receipt, _) = read_receipt_with_ids(key, refined).await?;
    Ok(Receipt {
        event_ids: None,
        ..receipt
    })
}

/// A receipt with the filter of its events' ids, and its entity tag.
///
/// # Errors
/// When the storage does not answer, or the receipt is damaged.
pub async fn read_receipt_with_ids(
    key: &str,
    refined: &dyn ObjectStore,
) -> Result<(Receipt, String), StreamError> {
    let object = refined.get(key).await?;
    let receipt = Receipt::from_json(&object.body);
    let receipt = receipt.map_err(|error| StreamError::Damaged(key.to_owned(), error))?;
    Ok((receipt, object.etag))
}

/// The raw objects of a stream from `from.offset` on, in their order.
///
/// # Errors
/// When the storage does not answer.
pub async fn list_raw_chunks(
    from: &Chunk,
    raw: &dyn ObjectStore,
) -> Result<Vec<Chunk>, StreamError> {
    let start = from.raw_list_start();
    let listed = raw.list(&from.raw_prefix(), Some(&start)).await?;

    Ok(listed
        .iter()
        .filter_map(|entry| Chunk::from_raw_key(&entry.key))
        .collect())
}

/// The manifests on which those of `day` were built, of every one of `tables`; none where one has
/// no base: then no record is known to be consumed.
///
/// # Errors
/// When the storage does not answer, or a manifest is damaged.
pub async fn read_base_manifests(
    tables: &[&str],
    day: Day,
    curated: &dyn ObjectStore,
) -> Result<Vec<SnapshotManifest>, StreamError> {
    let mut bases = Vec::new();
    for table in tables {
        let base = match read_manifest(table, day, curated).await? {
            Some(manifest) => manifest.base.as_deref().and_then(Day::parse),
            None => None,
        };
        let Some(base) = base else {
            return Ok(Vec::new());
        };
        bases.extend(read_manifest(table, base, curated).await?);
    }
    Ok(bases)
}

/// The days of which a table has a manifest, the oldest first.
///
/// # Errors
/// When the storage does not answer.
pub async fn list_manifest_days(
    table: &str,
    curated: &dyn ObjectStore,
) -> Result<Vec<Day>, StoreError> {
    let listed = curated.list(&manifest_prefix(table), None).await?;
    Ok(listed
        .iter()
        .filter_map(|entry| parse_manifest_day(&entry.key))
        .collect())
}

/// A table's manifest of a day, if there is one.
///
/// # Errors
/// When the storage does not answer, or the manifest is damaged.
pub async fn read_manifest(
    table: &str,
    day: Day,
    curated: &dyn ObjectStore,
) -> Result<Option<SnapshotManifest>, StreamError> {
    let key = manifest_key(table, day);
    let Some(object) = curated.get_if_present(&key).await? else {
        return Ok(None);
    };

    SnapshotManifest::from_json(&object.body)
        .map(Some)
        .map_err(|error| StreamError::Damaged(key, error))
}

/// The first chunk of a stream that one of `bases` has not consumed completely. A base that does
/// not know the stream consumes it from `first` on, and so does a table without a base.
#[must_use]
pub fn oldest_committed_chunk(first: &Chunk, bases: &[SnapshotManifest]) -> Chunk {
    let stream = StreamKey {
        topic: first.topic.clone(),
        epoch: first.epoch,
        partition: first.partition,
    };
    let committed = bases.iter().map(|base| {
        base.committed_offset(&stream)
            .map_or(first.offset, |committed| committed.object)
    });

    Chunk {
        offset: committed.min().unwrap_or(first.offset),
        ..first.clone()
    }
}
