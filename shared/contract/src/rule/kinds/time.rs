//! Dates and instants: `not_future`, `not_before`, `max_age_years`, `fresh_within_hours`.

use super::{CompiledKind, Expectation, Implementation, RuleContext};

/// `not_future: true`, on a column.
pub(super) fn compile_not_future(
    fields: &Implementation,
    column: &str,
    context: RuleContext<'_>,
) -> CompiledKind {
    if fields.not_future != Some(true) {
        return Ok(None);
    }
    Ok(Some(Expectation::NotFuture(context.date_column(column)?)))
}

/// `not_before: other_column`, on a column.
pub(super) fn compile_not_before(
    fields: &Implementation,
    column: &str,
    context: RuleContext<'_>,
) -> CompiledKind {
    let Some(other) = &fields.not_before else {
        return Ok(None);
    };
    let column = context.date_column(column)?;
    let other = context.date_column(other)?;
    Ok(Some(Expectation::NotBefore(column, other)))
}

/// `max_age_years: n`, on a column.
pub(super) fn compile_max_age(
    fields: &Implementation,
    column: &str,
    context: RuleContext<'_>,
) -> CompiledKind {
    let Some(years) = fields.max_age_years else {
        return Ok(None);
    };
    let column = context.date_column(column)?;
    Ok(Some(Expectation::AgeAtMost(column, years)))
}

/// `fresh_within_hours: n`, on the table.
pub(super) fn compile_fresh(fields: &Implementation, _: RuleContext<'_>) -> CompiledKind {
    match fields.fresh_within_hours {
        Some(hours) if hours.is_nan() || hours <= 0.0 => {
            Err("`fresh_within_hours` is a number above 0".into())
        }
        hours => Ok(hours.map(Expectation::Fresh)),
    }
}
