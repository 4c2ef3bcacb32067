//! The raw object that is transformed.

use contract::CompiledMapping;
use lake::{Chunk, ObjectDigest, Receipt, StreamKey};

/// A raw object, whose records are transformed.
#[derive(Clone, Copy, Debug)]
pub struct LandedObject<'c> {
    /// What names it.
    pub chunk: &'c Chunk,
    /// The offset behind its range.
    pub next: i64,
    /// Its content.
    pub digest: ObjectDigest,
}

impl<'c> LandedObject<'c> {
    /// The raw object with this content.
    #[must_use]
    pub fn of_content(chunk: &'c Chunk, next: i64, content: &[u8]) -> Self {
        Self {
            chunk,
            next,
            digest: ObjectDigest::of_content(content),
        }
    }

    /// A receipt of the object that has counted no record yet.
    pub(crate) fn begin_receipt(&self, mapping: &CompiledMapping) -> Receipt {
        let chunk = self.chunk;
        Receipt {
            stream: StreamKey {
                topic: chunk.topic.clone(),
                epoch: chunk.epoch,
                partition: chunk.partition,
            },
            offset: chunk.offset,
            next: self.next,
            source: mapping.contract.name.clone(),
            contract_version: mapping.contract.version.clone(),
            mapping_version: mapping.version.clone(),
            raw: self.digest,
            states_records: mapping.is_patched(),
            ..Receipt::default()
        }
    }
}
