//! Values that are compared: with another column, with a value, and between the sources of one thing.

use std::cmp::Ordering;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal128Type, Float64Type, Int64Type, TimestampMicrosecondType,
};
use arrow_array::{ArrayRef, RecordBatch};
use contract::{Operand, Operator};
use twox_hash::XxHash3_128;

use crate::demand::Said;

/// A value, in the units of its column.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Value<'v> {
    Whole(i128),
    Real(f64),
    Text(&'v str),
}

impl Value<'_> {
    /// How it compares; values of different kinds do not.
    fn against(&self, other: &Value<'_>) -> Option<Ordering> {
        match (self, other) {
            (Value::Whole(one), Value::Whole(other)) => Some(one.cmp(other)),
            (Value::Real(one), Value::Real(other)) => one.partial_cmp(other),
            (Value::Text(one), Value::Text(other)) => Some((*one).cmp(other)),
            _ => None,
        }
    }

    /// Its bytes, so that no two rows of values have the same.
    fn write(&self, to: &mut Vec<u8>) {
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
pub(crate) fn said(
    batch: &RecordBatch,
    column: &str,
    operator: Operator,
    operand: &Operand,
) -> Vec<Said> {
    let (left, rows) = (values(batch, column), batch.num_rows());
    let right = match operand {
        Operand::Column(other) => values(batch, other),
        Operand::Whole(whole) => vec![Some(Value::Whole(*whole)); rows],
        Operand::Real(real) => vec![Some(Value::Real(*real)); rows],
        Operand::Text(text) => vec![Some(Value::Text(text)); rows],
    };
    let of = |(left, right): (Option<Value<'_>>, Option<Value<'_>>)| {
        left.zip(right)
            .and_then(|(left, right)| left.against(&right))
            .map(|ordering| operator.takes(ordering))
    };
    left.into_iter()
        .zip(right)
        .map(|pair| Said::maybe(of(pair)))
        .collect()
}

/// Whether each row says the same as the row before it of the same thing, which another source has. Rows come in the order of
/// their things.
pub(crate) fn agree(batch: &RecordBatch, column: &str) -> Vec<Said> {
    let (ids, values) = (values(batch, "pole_id"), values(batch, column));
    let mut said = vec![Said::Nothing; batch.num_rows()];
    let mut known: Option<(Value<'_>, Value<'_>)> = None;
    for (row, (id, value)) in ids.into_iter().zip(values).enumerate() {
        let (Some(id), Some(value)) = (id, value) else {
            continue;
        };
        if let Some((of, before)) = known
            && of == id
        {
            said[row] = Said::maybe(Some(before == value));
        }
        known = Some((id, value));
    }
    said
}

/// A hash of 128 bits of each row's values in the columns; none where one of them is missing. Two different values in 100
/// million have the same hash with a chance of one in 10^22.
#[must_use]
pub fn key_hashes(batch: &RecordBatch, columns: &[String]) -> Vec<Option<u128>> {
    let columns: Vec<Vec<Option<Value<'_>>>> =
        columns.iter().map(|name| values(batch, name)).collect();
    let mut key = Vec::new();
    let mut hash = |row: usize| {
        key.clear();
        for column in &columns {
            column[row]?.write(&mut key);
        }
        Some(XxHash3_128::oneshot(&key))
    };
    (0..batch.num_rows()).map(&mut hash).collect()
}

fn values<'v>(batch: &'v RecordBatch, column: &str) -> Vec<Option<Value<'v>>> {
    let Some(column) = batch.column_by_name(column) else {
        return vec![None; batch.num_rows()];
    };
    of_column(column).unwrap_or_else(|| vec![None; batch.num_rows()])
}

fn of_column(column: &ArrayRef) -> Option<Vec<Option<Value<'_>>>> {
    if let Some(texts) = column.as_string_opt::<i32>() {
        return Some(texts.iter().map(|text| text.map(Value::Text)).collect());
    }
    if let Some(reals) = column.as_primitive_opt::<Float64Type>() {
        return Some(reals.iter().map(|real| real.map(Value::Real)).collect());
    }
    if let Some(numbers) = column.as_primitive_opt::<Decimal128Type>() {
        return Some(
            numbers
                .iter()
                .map(|number| number.map(Value::Whole))
                .collect(),
        );
    }
    if let Some(days) = column.as_primitive_opt::<Date32Type>() {
        return Some(
            days.iter()
                .map(|day| day.map(|day| Value::Whole(day.into())))
                .collect(),
        );
    }
    if let Some(truths) = column.as_boolean_opt() {
        return Some(
            truths
                .iter()
                .map(|truth| truth.map(|truth| Value::Whole(truth.into())))
                .collect(),
        );
    }
    let whole = |number: Option<i64>| number.map(|number| Value::Whole(number.into()));
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
    use Said::{Fails, Holds, Nothing};

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
        let at_least = |column, operand| said(&batch, column, Operator::AtLeast, &operand);
        assert_eq!(at_least("rent", Operand::Whole(0)), [Holds, Fails, Nothing]);
        assert_eq!(
            at_least("share", Operand::Real(0.5)),
            [Holds, Nothing, Holds]
        );
        assert_eq!(
            at_least("name", Operand::Text("y".into())),
            [Fails, Holds, Holds]
        );
        assert_eq!(
            said(
                &batch,
                "begins",
                Operator::Less,
                &Operand::Column("ends".into())
            ),
            [Holds, Fails, Nothing]
        );
        assert_eq!(
            said(&batch, "name", Operator::Less, &Operand::Whole(3)),
            [Nothing; 3]
        );
        assert_eq!(
            said(&batch, "absent", Operator::Less, &Operand::Whole(3)),
            [Nothing; 3]
        );
    }

    #[test]
    fn sources_of_one_thing_are_compared_with_each_other() {
        assert_eq!(agree(&batch(), "name"), [Nothing, Fails, Nothing]);
        assert_eq!(agree(&batch(), "ends"), [Nothing, Fails, Nothing]);
    }
}
