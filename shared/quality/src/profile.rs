//! The profile of a column: how many different values, how long, from where to where. Counts and sketches that add up.

use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Decimal128Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, ArrayRef};
use contract::{Column, ColumnType};
use datasketches::hll::{HllSketch, HllType, HllUnion};
use serde::{Deserialize, Serialize};

use crate::distinct::DistinctTexts;
use crate::pattern_counts::{CharacterPatterns, TextCounts};
use crate::percentiles::Percentiles;
use crate::sketch;

/// 2^11 registers of a byte: distinct counts are within 2.3 % (one standard deviation), 2 KB a column.
const LG_REGISTERS: u8 = 11;

/// The state of one column's profile.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ColumnState {
    /// Rows with a value.
    pub filled: u64,
    /// Bytes of the longest text.
    pub max_bytes: u64,
    /// Bytes of all texts.
    pub bytes: u64,
    /// The least and the greatest value: days, microseconds, whole numbers, decimals without their point. None for texts
    /// and floats, and for personal columns: the least date of birth is somebody's.
    pub range: Option<(i64, i64)>,
    #[serde(with = "sketch", default, skip_serializing_if = "Option::is_none")]
    distinct: Option<HllSketch>,
    ranged: bool,
    /// Of the same columns as `range`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    percentiles: Option<Percentiles>,
    /// Of texts: the codes of a column with a closed list that is not personal, or else the shapes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    patterns: Option<CharacterPatterns>,
}

impl ColumnState {
    /// The state of no rows. Columns of the provenance are filled and nothing else: nobody asks what is in them. `listed`
    /// tells whether a closed list says what may stand in the column.
    #[must_use]
    pub fn new(column: &Column, listed: bool) -> Self {
        let own = !pole::PROVENANCE
            .iter()
            .any(|known| known.name == column.name);
        let ordered = !matches!(
            column.kind,
            ColumnType::Text | ColumnType::Float | ColumnType::Boolean
        );
        let ranged = own && ordered && !column.personal;
        Self {
            filled: 0,
            max_bytes: 0,
            bytes: 0,
            range: None,
            distinct: own
                .then(|| HllSketch::new(LG_REGISTERS, HllType::Hll8).ok())
                .flatten(),
            ranged,
            percentiles: ranged.then(Percentiles::new).flatten(),
            patterns: (own && column.kind == ColumnType::Text)
                .then(|| CharacterPatterns::new(listed && !column.personal)),
        }
    }

    /// Whether more is counted of it than how full it is.
    pub(crate) fn is_profiled(&self) -> bool {
        self.distinct.is_some()
    }

    /// The 5th, 25th, 50th, 75th and 95th centile, in the units of `range`, within 1.7 % of the rank.
    #[must_use]
    pub fn percentiles(&self) -> Option<[i64; 5]> {
        self.percentiles
            .as_ref()
            .and_then(Percentiles::rounded_percentiles)
    }

    /// How often each code stands in a column with a closed list that is not personal.
    #[must_use]
    pub fn code_counts(&self) -> TextCounts {
        self.patterns
            .as_ref()
            .map(CharacterPatterns::code_counts)
            .unwrap_or_default()
    }

    /// The commonest shapes of the texts, in the high and the low grain.
    #[must_use]
    pub fn pattern_counts(&self) -> (TextCounts, TextCounts) {
        self.patterns
            .as_ref()
            .map(CharacterPatterns::pattern_counts)
            .unwrap_or_default()
    }

    /// Different values, estimated; none where nobody counts them.
    #[must_use]
    pub fn distinct_count(&self) -> Option<u64> {
        // Counted values are whole and not negative.
        self.distinct
            .as_ref()
            .map(|sketch| sketch.estimate().round() as u64)
    }

    /// Takes in the next rows.
    #[cfg(test)]
    fn update(&mut self, column: &ArrayRef) {
        self.update_with(column, None);
    }

