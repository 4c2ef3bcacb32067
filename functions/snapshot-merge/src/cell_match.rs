//! Whether a row of the base holds the cells that a record gives, so that a record whose rows stay
//! as they are changes nothing.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal128Type, Float64Type, Int64Type, TimestampMicrosecondType,
};
use arrow_array::{Array, ArrayRef, RecordBatch};
use contract::Cell;

/// Whether the row has these cells, in the order of its columns.
pub(crate) fn row_has_cells<'c>(
    batch: &RecordBatch,
    row: usize,
    cells: impl Iterator<Item = &'c Cell<'c>>,
) -> bool {
    let mut columns = batch.columns().iter();
    let mut count = 0;
    for cell in cells {
        count += 1;
        if !columns
            .next()
            .is_some_and(|column| has_cell(column, row, cell))
        {
            return false;
        }
    }
    count == batch.num_columns()
}

/// Whether a column holds a cell's value. A cell of another type than the column's is stored as
/// null.
fn has_cell(column: &ArrayRef, row: usize, cell: &Cell<'_>) -> bool {
    if column.is_null(row) {
        return *cell == Cell::Null;
    }
    match cell {
        Cell::Null | Cell::Exact(_) => false,
        Cell::Text(text) => column
            .as_string_opt::<i32>()
            .is_some_and(|column| column.value(row) == text),
        Cell::Integer(number) => column
            .as_primitive_opt::<Int64Type>()
            .is_some_and(|column| column.value(row) == *number),
        Cell::Float(number) => column
            .as_primitive_opt::<Float64Type>()
            .is_some_and(|column| column.value(row).to_bits() == number.to_bits()),
        Cell::Boolean(value) => column
            .as_boolean_opt()
            .is_some_and(|column| column.value(row) == *value),
        Cell::Date(days) => column
            .as_primitive_opt::<Date32Type>()
            .is_some_and(|column| column.value(row) == *days),
        Cell::Timestamp(micros) => column
            .as_primitive_opt::<TimestampMicrosecondType>()
            .is_some_and(|column| column.value(row) == *micros),
        Cell::Decimal(number) => column
            .as_primitive_opt::<Decimal128Type>()
            .is_some_and(|column| column.value(row) == *number),
    }
}
