//! Candidates: places of free text that may name a subject.

use std::collections::{BTreeSet, HashSet};
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};

use serde::Serialize;

use super::record_texts::FoundText;

/// Candidates that an outcome lists; further ones are counted.
const LISTED_MAX: usize = 1_000;

/// Texts of records that are remembered, so that no later zone names them again: 16 MB.
const REMEMBERED_MAX: usize = 1_000_000;

/// Why a text is a candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CandidateReason {
    /// A given name and a surname near each other, in any order.
    FullName,
    /// A given name near a part of a surname that has several.
    PartialName,
    /// A surname near the date of birth.
    SurnameAndBirthDate,
    /// A text that the operator gave.
    Text,
}

impl fmt::Display for CandidateReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::FullName => "full-name",
            Self::PartialName => "partial-name",
            Self::SurnameAndBirthDate => "surname-and-birth-date",
            Self::Text => "text",
        })
    }
}

/// A place that may name a subject. A namesake's is one too: a person decides.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct TextCandidate {
    /// The zone: raw, quarantine, refined or curated.
    pub zone: &'static str,
    /// The object's key. Of the curated zone it is one of the files that hold the row.
    pub object: String,
    /// The topic of the record; an object of another zone is of one topic.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    /// The partition of the record, where the topic is named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partition: Option<i64>,
    /// The record's offset, or that of the record which made the row.
    pub offset: i64,
    /// A path into the record's value, `key`, `value`, `headers` with the header's name, or a
    /// column. Names that may hold data are `(unprintable)`.
    pub path: String,
    /// Why it is one.
    pub reasons: BTreeSet<CandidateReason>,
    /// What stands around it, at most 80 characters; only where the operator asks for values.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub excerpt: Option<String>,
}

/// Where the texts of one record or row stand.
pub(super) struct RecordPlace<'p> {
    pub(super) zone: &'static str,
    pub(super) object: &'p str,
    pub(super) topic: Option<(String, i64)>,
    pub(super) offset: i64,
}

/// The candidates of a search: as many as are listed, and the count of all.
#[derive(Default)]
pub(in crate::erase) struct CandidateList {
    pub(in crate::erase) listed: Vec<TextCandidate>,
    pub(in crate::erase) total: u64,
    /// Hashes of texts that are candidates, each with its record.
    remembered: HashSet<u64>,
}

impl CandidateList {
    /// Adds what was found in one record or row, without the texts for which `is_known`.
    pub(super) fn add(&mut self, place: &RecordPlace<'_>, found: FoundText) {
        self.total += 1;
        if self.listed.len() == LISTED_MAX {
            return;
        }
        self.listed.push(TextCandidate {
            zone: place.zone,
            object: place.object.to_owned(),
            topic: place.topic.as_ref().map(|(topic, _)| topic.clone()),
            partition: place.topic.as_ref().map(|(_, partition)| *partition),
            offset: place.offset,
            path: found.path,
            reasons: found.reasons,
            excerpt: found.excerpt,
        });
    }

    /// Remembers a text of a record; says whether it was known before. Beyond the bound a text
    /// counts as new: it may then be a candidate in two zones.
    pub(super) fn remember(&mut self, record: (&str, &str), digest: u64) -> bool {
        let hash = hash_text(record, digest);
        if self.remembered.len() == REMEMBERED_MAX {
            return self.remembered.contains(&hash);
        }
        !self.remembered.insert(hash)
    }

    /// Adds the candidates of a part of the search.
    pub(in crate::erase) fn append(&mut self, part: Self) {
        let room = LISTED_MAX - self.listed.len();
        self.listed.extend(part.listed.into_iter().take(room));
        self.total += part.total;
        let room = REMEMBERED_MAX.saturating_sub(self.remembered.len());
        self.remembered
            .extend(part.remembered.into_iter().take(room));
    }
}

fn hash_text(record: (&str, &str), digest: u64) -> u64 {
    let mut hasher = DefaultHasher::new();
    (record, digest).hash(&mut hasher);
    hasher.finish()
}
