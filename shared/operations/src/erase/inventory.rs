//! Every object of the raw and the refined zone, by the chunk that it came from.

use std::collections::BTreeMap;

use lake::Chunk;
use store::{ListedObject, StoreError};

use crate::lake_handle::LakeHandle;

/// The objects of one chunk.
#[derive(Clone, Debug, Default)]
pub(super) struct ChunkObjects {
    /// Whether its raw object is there, which may have expired.
    pub(super) raw: bool,
    /// Whether it was transformed.
    pub(super) receipt: bool,
    /// Its refined objects: the table's index in the catalogue, and the key.
    pub(super) refined: Vec<(usize, String)>,
    /// Its refused records.
    pub(super) quarantine: Option<String>,
}

impl ChunkObjects {
    /// The keys of its objects in the refined zone.
    pub(super) fn refined_keys(&self, chunk: &Chunk) -> Vec<String> {
        let rows = self.refined.iter().map(|(_, key)| key.clone());
        rows.chain(self.quarantine.clone())
            .chain(self.receipt.then(|| chunk.receipt_key()))
            .collect()
    }
}

/// Lists both zones. The list holds keys and no content: some 300 bytes for each chunk.
///
/// # Errors
/// When the storage does not answer.
pub(super) async fn list_chunk_objects(
    lake: &LakeHandle,
) -> Result<BTreeMap<Chunk, ChunkObjects>, StoreError> {
    let mut chunks: BTreeMap<Chunk, ChunkObjects> = BTreeMap::new();
    // Raw last: a chunk that is landed meanwhile has no object in the refined zone yet.
    for entry in lake.refined.list(Chunk::RECEIPTS_PREFIX, None).await? {
        if let Some(chunk) = Chunk::from_receipt_key(&entry.key) {
            chunks.entry(chunk).or_default().receipt = true;
        }
    }
    for (index, table) in lake.catalogue.stored_tables().enumerate() {
        let prefix = Chunk::refined_prefix(&table.name);
        for ListedObject { key, .. } in lake.refined.list(&prefix, None).await? {
            if let Some(chunk) = Chunk::from_refined_key(&table.name, &key) {
                chunks.entry(chunk).or_default().refined.push((index, key));
            }
        }
    }
    for ListedObject { key, .. } in lake.refined.list(Chunk::QUARANTINE_PREFIX, None).await? {
        if let Some(chunk) = Chunk::from_quarantine_key(&key) {
            chunks.entry(chunk).or_default().quarantine = Some(key);
        }
    }
    for entry in lake.raw.list(Chunk::RAW_PREFIX, None).await? {
        if let Some(chunk) = Chunk::from_raw_key(&entry.key) {
            chunks.entry(chunk).or_default().raw = true;
        }
    }
    Ok(chunks)
}
