//! What is searched for in bytes, before anything is decoded.

use memchr::memmem::Finder;
use serde_json::Value;

use super::redact::{Redaction, redact};
use super::subjects::Subjects;

/// A key of fewer characters is too common to be searched for in free text: `17` is a floor, too.
const DISTINCTIVE_KEY_CHARS: usize = 12;

/// Whether a key is long enough to name nothing else by chance.
pub(super) fn is_distinctive_key(key: &str) -> bool {
    key.chars().count() >= DISTINCTIVE_KEY_CHARS
}

/// The subjects' keys and ids, ready to be searched for.
pub(super) struct SearchTerms {
    finders: Vec<Finder<'static>>,
    /// Those that are long enough to be taken out wherever they stand.
    distinctive: Vec<String>,
    /// Whether a key can be written in JSON in more than one way: then every record is looked into.
    search_everything: bool,
}

impl SearchTerms {
    pub(super) fn from_subjects(subjects: &Subjects) -> Self {
        let ids: Vec<String> = subjects.ids.iter().map(ToString::to_string).collect();
        let texts = subjects.record_keys();
        let long = texts
            .iter()
            .copied()
            .filter(|text| is_distinctive_key(text))
            .map(str::to_owned)
            .chain(ids.clone());
        let parts = texts.iter().map(|text| longest_key_part(text));
        let all = parts.chain(ids.iter().map(String::as_str));
        Self {
            finders: all
                .map(|needle| Finder::new(needle.as_bytes()).into_owned())
                .collect(),
            distinctive: long.collect(),
            search_everything: texts
                .iter()
                .any(|text| !text.chars().all(is_unescaped_char)),
        }
    }

    /// Whether the bytes could be about one of the subjects.
    pub(super) fn may_occur_in(&self, bytes: Option<&[u8]>) -> bool {
        let Some(bytes) = bytes else { return false };
        self.search_everything
            || self
                .finders
                .iter()
                .any(|finder| finder.find(bytes).is_some())
    }

    /// Whether the bytes hold a key or an id that means nothing else.
    pub(super) fn occur_in(&self, bytes: &[u8]) -> bool {
        self.distinctive
            .iter()
            .any(|needle| memchr::memmem::find(bytes, needle.as_bytes()).is_some())
    }

    /// Takes every such key and id out of the value.
    pub(super) fn redact_value(&self, value: &mut Value) -> Redaction {
        let mut outcome = Redaction::Clear;
        for needle in &self.distinctive {
            match redact(value, needle) {
                Redaction::Whole => return Redaction::Whole,
                Redaction::Done => outcome = Redaction::Done,
                Redaction::Clear => {}
            }
        }
        outcome
    }
}

/// A key of several parts, which are joined by `/`, stands in an event part by part.
fn longest_key_part(key: &str) -> &str {
    key.split('/').max_by_key(|part| part.len()).unwrap_or(key)
}

/// Characters that writers of JSON do not escape.
fn is_unescaped_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-_.:/ ".contains(c)
}
