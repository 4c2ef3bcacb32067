//! The verbs that take a text apart: `split` and `blank`.

use std::borrow::Cow;

use super::ExpressionResult;
use crate::cell::Cell;
use crate::mapping::SplitDocument;

/// Which part of a text it is.
#[derive(Clone, Debug)]
pub(crate) struct TextSplit {
    by: String,
    /// From 0, counted from the end where it is so.
    index: usize,
    is_from_end: bool,
}

impl TextSplit {
    pub(super) fn compile(document: &SplitDocument) -> Result<Self, String> {
        if document.by.is_empty() {
            return Err("`by` of `split` is the text between two parts".into());
        }
        let number = document.part.unsigned_abs() as usize;
        let index = number
            .checked_sub(1)
            .ok_or("`part` of `split` is 1 for the first part, -1 for the last")?;
        Ok(Self {
            by: document.by.clone(),
            index,
            is_from_end: document.part < 0,
        })
    }

    /// The part of a text; null where it has none.
    pub(super) fn part_of<'v>(&self, text: &str) -> Cell<'v> {
        let mut parts = text.split(self.by.as_str());
        let found = match self.is_from_end {
            false => parts.nth(self.index),
            true => {
                let parts: Vec<&str> = parts.collect();
                let index = parts.len().checked_sub(self.index + 1);
                index.map(|index| parts[index])
            }
        };
        match found.map(str::trim).filter(|part| !part.is_empty()) {
            Some(part) => Cell::Text(Cow::Owned(part.to_owned())),
            None => Cell::Null,
        }
    }
}

/// A value, or null where its text stands for none.
pub(super) fn blank_cell<'v>(cell: Cell<'v>, texts: &[String]) -> ExpressionResult<'v> {
    let is_blank = cell.clone().into_text().is_some_and(|text| {
        let text = text.trim();
        texts.iter().any(|blank| blank.trim() == text)
    });
    Ok(if is_blank { Cell::Null } else { cell })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::Expression;

    fn part(text: &str, by: &str, part: i32) -> Option<String> {
        let document = SplitDocument {
            from: Box::new(Expression::Copy("$.x".to_owned())),
            by: by.to_owned(),
            part,
        };
        let split = TextSplit::compile(&document).unwrap();
        split.part_of(text).into_text().map(Cow::into_owned)
    }

    #[test]
    fn a_part_is_found_from_both_ends() {
        for (text, by, number, found) in [
            ("Sample, Robin", ",", 1, Some("Sample")),
            ("Sample, Robin", ",", 2, Some("Robin")),
            ("Sample, Robin", ",", 3, None),
            ("Robin Jay Sample", " ", -1, Some("Sample")),
            ("Robin Jay Sample", " ", -4, None),
            ("BLUE 240L; ; FOOD", ";", 2, None),
            ("one", ";", 1, Some("one")),
            ("a::b", "::", 2, Some("b")),
        ] {
            assert_eq!(part(text, by, number).as_deref(), found, "{text}");
        }
    }

    #[test]
    fn a_part_without_number_or_separator_does_not_compile() {
        for (by, part) in [("", 1), (";", 0)] {
            let document = SplitDocument {
                from: Box::new(Expression::Copy("$.x".to_owned())),
                by: by.to_owned(),
                part,
            };
            assert!(TextSplit::compile(&document).is_err());
        }
    }

    #[test]
    fn texts_that_stand_for_nothing_are_null() {
        let texts = ["N/A".to_owned(), "-".to_owned()];
        for (text, is_null) in [
            ("N/A", true),
            (" - ", true),
            ("n/a", false),
            ("N/A x", false),
        ] {
            let cell = blank_cell(Cell::Text(Cow::Borrowed(text)), &texts).unwrap();
            assert_eq!(cell == Cell::Null, is_null, "{text}");
        }
    }
}
