//! Rows compared with each other: `unique`, `agrees`.

use super::{CompiledKind, Expectation, Implementation, RuleContext};

/// `unique: [columns]`, on the table.
pub(super) fn compile_unique(fields: &Implementation, context: RuleContext<'_>) -> CompiledKind {
    let Some(columns) = &fields.unique else {
        return Ok(None);
    };
    Ok(Some(Expectation::Unique(context.known_columns(columns)?)))
}

/// `agrees: true`, on a column.
pub(super) fn compile_agrees(
    fields: &Implementation,
    column: &str,
    context: RuleContext<'_>,
) -> CompiledKind {
    if fields.agrees != Some(true) {
        return Ok(None);
    }
    Ok(Some(Expectation::Agrees(context.known_column(column)?)))
}
