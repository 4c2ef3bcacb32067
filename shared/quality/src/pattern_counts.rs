//! What a column's texts are: their shapes in both grains, or, where a closed list says what may stand there, they
//! themselves.

use std::collections::HashMap;

use arrow_array::StringArray;
use foldhash::fast::FixedState;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::character_pattern;
use crate::distinct::DistinctTexts;
use crate::frequent::FrequentTexts;

/// Different texts that are held until they are cut down to the commonest: at 40 bytes each some 160 KB a column. What is
/// cut depends on the texts and their order alone, not on how they were batched.
const HELD_TEXTS_MAX: usize = 4_096;

/// Texts and the rows that have them, the commonest first.
pub type TextCounts = Vec<(String, u64)>;

/// Counts of a column's texts.
#[derive(Clone, Debug)]
pub(crate) struct CharacterPatterns {
    /// Whether the texts themselves are counted.
    codes: bool,
    held: HashMap<String, u64, FixedState>,
    high: FrequentTexts,
    low: FrequentTexts,
}

/// As it is kept: with nothing held.
#[derive(PartialEq, Eq, Serialize, Deserialize)]
struct StoredPatterns {
    codes: bool,
    high: FrequentTexts,
    low: FrequentTexts,
}

impl CharacterPatterns {
    pub(crate) fn new(codes: bool) -> Self {
        Self {
            codes,
            held: HashMap::default(),
            high: FrequentTexts::default(),
            low: FrequentTexts::default(),
        }
    }

    /// Takes in the next rows.
    pub(crate) fn add_texts(&mut self, texts: &StringArray) {
        let mut mask = String::new();
        for text in texts.iter().flatten() {
            if self.codes {
                self.count_text(text);
            } else {
                character_pattern::write_pattern(text, &mut mask);
                self.count_text(&mask);
            }
        }
    }

    /// The same of rows whose different texts are counted already. Nothing is cut in the midst of them, so that what is kept
    /// is the same as row by row; where it could be, false, and nothing is done.
    pub(crate) fn add_distinct_texts(&mut self, texts: &DistinctTexts<'_>) -> bool {
        if self.held.len() + texts.len() > HELD_TEXTS_MAX {
            return false;
        }
        let mut mask = String::new();
        for (text, rows) in texts {
            if self.codes {
                self.add_rows(text, *rows);
            } else {
                character_pattern::write_pattern(text, &mut mask);
                self.add_rows(&mask, *rows);
            }
        }
        true
    }

    fn count_text(&mut self, text: &str) {
        if self.held.len() >= HELD_TEXTS_MAX && !self.held.contains_key(text) {
            self.flush_held();
        }
        self.add_rows(text, 1);
    }

    fn add_rows(&mut self, text: &str, rows: u64) {
        match self.held.get_mut(text) {
            Some(count) => *count += rows,
            None => drop(self.held.insert(text.to_owned(), rows)),
        }
    }

    /// Cuts what is held down to the commonest.
    fn flush_held(&mut self) {
        if !self.codes {
            let mut coarser: HashMap<String, u64> = HashMap::new();
            for (mask, count) in &self.held {
                *coarser
                    .entry(character_pattern::coarse_pattern(mask))
                    .or_default() += count;
            }
            self.low
                .add_counts(coarser.iter().map(|(mask, count)| (mask.as_str(), *count)));
        }
        // All at once: so nothing depends on the order of the map.
        self.high.add_counts(
            self.held
                .iter()
                .map(|(text, count)| (text.as_str(), *count)),
        );
        self.held.clear();
    }

    fn flushed_patterns(&self) -> StoredPatterns {
        let mut settled = self.clone();
        settled.flush_held();
        StoredPatterns {
            codes: settled.codes,
            high: settled.high,
            low: settled.low,
        }
    }

    /// Adds those of the part that follows.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.flush_held();
        let other = other.flushed_patterns();
        self.high.merge(&other.high);
        self.low.merge(&other.low);
    }

    /// The texts themselves, where they are counted.
    pub(crate) fn code_counts(&self) -> TextCounts {
        if self.codes {
            self.flushed_patterns().high.most_frequent()
        } else {
            TextCounts::new()
        }
    }

    /// The shapes, in the high and the low grain.
    pub(crate) fn pattern_counts(&self) -> (TextCounts, TextCounts) {
        let kept = self.flushed_patterns();
        if self.codes {
            (TextCounts::new(), TextCounts::new())
        } else {
            (kept.high.most_frequent(), kept.low.most_frequent())
        }
    }
}

impl PartialEq for CharacterPatterns {
    fn eq(&self, other: &Self) -> bool {
        self.flushed_patterns() == other.flushed_patterns()
    }
}

impl Serialize for CharacterPatterns {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.flushed_patterns().serialize(to)
    }
}

impl<'d> Deserialize<'d> for CharacterPatterns {
    fn deserialize<D: Deserializer<'d>>(from: D) -> Result<Self, D::Error> {
        let StoredPatterns { codes, high, low } = StoredPatterns::deserialize(from)?;
        Ok(Self {
            codes,
            held: HashMap::default(),
            high,
            low,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_is_counted_in_both_grains() {
        let mut shapes = CharacterPatterns::new(false);
        shapes.add_texts(&StringArray::from(vec![
            Some("M1 1AA"),
            None,
            Some("M20 4BX"),
            Some("M2 7QQ"),
        ]));
        let high = vec![("A9 9AA".to_owned(), 2), ("A99 9AA".to_owned(), 1)];
        assert_eq!(
            shapes.pattern_counts(),
            (high, vec![("A9 9A".to_owned(), 3)])
        );
    }

    #[test]
    fn what_is_kept_does_not_depend_on_how_rows_are_batched() {
        // Some 9,000 different shapes, of which most are cut away.
        let texts: Vec<String> = (0..30_000u32)
            .map(|n| format!("{:b}-{}", n % 9_001, "x".repeat((n % 7) as usize)))
            .collect();
        let texts: Vec<String> = texts.iter().map(|text| text.replace('0', "A")).collect();
        let of = |batch: usize| {
            let mut shapes = CharacterPatterns::new(false);
            for texts in texts.chunks(batch) {
                shapes.add_texts(&StringArray::from_iter_values(texts));
            }
            serde_json::to_string(&shapes).unwrap()
        };
        assert_eq!(of(30_000), of(8_192));
        assert_eq!(of(30_000), of(77));
        // Counted before, where that is allowed.
        let mut shapes = CharacterPatterns::new(false);
        for texts in texts.chunks(1_000) {
            let counted: DistinctTexts<'_> = texts.iter().map(|text| (text.as_str(), 1)).collect();
            if !shapes.add_distinct_texts(&counted) {
                shapes.add_texts(&StringArray::from_iter_values(texts));
            }
        }
        assert_eq!(of(30_000), serde_json::to_string(&shapes).unwrap());
    }
}
