//! Values that are compared: with another column, with a value, and between the sources of one thing.

use std::cmp::Ordering;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal128Type, Float64Type, Int64Type, TimestampMicrosecondType,
};
use arrow_array::{ArrayRef, RecordBatch};
use contract::{Operand, Operator};
use twox_hash::XxHash3_128;

use crate::verdict::RowVerdict;

/// A value, in the units of its column.
#[derive(Clone, Copy, Debug, PartialEq)]
enum ComparableValue<'v> {
    Whole(i128),
    Real(f64),
    Text(&'v str),
}

impl ComparableValue<'_> {
    /// How it compares; values of different kinds do not.
    fn compare_with(&self, other: &ComparableValue<'_>) -> Option<Ordering> {
        match (self, other) {
            (ComparableValue::Whole(one), ComparableValue::Whole(other)) => Some(one.cmp(other)),
            (ComparableValue::Real(one), ComparableValue::Real(other)) => one.partial_cmp(other),
            (ComparableValue::Text(one), ComparableValue::Text(other)) => Some((*one).cmp(other)),
            _ => None,
        }
    }

    /// Its bytes, so that no two rows of values have the same.
    fn write_bytes(&self, to: &mut Vec<u8>) {
        match self {
            Self::Whole(whole) => to.extend(whole.to_le_bytes()),
            Self::Real(real) => to.extend(real.to_bits().to_le_bytes()),
            Self::Text(text) => {
                to.extend((text.len() as u64).to_le_bytes());
                to.extend(text.as_bytes());
            }
        }
    }
}

/// What a comparison says of each row. Nothing is said where a value is missing, or is not a number.
pub(crate) fn compare_column(
    batch: &RecordBatch,
    column: &str,
    operator: Operator,
    operand: &Operand,
) -> Vec<RowVerdict> {
    let (left, rows) = (column_values(batch, column), batch.num_rows());
    let right = match operand {
        Operand::Column(other) => column_values(batch, other),
        Operand::Whole(whole) => vec![Some(ComparableValue::Whole(*whole)); rows],
        Operand::Real(real) => vec![Some(ComparableValue::Real(*real)); rows],
        Operand::Text(text) => vec![Some(ComparableValue::Text(text)); rows],
    };
    let of = |(left, right): (Option<ComparableValue<'_>>, Option<ComparableValue<'_>>)| {
        left.zip(right)
            .and_then(|(left, right)| left.compare_with(&right))
            .map(|ordering| operator.accepts_ordering(ordering))
    };
    left.into_iter()
        .zip(right)
        .map(|pair| RowVerdict::from_optional_bool(of(pair)))
        .collect()
}

/// Whether each row says the same as the row before it of the same thing, which another source has. Rows come in the order of
/// their things.
pub(crate) fn check_source_agreement(batch: &RecordBatch, column: &str) -> Vec<RowVerdict> {
    let (ids, values) = (
        column_values(batch, "pole_id"),
        column_values(batch, column),
    );
    let mut said = vec![RowVerdict::NotApplicable; batch.num_rows()];
    let mut known: Option<(ComparableValue<'_>, ComparableValue<'_>)> = None;
    for (row, (id, value)) in ids.into_iter().zip(values).enumerate() {
        let (Some(id), Some(value)) = (id, value) else {
            continue;
        };
        if let Some((of, before)) = known
            && of == id
        {
            said[row] = RowVerdict::from_optional_bool(Some(before == value));
        }
        known = Some((id, value));
    }
    said
}

/// A hash of 128 bits of each row's values in the columns; none where one of them is missing. Two different values in 100
/// million have the same hash with a chance of one in 10^22.
#[must_use]
pub fn hash_row_keys(batch: &RecordBatch, columns: &[String]) -> Vec<Option<u128>> {
    let columns: Vec<Vec<Option<ComparableValue<'_>>>> = columns
        .iter()
        .map(|name| column_values(batch, name))
        .collect();
    let mut key = Vec::new();
    let mut hash = |row: usize| {
        key.clear();
        for column in &columns {
            column[row]?.write_bytes(&mut key);
        }
        Some(XxHash3_128::oneshot(&key))
    };
    (0..batch.num_rows()).map(&mut hash).collect()
}

fn column_values<'v>(batch: &'v RecordBatch, column: &str) -> Vec<Option<ComparableValue<'v>>> {
    let Some(column) = batch.column_by_name(column) else {
        return vec![None; batch.num_rows()];
    };
    array_values(column).unwrap_or_else(|| vec![None; batch.num_rows()])
}

