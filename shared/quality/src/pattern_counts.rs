//! Counts of a column's texts: of their character patterns, or, in a column with a closed list of
//! codes, of the codes.

use std::collections::HashMap;

use arrow_array::StringArray;
use foldhash::fast::FixedState;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::character_pattern;
use crate::distinct::DistinctTexts;
use crate::frequent::FrequentTexts;

/// Distinct texts that are held until they are summarised: at 40 bytes each some 160 KB a column.
/// Which texts are dropped then depends on the texts and their order alone, not on how they were
/// batched.
const HELD_TEXTS_MAX: usize = 4_096;

/// Texts and their numbers of rows, the most frequent first.
pub type TextCounts = Vec<(String, u64)>;

/// Counts of a column's codes or character patterns.
#[derive(Clone, Debug)]
pub(crate) struct CharacterPatterns {
    /// Whether the texts are counted themselves, as codes, instead of their patterns.
    counts_codes: bool,
    /// Counts that are not summarised yet.
    held: HashMap<String, u64, FixedState>,
    /// Codes or patterns.
    fine: FrequentTexts,
    /// Coarse patterns; empty for codes.
    coarse: FrequentTexts,
}

/// The counts as they are stored: all of them summarised.
#[derive(PartialEq, Eq, Serialize, Deserialize)]
struct StoredPatterns {
    #[serde(rename = "codes")]
    counts_codes: bool,
    #[serde(rename = "high")]
    fine: FrequentTexts,
    #[serde(rename = "low")]
    coarse: FrequentTexts,
}

impl CharacterPatterns {
    pub(crate) fn new(counts_codes: bool) -> Self {
        Self {
            counts_codes,
            held: HashMap::default(),
            fine: FrequentTexts::default(),
            coarse: FrequentTexts::default(),
        }
    }

    /// Adds the next rows.
    pub(crate) fn add_texts(&mut self, texts: &StringArray) {
        let mut pattern = String::new();
        for text in texts.iter().flatten() {
            if self.counts_codes {
                self.add_row(text);
            } else {
                character_pattern::write_pattern(text, &mut pattern);
                self.add_row(&pattern);
            }
        }
    }

    /// Adds the next rows by their distinct texts, which gives the same counts as
    /// [`Self::add_texts`] as long as nothing has to be summarised among them. Where that is not
    /// certain, it adds nothing and returns false.
    pub(crate) fn add_distinct_texts(&mut self, texts: &DistinctTexts<'_>) -> bool {
        if self.held.len() + texts.len() > HELD_TEXTS_MAX {
            return false;
        }

        let mut pattern = String::new();
        for (text, rows) in texts {
            if self.counts_codes {
                self.add_rows(text, *rows);
            } else {
                character_pattern::write_pattern(text, &mut pattern);
                self.add_rows(&pattern, *rows);
            }
        }
        true
    }

    fn add_row(&mut self, counted: &str) {
        if self.held.len() >= HELD_TEXTS_MAX && !self.held.contains_key(counted) {
            self.summarise_held();
        }
        self.add_rows(counted, 1);
    }

    fn add_rows(&mut self, counted: &str, rows: u64) {
        match self.held.get_mut(counted) {
            Some(sum) => *sum += rows,
            None => drop(self.held.insert(counted.to_owned(), rows)),
        }
    }

    /// Adds the held counts to the summaries. Each summary gets all of them at once, so that
    /// nothing depends on the order of a hash map.
    fn summarise_held(&mut self) {
        if !self.counts_codes {
            let mut coarse_counts: HashMap<String, u64> = HashMap::new();
            for (pattern, rows) in &self.held {
                let coarse_pattern = character_pattern::coarse_pattern(pattern);
                *coarse_counts.entry(coarse_pattern).or_default() += rows;
            }
            self.coarse.add_counts(
                coarse_counts
                    .iter()
                    .map(|(pattern, rows)| (pattern.as_str(), *rows)),
            );
        }

        self.fine.add_counts(
            self.held
                .iter()
                .map(|(counted, rows)| (counted.as_str(), *rows)),
        );
        self.held.clear();
    }

