//! The distinct texts of a batch and their numbers of rows: a text is checked once, not in every
//! row that has it.

use std::collections::HashMap;

use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch};
use foldhash::fast::FixedState;

/// When a column has more distinct texts in a batch than this, each row is checked: counting them
/// first would save no work.
const DISTINCT_TEXTS_MAX: usize = 1_024;

/// The distinct texts of a column and their numbers of rows, in the order of their first rows.
pub(crate) type DistinctTexts<'b> = Vec<(&'b str, u64)>;

/// The distinct texts of every column that has few of them, by the index of the column.
pub(crate) struct DistinctTextColumns<'b>(Vec<Option<DistinctTexts<'b>>>);

impl<'b> DistinctTextColumns<'b> {
    /// Counts the texts of the columns that are selected; `is_selected` has an item for each
    /// column.
    pub(crate) fn from_batch(
        batch: &'b RecordBatch,
        is_selected: impl Iterator<Item = bool>,
    ) -> Self {
        let columns = batch.columns().iter().zip(is_selected);
        let texts = columns.map(|(column, is_selected)| match is_selected {
            true => count_distinct_texts(column.as_ref()),
            false => None,
        });
        Self(texts.collect())
    }

    /// The distinct texts of a column; none where there are too many, where it does not hold texts,
    /// or where it was not selected.
    pub(crate) fn column_texts(&self, column_index: usize) -> Option<&DistinctTexts<'b>> {
        self.0.get(column_index).and_then(Option::as_ref)
    }
}

/// Counts the distinct texts of a column; none where there are more than [`DISTINCT_TEXTS_MAX`] or
/// where it does not hold texts.
fn count_distinct_texts(column: &dyn Array) -> Option<DistinctTexts<'_>> {
    let texts = column.as_string_opt::<i32>()?;

    let mut counts: DistinctTexts<'_> = Vec::new();
    let mut index_by_text: HashMap<&str, usize, FixedState> = HashMap::default();
    let mut previous: Option<(&str, usize)> = None;
    for text in texts.iter().flatten() {
        let index = match previous {
            // Equal texts often follow each other: they need no look-up in the map.
            Some((previous_text, index)) if previous_text == text => index,
            _ => *index_by_text.entry(text).or_insert(counts.len()),
        };
        if index == counts.len() {
            if index == DISTINCT_TEXTS_MAX {
                return None;
            }
            counts.push((text, 0));
        }

        counts[index].1 += 1;
        previous = Some((text, index));
    }
    Some(counts)
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
