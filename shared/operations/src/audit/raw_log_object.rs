//! One raw object, by its metadata.

use lake::{Chunk, ObjectDigest};
use store::ObjectHead;
use store::raw_log::{recorded_next, recorded_sha256};

/// A raw object with what its metadata say.
pub(super) struct RawLogObject {
    pub(super) chunk: Chunk,
    /// The offset of the next object's first record.
    pub(super) next: Option<i64>,
    /// Its records.
    pub(super) count: u64,
    /// Its content; none when it is not part of the raw log.
    pub(super) digest: Option<ObjectDigest>,
}

impl RawLogObject {
    pub(super) fn from_head(chunk: Chunk, head: &ObjectHead) -> Self {
        let count = metadata_number(head, "count").unwrap_or_default();
        Self {
            next: recorded_next(&head.metadata),
            digest: recorded_sha256(&head.metadata).map(|sha256| ObjectDigest {
                bytes: head.size,
                sha256,
            }),
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
