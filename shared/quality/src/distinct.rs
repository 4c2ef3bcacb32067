//! The different texts of a batch, and the rows that have each: what is asked of a text is asked once, not in every row.

use std::collections::HashMap;

use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch};
use foldhash::fast::FixedState;

/// Of more different texts than this in a batch, each row is looked at: counting them first would be work for nothing.
const MOST: usize = 1_024;

/// The different texts of a column and the rows that have them, in the order in which they first come.
pub(crate) type Distinct<'b> = Vec<(&'b str, u64)>;

/// The different texts of every column that has few of them, by the column's place.
pub(crate) struct Texts<'b>(Vec<Option<Distinct<'b>>>);

impl<'b> Texts<'b> {
    /// Of the columns that are wanted, a truth for each place.
    pub(crate) fn of(batch: &'b RecordBatch, wanted: impl Iterator<Item = bool>) -> Self {
        let columns = batch.columns().iter().zip(wanted);
        Self(
            columns
                .map(|(column, wanted)| wanted.then(|| distinct(column.as_ref())).flatten())
                .collect(),
        )
    }

    /// Those of the column at this place; none where there are too many, or it holds no texts.
    pub(crate) fn at(&self, place: usize) -> Option<&Distinct<'b>> {
        self.0.get(place).and_then(Option::as_ref)
    }
}

fn distinct(column: &dyn Array) -> Option<Distinct<'_>> {
    let texts = column.as_string_opt::<i32>()?;
    let mut places: HashMap<&str, usize, FixedState> = HashMap::default();
    let mut found: Distinct<'_> = Vec::new();
    let mut last: Option<(&str, usize)> = None;
    for text in texts.iter().flatten() {
        let place = match last {
            Some((known, place)) if known == text => place,
            _ => {
                let place = *places.entry(text).or_insert(found.len());
                if place == found.len() {
                    if place == MOST {
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
        assert_eq!(distinct(&texts), Some(vec![("b", 3), ("a", 1)]));
        let many = StringArray::from_iter_values((0..=MOST).map(|number| number.to_string()));
        assert_eq!(distinct(&many), None);
        assert_eq!(distinct(&arrow_array::Int64Array::from(vec![1])), None);
    }
}
