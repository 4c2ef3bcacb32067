//! What one text may be: `check`, `list`, `one_of`, and the patterns of the standard's own rules.

use pole::ConformanceCheck;
use regex::Regex;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{CompiledKind, Expectation, Implementation, RuleContext};
use crate::problem::nearest_name_hint;

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(
    untagged,
    expecting = "must be the name of a check, or an object of `column` and `as`"
)]
pub(crate) enum CheckDocument {
    /// A check's name.
    Name(String),
    /// A column and a check's name.
    On {
        /// The column.
        column: String,
        /// The check's name.
        #[serde(rename = "as")]
        check: String,
    },
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OneOfDocument {
    /// The column.
    pub(crate) column: String,
    /// Its values.
    pub(crate) values: Vec<String>,
}

/// `check: name` on a column, `check: {column, as: name}` on the table.
pub(super) fn compile_check(
    fields: &Implementation,
    column: Option<&str>,
    context: RuleContext<'_>,
) -> CompiledKind {
    let Some(document) = &fields.check else {
        return Ok(None);
    };
    let (column, name) = match (document, column) {
        (CheckDocument::Name(name), Some(column)) => (column, name),
        (CheckDocument::On { column, check }, None) => (column.as_str(), check),
        (CheckDocument::On { .. }, Some(_)) => {
            return Err("on a column, `check` is the name of a check".into());
        }
        (CheckDocument::Name(_), None) => {
            return Err("on a table, `check` is `{column, as}`".into());
        }
    };
    let column = context.text_column(column)?;
    Ok(Some(Expectation::Check(column, find_check(name)?)))
}

/// `list: name`, on a column.
pub(super) fn compile_list(
    fields: &Implementation,
    column: &str,
    context: RuleContext<'_>,
) -> CompiledKind {
    let Some(name) = &fields.list else {
        return Ok(None);
    };
    let list = context.lists.get(name)?;
    let codes = list.codes.iter().map(|(code, _)| code.clone()).collect();
    Ok(Some(Expectation::OneOf(
        context.text_column(column)?,
        codes,
    )))
}

/// `one_of: {column, values}`, on the table.
pub(super) fn compile_one_of(fields: &Implementation, context: RuleContext<'_>) -> CompiledKind {
    let Some(document) = &fields.one_of else {
        return Ok(None);
    };
    let column = context.text_column(&document.column)?;
    let values = document.values.iter().cloned().collect();
    Ok(Some(Expectation::OneOf(column, values)))
}

fn find_check(name: &str) -> Result<ConformanceCheck, String> {
    ConformanceCheck::from_name(name).ok_or_else(|| {
        let known = ConformanceCheck::ALL.iter().map(|(known, _)| *known);
        format!(
            "there is no check `{name}`{}",
            nearest_name_hint(name, known)
        )
    })
}

/// A pattern describes the whole value. Look-around and back-references, which ECMA-262 knows, do
/// not compile.
pub(in crate::rule) fn compile_anchored(pattern: &str) -> Result<Regex, String> {
    Regex::new(&format!("^(?:{pattern})$")).map_err(|error| {
        let message = error.to_string();
        let last_line = message.lines().last().unwrap_or_default();
        let why = last_line.trim_start_matches("error: ");
        format!("the pattern `{pattern}` does not compile: {why}")
    })
}

/// A value as people write it: a text without its quotes.
pub(in crate::rule) fn plain_text(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}