    fn summary(&self) -> StoredPatterns {
        let mut summarised = self.clone();
        summarised.summarise_held();
        StoredPatterns {
            counts_codes: summarised.counts_codes,
            fine: summarised.fine,
            coarse: summarised.coarse,
        }
    }

    /// Adds the counts of the part of the table that follows.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.summarise_held();

        let other = other.summary();
        self.fine.merge(&other.fine);
        self.coarse.merge(&other.coarse);
    }

    /// The counts of codes; none in a column whose patterns are counted.
    pub(crate) fn code_counts(&self) -> TextCounts {
        if self.counts_codes {
            self.summary().fine.most_frequent()
        } else {
            TextCounts::new()
        }
    }

    /// The counts of patterns and of coarse patterns; none in a column whose codes are counted.
    pub(crate) fn pattern_counts(&self) -> (TextCounts, TextCounts) {
        if self.counts_codes {
            return (TextCounts::new(), TextCounts::new());
        }
        let summary = self.summary();
        (summary.fine.most_frequent(), summary.coarse.most_frequent())
    }
}

impl PartialEq for CharacterPatterns {
    fn eq(&self, other: &Self) -> bool {
        self.summary() == other.summary()
    }
}

impl Serialize for CharacterPatterns {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.summary().serialize(serializer)
    }
}

impl<'d> Deserialize<'d> for CharacterPatterns {
    fn deserialize<D: Deserializer<'d>>(deserializer: D) -> Result<Self, D::Error> {
        let stored = StoredPatterns::deserialize(deserializer)?;
        Ok(Self {
            counts_codes: stored.counts_codes,
            held: HashMap::default(),
            fine: stored.fine,
            coarse: stored.coarse,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_has_patterns_and_coarse_patterns() {
        let mut patterns = CharacterPatterns::new(false);
        patterns.add_texts(&StringArray::from(vec![
            Some("M1 1AA"),
            None,
            Some("M20 4BX"),
            Some("M2 7QQ"),
        ]));
        let fine = vec![("A9 9AA".to_owned(), 2), ("A99 9AA".to_owned(), 1)];
        assert_eq!(
            patterns.pattern_counts(),
            (fine, vec![("A9 9A".to_owned(), 3)])
        );
    }

    #[test]
    fn counts_do_not_depend_on_how_rows_are_batched() {
        // Some 9,000 distinct patterns, of which most are dropped.
        let texts: Vec<String> = (0..30_000u32)
            .map(|n| format!("{:b}-{}", n % 9_001, "x".repeat((n % 7) as usize)))
            .collect();
        let texts: Vec<String> = texts.iter().map(|text| text.replace('0', "A")).collect();
        let count_in_batches_of = |batch: usize| {
            let mut patterns = CharacterPatterns::new(false);
            for texts in texts.chunks(batch) {
                patterns.add_texts(&StringArray::from_iter_values(texts));
            }
            serde_json::to_string(&patterns).unwrap()
        };
        assert_eq!(count_in_batches_of(30_000), count_in_batches_of(8_192));
        assert_eq!(count_in_batches_of(30_000), count_in_batches_of(77));
        // The distinct texts are counted before, where that is allowed.
        let mut patterns = CharacterPatterns::new(false);
        for texts in texts.chunks(1_000) {
            let counted: DistinctTexts<'_> = texts.iter().map(|text| (text.as_str(), 1)).collect();
            if !patterns.add_distinct_texts(&counted) {
                patterns.add_texts(&StringArray::from_iter_values(texts));
            }
        }
        assert_eq!(
            count_in_batches_of(30_000),
            serde_json::to_string(&patterns).unwrap()
        );
    }
}
