//! Which columns of a row are filled: `filled`, `at_least`, `exactly_one`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{CompiledKind, Expectation, Implementation, RuleContext};

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AtLeastDocument {
    /// How many.
    pub(crate) count: usize,
    /// Of which columns.
    pub(crate) of: Vec<String>,
}

/// `filled: [columns]`.
pub(super) fn compile_filled(fields: &Implementation, context: RuleContext<'_>) -> CompiledKind {
    let Some(columns) = &fields.filled else {
        return Ok(None);
    };
    Ok(Some(Expectation::Filled(context.known_columns(columns)?)))
}

/// `at_least: {count, of: [columns]}`.
pub(super) fn compile_at_least(fields: &Implementation, context: RuleContext<'_>) -> CompiledKind {
    let Some(document) = &fields.at_least else {
        return Ok(None);
    };
    let columns = context.known_columns(&document.of)?;
    if document.count == 0 || document.count > columns.len() {
        return Err(format!(
            "`at_least` asks for {} of {} columns",
            document.count,
            columns.len()
        ));
    }
    Ok(Some(Expectation::AtLeast(document.count, columns)))
}

/// `exactly_one: [columns]`.
pub(super) fn compile_exactly_one(
    fields: &Implementation,
    context: RuleContext<'_>,
) -> CompiledKind {
    let Some(columns) = &fields.exactly_one else {
        return Ok(None);
    };
    Ok(Some(Expectation::ExactlyOne(
        context.known_columns(columns)?,
    )))
}
