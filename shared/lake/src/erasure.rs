//! Erased subjects: the list that keeps a replay from bringing them back, and the receipt of each
//! erasure.
//!
//! Neither names a person. The list holds hashes of ids and of record keys; only a reader who knows
//! an id can find it there.

use std::collections::HashMap;

use contract::{Cell, PoleRow};
use pole::Uuid;
use serde::{Deserialize, Serialize};

use crate::format::{decode_document, encode_document, encode_pretty_document};
use crate::{Day, LakeError};

/// Characters of a POLE id as a cell holds it.
const ID_CHARS: usize = 36;

/// The key of the list, in the refined zone.
pub const ERASURES_KEY: &str = "refined/_erasures.json";

/// An erased person or record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErasedSubject {
    /// The hash of a pole_id, or of a source with a record's key.
    #[serde(with = "as_text")]
    pub hash: Uuid,
    /// Events up to this time are suppressed, in microseconds since 1970. A later event is a new
    /// record.
    pub erased_before: i64,
    /// The erasure that it was part of: subjects of one erasure were erased together.
    #[serde(with = "as_text")]
    pub erasure: Uuid,
}

/// The list as it is stored.
#[derive(Serialize, Deserialize)]
struct ErasureList {
    subjects: Vec<ErasedSubject>,
}

/// Every erased subject, by its hash.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ErasedSubjects(HashMap<Uuid, ErasedSubject>);

impl ErasedSubjects {
    /// The hash of a pole_id in the list.
    #[must_use]
    pub fn hash_pole_id(id: &Uuid) -> Uuid {
        let mut text = Uuid::encode_buffer();
        pole::erasure_hash("id", &[id.hyphenated().encode_lower(&mut text)])
    }

    /// The hash of a record of a source in the list. `key` is the record's canonical key.
    #[must_use]
    pub fn hash_source_record(source: &str, key: &str) -> Uuid {
        pole::erasure_hash("record", &[source, key])
    }

    /// Whether no subject was erased.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether an event of this time, in microseconds since 1970, is suppressed because the subject
    /// of this hash was erased later.
    #[must_use]
    pub fn is_suppressed(&self, hash: &Uuid, time: i64) -> bool {
        self.0
            .get(hash)
            .is_some_and(|subject| time <= subject.erased_before)
    }

    /// Whether a row is about an erased subject, or refers to one by its id, as of an event time.
    #[must_use]
    pub fn suppresses_row(&self, row: &PoleRow<'_>, time: i64) -> bool {
        if self.is_empty() {
            return false;
        }
        let mut named = row.cells.iter().filter_map(parse_id_cell);
        self.suppresses_id(&row.pole_id, time) || named.any(|id| self.suppresses_id(&id, time))
    }

    /// Whether an event of this time is suppressed because the subject of this `pole_id` was erased
    /// later.
    #[must_use]
    pub fn suppresses_id(&self, id: &Uuid, time: i64) -> bool {
        self.is_suppressed(&Self::hash_pole_id(id), time)
    }

    /// The hashes of all subjects that were erased together with the one of this hash, itself among
    /// them.
    #[must_use]
    pub fn hashes_erased_together(&self, hash: &Uuid) -> Vec<Uuid> {
        let Some(known) = self.0.get(hash) else {
            return Vec::new();
        };
        self.0
            .values()
            .filter(|other| other.erasure == known.erasure)
            .map(|other| other.hash)
            .collect()
    }

    /// Every erasure that subjects of the list were part of; some come more than once.
    pub fn erasures(&self) -> impl Iterator<Item = Uuid> {
        self.0.values().map(|subject| subject.erasure)
    }

    /// The erasure that the subject of this hash was part of.
    #[must_use]
    pub fn erasure_id(&self, hash: &Uuid) -> Option<Uuid> {
        self.0.get(hash).map(|known| known.erasure)
    }

    /// Adds a subject; of two with one hash the later time counts.
    pub fn insert_latest(&mut self, subject: ErasedSubject) {
        let known = self
            .0
            .entry(subject.hash)
            .or_insert_with(|| subject.clone());
        if known.erased_before < subject.erased_before {
            *known = subject;
        }
    }

    /// The list as JSON, sorted: the same list gives the same bytes.
    ///
    /// # Errors
    /// Never for such a list; JSON's writer could refuse.
    pub fn to_json(&self) -> Result<Vec<u8>, LakeError> {
        let mut subjects: Vec<ErasedSubject> = self.0.values().cloned().collect();
        subjects.sort_by_key(|subject| subject.hash);

        encode_document(&ErasureList { subjects })
    }

