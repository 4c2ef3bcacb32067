//! What an erasure did, or would do: objects and counts, and no person's data.

use std::collections::BTreeMap;

use lake::{ErasedObject, SearchedFreeText};
use serde::Serialize;
use store::UnreadableObject;

use super::erasure_zone::ErasureZone;
use super::free_text::{CandidateList, TextCandidate};

/// A record that mentions a subject and that only a person can redact: its position, and no value
/// of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct ManualRedaction {
    /// The raw object.
    pub object: String,
    /// The record's offset.
    pub offset: i64,
}

/// What a search of free text found, or that there was none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FreeTextOutcome {
    /// Whether free text was searched.
    pub searched: bool,
    /// How many names, dates and texts were searched for. None, where a search was asked for, says
    /// that no row of the subject holds a name.
    pub terms: u64,
    /// The candidates, the first of them.
    pub candidates: Vec<TextCandidate>,
    /// Candidates beyond those.
    pub not_listed: u64,
}

impl FreeTextOutcome {
    pub(super) fn new(terms: u64, found: CandidateList) -> Self {
        Self {
            searched: terms > 0,
            terms,
            not_listed: found.total - found.listed.len() as u64,
            candidates: found.listed,
        }
    }

    /// How many candidates there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.candidates.len() as u64 + self.not_listed
    }

    /// What the erasure's receipt says of it.
    pub(super) fn for_receipt(&self) -> SearchedFreeText {
        SearchedFreeText {
            searched: self.searched,
            terms: self.terms,
            candidates: self.count(),
        }
    }
}

/// What an erasure did, or would do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ErasureOutcome {
    /// The objects that changed, by zone and key, each with its rows or records.
    pub objects: Vec<ErasedObject>,
    /// Records that mention a subject and must be redacted by hand.
    pub by_hand: Vec<ManualRedaction>,
    /// Old versions that were deleted for good.
    pub versions_purged: u64,
    /// The key of the erasure's receipt, in the curated zone; none when nothing was erased.
    pub receipt: Option<String>,
    /// Whether an earlier run broke off, and this one finishes it.
    pub resumed: bool,
    /// Whether the list of erased subjects has the subject from an earlier erasure.
    pub erased_before: bool,
    /// The sources that have a record of the requested key, whatever the case of its letters.
    pub sources_with_key: Vec<String>,
    /// Places of free text that may name the subject. Nothing was changed because of one.
    pub free_text: FreeTextOutcome,
    /// What could not be read, or not be changed because something else could not be read: it may
    /// still hold the subject. The erasure is finished when a later run finds nothing like it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unreadable: Vec<UnreadableObject>,
}

impl ErasureOutcome {
    /// Whether nothing was found.
    #[must_use]
    pub fn found_nothing(&self) -> bool {
        self.objects.is_empty() && self.by_hand.is_empty() && !self.resumed && self.is_complete()
    }

    /// Whether no candidate waits for a person's decision.
    #[must_use]
    pub fn is_decided(&self) -> bool {
        self.free_text.count() == 0
    }

    /// Whether every object could be read, so that nothing of the subject can be left unseen.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.unreadable.is_empty()
    }

    pub(super) fn add_object(&mut self, zone: ErasureZone, key: &str, count: u64) {
        self.objects.push(ErasedObject {
            zone: zone.to_string(),
            key: key.to_owned(),
            count,
        });
    }

    /// Objects, and rows or records in them, by zone.
    #[must_use]
    pub fn counts_by_zone(&self) -> BTreeMap<&str, (u64, u64)> {
        let mut zones: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
        for object in &self.objects {
            let (objects, rows) = zones.entry(&object.zone).or_default();
            *objects += 1;
            *rows += object.count;
        }
        zones
    }
}
