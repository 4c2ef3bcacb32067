//! What an erasure did, or would do: objects and counts, and no person's data.

use std::collections::BTreeMap;
use std::fmt;

use lake::ErasedObject;
use serde::Serialize;
use store::UnreadableObject;

/// A part of the lake. An erasure writes them in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum ErasureZone {
    Refined,
    Quarantine,
    Receipt,
    Raw,
    Curated,
}

impl fmt::Display for ErasureZone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refined => "refined",
            Self::Quarantine => "quarantine",
            Self::Receipt => "receipt",
            Self::Raw => "raw",
            Self::Curated => "curated",
        })
    }
}

/// A record that mentions a subject and that only a person can redact: its position, and no value
/// of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct ManualRedaction {
    /// The raw object.
    pub object: String,
    /// The record's offset.
    pub offset: i64,
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