    /// Takes in the next rows; of texts that are counted already, each once.
    pub(crate) fn update_with(&mut self, column: &ArrayRef, counted: Option<&DistinctTexts<'_>>) {
        let before = self.filled;
        self.filled += (column.len() - column.null_count()) as u64;
        if self.filled == before || !self.is_profiled() {
            return;
        }
        if let Some(counted) = counted {
            self.add_counted_texts(column, counted);
        } else if let Some(texts) = column.as_string_opt::<i32>() {
            for text in texts.iter().flatten() {
                self.add_text(text, 1);
            }
            if let Some(shapes) = &mut self.patterns {
                shapes.add_texts(texts);
            }
        } else if let Some(days) = column.as_primitive_opt::<Date32Type>() {
            days.iter()
                .flatten()
                .for_each(|day| self.add_value(i64::from(day)));
        } else if let Some(instants) = column.as_primitive_opt::<TimestampMicrosecondType>() {
            instants.iter().flatten().for_each(|at| self.add_value(at));
        } else if let Some(numbers) = column.as_primitive_opt::<Int64Type>() {
            numbers
                .iter()
                .flatten()
                .for_each(|number| self.add_value(number));
        } else if let Some(numbers) = column.as_primitive_opt::<Decimal128Type>() {
            let clamp = |number: i128| {
                i64::try_from(number).unwrap_or(if number < 0 { i64::MIN } else { i64::MAX })
            };
            numbers
                .iter()
                .flatten()
                .for_each(|number| self.add_value(clamp(number)));
        } else if let Some(numbers) = column.as_primitive_opt::<arrow_array::types::Float64Type>() {
            numbers
                .iter()
                .flatten()
                .for_each(|number| self.add_distinct(number.to_bits()));
        } else if let Some(values) = column.as_boolean_opt() {
            values
                .iter()
                .flatten()
                .for_each(|value| self.add_distinct(value));
        }
    }

    fn add_counted_texts(&mut self, column: &ArrayRef, counted: &DistinctTexts<'_>) {
        for (text, rows) in counted {
            self.add_text(text, *rows);
        }
        if let (Some(shapes), Some(texts)) = (&mut self.patterns, column.as_string_opt::<i32>())
            && !shapes.add_distinct_texts(counted)
        {
            shapes.add_texts(texts);
        }
    }

    fn add_text(&mut self, text: &str, rows: u64) {
        self.max_bytes = self.max_bytes.max(text.len() as u64);
        self.bytes += text.len() as u64 * rows;
        self.add_distinct(text);
    }

    fn add_distinct<T: std::hash::Hash>(&mut self, value: T) {
        if let Some(sketch) = &mut self.distinct {
            sketch.update(value);
        }
    }

    fn add_value(&mut self, value: i64) {
        self.add_distinct(value);
        if self.ranged {
            let (least, greatest) = self.range.unwrap_or((value, value));
            self.range = Some((least.min(value), greatest.max(value)));
            if let Some(centiles) = &mut self.percentiles {
                centiles.add_value(value);
            }
        }
    }

    /// Adds the state of the part that follows.
    pub fn merge(&mut self, other: &Self) {
        if let (Some(mine), Some(theirs)) = (&mut self.percentiles, &other.percentiles) {
            mine.merge(theirs);
        }
        if let (Some(mine), Some(theirs)) = (&mut self.patterns, &other.patterns) {
            mine.merge(theirs);
        }
        self.filled += other.filled;
        self.max_bytes = self.max_bytes.max(other.max_bytes);
        self.bytes += other.bytes;
        self.range = match (self.range, other.range) {
            (Some((a, b)), Some((c, d))) => Some((a.min(c), b.max(d))),
            (one, two) => one.or(two),
        };
        if let (Some(mine), Some(theirs)) = (&self.distinct, &other.distinct)
            && !theirs.is_empty()
        {
            self.distinct = if mine.is_empty() {
                Some(theirs.clone())
            } else {
                union_sketches(mine, theirs)
            };
        }
    }
}

