//! A column of text in a batch of rows.

use arrow_array::cast::AsArray;
use arrow_array::{RecordBatch, StringArray};
use lake::LakeError;

/// A column of text.
///
/// # Errors
/// When the batch has no such column, or its values are no text.
pub(crate) fn text_column(batch: &RecordBatch, name: &str) -> Result<StringArray, LakeError> {
    batch
        .column_by_name(name)
        .and_then(|column| column.as_string_opt::<i32>())
        .cloned()
        .ok_or_else(|| LakeError::Unexpected(format!("it has no column {name} of text")))
}
