//! The verbs that take a text apart or look it up, as mappings write them.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Expression, UnknownValuePolicy};

/// A part of a text.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SplitDocument {
    /// The text that is split.
    pub(crate) from: Box<Expression>,
    /// The text between two parts.
    pub(crate) by: String,
    /// Which part it is: 1 is the first one, -1 the last one.
    pub(crate) part: i32,
}

/// A value of which some texts stand for "no value".
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BlankDocument {
    /// The value.
    pub(crate) from: Box<Expression>,
    /// The texts that become null, such as `N/A`.
    pub(crate) texts: Vec<String>,
}

/// A value that is looked up in a reference list with several columns.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LookupDocument {
    /// The value that is looked up: a code of the list, or one of its synonyms.
    pub(crate) from: Box<Expression>,
    /// The reference list, `contracts/lists/<list>.yaml`.
    pub(crate) list: String,
    /// The column whose value it becomes.
    pub(crate) column: String,
    /// What becomes of a value that the list does not know, or knows without this column:
    /// quarantine by default, for the value itself is none of the column's.
    #[serde(default = "refuse_unknown")]
    pub(crate) unknown: UnknownValuePolicy,
}

fn refuse_unknown() -> UnknownValuePolicy {
    UnknownValuePolicy::Quarantine
}