    /// Reads a list.
    ///
    /// # Errors
    /// When the bytes are no such list.
    pub fn from_json(bytes: &[u8]) -> Result<Self, LakeError> {
        let list: ErasureList = decode_document("erasure list", bytes)?;

        let mut erased = Self::default();
        for subject in list.subjects {
            erased.insert_latest(subject);
        }
        Ok(erased)
    }
}

/// The id that a cell holds.
fn parse_id_cell(cell: &Cell<'_>) -> Option<Uuid> {
    match cell {
        Cell::Text(text) if text.len() == ID_CHARS => Uuid::parse_str(text).ok(),
        _ => None,
    }
}

/// An object from which something was erased.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ErasedObject {
    /// The zone: raw, refined, quarantine or curated.
    pub zone: String,
    /// Its key.
    pub key: String,
    /// Rows or records that were deleted from it or redacted.
    pub count: u64,
}

/// Whether an erasure searched free text for names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SearchedFreeText {
    /// Whether it did.
    pub searched: bool,
    /// How many names, dates and texts it searched for.
    pub terms: u64,
    /// The places that may name a subject, which it left for a person to decide.
    pub candidates: u64,
}

/// What an erasure did. It names no person and holds no value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErasureReceipt {
    /// When it ended, in microseconds since 1970 by the platform's clock.
    pub erased_at: i64,
    /// A hash of all subjects that were erased together.
    #[serde(with = "as_text")]
    pub erasure: Uuid,
    /// The objects, by zone and key.
    pub objects: Vec<ErasedObject>,
    /// Old versions of them that were deleted for good.
    pub versions_purged: u64,
    /// Records that still mention an erased subject and must be corrected by hand.
    pub by_hand: u64,
    /// Objects that could not be read, by key: they may still hold the subjects. While the newest
    /// receipt of an erasure names any, the erasure is not finished.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unreadable: Vec<String>,
    /// Whether free text was searched; a receipt of an earlier polelake does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub free_text: Option<SearchedFreeText>,
}

impl ErasureReceipt {
    /// The receipt as JSON.
    ///
    /// # Errors
    /// Never for such a receipt; JSON's writer could refuse.
    pub fn to_json(&self) -> Result<Vec<u8>, LakeError> {
        encode_pretty_document(self)
    }

    /// Reads a receipt.
    ///
    /// # Errors
    /// When the bytes are no such receipt.
    pub fn from_json(bytes: &[u8]) -> Result<Self, LakeError> {
        decode_document("erasure receipt", bytes)
    }
}

/// The key of an erasure's receipt, in the curated zone.
#[must_use]
pub fn erasure_receipt_key(day: Day, erasure: &Uuid) -> String {
    format!("{}{day}-{erasure}.json", erasure_receipt_prefix())
}

/// The prefix of every erasure's receipt.
#[must_use]
pub fn erasure_receipt_prefix() -> &'static str {
    "curated/_erasures/"
}

/// Ids are texts in JSON.
mod as_text {
    use pole::Uuid;
    use serde::de::{Deserialize, Deserializer, Error};
    use serde::ser::Serializer;

    pub(super) fn serialize<S: Serializer>(id: &Uuid, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&id.hyphenated())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Uuid, D::Error> {
        let text = String::deserialize(deserializer)?;
        Uuid::parse_str(&text).map_err(|_| D::Error::custom("an id was expected"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_erased_subject_is_found_by_its_hash_alone_and_up_to_its_time() {
        let id = pole::stable_id("person", &["k"]);
        let erasure = Uuid::nil();
        let mut list = ErasedSubjects::default();
        for (hash, erased_before) in [
            (ErasedSubjects::hash_pole_id(&id), 10),
            (ErasedSubjects::hash_source_record("s", "k"), 10),
            (ErasedSubjects::hash_pole_id(&id), 5),
        ] {
            list.insert_latest(ErasedSubject {
                hash,
                erased_before,
                erasure,
            });
        }
        let text = list.to_json().unwrap();
        let read = ErasedSubjects::from_json(&text).unwrap();
        assert_eq!(read, list);
        assert!(!String::from_utf8(text).unwrap().contains(&id.to_string()));
        assert!(
            read.is_suppressed(&ErasedSubjects::hash_pole_id(&id), 10)
                && !read.is_suppressed(&ErasedSubjects::hash_pole_id(&id), 11)
        );
        assert!(!read.is_suppressed(&ErasedSubjects::hash_source_record("s", "j"), 0));
        assert_eq!(
            read.hashes_erased_together(&ErasedSubjects::hash_pole_id(&id))
                .len(),
            2
        );
    }
}
