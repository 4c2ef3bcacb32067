//! The keys and ids that an erasure searches for in bytes, before anything is decoded.

use serde_json::Value;

use super::mention_matcher::MentionMatcher;
use super::redact::{MentionGrain, Redaction, redact};
use super::subjects::Subjects;
use crate::error::OperationError;

/// A key of fewer characters is too common to be searched for in free text: `17` is also a floor.
const DISTINCTIVE_KEY_CHARS: usize = 12;

/// Whether a key is long enough to name nothing else by chance.
pub(super) fn is_distinctive_key(key: &str) -> bool {
    key.chars().count() >= DISTINCTIVE_KEY_CHARS
}

/// The subjects' keys and ids, ready to be searched for.
pub(super) struct SearchTerms {
    searched: MentionMatcher,
    /// Those that are long enough to be redacted anywhere in a record.
    distinctive: MentionMatcher,
    /// Whether a key can be written in JSON in more than one way: then every record is looked into.
    search_everything: bool,
}

impl SearchTerms {
    /// # Errors
    /// When the subjects are too many to be searched for at once.
    pub(super) fn from_subjects(subjects: &Subjects) -> Result<Self, OperationError> {
        let ids: Vec<String> = subjects.ids.iter().map(ToString::to_string).collect();
        let keys = subjects.record_keys();
        let ids = ids.iter().map(String::as_str);
        let parts = keys.iter().map(|key| longest_key_part(key));
        let distinctive = keys.iter().copied().filter(|key| is_distinctive_key(key));

        Ok(Self {
            searched: MentionMatcher::of_terms(parts.chain(ids.clone()))?,
            distinctive: MentionMatcher::of_terms(distinctive.chain(ids))?,
            search_everything: keys.iter().any(|key| !key.chars().all(is_unescaped_char)),
        })
    }

    /// Whether the bytes could be about one of the subjects.
    pub(super) fn may_occur_in(&self, bytes: Option<&[u8]>) -> bool {
        let Some(bytes) = bytes else { return false };
        self.search_everything || self.searched.is_in(bytes)
    }

    /// Whether the bytes hold a key or an id that names nothing else.
    pub(super) fn occur_in(&self, bytes: &[u8]) -> bool {
        self.distinctive.is_in(bytes)
    }

    /// Redacts every such key and id in the value.
    pub(super) fn redact_value(&self, value: &mut Value, grain: MentionGrain) -> Redaction {
        redact(value, &self.distinctive, grain)
    }
}

/// The longest part of a key: an event holds the parts of a key that has several, which `/` joins,
/// one by one.
fn longest_key_part(key: &str) -> &str {
    key.split('/').max_by_key(|part| part.len()).unwrap_or(key)
}

/// Whether writers of JSON leave a character as it is.
fn is_unescaped_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-_.: /".contains(c)
}
