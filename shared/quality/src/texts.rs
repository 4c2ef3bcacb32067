//! Text columns of a batch, and checks of their texts.

use arrow_array::cast::AsArray;
use arrow_array::{RecordBatch, StringArray};

use crate::verdict::{RowVerdict, not_applicable};

/// The texts of a column; none where there is no such column, or where it does not hold texts.
pub(crate) fn text_column<'b>(batch: &'b RecordBatch, name: &str) -> Option<&'b StringArray> {
    batch.column_by_name(name)?.as_string_opt::<i32>()
}

/// Checks the texts of a column. Rows without a text, and texts of which `accepts` knows nothing,
/// are not concerned.
pub(crate) fn check_texts(
    batch: &RecordBatch,
    column: &str,
    accepts: impl Fn(&str) -> Option<bool>,
) -> Vec<RowVerdict> {
    let Some(texts) = text_column(batch, column) else {
        return not_applicable(batch);
    };

    texts
        .iter()
        .map(|text| RowVerdict::from_optional_bool(text.and_then(&accepts)))
        .collect()
}
