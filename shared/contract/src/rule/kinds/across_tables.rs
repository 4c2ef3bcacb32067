//! Rows looked up in other tables: `references`, `linked`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{CompiledKind, Expectation, Implementation, RuleContext};

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReferencesDocument {
    /// The table.
    #[serde(default)]
    pub(crate) table: Option<String>,
    /// The column in which the table's name stands.
    #[serde(default)]
    pub(crate) table_in: Option<String>,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LinkedDocument {
    /// Opposite a row of one of these tables; of any, when none is named.
    #[serde(default)]
    pub(crate) to: Vec<String>,
}

/// The table that a reference leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReferenceTarget {
    /// This table.
    Table(String),
    /// The table that another column names.
    InColumn(String),
}

/// `references: {table}` or `references: {table_in: column}`, on a column.
pub(super) fn compile_references(
    fields: &Implementation,
    column: &str,
    context: RuleContext<'_>,
) -> CompiledKind {
    let Some(document) = &fields.references else {
        return Ok(None);
    };
    let target = match (&document.table, &document.table_in) {
        (Some(table), None) => ReferenceTarget::Table(context.known_table(table)?),
        (None, Some(other)) => ReferenceTarget::InColumn(context.known_column(other)?),
        _ => return Err("`references` is `{table: name}` or `{table_in: column}`".into()),
    };
    let column = context.text_column(column)?;
    Ok(Some(Expectation::References(column, target)))
}

/// `linked: {to: [tables]}`, on the table.
pub(super) fn compile_linked(fields: &Implementation, context: RuleContext<'_>) -> CompiledKind {
    let Some(document) = &fields.linked else {
        return Ok(None);
    };
    let tables = document
        .to
        .iter()
        .map(|table| context.known_table(table))
        .collect::<Result<_, _>>()?;
    Ok(Some(Expectation::Linked(tables)))
}
