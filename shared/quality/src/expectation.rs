//! What a demand says of each row of a batch.

use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, TimestampMicrosecondType};
use arrow_array::{Array, ArrayRef, RecordBatch};
use contract::Expectation;

use crate::compare;

/// Microseconds of a day.
const MICROS_PER_DAY: i64 = 86_400_000_000;

/// What a demand says of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowVerdict {
    /// It does not concern the row.
    NotApplicable,
    /// The row holds it.
    Passed,
    /// The row falls short of it.
    Failed,
}

impl RowVerdict {
    fn from_bool(holds: bool) -> Self {
        if holds { Self::Passed } else { Self::Failed }
    }

    pub(crate) fn from_optional_bool(holds: Option<bool>) -> Self {
        holds.map_or(Self::NotApplicable, Self::from_bool)
    }
}

/// What knows of other tables; a pass over one table knows nothing of them.
pub trait CrossTableCheck {
    /// Whether `value` is the `pole_id` of a row of `table`; none when nothing is known of that table.
    fn has_pole_id(&self, table: &str, value: &str) -> Option<bool>;
    /// Whether a row of this `pole_id` is linked to a row of one of `tables`; of any, when there are none. None when
    /// nothing is known of links.
    fn is_linked(&self, pole_id: &str, tables: &[String]) -> Option<bool>;
}

/// What `demand` says of each row. Demands on other tables say nothing without `elsewhere`.
#[must_use]
pub fn evaluate_expectation(
    demand: &Expectation,
    batch: &RecordBatch,
    elsewhere: Option<&dyn CrossTableCheck>,
) -> Vec<RowVerdict> {
    let rows = batch.num_rows();
    match demand {
        Expectation::Filled(columns) => {
            check_filled_count(batch, columns, |filled| filled == columns.len())
        }
        Expectation::AtLeast(count, columns) => {
            check_filled_count(batch, columns, |filled| filled >= *count)
        }
        Expectation::ExactlyOne(columns) => {
            check_filled_count(batch, columns, |filled| filled == 1)
        }
        Expectation::OneOf(column, _)
        | Expectation::Pattern(column, _)
        | Expectation::Length(column, ..)
        | Expectation::Check(column, _) => match text_predicate(demand) {
            Some(holds) => check_texts(batch, column, holds),
            None => vec![RowVerdict::NotApplicable; rows],
        },
        Expectation::NotFuture(column) => check_time_pairs(
            column_times(batch, column),
            column_times(batch, "ingested_at"),
            |at, landed| at.day <= landed.day,
        ),
        Expectation::AgeAtMost(column, years) => {
            // 365.2425 days: a leap day more or less does not matter to an age of 120.
            let most = i64::from(*years) * 3_652_425 / 10_000;
            check_time_pairs(
                column_times(batch, column),
                column_times(batch, "ingested_at"),
                |at, landed| landed.day - at.day <= most,
            )
        }
        Expectation::NotBefore(column, other) => check_time_pairs(
            column_times(batch, column),
            column_times(batch, other),
            |at, before| at.is_not_before(&before),
        ),
        Expectation::If(column, is, then) => {
            let when = match is {
                Some(values) => check_texts(batch, column, |text| values.contains(text)),
                None => {
                    check_filled_count(batch, std::slice::from_ref(column), |filled| filled == 1)
                }
            };
            let then = evaluate_expectation(then, batch, elsewhere);
            when.into_iter()
                .zip(then)
                .map(|(when, then)| {
                    if when == RowVerdict::Passed {
                        then
                    } else {
                        RowVerdict::NotApplicable
                    }
                })
                .collect()
        }
        Expectation::All(all) => {
            let each: Vec<Vec<RowVerdict>> = all
                .iter()
                .map(|demand| evaluate_expectation(demand, batch, elsewhere))
                .collect();
            (0..rows)
                .map(|row| combine_verdicts(each.iter().map(|said| said[row])))
                .collect()
        }
        Expectation::References(column, target) => {
            check_references(batch, column, target, elsewhere)
        }
        Expectation::Linked(tables) => match elsewhere {
            Some(elsewhere) => {
                look_up_texts(batch, "pole_id", |id| elsewhere.is_linked(id, tables))
            }
            None => vec![RowVerdict::NotApplicable; rows],
        },
        Expectation::Compare(column, operator, operand) => {
            compare::compare_column(batch, column, *operator, operand)
        }
        Expectation::Agrees(column) if elsewhere.is_some() => {
            compare::check_source_agreement(batch, column)
        }
        // Demands on the table as a whole, and what is not for this pass.
        Expectation::UniqueKey
        | Expectation::RowCount
        | Expectation::Unique(_)
        | Expectation::Fresh(_)
        | Expectation::Agrees(_) => {
            vec![RowVerdict::NotApplicable; rows]
        }
    }
}

/// A question to a text.
type TextPredicate<'d> = Box<dyn Fn(&str) -> bool + 'd>;

/// What a demand on one text asks of it; none for other demands.
pub(crate) fn text_predicate(demand: &Expectation) -> Option<TextPredicate<'_>> {
    Some(match demand {
        Expectation::OneOf(_, values) => Box::new(|text| values.contains(text)),
        Expectation::Pattern(_, pattern) => Box::new(|text| pattern.is_match(text)),
        Expectation::Length(_, least, most) => {
            Box::new(|text| (*least..=*most).contains(&text.chars().count()))
        }
        Expectation::Check(_, check) => Box::new(|text| check.accepts_text(text)),
        _ => return None,
    })
}