fn union_sketches(a: &HllSketch, b: &HllSketch) -> Option<HllSketch> {
    let mut union = HllUnion::new(LG_REGISTERS).ok()?;
    union.update(a);
    union.update(b);
    Some(union.to_sketch(HllType::Hll8))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{Int64Array, StringArray};

    use super::*;

    fn column(name: &str, kind: ColumnType, personal: bool) -> Column {
        Column {
            name: name.into(),
            kind,
            required: false,
            meaning: String::new(),
            classification: String::new(),
            personal,
            tags: Vec::new(),
            list: None,
            examples: Vec::new(),
            key: false,
        }
    }

    #[test]
    fn shards_add_up() {
        let numbers =
            |range: std::ops::Range<i64>| Arc::new(Int64Array::from_iter_values(range)) as ArrayRef;
        let spec = column("floor", ColumnType::Integer, false);
        let (mut whole, mut one, mut two) = (
            ColumnState::new(&spec, false),
            ColumnState::new(&spec, false),
            ColumnState::new(&spec, false),
        );
        whole.update(&numbers(0..30_000));
        one.update(&numbers(0..20_000));
        two.update(&numbers(10_000..30_000));
        one.merge(&two);
        assert_eq!(one.range, Some((0, 29_999)));
        for state in [&whole, &one] {
            let distinct = state.distinct_count().unwrap() as f64;
            // Four standard deviations.
            assert!((distinct - 30_000.0).abs() < 30_000.0 * 0.092, "{distinct}");
        }
    }

    #[test]
    fn what_is_kept_is_read_as_it_was() {
        for count in [3, 60, 300, 3_000, 40_000] {
            let texts: Vec<String> = (0..count)
                .map(|number| format!("{}", number * 7 % 30_011))
                .collect();
            let mut state = ColumnState::new(&column("name", ColumnType::Text, true), false);
            state.update(&(Arc::new(StringArray::from_iter_values(&texts)) as ArrayRef));
            let kept = serde_json::to_value(&state).unwrap();
            let read: ColumnState = serde_json::from_value(kept.clone()).unwrap();
            let again = serde_json::to_value(&read).unwrap();
            for part in ["distinct", "shapes"] {
                assert_eq!(again[part], kept[part], "{part} of {count}");
            }
            let mut twice = ColumnState::new(&column("name", ColumnType::Text, true), false);
            twice.update(&(Arc::new(StringArray::from_iter_values(&texts)) as ArrayRef));
            assert_eq!(serde_json::to_value(&twice).unwrap(), kept, "{count}");
        }
    }

    #[test]
    fn a_personal_column_shows_no_value() {
        let mut state = ColumnState::new(&column("age", ColumnType::Integer, true), false);
        state.update(&(Arc::new(Int64Array::from(vec![7, 99])) as ArrayRef));
        assert_eq!(
            (state.range, state.distinct_count(), state.filled),
            (None, Some(2), 2)
        );
        assert_eq!(state.percentiles(), None);
        let texts = Arc::new(StringArray::from(vec!["Eve", "Eve"])) as ArrayRef;
        let mut listed = ColumnState::new(&column("forename", ColumnType::Text, true), true);
        listed.update(&texts);
        assert_eq!(
            (listed.code_counts(), listed.pattern_counts().0),
            (TextCounts::new(), vec![("Aaa".to_owned(), 2)])
        );
    }

    #[test]
    fn codes_of_a_closed_list_are_counted_themselves() {
        let mut state = ColumnState::new(&column("kind", ColumnType::Text, false), true);
        state.update(&(Arc::new(StringArray::from(vec!["house", "flat", "flat"])) as ArrayRef));
        assert_eq!(
            state.code_counts(),
            [("flat".to_owned(), 2), ("house".to_owned(), 1)]
        );
        assert!(state.pattern_counts().0.is_empty());
    }

    #[test]
    fn texts_have_lengths_and_the_provenance_has_none() {
        let texts = Arc::new(StringArray::from(vec![Some("a"), None, Some("abc")])) as ArrayRef;
        let mut state = ColumnState::new(&column("name", ColumnType::Text, true), false);
        state.update(&texts);
        assert_eq!((state.max_bytes, state.bytes, state.filled), (3, 4, 2));
        let mut id = ColumnState::new(&column("pole_id", ColumnType::Text, false), false);
        id.update(&texts);
        assert_eq!((id.filled, id.distinct_count(), id.max_bytes), (2, None, 0));
    }
}
