//! The keys and ids that an erasure searches for in bytes, before anything is decoded.

use std::collections::BTreeSet;

use memchr::memmem::{self, Finder};
use serde_json::Value;

use super::redact::{Redaction, redact};
use super::subjects::Subjects;

/// A key of fewer characters is too common to be searched for in free text: `17` is also a floor.
const DISTINCTIVE_KEY_CHARS: usize = 12;

/// Whether a key is long enough to name nothing else by chance.
pub(super) fn is_distinctive_key(key: &str) -> bool {
    key.chars().count() >= DISTINCTIVE_KEY_CHARS
}

/// The subjects' keys and ids, ready to be searched for.
pub(super) struct SearchTerms {
    finders: Vec<Finder<'static>>,
    /// Those that are long enough to be redacted anywhere in a record.
    distinctive: Vec<String>,
    /// Whether a key can be written in JSON in more than one way: then every record is looked into.
    search_everything: bool,
}

impl SearchTerms {
    pub(super) fn from_subjects(subjects: &Subjects) -> Self {
        let ids: Vec<String> = subjects.ids.iter().map(ToString::to_string).collect();
        let keys = subjects.record_keys();
        let parts = keys.iter().map(|key| longest_key_part(key));
        let searched = parts.chain(ids.iter().map(String::as_str));

        Self {
            finders: searched.map(owned_finder).collect(),
            distinctive: distinctive_keys(&keys).chain(ids.iter().cloned()).collect(),
            search_everything: keys.iter().any(|key| !key.chars().all(is_unescaped_char)),
        }
    }

    /// Whether the bytes could be about one of the subjects.
    pub(super) fn may_occur_in(&self, bytes: Option<&[u8]>) -> bool {
        let Some(bytes) = bytes else { return false };
        let mut finders = self.finders.iter();
        self.search_everything || finders.any(|finder| finder.find(bytes).is_some())
    }

    /// Whether the bytes hold a key or an id that names nothing else.
    pub(super) fn occur_in(&self, bytes: &[u8]) -> bool {
        let mut terms = self.distinctive.iter();
        terms.any(|term| memmem::find(bytes, term.as_bytes()).is_some())
    }

    /// Redacts every such key and id in the value.
    pub(super) fn redact_value(&self, value: &mut Value) -> Redaction {
        let mut outcome = Redaction::Clear;
        for term in &self.distinctive {
            match redact(value, term) {
                Redaction::Whole => return Redaction::Whole,
                Redaction::Done => outcome = Redaction::Done,
                Redaction::Clear => {}
            }
        }
        outcome
    }
}

fn distinctive_keys(keys: &BTreeSet<&str>) -> impl Iterator<Item = String> {
    keys.iter()
        .filter(|key| is_distinctive_key(key))
        .map(|key| (*key).to_owned())
}

fn owned_finder(term: &str) -> Finder<'static> {
    Finder::new(term.as_bytes()).into_owned()
}

/// The longest part of a key: an event holds the parts of a key that has several, which `/` joins,
/// one by one.
fn longest_key_part(key: &str) -> &str {
    key.split('/').max_by_key(|part| part.len()).unwrap_or(key)
}

/// Whether writers of JSON leave a character as it is.
fn is_unescaped_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-_.:/ ".contains(c)
}