/// All of several: one that fails fails them all.
fn combine_verdicts(all: impl Iterator<Item = RowVerdict>) -> RowVerdict {
    all.fold(RowVerdict::NotApplicable, |sum, said| match (sum, said) {
        (RowVerdict::Failed, _) | (_, RowVerdict::Failed) => RowVerdict::Failed,
        (RowVerdict::Passed, _) | (_, RowVerdict::Passed) => RowVerdict::Passed,
        _ => RowVerdict::NotApplicable,
    })
}

fn check_filled_count(
    batch: &RecordBatch,
    columns: &[String],
    enough: impl Fn(usize) -> bool,
) -> Vec<RowVerdict> {
    let columns: Vec<&ArrayRef> = columns
        .iter()
        .filter_map(|name| batch.column_by_name(name))
        .collect();
    let filled = |row: usize| columns.iter().filter(|column| column.is_valid(row)).count();
    (0..batch.num_rows())
        .map(|row| RowVerdict::from_bool(enough(filled(row))))
        .collect()
}

/// Asks of each text what is known elsewhere; where nothing is, nothing is said.
fn look_up_texts(
    batch: &RecordBatch,
    column: &str,
    holds: impl Fn(&str) -> Option<bool>,
) -> Vec<RowVerdict> {
    let texts = batch
        .column_by_name(column)
        .and_then(|column| column.as_string_opt::<i32>());
    let Some(texts) = texts else {
        return vec![RowVerdict::NotApplicable; batch.num_rows()];
    };
    texts
        .iter()
        .map(|text| {
            text.and_then(&holds)
                .map_or(RowVerdict::NotApplicable, RowVerdict::from_bool)
        })
        .collect()
}

/// Looks at the texts of a column; what is null, and what is no text, is not looked at.
fn check_texts(batch: &RecordBatch, column: &str, holds: impl Fn(&str) -> bool) -> Vec<RowVerdict> {
    let texts = batch
        .column_by_name(column)
        .and_then(|column| column.as_string_opt::<i32>());
    let Some(texts) = texts else {
        return vec![RowVerdict::NotApplicable; batch.num_rows()];
    };
    texts
        .iter()
        .map(|text| {
            text.map_or(RowVerdict::NotApplicable, |text| {
                RowVerdict::from_bool(holds(text))
            })
        })
        .collect()
}

/// A date or an instant.
#[derive(Clone, Copy, Debug)]
struct DateOrInstant {
    day: i64,
    /// Microseconds since 1970; none for a date.
    micros: Option<i64>,
}

impl DateOrInstant {
    /// By the day, where one of the two is only a date.
    fn is_not_before(&self, other: &Self) -> bool {
        match (self.micros, other.micros) {
            (Some(at), Some(before)) => at >= before,
            _ => self.day >= other.day,
        }
    }
}

fn column_times(batch: &RecordBatch, column: &str) -> Vec<Option<DateOrInstant>> {
    let Some(column) = batch.column_by_name(column) else {
        return vec![None; batch.num_rows()];
    };
    if let Some(days) = column.as_primitive_opt::<Date32Type>() {
        return days
            .iter()
            .map(|day| {
                Some(DateOrInstant {
                    day: i64::from(day?),
                    micros: None,
                })
            })
            .collect();
    }
    let Some(instants) = column.as_primitive_opt::<TimestampMicrosecondType>() else {
        return vec![None; batch.num_rows()];
    };
    let moment = |at: i64| DateOrInstant {
        day: at.div_euclid(MICROS_PER_DAY),
        micros: Some(at),
    };
    instants.iter().map(|at| at.map(moment)).collect()
}

fn check_time_pairs(
    a: Vec<Option<DateOrInstant>>,
    b: Vec<Option<DateOrInstant>>,
    holds: impl Fn(DateOrInstant, DateOrInstant) -> bool,
) -> Vec<RowVerdict> {
    let said = |(a, b): (Option<DateOrInstant>, Option<DateOrInstant>)| match (a, b) {
        (Some(a), Some(b)) => RowVerdict::from_bool(holds(a, b)),
        _ => RowVerdict::NotApplicable,
    };
    a.into_iter().zip(b).map(said).collect()
}

fn check_references(
    batch: &RecordBatch,
    column: &str,
    target: &contract::ReferenceTarget,
    elsewhere: Option<&dyn CrossTableCheck>,
) -> Vec<RowVerdict> {
    let Some(elsewhere) = elsewhere else {
        return vec![RowVerdict::NotApplicable; batch.num_rows()];
    };
    match target {
        contract::ReferenceTarget::Table(table) => {
            look_up_texts(batch, column, |id| elsewhere.has_pole_id(table, id))
        }
        contract::ReferenceTarget::InColumn(other) => {
            let texts_of = |name: &str| {
                batch
                    .column_by_name(name)
                    .and_then(|column| column.as_string_opt::<i32>())
            };
            let (Some(ids), Some(tables)) = (texts_of(column), texts_of(other)) else {
                return vec![RowVerdict::NotApplicable; batch.num_rows()];
            };
            let said = |(id, table): (Option<&str>, Option<&str>)| match (id, table) {
                (Some(id), Some(table)) => elsewhere
                    .has_pole_id(table, id)
                    .map_or(RowVerdict::NotApplicable, RowVerdict::from_bool),
                _ => RowVerdict::NotApplicable,
            };
            ids.iter().zip(tables.iter()).map(said).collect()
        }
    }
}

#[cfg(test)]
mod tests;
