//! Statements of records in refined rows and in what the merge keeps.

use std::borrow::Cow;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch, StringArray};

use crate::LakeError;
use crate::schema::STATEMENT_COLUMN;

/// The batch with its statements redacted, and how many of them were. `redact` takes a row and its
/// text, and gives what replaces the text; none where it stays.
///
/// # Errors
/// When the column is of another type than the schema's.
pub fn redact_statements(
    batch: &RecordBatch,
    redact: impl Fn(usize, &str) -> Option<String>,
) -> Result<(RecordBatch, u64), LakeError> {
    let Ok(index) = batch.schema().index_of(STATEMENT_COLUMN) else {
        return Ok((batch.clone(), 0));
    };
    let Some(texts) = batch.column(index).as_string_opt::<i32>() else {
        let message = format!("the column {STATEMENT_COLUMN} is no text");
        return Err(LakeError::Unexpected(message));
    };

    let mut redacted = 0;
    let statements: StringArray = (0..texts.len())
        .map(|row| {
            let text = texts.is_valid(row).then(|| texts.value(row))?;
            let replacement = redact(row, text);
            redacted += u64::from(replacement.is_some());
            Some(replacement.map_or(Cow::Borrowed(text), Cow::Owned))
        })
        .collect();
    if redacted == 0 {
        return Ok((batch.clone(), 0));
    }
    let mut columns = batch.columns().to_vec();
    columns[index] = Arc::new(statements);
    Ok((RecordBatch::try_new(batch.schema(), columns)?, redacted))
}
