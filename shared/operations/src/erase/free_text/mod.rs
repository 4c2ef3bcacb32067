//! Searches free text for the names of an erasure's subjects. What it finds are candidates: a
//! person decides about each, and nothing is changed because of one.
//!
//! `name_rows` derives the terms from the subjects' own rows. `record_texts` and `row_texts` walk
//! through the texts of records and of rows, `chunk_texts` through what an erasure leaves of a
//! chunk, and `curated_texts` through the curated zone. A text of a record is a candidate once: in
//! the first zone that holds it, of raw, quarantine, refined and curated.

mod birth_date;
mod candidates;
mod chunk_texts;
mod curated_texts;
mod escapes;
mod name_rows;
mod record_texts;
mod row_texts;
mod terms;

#[cfg(test)]
mod tests;

pub(super) use candidates::CandidateList;
pub use candidates::{CandidateReason, TextCandidate};
pub(super) use chunk_texts::{ChunkRemains, ChunkTextSearch};
pub(super) use curated_texts::search_curated;
pub(super) use name_rows::derive_terms;
pub(super) use terms::FreeTextTerms;

use super::free_text_request::FreeTextRequest;

/// The terms of a search, and whether candidates show what stands around them.
pub(super) struct FreeTextSearch {
    pub(super) terms: FreeTextTerms,
    with_excerpts: bool,
}

impl FreeTextSearch {
    pub(super) fn new(terms: FreeTextTerms, request: &FreeTextRequest) -> Self {
        Self {
            terms,
            with_excerpts: request.with_excerpts,
        }
    }
}
