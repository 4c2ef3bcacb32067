//! The metrics of the standard's own library: `rowCount`, `nullValues`, `missingValues`,
//! `invalidValues`, `duplicateValues`.

use serde_json::Value;

use super::context::RuleContext;
use super::kinds::{Expectation, compile_anchored, plain_text};
use super::tolerance::Tolerance;
use crate::odcs::Quality;

/// What a rule of the library expects, and how much it tolerates.
pub(super) fn compile_library_rule(
    quality: &Quality,
    column: Option<&str>,
    context: RuleContext<'_>,
) -> Result<(Expectation, Tolerance), String> {
    let metric = quality.metric.as_deref();
    if let (Some("rowCount"), None) = (metric, column) {
        return Ok((Expectation::RowCount, row_count_tolerance(quality)?));
    }
    let expectation = match (metric, column) {
        (Some("nullValues" | "missingValues"), Some(column)) => {
            Expectation::Filled(vec![column.to_owned()])
        }
        (Some("invalidValues"), Some(column)) => validity_expectation(column, quality, context)?,
        (Some("duplicateValues"), Some(column)) => Expectation::Unique(vec![column.to_owned()]),
        (Some("duplicateValues"), None) => unique_together_expectation(quality, context)?,
        (metric, column) => return Err(unknown_metric(metric, column.is_some())),
    };
    Ok((expectation, failure_tolerance(quality)?))
}

fn unknown_metric(metric: Option<&str>, is_on_column: bool) -> String {
    let known = if is_on_column {
        "nullValues, missingValues, invalidValues or duplicateValues"
    } else {
        "rowCount or duplicateValues"
    };
    let metric = metric.unwrap_or("none");
    format!("the metric `{metric}` is not {known}")
}

/// The minimum and the maximum that a rule's one limit leaves to a number.
fn read_bounds(quality: &Quality) -> Result<(f64, f64), String> {
    let between = match quality.must_be_between.as_deref() {
        None => None,
        Some([minimum, maximum]) if minimum <= maximum => Some((*minimum, *maximum)),
        Some(_) => return Err("`mustBeBetween` is two numbers, the lower one first".into()),
    };
    let limits = [
        quality.must_be.map(|number| (number, number)),
        quality
            .must_be_less_or_equal_to
            .map(|maximum| (0.0, maximum)),
        // Row counts are whole numbers, so the next lower float is enough. A share loses next to
        // nothing.
        quality
            .must_be_less_than
            .map(|bound| (0.0, bound.next_down())),
        quality
            .must_be_greater_or_equal_to
            .map(|minimum| (minimum, f64::INFINITY)),
        quality
            .must_be_greater_than
            .map(|bound| (bound.next_up(), f64::INFINITY)),
        between,
    ];

    let mut given = limits.into_iter().flatten();
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
    let (minimum, maximum) = read_bounds(quality)?;
    Ok(Tolerance::TableRows(minimum, maximum))
}

fn failure_tolerance(quality: &Quality) -> Result<Tolerance, String> {
    let (minimum, maximum) = read_bounds(quality)?;
    if minimum > 0.0 {
        return Err("failing rows are counted, so the limit begins at 0: \
             use `mustBe: 0` or `mustBeLessOrEqualTo`"
            .into());
    }
    match quality.unit.as_deref() {
        Some("percent") => Ok(Tolerance::Percent(maximum)),
        None | Some("rows") => Ok(Tolerance::Rows(maximum)),
        Some(other) => Err(format!("the unit `{other}` is not rows or percent")),
    }
}

/// `invalidValues`, by its argument `validValues` or `pattern`.
fn validity_expectation(
    column: &str,
    quality: &Quality,
    context: RuleContext<'_>,
) -> Result<Expectation, String> {
    let column = context.text_column(column)?;
    let valid_values = argument(quality, "validValues");
    let pattern = argument(quality, "pattern");

    if valid_values.is_some() && pattern.is_some() {
        return Err("`invalidValues` takes `validValues` or `pattern`; write two rules".into());
    }
    if let Some(values) = valid_values.and_then(Value::as_array) {
        let texts = values.iter().map(plain_text).collect();
        return Ok(Expectation::OneOf(column, texts));
    }
    let pattern = pattern
        .and_then(Value::as_str)
        .ok_or("`invalidValues` needs the argument `validValues` or `pattern`")?;
    Ok(Expectation::Pattern(column, compile_anchored(pattern)?))
}

/// `duplicateValues` of a table: the columns of `arguments.properties` are unique together.
fn unique_together_expectation(
    quality: &Quality,
    context: RuleContext<'_>,
) -> Result<Expectation, String> {
    let names = argument(quality, "properties")
        .and_then(Value::as_array)
        .filter(|names| !names.is_empty())
        .ok_or("`duplicateValues` of a table needs the argument `properties`, a list of columns")?;
    let columns = names
        .iter()
        .map(|name| context.known_column(name.as_str().unwrap_or_default()))
        .collect::<Result<_, _>>()?;
    Ok(Expectation::Unique(columns))
}

fn argument<'q>(quality: &'q Quality, name: &str) -> Option<&'q Value> {
    quality.arguments.as_ref()?.get(name)
}
