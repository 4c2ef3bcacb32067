//! Whose inputs are planned, and up to which offset of each stream.

use lake::{SnapshotManifest, StreamKey};
use serde::{Deserialize, Serialize};

/// The day's snapshot of a source's records.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct RecordSnapshot {
    /// The source's topic.
    pub(crate) topic: String,
    /// The snapshot's manifest.
    pub(crate) manifest: SnapshotManifest,
}

/// Whose inputs are planned.
#[derive(Clone, Copy)]
pub(crate) struct InputRequest<'r> {
    /// The table.
    pub(crate) table: &'r str,
    /// The topics that fill it.
    pub(crate) topics: &'r [&'r str],
    /// The day's snapshots of the records that it is made from.
    pub(crate) records: &'r [RecordSnapshot],
    /// The manifest that the day is built on.
    pub(crate) base: Option<&'r SnapshotManifest>,
    /// The day's manifest on which a later day was built.
    pub(crate) sealed: Option<&'r SnapshotManifest>,
}

impl InputRequest<'_> {
    /// The offset before which a stream is consumed; none when nothing of it is. A sealed day
    /// consumes exactly what it consumed: later records belong to the later days already. And no
    /// table is ahead of the records that it is made from.
    pub(crate) fn offset_limit(&self, stream: &StreamKey) -> Option<i64> {
        let records = self.records_of_topic(&stream.topic);
        let manifests = self
            .sealed
            .into_iter()
            .chain(records.map(|known| &known.manifest));
        let mut limit = i64::MAX;
        for manifest in manifests {
            // A stream that came later is none of the manifest's.
            limit = limit.min(manifest.committed_offset(stream)?.next);
        }
        Some(limit)
    }

    /// Whether the base or the day's sealed manifest holds how far a stream was consumed.
    pub(crate) fn knows_stream(&self, stream: &StreamKey) -> bool {
        let mut manifests = self.base.into_iter().chain(self.sealed);
        manifests.any(|manifest| manifest.committed_offset(stream).is_some())
    }

    /// The tables whose refined objects are read: the table's own, and of its records' the one that
    /// says which records the events changed.
    pub(crate) fn refined_tables(&self, topic: &str) -> impl Iterator<Item = &str> {
        let records = self.records_of_topic(topic);
        std::iter::once(self.table).chain(records.map(|known| known.manifest.table.as_str()))
    }

    fn records_of_topic(&self, topic: &str) -> Option<&RecordSnapshot> {
        self.records.iter().find(|known| known.topic == topic)
    }
}
