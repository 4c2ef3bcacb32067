//! Finds the keys and ids of an erasure's subjects in texts and bytes, in any case of their
//! letters.

use aho_corasick::AhoCorasick;

use crate::error::OperationError;

/// Finds any of several terms. The case of ASCII letters does not matter: a UUID is the same key in
/// every case, and a term that is searched for is too long to be another key by its case alone.
pub struct MentionMatcher {
    automaton: AhoCorasick,
}

impl MentionMatcher {
    /// A matcher of these terms.
    ///
    /// # Errors
    /// When the terms are more than an automaton can hold: some hundred million characters.
    pub fn of_terms<T: AsRef<[u8]>>(
        terms: impl IntoIterator<Item = T>,
    ) -> Result<Self, OperationError> {
        let automaton = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .build(terms)
            .map_err(|error| format!("the keys cannot be searched for: {error}"))?;
        Ok(Self { automaton })
    }

    /// Whether one of the terms is in the text or the bytes.
    #[must_use]
    pub fn is_in(&self, text: impl AsRef<[u8]>) -> bool {
        self.automaton.is_match(text.as_ref())
    }
}
