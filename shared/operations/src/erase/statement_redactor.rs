//! Redacts the mentions of subjects in statements of other records, wherever these are kept.

use std::sync::Arc;

use contract::Statement;
use serde_json::Value;

use super::redact::{MentionGrain, Redaction};
use super::search_terms::SearchTerms;

/// Redacts the mentions of an erasure's subjects in statements of other records.
#[derive(Clone)]
pub struct StatementRedactor {
    terms: Arc<SearchTerms>,
    grain: MentionGrain,
}

impl StatementRedactor {
    pub(super) fn new(terms: Arc<SearchTerms>, grain: MentionGrain) -> Self {
        Self { terms, grain }
    }

    /// The text without the mentions; none when it has none, or has one that only the full
    /// record could lose.
    #[must_use]
    pub fn redact(&self, text: &str) -> Option<String> {
        if !self.terms.occur_in(text.as_bytes()) {
            return None;
        }
        let mut statement = Statement::parse(text).ok()?;
        let body = self.redact_part(&mut statement.body);
        let event = self.redact_part(&mut statement.event);
        (body || event).then(|| statement.to_text())
    }

    fn redact_part(&self, value: &mut Value) -> bool {
        self.terms.redact_value(value, self.grain) == Redaction::Done
    }
}
