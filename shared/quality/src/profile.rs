//! The profile of a column: the number of distinct values, their lengths, their range. Counts and
//! sketches that can be merged.

use std::hash::Hash;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal128Type, Float64Type, Int64Type, TimestampMicrosecondType,
};
use arrow_array::{Array, ArrayRef, ArrowPrimitiveType, StringArray};
use contract::{Column, ColumnType};
use datasketches::hll::{HllSketch, HllType, HllUnion};
use serde::{Deserialize, Serialize};

use crate::distinct::DistinctTexts;
use crate::pattern_counts::{CharacterPatterns, TextCounts};
use crate::percentiles::Percentiles;
use crate::sketch;

/// 2^11 registers of a byte, 2 KB a column: the standard error of distinct counts is 2.3 %.
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
    /// The minimum and the maximum: days, microseconds, integers, decimals without their point.
    /// None for texts and floats, and for personal columns: the minimum date of birth is that of a
    /// person.
    pub range: Option<(i64, i64)>,
    #[serde(with = "sketch", default, skip_serializing_if = "Option::is_none")]
    distinct: Option<HllSketch>,
    ranged: bool,
    /// Percentiles of the same columns as `range`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    percentiles: Option<Percentiles>,
    /// Of texts: the codes of a column with a closed list that is not personal, or else the
    /// character patterns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    patterns: Option<CharacterPatterns>,
}

impl ColumnState {
    /// The state of no rows. Of the provenance columns only the filled rows are counted.
    /// `has_closed_list` says whether a rule lists the values that the column may have.
    #[must_use]
    pub fn new(column: &Column, has_closed_list: bool) -> Self {
        let is_own = !pole::PROVENANCE
            .iter()
            .any(|provenance| provenance.name == column.name);
        let is_ordered = !matches!(
            column.kind,
            ColumnType::Text | ColumnType::Float | ColumnType::Boolean
        );
        let ranged = is_own && is_ordered && !column.personal;
        let counts_codes = has_closed_list && !column.personal;

        Self {
            filled: 0,
            max_bytes: 0,
            bytes: 0,
            range: None,
            distinct: is_own.then(new_distinct_sketch).flatten(),
            ranged,
            percentiles: ranged.then(Percentiles::new).flatten(),
            patterns: (is_own && column.kind == ColumnType::Text)
                .then(|| CharacterPatterns::new(counts_codes)),
        }
    }

    /// Whether more of it is counted than its filled rows.
    pub(crate) fn is_profiled(&self) -> bool {
        self.distinct.is_some()
    }

    /// The 5th, 25th, 50th, 75th and 95th percentile, in the units of `range`, within 1.7 % of the
    /// rank.
    #[must_use]
    pub fn percentiles(&self) -> Option<[i64; 5]> {
        self.percentiles
            .as_ref()
            .and_then(Percentiles::rounded_percentiles)
    }

    /// How many rows have each code, in a column with a closed list that is not personal.
    #[must_use]
    pub fn code_counts(&self) -> TextCounts {
        self.patterns
            .as_ref()
            .map(CharacterPatterns::code_counts)
            .unwrap_or_default()
    }

    /// The most frequent character patterns of the texts, and the most frequent coarse patterns.
    #[must_use]
    pub fn pattern_counts(&self) -> (TextCounts, TextCounts) {
        self.patterns
            .as_ref()
            .map(CharacterPatterns::pattern_counts)
            .unwrap_or_default()
    }

    /// The estimated number of distinct values; none where they are not counted.
    #[must_use]
    pub fn distinct_count(&self) -> Option<u64> {
        let sketch = self.distinct.as_ref()?;
        Some(sketch.estimate().round() as u64)
    }

    /// Adds the next rows; `counted` are the distinct texts of the column, where they are counted
    /// already.
    pub(crate) fn add_column(&mut self, column: &ArrayRef, counted: Option<&DistinctTexts<'_>>) {
        let filled = column.len() - column.null_count();
        self.filled += filled as u64;
        if filled == 0 || !self.is_profiled() {
            return;
        }

        if let Some(counted) = counted {
            self.add_counted_texts(column, counted);
        } else if let Some(texts) = column.as_string_opt::<i32>() {
            self.add_texts(texts);
        } else {
            self.add_values(column);
        }
    }

    fn add_texts(&mut self, texts: &StringArray) {
        for text in texts.iter().flatten() {
            self.add_text(text, 1);
        }
        if let Some(patterns) = &mut self.patterns {
            patterns.add_texts(texts);
        }
    }

    /// Adds the values of a column that does not hold texts. Each line adds a column of its type,
    /// and nothing of others.
    fn add_values(&mut self, column: &ArrayRef) {
        self.add_primitives::<Date32Type>(column, |state, day| state.add_value(i64::from(day)));
        self.add_primitives::<TimestampMicrosecondType>(column, Self::add_value);
        self.add_primitives::<Int64Type>(column, Self::add_value);
        self.add_primitives::<Decimal128Type>(column, |state, number| {
            state.add_value(clamp_to_i64(number));
        });
        self.add_primitives::<Float64Type>(column, |state, number| {
            state.add_distinct(number.to_bits());
        });
        for value in column.as_boolean_opt().into_iter().flatten().flatten() {
            self.add_distinct(value);
        }
    }

