//! Rules, compiled from a table contract.

use contract::{Column, Quality, TableContract};
use regex::Regex;

/// What becomes of a snapshot whose rule does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// It is reported.
    Warn,
    /// It is kept, but not made current.
    Block,
}

/// What a rule demands of a row or of the table.
#[derive(Clone, Debug)]
pub(crate) enum Demand {
    /// The column has a value.
    Filled,
    /// The column's value, if any, is one of these.
    OneOf(Vec<String>),
    /// The column's value, if any, fits the whole expression.
    Pattern(Regex),
    /// No two rows have the same key (pole_id, source).
    UniqueKey,
    /// The table has so many rows.
    Rows,
}

/// A compiled rule.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Its stable id.
    pub id: String,
    /// What it demands, in words.
    pub description: String,
    /// One of the standard's dimensions.
    pub dimension: String,
    /// The column it is about.
    pub column: Option<String>,
    /// What becomes of the snapshot.
    pub severity: Severity,
    pub(crate) demand: Demand,
    /// The tolerated failures, in rows or percent; for `Rows` the least number of rows.
    pub(crate) limit: f64,
    pub(crate) percent: bool,
}

impl Rule {
    /// What is tolerated, in words.
    #[must_use]
    pub fn target(&self) -> String {
        match (&self.demand, self.percent) {
            (Demand::Rows, _) => format!("at least {} rows", self.limit),
            (_, true) => format!("at most {} %", self.limit),
            (_, false) => format!("at most {} rows", self.limit),
        }
    }
}

/// Every rule of a table contract: those it writes out, and those that `required` implies.
///
/// # Errors
/// A rule that cannot be enforced, with its column and why: none is skipped silently.
pub fn rules_of(table: &TableContract) -> Result<Vec<Rule>, String> {
    let mut rules = vec![unique_key(table)];
    for column in table.own() {
        if column.required {
            rules.push(required(table, column));
        }
        for quality in &column.quality {
            rules.push(column_rule(table, column, quality)?);
        }
    }
    for quality in &table.quality {
        rules.push(table_rule(table, quality)?);
    }
    Ok(rules)
}

fn unique_key(table: &TableContract) -> Rule {
    Rule {
        id: format!("{}-key-unique", table.name),
        description: "no two rows have the same pole_id and source".into(),
        dimension: "uniqueness".into(),
        column: None,
        severity: Severity::Block,
        demand: Demand::UniqueKey,
        limit: 0.0,
        percent: false,
    }
}

fn required(table: &TableContract, column: &Column) -> Rule {
    Rule {
        id: format!("{}-{}-required", table.name, column.name),
        description: format!("{} is filled", column.name),
        dimension: "completeness".into(),
        column: Some(column.name.clone()),
        severity: Severity::Warn,
        demand: Demand::Filled,
        limit: 0.0,
        percent: false,
    }
}

fn column_rule(table: &TableContract, column: &Column, quality: &Quality) -> Result<Rule, String> {
    let place = format!("{}.{}", table.name, column.name);
    let demand = match quality.metric.as_deref() {
        Some("nullValues" | "missingValues") => Demand::Filled,
        Some("invalidValues") => validity(&place, quality)?,
        other => {
            return Err(format!(
                "{place}: the metric `{}` is not nullValues or invalidValues",
                other.unwrap_or("none")
            ));
        }
    };
    finish(&place, Some(&column.name), quality, demand)
}

fn table_rule(table: &TableContract, quality: &Quality) -> Result<Rule, String> {
    match quality.metric.as_deref() {
        Some("rowCount") => finish(&table.name, None, quality, Demand::Rows),
        other => Err(format!("{}: the metric `{}` is not rowCount", table.name, other.unwrap_or("none"))),
    }
}

fn validity(place: &str, quality: &Quality) -> Result<Demand, String> {
    let arguments = quality.arguments.as_ref();
    let argument = |name| arguments.and_then(|arguments| arguments.get(name));
    if let Some(values) = argument("validValues").and_then(|values| values.as_array()) {
        let text =
            |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        return Ok(Demand::OneOf(values.iter().map(text).collect()));
    }
    let Some(pattern) = argument("pattern").and_then(|pattern| pattern.as_str()) else {
        return Err(format!("{place}: invalidValues needs the argument validValues or pattern"));
    };
    // Anchored: a pattern describes the whole value.
    Regex::new(&format!("^(?:{pattern})$")).map(Demand::Pattern).map_err(|error| format!("{place}: {error}"))
}

fn finish(place: &str, column: Option<&str>, quality: &Quality, demand: Demand) -> Result<Rule, String> {
    let Some(id) = quality.id.clone() else { return Err(format!("{place}: the rule needs a stable `id`")) };
    let limit = match &demand {
        Demand::Rows => quality.must_be_greater_or_equal_to,
        _ => quality.must_be.or(quality.must_be_less_or_equal_to),
    };
    let severity = match quality.severity.as_deref() {
        Some("block") => Severity::Block,
        None | Some("warn") => Severity::Warn,
        Some(other) => return Err(format!("{place}: the severity `{other}` is not warn or block")),
    };
    Ok(Rule {
        description: quality.description.clone().unwrap_or_else(|| id.clone()),
        dimension: quality.dimension.clone().unwrap_or_else(|| "conformity".into()),
        column: column.map(str::to_owned),
        severity,
        demand,
        limit: limit.ok_or_else(|| format!("{place}: the rule {id} has no limit that its metric knows"))?,
        percent: quality.unit.as_deref() == Some("percent"),
        id,
    })
}
