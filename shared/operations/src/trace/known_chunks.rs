//! What the search knows of each raw object.

use std::collections::{BTreeMap, BTreeSet};

use lake::{Chunk, StreamKey};

/// The raw objects of which the search has met a receipt.
#[derive(Default)]
pub(super) struct KnownChunks(BTreeMap<StreamKey, KnownOffsets>);

#[derive(Default)]
struct KnownOffsets {
    /// Those with a receipt that says whether they may hold the event.
    decided: BTreeSet<i64>,
    /// Those with a receipt that cannot be read.
    unreadable: BTreeSet<i64>,
}

impl KnownChunks {
    /// Notes that a raw object was searched, or need not be.
    pub(super) fn add_decided(&mut self, chunk: &Chunk) {
        self.of_stream(chunk).decided.insert(chunk.offset);
    }

    /// Notes that a raw object's receipt cannot be read.
    pub(super) fn add_unreadable(&mut self, chunk: &Chunk) {
        self.of_stream(chunk).unreadable.insert(chunk.offset);
    }

    /// Whether the search is done with a raw object.
    pub(super) fn is_decided(&self, chunk: &Chunk) -> bool {
        let known = self.0.get(&stream_key(chunk));
        known.is_some_and(|known| known.decided.contains(&chunk.offset))
    }

    /// Whether a raw object has a receipt.
    pub(super) fn has_receipt(&self, chunk: &Chunk) -> bool {
        let known = self.0.get(&stream_key(chunk));
        known.is_some_and(|known| {
            known.decided.contains(&chunk.offset) || known.unreadable.contains(&chunk.offset)
        })
    }

    fn of_stream(&mut self, chunk: &Chunk) -> &mut KnownOffsets {
        self.0.entry(stream_key(chunk)).or_default()
    }
}

/// The stream of a raw object.
pub(super) fn stream_key(chunk: &Chunk) -> StreamKey {
    StreamKey {
        topic: chunk.topic.clone(),
        epoch: chunk.epoch,
        partition: chunk.partition,
    }
}
