//! The verbs that take a text apart, as mappings write them.

use schemars::JsonSchema;
use serde::Deserialize;

use super::Expression;

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
