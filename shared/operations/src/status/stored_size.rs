//! How much is stored at a place.

use serde::Serialize;
use store::ListedObject;

/// Objects, and their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct StoredSize {
    /// Objects.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl StoredSize {
    pub(super) fn of_listing(listed: &[ListedObject]) -> Self {
        Self {
            objects: listed.len() as u64,
            bytes: listed.iter().map(|entry| entry.size).sum(),
        }
    }

    pub(super) fn add_size(&mut self, other: Self) {
        self.objects += other.objects;
        self.bytes += other.bytes;
    }
}
