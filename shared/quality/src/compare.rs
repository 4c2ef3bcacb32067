//! Comparisons of values: with another column, with a constant, and between the sources of one
//! thing.

use std::cmp::Ordering;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal128Type, Float64Type, Int64Type, TimestampMicrosecondType,
};
use arrow_array::{ArrayRef, ArrowPrimitiveType, RecordBatch};
use contract::{Operand, Operator};
use twox_hash::XxHash3_128;

use crate::verdict::RowVerdict;

/// A value, in the units of its column.
#[derive(Clone, Copy, Debug, PartialEq)]
enum ComparableValue<'v> {
    Integer(i128),
    Float(f64),
    Text(&'v str),
}

/// The values of a column, row by row; none where the value is null.
type ColumnValues<'v> = Vec<Option<ComparableValue<'v>>>;

impl ComparableValue<'_> {
    fn from_i64(number: i64) -> Self {
        Self::Integer(number.into())
    }

    /// How two values compare; none for values of different kinds and for NaN.
    fn compare_with(&self, other: &ComparableValue<'_>) -> Option<Ordering> {
        match (self, other) {
            (ComparableValue::Integer(left), ComparableValue::Integer(right)) => {
                Some(left.cmp(right))
            }
            (ComparableValue::Float(left), ComparableValue::Float(right)) => {
                left.partial_cmp(right)
            }
            (ComparableValue::Text(left), ComparableValue::Text(right)) => Some((*left).cmp(right)),
            _ => None,
        }
    }

    /// Writes the value's bytes. Texts are preceded by their length, so that no two rows of
    /// different values have the same bytes.
    fn write_bytes(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Integer(number) => bytes.extend(number.to_le_bytes()),
            Self::Float(number) => bytes.extend(number.to_bits().to_le_bytes()),
            Self::Text(text) => {
                bytes.extend((text.len() as u64).to_le_bytes());
                bytes.extend(text.as_bytes());
            }
        }
    }
}

/// Compares a column with an operand, row by row. A row where a value is missing or is NaN is not
/// concerned.
pub(crate) fn compare_column(
    batch: &RecordBatch,
    column: &str,
    operator: Operator,
    operand: &Operand,
) -> Vec<RowVerdict> {
    let rows = batch.num_rows();
    let operands = match operand {
        Operand::Column(other) => column_values(batch, other),
        Operand::Whole(number) => vec![Some(ComparableValue::Integer(*number)); rows],
        Operand::Real(number) => vec![Some(ComparableValue::Float(*number)); rows],
        Operand::Text(text) => vec![Some(ComparableValue::Text(text)); rows],
    };

    column_values(batch, column)
        .into_iter()
        .zip(operands)
        .map(|(value, operand)| {
            let ordering = value?.compare_with(&operand?)?;
            Some(operator.accepts_ordering(ordering))
        })
        .map(RowVerdict::from_optional_bool)
        .collect()
}

/// Checks that each row has the same value as the row before it of the same thing, which is from
/// another source. The rows of a thing follow each other.
pub(crate) fn check_source_agreement(batch: &RecordBatch, column: &str) -> Vec<RowVerdict> {
    let ids = column_values(batch, "pole_id");
    let values = column_values(batch, column);

    let mut verdicts = vec![RowVerdict::NotApplicable; batch.num_rows()];
    let mut previous: Option<(ComparableValue<'_>, ComparableValue<'_>)> = None;
    for (row, (id, value)) in ids.into_iter().zip(values).enumerate() {
        let (Some(id), Some(value)) = (id, value) else {
            continue;
        };
        if let Some((previous_id, previous_value)) = previous
            && previous_id == id
        {
            verdicts[row] = RowVerdict::from_bool(previous_value == value);
        }
        previous = Some((id, value));
    }
    verdicts
}

/// A hash of 128 bits of each row's values in the columns; none where one of them is missing. Among
/// 100 million different values, two have the same hash with a chance of one in 10^22.
#[must_use]
pub fn hash_row_keys(batch: &RecordBatch, columns: &[String]) -> Vec<Option<u128>> {
    let columns: Vec<ColumnValues<'_>> = columns
        .iter()
        .map(|name| column_values(batch, name))
        .collect();

    let mut bytes = Vec::new();
    (0..batch.num_rows())
        .map(|row| hash_row(&columns, row, &mut bytes))
        .collect()
}

fn hash_row(columns: &[ColumnValues<'_>], row: usize, bytes: &mut Vec<u8>) -> Option<u128> {
    bytes.clear();
    for column in columns {
        column[row]?.write_bytes(bytes);
    }
    Some(XxHash3_128::oneshot(bytes))
}

/// The values of a column; none in every row where there is no such column, or where its type is
/// not compared.
fn column_values<'v>(batch: &'v RecordBatch, column: &str) -> ColumnValues<'v> {
    batch
        .column_by_name(column)
        .and_then(array_values)
        .unwrap_or_else(|| vec![None; batch.num_rows()])
}

fn array_values(column: &ArrayRef) -> Option<ColumnValues<'_>> {
    text_values(column)
        .or_else(|| boolean_values(column))
        .or_else(|| primitive_values::<Float64Type>(column, ComparableValue::Float))
        .or_else(|| primitive_values::<Decimal128Type>(column, ComparableValue::Integer))
        .or_else(|| primitive_values::<Int64Type>(column, ComparableValue::from_i64))
        .or_else(|| primitive_values::<TimestampMicrosecondType>(column, ComparableValue::from_i64))
        .or_else(|| {
            primitive_values::<Date32Type>(column, |day| ComparableValue::Integer(day.into()))
        })
}

fn text_values(column: &ArrayRef) -> Option<ColumnValues<'_>> {
    let texts = column.as_string_opt::<i32>()?;
    Some(
        texts
            .iter()
            .map(|text| text.map(ComparableValue::Text))
            .collect(),
    )
}

fn boolean_values(column: &ArrayRef) -> Option<ColumnValues<'_>> {
    let flags = column.as_boolean_opt()?;
    Some(
        flags
            .iter()
            .map(|flag| flag.map(|flag| ComparableValue::Integer(flag.into())))
            .collect(),
    )
}

/// The values of a column of type `T`; none for columns of other types.
fn primitive_values<'v, T: ArrowPrimitiveType>(
    column: &ArrayRef,
    convert: impl Fn(T::Native) -> ComparableValue<'v>,
) -> Option<ColumnValues<'v>> {
    let numbers = column.as_primitive_opt::<T>()?;
    Some(numbers.iter().map(|number| number.map(&convert)).collect())
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
