//! What a column's texts are: their shapes in both grains, or, where a closed list says what may stand there, they
//! themselves.

use std::collections::HashMap;

use arrow_array::StringArray;
use foldhash::fast::FixedState;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::distinct::Distinct;
use crate::frequent::Frequent;
use crate::mask;

/// Different texts that are held until they are cut down to the commonest: at 40 bytes each some 160 KB a column. What is
/// cut depends on the texts and their order alone, not on how they were batched.
const HELD: usize = 4_096;

/// Texts and the rows that have them, the commonest first.
pub type Counts = Vec<(String, u64)>;

/// Counts of a column's texts.
#[derive(Clone, Debug)]
pub(crate) struct Shapes {
    /// Whether the texts themselves are counted.
    codes: bool,
    held: HashMap<String, u64, FixedState>,
    high: Frequent,
    low: Frequent,
}

/// As it is kept: with nothing held.
#[derive(PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    codes: bool,
    high: Frequent,
    low: Frequent,
}

impl Shapes {
    pub(crate) fn new(codes: bool) -> Self {
        Self {
            codes,
            held: HashMap::default(),
            high: Frequent::default(),
            low: Frequent::default(),
        }
    }

    /// Takes in the next rows.
    pub(crate) fn update(&mut self, texts: &StringArray) {
        let mut mask = String::new();
        for text in texts.iter().flatten() {
            if self.codes {
                self.count(text);
            } else {
                mask::write(text, &mut mask);
                self.count(&mask);
            }
        }
    }

    /// The same of rows whose different texts are counted already. Nothing is cut in the midst of them, so that what is kept
    /// is the same as row by row; where it could be, false, and nothing is done.
    pub(crate) fn update_counted(&mut self, texts: &Distinct<'_>) -> bool {
        if self.held.len() + texts.len() > HELD {
            return false;
        }
        let mut mask = String::new();
        for (text, rows) in texts {
            if self.codes {
                self.add(text, *rows);
            } else {
                mask::write(text, &mut mask);
                self.add(&mask, *rows);
            }
        }
        true
    }

    fn count(&mut self, text: &str) {
        if self.held.len() >= HELD && !self.held.contains_key(text) {
            self.settle();
        }
        self.add(text, 1);
    }

    fn add(&mut self, text: &str, rows: u64) {
        match self.held.get_mut(text) {
            Some(count) => *count += rows,
            None => drop(self.held.insert(text.to_owned(), rows)),
        }
    }

    /// Cuts what is held down to the commonest.
    fn settle(&mut self) {
        if !self.codes {
            let mut coarser: HashMap<String, u64> = HashMap::new();
            for (mask, count) in &self.held {
                *coarser.entry(mask::coarse(mask)).or_default() += count;
            }
            self.low
                .add(coarser.iter().map(|(mask, count)| (mask.as_str(), *count)));
        }
        // All at once: so nothing depends on the order of the map.
        self.high.add(
            self.held
                .iter()
                .map(|(text, count)| (text.as_str(), *count)),
        );
        self.held.clear();
    }

    fn settled(&self) -> Kept {
        let mut settled = self.clone();
        settled.settle();
        Kept {
            codes: settled.codes,
            high: settled.high,
            low: settled.low,
        }
    }

    /// Adds those of the part that follows.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.settle();
        let other = other.settled();
        self.high.merge(&other.high);
        self.low.merge(&other.low);
    }

    /// The texts themselves, where they are counted.
    pub(crate) fn codes(&self) -> Counts {
        if self.codes {
            self.settled().high.commonest()
        } else {
            Counts::new()
        }
    }

    /// The shapes, in the high and the low grain.
    pub(crate) fn masks(&self) -> (Counts, Counts) {
        let kept = self.settled();
        if self.codes {
            (Counts::new(), Counts::new())
        } else {
            (kept.high.commonest(), kept.low.commonest())
        }
    }
}

impl PartialEq for Shapes {
    fn eq(&self, other: &Self) -> bool {
        self.settled() == other.settled()
    }
}

impl Serialize for Shapes {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.settled().serialize(to)
    }
}

impl<'d> Deserialize<'d> for Shapes {
    fn deserialize<D: Deserializer<'d>>(from: D) -> Result<Self, D::Error> {
        let Kept { codes, high, low } = Kept::deserialize(from)?;
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
        let mut shapes = Shapes::new(false);
        shapes.update(&StringArray::from(vec![
            Some("M1 1AA"),
            None,
            Some("M20 4BX"),
            Some("M2 7QQ"),
        ]));
        let high = vec![("A9 9AA".to_owned(), 2), ("A99 9AA".to_owned(), 1)];
        assert_eq!(shapes.masks(), (high, vec![("A9 9A".to_owned(), 3)]));
    }

    #[test]
    fn what_is_kept_does_not_depend_on_how_rows_are_batched() {
        // Some 9,000 different shapes, of which most are cut away.
        let texts: Vec<String> = (0..30_000u32)
            .map(|n| format!("{:b}-{}", n % 9_001, "x".repeat((n % 7) as usize)))
            .collect();
        let texts: Vec<String> = texts.iter().map(|text| text.replace('0', "A")).collect();
        let of = |batch: usize| {
            let mut shapes = Shapes::new(false);
            for texts in texts.chunks(batch) {
                shapes.update(&StringArray::from_iter_values(texts));
            }
            serde_json::to_string(&shapes).unwrap()
        };
        assert_eq!(of(30_000), of(8_192));
        assert_eq!(of(30_000), of(77));
        // Counted before, where that is allowed.
        let mut shapes = Shapes::new(false);
        for texts in texts.chunks(1_000) {
            let counted: Distinct<'_> = texts.iter().map(|text| (text.as_str(), 1)).collect();
            if !shapes.update_counted(&counted) {
                shapes.update(&StringArray::from_iter_values(texts));
            }
        }
        assert_eq!(of(30_000), serde_json::to_string(&shapes).unwrap());
    }
}
