//! Expectations of only some rows: `if` and `then`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{CompiledKind, Expectation, Implementation, RuleContext, compile_expectation};

const CONDITION_INCOMPLETE: &str = "`if` and `then` go together";

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConditionDocument {
    /// The column.
    pub(crate) column: String,
    /// It has one of these values.
    #[serde(default)]
    pub(crate) is: Option<Vec<String>>,
    /// It has a value.
    #[serde(default)]
    pub(crate) filled: Option<bool>,
}

/// `if: {column, is: [values]}` or `if: {column, filled: true}`, with `then`, on the table.
pub(super) fn compile_condition(fields: &Implementation, context: RuleContext<'_>) -> CompiledKind {
    let Some(condition) = &fields.condition else {
        return Ok(None);
    };
    let Some(then) = &fields.then else {
        return Err(CONDITION_INCOMPLETE.into());
    };
    if then.tolerate.is_some() {
        return Err("`tolerate` stands beside `if`, not within `then`".into());
    }

    let column = match &condition.is {
        Some(_) => context.text_column(&condition.column)?,
        None => context.known_column(&condition.column)?,
    };
    if condition.is.is_none() && condition.filled != Some(true) {
        return Err("`if` needs `is: [values]` or `filled: true`".into());
    }
    let values = condition
        .is
        .as_ref()
        .map(|values| values.iter().cloned().collect());

    match compile_expectation(then, None, context)? {
        Expectation::Unique(_) | Expectation::Fresh(_) => {
            Err("`then` is about the row, not about the whole table".into())
        }
        then => Ok(Some(Expectation::If(column, values, Box::new(then)))),
    }
}

/// `then` compiles with its `if`; alone it is refused.
pub(super) fn require_condition(fields: &Implementation, _: RuleContext<'_>) -> CompiledKind {
    if fields.then.is_some() && fields.condition.is_none() {
        return Err(CONDITION_INCOMPLETE.into());
    }
    Ok(None)
}