    fn add_primitives<T: ArrowPrimitiveType>(
        &mut self,
        column: &ArrayRef,
        add: impl Fn(&mut Self, T::Native),
    ) {
        let values = column.as_primitive_opt::<T>().into_iter().flatten();
        for value in values.flatten() {
            add(self, value);
        }
    }

    fn add_counted_texts(&mut self, column: &ArrayRef, counted: &DistinctTexts<'_>) {
        for (text, rows) in counted {
            self.add_text(text, *rows);
        }
        if let (Some(patterns), Some(texts)) = (&mut self.patterns, column.as_string_opt::<i32>())
            && !patterns.add_distinct_texts(counted)
        {
            patterns.add_texts(texts);
        }
    }

    fn add_text(&mut self, text: &str, rows: u64) {
        self.max_bytes = self.max_bytes.max(text.len() as u64);
        self.bytes += text.len() as u64 * rows;
        self.add_distinct(text);
    }

    fn add_distinct<T: Hash>(&mut self, value: T) {
        if let Some(sketch) = &mut self.distinct {
            sketch.update(value);
        }
    }

    fn add_value(&mut self, value: i64) {
        self.add_distinct(value);
        if !self.ranged {
            return;
        }

        let (minimum, maximum) = self.range.unwrap_or((value, value));
        self.range = Some((minimum.min(value), maximum.max(value)));
        if let Some(percentiles) = &mut self.percentiles {
            percentiles.add_value(value);
        }
    }

    /// Adds the state of the part that follows.
    pub fn merge(&mut self, other: &Self) {
        self.filled += other.filled;
        self.max_bytes = self.max_bytes.max(other.max_bytes);
        self.bytes += other.bytes;
        self.range = merge_ranges(self.range, other.range);

        if let (Some(percentiles), Some(other)) = (&mut self.percentiles, &other.percentiles) {
            percentiles.merge(other);
        }
        if let (Some(patterns), Some(other)) = (&mut self.patterns, &other.patterns) {
            patterns.merge(other);
        }
        if let (Some(sketch), Some(other)) = (&self.distinct, &other.distinct) {
            self.distinct = merge_sketches(sketch, other);
        }
    }
}

fn new_distinct_sketch() -> Option<HllSketch> {
    HllSketch::new(LG_REGISTERS, HllType::Hll8).ok()
}

fn clamp_to_i64(number: i128) -> i64 {
    let limit = if number < 0 { i64::MIN } else { i64::MAX };
    i64::try_from(number).unwrap_or(limit)
}

fn merge_ranges(range: Option<(i64, i64)>, other: Option<(i64, i64)>) -> Option<(i64, i64)> {
    match (range, other) {
        (Some((minimum, maximum)), Some((other_minimum, other_maximum))) => {
            Some((minimum.min(other_minimum), maximum.max(other_maximum)))
        }
        (range, other) => range.or(other),
    }
}

/// The sketch of all values of both. A merged sketch has another form than one that was filled, so
/// the other one is kept as it is where one of the two is empty.
fn merge_sketches(sketch: &HllSketch, other: &HllSketch) -> Option<HllSketch> {
    if other.is_empty() {
        return Some(sketch.clone());
    }
    if sketch.is_empty() {
        return Some(other.clone());
    }

    let mut union = HllUnion::new(LG_REGISTERS).ok()?;
    union.update(sketch);
    union.update(other);
    Some(union.to_sketch(HllType::Hll8))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{Int64Array, StringArray};

    use super::*;

    impl ColumnState {
        fn update(&mut self, column: &ArrayRef) {
            self.add_column(column, None);
        }
    }

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
        let mut full = ColumnState::new(&spec, false);
        let mut first = ColumnState::new(&spec, false);
        let mut second = ColumnState::new(&spec, false);
        full.update(&numbers(0..30_000));
        first.update(&numbers(0..20_000));
        second.update(&numbers(10_000..30_000));
        first.merge(&second);
        assert_eq!(first.range, Some((0, 29_999)));
        for state in [&full, &first] {
            let distinct = state.distinct_count().unwrap() as f64;
            // Four standard deviations.
            assert!((distinct - 30_000.0).abs() < 30_000.0 * 0.092, "{distinct}");
        }
    }

    #[test]
    fn a_stored_state_is_read_as_it_was() {
        for count in [3, 60, 300, 3_000, 40_000] {
            let texts: Vec<String> = (0..count)
                .map(|number| format!("{}", number * 7 % 30_011))
                .collect();
            let mut state = ColumnState::new(&column("name", ColumnType::Text, true), false);
            state.update(&(Arc::new(StringArray::from_iter_values(&texts)) as ArrayRef));
            let stored = serde_json::to_value(&state).unwrap();
            let read: ColumnState = serde_json::from_value(stored.clone()).unwrap();
            let again = serde_json::to_value(&read).unwrap();
            for part in ["distinct", "patterns"] {
                assert_eq!(again[part], stored[part], "{part} of {count}");
            }
            let mut twice = ColumnState::new(&column("name", ColumnType::Text, true), false);
            twice.update(&(Arc::new(StringArray::from_iter_values(&texts)) as ArrayRef));
            assert_eq!(serde_json::to_value(&twice).unwrap(), stored, "{count}");
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
