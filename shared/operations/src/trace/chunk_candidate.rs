//! Raw objects that may hold the event, by what their receipts say.

use lake::{Chunk, Day, Receipt};

use super::candidates::SearchCandidate;

/// Which objects of a raw object are opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CandidateCause {
    /// Its filter has the id: by chance in one of a thousand.
    Filter,
    /// Its receipt has no filter.
    NoFilter,
    /// Records of it were refused under another version of the contract: the contract of today may
    /// read another id in them.
    OtherContract,
}

/// A raw object that may hold the event.
#[derive(Clone, Debug)]
pub(super) struct ChunkCandidate {
    /// The raw object.
    pub(super) chunk: Chunk,
    /// Its receipt, without the filter.
    pub(super) receipt: Receipt,
    /// Why it may hold the event.
    pub(super) cause: CandidateCause,
}

impl ChunkCandidate {
    /// The day of its first record.
    pub(super) fn day(&self) -> Option<Day> {
        self.receipt.first_day()
    }

    /// The objects that may hold the event.
    pub(super) fn objects(&self) -> Vec<SearchCandidate> {
        let day = self.day().unwrap_or(Day(0));
        let object = |table: Option<&String>, key: &String| SearchCandidate {
            day: Chunk::day_of_dated_key(key).unwrap_or(day),
            table: table.cloned(),
            chunk: self.chunk.clone(),
            key: key.clone(),
        };
        let tables = self.receipt.tables.iter();
        let refined = tables
            .filter(|_| self.cause != CandidateCause::OtherContract)
            .map(|(table, refined)| object(Some(table), &refined.key));
        let refused = self.receipt.quarantine.iter();
        refined
            .chain(refused.map(|refused| object(None, &refused.key)))
            .collect()
    }

    /// Whether the event may be one that gave no row and was not refused.
    pub(super) fn may_be_ignored(&self) -> bool {
        self.receipt.ignored > 0 && self.cause != CandidateCause::OtherContract
    }
}
