//! The different texts of a batch, and the rows that have each: what is asked of a text is asked once, not in every row.

use std::collections::HashMap;

use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch};
use foldhash::fast::FixedState;

/// Of more different texts than this in a batch, each row is looked at: counting them first would be work for nothing.
const DISTINCT_TEXTS_MAX: usize = 1_024;

/// The different texts of a column and the rows that have them, in the order in which they first come.
pub(crate) type DistinctTexts<'b> = Vec<(&'b str, u64)>;

/// The different texts of every column that has few of them, by the column's place.
pub(crate) struct DistinctTextColumns<'b>(Vec<Option<DistinctTexts<'b>>>);

impl<'b> DistinctTextColumns<'b> {
    /// Of the columns that are wanted, a truth for each place.
    pub(crate) fn from_batch(batch: &'b RecordBatch, wanted: impl Iterator<Item = bool>) -> Self {
        let columns = batch.columns().iter().zip(wanted);
        Self(
            columns
                .map(|(column, wanted)| {
                    wanted
                        .then(|| count_distinct_texts(column.as_ref()))
                        .flatten()
                })
                .collect(),
        )
    }

    /// Those of the column at this place; none where there are too many, or it holds no texts.
    pub(crate) fn column_texts(&self, place: usize) -> Option<&DistinctTexts<'b>> {
        self.0.get(place).and_then(Option::as_ref)
    }
}

fn count_distinct_texts(column: &dyn Array) -> Option<DistinctTexts<'_>> {
    let texts = column.as_string_opt::<i32>()?;
    let mut places: HashMap<&str, usize, FixedState> = HashMap::default();
    let mut found: DistinctTexts<'_> = Vec::new();
    let mut last: Option<(&str, usize)> = None;
    for text in texts.iter().flatten() {
        let place = match last {
            Some((known, place)) if known == text => place,
            _ => {
                let place = *places.entry(text).or_insert(found.len());
                if place == found.len() {
                    if place == DISTINCT_TEXTS_MAX {
                        return None;
                    }
                    found.push((text, 0));
                }
                place
            }
        };
        found[place].1 += 1;
        last = Some((text, place));
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use arrow_array::StringArray;

    use super::*;

    #[test]
    fn texts_are_counted_in_the_order_in_which_they_come() {
        let texts = StringArray::from(vec![Some("b"), None, Some("a"), Some("b"), Some("b")]);
        assert_eq!(count_distinct_texts(&texts), Some(vec![("b", 3), ("a", 1)]));
        let many = StringArray::from_iter_values(
            (0..=DISTINCT_TEXTS_MAX).map(|number| number.to_string()),
        );
        assert_eq!(count_distinct_texts(&many), None);
        assert_eq!(
            count_distinct_texts(&arrow_array::Int64Array::from(vec![1])),
            None
        );
    }
}
