//! How much a rule tolerates.

use schemars::JsonSchema;
use serde::Deserialize;

/// How much a rule tolerates.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Tolerance {
    /// At most this number of rows fail.
    Rows(f64),
    /// At most this share of the checked rows fails, in percent.
    Percent(f64),
    /// The table has at least and at most this number of rows.
    TableRows(f64, f64),
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

impl Tolerance {
    /// No row may fail.
    pub(super) const NONE: Self = Self::Rows(0.0);

    /// The tolerance as a rule of ours writes it; no row may fail where the rule does not give one.
    pub(super) fn compile(document: Option<&TolerateDocument>) -> Result<Self, String> {
        let Some(document) = document else {
            return Ok(Self::NONE);
        };
        match (document.rows, document.percent) {
            (Some(rows), None) => Ok(Self::Rows(rows)),
            (None, Some(percent)) => Ok(Self::Percent(percent)),
            _ => Err("`tolerate` is `{rows: n}` or `{percent: p}`".into()),
        }
    }

    /// What is tolerated, in words.
    pub(super) fn describe(&self) -> String {
        match *self {
            Self::Rows(rows) => format!("at most {rows} rows"),
            Self::Percent(percent) => format!("at most {percent} %"),
            Self::TableRows(minimum, maximum) if maximum.is_infinite() => {
                format!("at least {minimum} rows")
            }
            Self::TableRows(minimum, maximum) => format!("{minimum} to {maximum} rows"),
        }
    }
}
