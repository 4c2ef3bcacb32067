//! What a merge changed, in rows.

/// How many rows a merge inserted, updated and deleted.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RowChangeCounts {
    pub(crate) inserted: u64,
    pub(crate) updated: u64,
    pub(crate) deleted: u64,
}

impl RowChangeCounts {
    /// Adds the counts of other rows.
    pub(crate) fn add(&mut self, other: Self) {
        self.inserted += other.inserted;
        self.updated += other.updated;
        self.deleted += other.deleted;
    }

    /// Whether readers see anything new.
    pub(crate) fn has_changes(self) -> bool {
        self.inserted + self.updated + self.deleted > 0
    }
}
