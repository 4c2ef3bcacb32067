//! The raw object that is transformed.

use lake::{Chunk, ObjectDigest};

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
}
