//! What an operator asks a search of free text for.

use pole::FoldedText;

use crate::error::OperationError;

/// A text of fewer letters and digits occurs by chance.
const SEARCH_TEXT_CHARS_MIN: usize = 4;

/// What an operator asks a search of free text for.
#[derive(Clone, Default)]
pub struct FreeTextRequest {
    pub(super) texts: Vec<String>,
    pub(super) with_excerpts: bool,
}

impl FreeTextRequest {
    /// Searches for the subjects' names, and for these texts: an alias, an earlier surname, a
    /// telephone number. With `with_excerpts` each candidate shows what stands around it.
    ///
    /// # Errors
    /// When a text has fewer than four letters and digits.
    pub fn new(texts: Vec<String>, with_excerpts: bool) -> Result<Self, OperationError> {
        for text in &texts {
            let letters = FoldedText::of(text).plain().letters().chars().count();
            if letters < SEARCH_TEXT_CHARS_MIN {
                let why = format!(
                    "a text to search for has {SEARCH_TEXT_CHARS_MIN} letters and digits at \
                     least, and one has {letters}: a shorter text occurs by chance"
                );
                return Err(why.into());
            }
        }

        Ok(Self {
            texts,
            with_excerpts,
        })
    }
}
