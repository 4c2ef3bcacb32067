//! One raw object, by its metadata.

use lake::Chunk;
use store::ObjectHead;

/// A raw object with what its metadata say.
pub(super) struct RawLogObject {
    pub(super) chunk: Chunk,
    /// The offset of the next object's first record.
    pub(super) next: Option<i64>,
    /// Its records.
    pub(super) count: u64,
}

impl RawLogObject {
    pub(super) fn from_head(chunk: Chunk, head: &ObjectHead) -> Self {
        let count = metadata_number(head, "count").unwrap_or_default();
        Self {
            next: metadata_number(head, "next"),
            count: count.unsigned_abs(),
            chunk,
        }
    }

    /// Whether the object spans more offsets than it has records.
    pub(super) fn has_offset_gaps(&self) -> bool {
        let Some(next) = self.next else { return false };
        (next - self.chunk.offset).unsigned_abs() > self.count
    }
}

fn metadata_number(head: &ObjectHead, name: &str) -> Option<i64> {
    head.metadata.get(name)?.parse().ok()
}