fn array_values(column: &ArrayRef) -> Option<Vec<Option<ComparableValue<'_>>>> {
    if let Some(texts) = column.as_string_opt::<i32>() {
        return Some(
            texts
                .iter()
                .map(|text| text.map(ComparableValue::Text))
                .collect(),
        );
    }
    if let Some(reals) = column.as_primitive_opt::<Float64Type>() {
        return Some(
            reals
                .iter()
                .map(|real| real.map(ComparableValue::Real))
                .collect(),
        );
    }
    if let Some(numbers) = column.as_primitive_opt::<Decimal128Type>() {
        return Some(
            numbers
                .iter()
                .map(|number| number.map(ComparableValue::Whole))
                .collect(),
        );
    }
    if let Some(days) = column.as_primitive_opt::<Date32Type>() {
        return Some(
            days.iter()
                .map(|day| day.map(|day| ComparableValue::Whole(day.into())))
                .collect(),
        );
    }
    if let Some(truths) = column.as_boolean_opt() {
        return Some(
            truths
                .iter()
                .map(|truth| truth.map(|truth| ComparableValue::Whole(truth.into())))
                .collect(),
        );
    }
    let whole = |number: Option<i64>| number.map(|number| ComparableValue::Whole(number.into()));
    if let Some(numbers) = column.as_primitive_opt::<Int64Type>() {
        return Some(numbers.iter().map(whole).collect());
    }
    column
        .as_primitive_opt::<TimestampMicrosecondType>()
        .map(|times| times.iter().map(whole).collect())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{Date32Array, Decimal128Array, Float64Array, StringArray};

    use super::*;
    use RowVerdict::{Failed, NotApplicable, Passed};

    fn batch() -> RecordBatch {
        let money = Decimal128Array::from(vec![Some(1_250), Some(-1), None])
            .with_precision_and_scale(12, 2)
            .unwrap();
        RecordBatch::try_from_iter_with_nullable(vec![
            (
                "pole_id",
                Arc::new(StringArray::from(vec!["a", "a", "b"])) as ArrayRef,
                false,
            ),
            ("rent", Arc::new(money) as ArrayRef, true),
            (
                "share",
                Arc::new(Float64Array::from(vec![
                    Some(0.5),
                    Some(f64::NAN),
                    Some(1.5),
                ])) as ArrayRef,
                true,
            ),
            (
                "begins",
                Arc::new(Date32Array::from(vec![Some(1), Some(9), Some(3)])) as ArrayRef,
                true,
            ),
            (
                "ends",
                Arc::new(Date32Array::from(vec![Some(2), Some(9), None])) as ArrayRef,
                true,
            ),
            (
                "name",
                Arc::new(StringArray::from(vec![Some("x"), Some("y"), Some("y")])) as ArrayRef,
                true,
            ),
        ])
        .unwrap()
    }

    #[test]
    fn columns_are_compared_with_values_and_with_each_other() {
        let batch = batch();
        let at_least =
            |column, operand| compare_column(&batch, column, Operator::AtLeast, &operand);
        assert_eq!(
            at_least("rent", Operand::Whole(0)),
            [Passed, Failed, NotApplicable]
        );
        assert_eq!(
            at_least("share", Operand::Real(0.5)),
            [Passed, NotApplicable, Passed]
        );
        assert_eq!(
            at_least("name", Operand::Text("y".into())),
            [Failed, Passed, Passed]
        );
        assert_eq!(
            compare_column(
                &batch,
                "begins",
                Operator::Less,
                &Operand::Column("ends".into())
            ),
            [Passed, Failed, NotApplicable]
        );
        assert_eq!(
            compare_column(&batch, "name", Operator::Less, &Operand::Whole(3)),
            [NotApplicable; 3]
        );
        assert_eq!(
            compare_column(&batch, "absent", Operator::Less, &Operand::Whole(3)),
            [NotApplicable; 3]
        );
    }

    #[test]
    fn sources_of_one_thing_are_compared_with_each_other() {
        assert_eq!(
            check_source_agreement(&batch(), "name"),
            [NotApplicable, Failed, NotApplicable]
        );
        assert_eq!(
            check_source_agreement(&batch(), "ends"),
            [NotApplicable, Failed, NotApplicable]
        );
    }
}
