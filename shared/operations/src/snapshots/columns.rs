//! Columns of two batches side by side: in which rows they differ.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, RecordBatch, new_null_array};
use arrow_schema::Field;

/// The columns of two batches of the same rows, by name; one that a batch does not have is null in
/// it.
pub(super) fn paired_columns(
    old: &RecordBatch,
    new: &RecordBatch,
) -> Vec<(String, ArrayRef, ArrayRef)> {
    let (before, after) = (old.schema(), new.schema());
    let later = after
        .fields()
        .iter()
        .filter(|field| before.field_with_name(field.name()).is_err());
    let fields = before.fields().iter().chain(later);
    fields
        .map(|field| {
            (
                field.name().clone(),
                column_or_nulls(old, field),
                column_or_nulls(new, field),
            )
        })
        .collect()
}

fn column_or_nulls(batch: &RecordBatch, field: &Field) -> ArrayRef {
    match batch.column_by_name(field.name()) {
        Some(column) => Arc::clone(column),
        None => new_null_array(field.data_type(), batch.num_rows()),
    }
}

/// The rows in which two columns of the same length differ, in their order.
///
/// Most columns of most rows are the same: whole ranges are compared at once, and only those that
/// differ are halved.
pub(super) fn differing_rows(old: &dyn Array, new: &dyn Array) -> Vec<usize> {
    let mut found = Vec::new();
    bisect_differences(old, new, 0, &mut found);
    found
}

fn bisect_differences(old: &dyn Array, new: &dyn Array, begins: usize, found: &mut Vec<usize>) {
    let rows = old.len();
    if rows == 0 || old == new {
        return;
    }
    if rows == 1 {
        found.push(begins);
        return;
    }
    let half = rows / 2;
    bisect_differences(&old.slice(0, half), &new.slice(0, half), begins, found);
    bisect_differences(
        &old.slice(half, rows - half),
        &new.slice(half, rows - half),
        begins + half,
        found,
    );
}

#[cfg(test)]
mod tests {
    use arrow_array::{Float64Array, Int64Array, StringArray};

    use super::*;

    #[test]
    fn rows_that_differ_are_found_one_by_one() {
        let old = StringArray::from(vec![Some("a"), None, Some("c"), None, Some("e")]);
        let new = StringArray::from(vec![Some("a"), Some(""), None, None, Some("E")]);
        assert_eq!(differing_rows(&old, &new), [1, 2, 4]);
        assert_eq!(differing_rows(&old, &old), [0usize; 0]);
        assert_eq!(differing_rows(&old.slice(1, 3), &new.slice(1, 3)), [0, 1]);
    }

    #[test]
    fn no_number_is_itself_and_other_types_are_other_values() {
        let numbers = Float64Array::from(vec![f64::NAN, 1.0]);
        assert_eq!(differing_rows(&numbers, &numbers), [0usize; 0]);
        let (whole, none) = (
            Int64Array::from(vec![1, 2]),
            Int64Array::from(Vec::<i64>::new()),
        );
        assert_eq!(differing_rows(&numbers, &whole), [0, 1]);
        assert_eq!(
            differing_rows(&none, &Float64Array::from(Vec::<f64>::new())),
            [0usize; 0]
        );
    }

    #[test]
    fn a_column_that_came_later_was_null() {
        let batch = |columns: Vec<(&str, ArrayRef)>| RecordBatch::try_from_iter(columns).unwrap();
        let ids: ArrayRef = Arc::new(Int64Array::from(vec![1, 2]));
        let names: ArrayRef = Arc::new(StringArray::from(vec![None, Some("b")]));
        let old = batch(vec![("id", Arc::clone(&ids))]);
        let new = batch(vec![("name", names), ("id", ids)]);
        let pairs = paired_columns(&old, &new);
        let found: Vec<_> = pairs
            .iter()
            .map(|(name, old, new)| (name.as_str(), differing_rows(old, new)))
            .collect();
        assert_eq!(found, [("id", vec![]), ("name", vec![1])]);
    }
}
