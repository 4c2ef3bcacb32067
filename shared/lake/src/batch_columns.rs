//! Columns of a batch by name and type. A file that lacks one was written by another program.

use arrow_array::cast::AsArray;
use arrow_array::types::ArrowPrimitiveType;
use arrow_array::{ArrayRef, BinaryArray, PrimitiveArray, RecordBatch, StringArray};

use crate::LakeError;

/// The text column of this name. `file` says in the error what kind of file it is, such as
/// `a curated file`.
pub(crate) fn text_column<'b>(
    batch: &'b RecordBatch,
    file: &str,
    name: &str,
) -> Result<&'b StringArray, LakeError> {
    find_column(batch, name)
        .and_then(|column| column.as_string_opt::<i32>())
        .ok_or_else(|| missing_column(file, name))
}

/// The column of bytes of this name.
pub(crate) fn binary_column<'b>(
    batch: &'b RecordBatch,
    file: &str,
    name: &str,
) -> Result<&'b BinaryArray, LakeError> {
    find_column(batch, name)
        .and_then(|column| column.as_binary_opt::<i32>())
        .ok_or_else(|| missing_column(file, name))
}

/// The column of numbers or instants of this name.
pub(crate) fn primitive_column<'b, T: ArrowPrimitiveType>(
    batch: &'b RecordBatch,
    file: &str,
    name: &str,
) -> Result<&'b PrimitiveArray<T>, LakeError> {
    find_column(batch, name)
        .and_then(|column| column.as_primitive_opt::<T>())
        .ok_or_else(|| missing_column(file, name))
}

fn find_column<'b>(batch: &'b RecordBatch, name: &str) -> Option<&'b ArrayRef> {
    batch.column_by_name(name)
}

fn missing_column(file: &str, name: &str) -> LakeError {
    LakeError::Unexpected(format!(
        "{file} has no column `{name}` of the expected type"
    ))
}
