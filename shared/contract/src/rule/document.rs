//! Our rules as they are written in `implementation`.

use schemars::JsonSchema;
use serde::Deserialize;

/// What a rule with `type: custom` and `engine: polelake` demands. All that is given must hold.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Implementation {
    /// The value has a form: on a column its name, on a table `{column, as}`.
    #[serde(default)]
    pub(crate) check: Option<CheckDocument>,
    /// The value is a code of this reference list; on a column.
    #[serde(default)]
    pub(crate) list: Option<String>,
    /// The date is not later than the event's append to the log; on a column.
    #[serde(default)]
    pub(crate) not_future: Option<bool>,
    /// The date is not before that of the named column; on a column.
    #[serde(default)]
    pub(crate) not_before: Option<String>,
    /// The date is no longer ago than this; on a column.
    #[serde(default)]
    pub(crate) max_age_years: Option<i32>,
    /// The value is the `pole_id` of a row of a table; on a column. Looks into other tables.
    #[serde(default)]
    pub(crate) references: Option<ReferencesDocument>,
    /// These columns are filled; on a table.
    #[serde(default)]
    pub(crate) filled: Option<Vec<String>>,
    /// So many of the columns are filled; on a table.
    #[serde(default)]
    pub(crate) at_least: Option<AtLeastDocument>,
    /// One of the columns is filled, and no other; on a table.
    #[serde(default)]
    pub(crate) exactly_one: Option<Vec<String>>,
    /// The column's value is one of these; on a table.
    #[serde(default)]
    pub(crate) one_of: Option<OneOfDocument>,
    /// Only for rows of which this holds; with `then`, on a table.
    #[serde(default, rename = "if")]
    pub(crate) condition: Option<ConditionDocument>,
    /// What is demanded of rows of which `if` holds.
    #[serde(default)]
    pub(crate) then: Option<Box<Implementation>>,
    /// The value compares so with another column or a value; on a column `{is: ">=", value: 0}` or
    /// `{is: "<=", column: other}`, on a table with `left: column`.
    #[serde(default)]
    pub(crate) compare: Option<CompareDocument>,
    /// No two rows have the same values in these columns; on a table. Exact.
    #[serde(default)]
    pub(crate) unique: Option<Vec<String>>,
    /// Rows that several sources have of one thing say the same in the column; on a column. After publication.
    #[serde(default)]
    pub(crate) agrees: Option<bool>,
    /// The newest event is at most so many hours before the end of the day; on a table. After publication.
    #[serde(default)]
    pub(crate) fresh_within_hours: Option<f64>,
    /// The row stands at an end of a link; on a table. Looks into other tables.
    #[serde(default)]
    pub(crate) linked: Option<LinkedDocument>,
    /// How much may fall short; nothing where it is not said.
    #[serde(default)]
    pub(crate) tolerate: Option<TolerateDocument>,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
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
pub(crate) struct AtLeastDocument {
    /// How many.
    pub(crate) count: usize,
    /// Of which columns.
    pub(crate) of: Vec<String>,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OneOfDocument {
    /// The column.
    pub(crate) column: String,
    /// Its values.
    pub(crate) values: Vec<String>,
}

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

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CompareDocument {
    /// The column on the left; on a column's own rule it is that column.
    #[serde(default)]
    pub(crate) left: Option<String>,
    /// `<`, `<=`, `=`, `!=`, `>=` or `>`.
    pub(crate) is: String,
    /// The column on the right.
    #[serde(default)]
    pub(crate) column: Option<String>,
    /// The value on the right: a number, a text, a date or an instant.
    #[serde(default)]
    pub(crate) value: Option<serde_json::Value>,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LinkedDocument {
    /// Opposite a row of one of these tables; of any, when none is named.
    #[serde(default)]
    pub(crate) to: Vec<String>,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TolerateDocument {
    /// So many rows.
    #[serde(default)]
    pub(crate) rows: Option<f64>,
    /// So many in a hundred of those that are looked at.
    #[serde(default)]
    pub(crate) percent: Option<f64>,
}
