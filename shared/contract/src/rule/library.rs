//! The metrics of the standard's own library: `rowCount`, `nullValues`, `missingValues`, `invalidValues`,
//! `duplicateValues`.

use serde_json::Value;

use super::compile::{RuleContext, compile_anchored, known_column, plain_text, text_column};
use super::{Expectation, Tolerance};
use crate::odcs::Quality;

/// What a rule of the library demands, and how much it tolerates.
pub(crate) fn compile_library_rule(
    quality: &Quality,
    column: Option<&str>,
    around: RuleContext<'_>,
) -> Result<(Expectation, Tolerance), String> {
    match (quality.metric.as_deref(), column) {
        (Some("rowCount"), None) => Ok((Expectation::RowCount, row_count_tolerance(quality)?)),
        (Some("nullValues" | "missingValues"), Some(column)) => Ok((
            Expectation::Filled(vec![column.to_owned()]),
            failure_tolerance(quality)?,
        )),
        (Some("invalidValues"), Some(column)) => Ok((
            validity_expectation(column, quality, around)?,
            failure_tolerance(quality)?,
        )),
        (Some("duplicateValues"), Some(column)) => Ok((
            Expectation::Unique(vec![column.to_owned()]),
            failure_tolerance(quality)?,
        )),
        (Some("duplicateValues"), None) => Ok((
            unique_together_expectation(quality, around)?,
            failure_tolerance(quality)?,
        )),
        (metric, Some(_)) => Err(format!(
            "the metric `{}` is not nullValues, missingValues, invalidValues or duplicateValues",
            metric.unwrap_or("none")
        )),
        (metric, None) => Err(format!(
            "the metric `{}` is not rowCount or duplicateValues",
            metric.unwrap_or("none")
        )),
    }
}

/// The least and the most that a rule's one limit leaves to a number.
fn read_bounds(quality: &Quality) -> Result<(f64, f64), String> {
    let between = match quality.must_be_between.as_deref() {
        None => None,
        Some([least, most]) if least <= most => Some((*least, *most)),
        Some(_) => return Err("`mustBeBetween` is two numbers, the lower one first".into()),
    };
    let given = [
        quality.must_be.map(|number| (number, number)),
        quality.must_be_less_or_equal_to.map(|most| (0.0, most)),
        // What is counted are whole numbers; of a share, next to nothing is taken away.
        quality
            .must_be_less_than
            .map(|above| (0.0, above.next_down())),
        quality
            .must_be_greater_or_equal_to
            .map(|least| (least, f64::INFINITY)),
        quality
            .must_be_greater_than
            .map(|below| (below.next_up(), f64::INFINITY)),
        between,
    ];
    let mut given = given.into_iter().flatten();
    match (given.next(), given.next()) {
        (Some(bounds), None) => Ok(bounds),
        (None, _) => Err("it needs a limit, such as `mustBe` or `mustBeLessOrEqualTo`".into()),
        _ => Err("it has several limits; one is enforced, so one is to be given".into()),
    }
}

fn row_count_tolerance(quality: &Quality) -> Result<Tolerance, String> {
    if quality.unit.as_deref().is_some_and(|unit| unit != "rows") {
        return Err("`rowCount` is in rows".into());
    }
    read_bounds(quality).map(|(least, most)| Tolerance::TableRows(least, most))
}

fn failure_tolerance(quality: &Quality) -> Result<Tolerance, String> {
    let (least, most) = read_bounds(quality)?;
    if least > 0.0 {
        let why = "what falls short is counted, so its limit begins at 0: use `mustBe: 0` or `mustBeLessOrEqualTo`";
        return Err(why.into());
    }
    match quality.unit.as_deref() {
        Some("percent") => Ok(Tolerance::Percent(most)),
        None | Some("rows") => Ok(Tolerance::Rows(most)),
        Some(other) => Err(format!("the unit `{other}` is not rows or percent")),
    }
}

fn validity_expectation(
    column: &str,
    quality: &Quality,
    around: RuleContext<'_>,
) -> Result<Expectation, String> {
    let argument = |name: &str| {
        quality
            .arguments
            .as_ref()
            .and_then(|arguments| arguments.get(name))
    };
    text_column(column, around)?;
    if argument("validValues").is_some() && argument("pattern").is_some() {
        return Err("`invalidValues` takes `validValues` or `pattern`; write two rules".into());
    }
    if let Some(values) = argument("validValues").and_then(Value::as_array) {
        return Ok(Expectation::OneOf(
            column.to_owned(),
            values.iter().map(plain_text).collect(),
        ));
    }
    let pattern = argument("pattern").and_then(Value::as_str);
    let pattern = pattern.ok_or("`invalidValues` needs the argument `validValues` or `pattern`")?;
    Ok(Expectation::Pattern(
        column.to_owned(),
        compile_anchored(pattern)?,
    ))
}

/// Columns that are unique together, as `arguments.properties`.
fn unique_together_expectation(
    quality: &Quality,
    around: RuleContext<'_>,
) -> Result<Expectation, String> {
    let named = quality
        .arguments
        .as_ref()
        .and_then(|arguments| arguments["properties"].as_array());
    let named = named.filter(|named| !named.is_empty());
    let named = named
        .ok_or("`duplicateValues` of a table needs the argument `properties`, a list of columns")?;
    let column = |name: &Value| known_column(name.as_str().unwrap_or_default(), around);
    Ok(Expectation::Unique(
        named.iter().map(column).collect::<Result<_, _>>()?,
    ))
}
