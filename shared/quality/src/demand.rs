//! What a demand says of each row of a batch.

use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, TimestampMicrosecondType};
use arrow_array::{Array, ArrayRef, RecordBatch};
use contract::Demand;

use crate::compare;

/// Microseconds of a day.
const MICROS_PER_DAY: i64 = 86_400_000_000;

/// What a demand says of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// It does not concern the row.
    Nothing,
    /// The row holds it.
    Holds,
    /// The row falls short of it.
    Fails,
}

impl Said {
    fn of(holds: bool) -> Self {
        if holds { Self::Holds } else { Self::Fails }
    }

    pub(crate) fn maybe(holds: Option<bool>) -> Self {
        holds.map_or(Self::Nothing, Self::of)
    }
}

/// What knows of other tables; a pass over one table knows nothing of them.
pub trait Elsewhere {
    /// Whether `value` is the `pole_id` of a row of `table`; none when nothing is known of that table.
    fn has(&self, table: &str, value: &str) -> Option<bool>;
    /// Whether a row of this `pole_id` is linked to a row of one of `tables`; of any, when there are none. None when
    /// nothing is known of links.
    fn linked(&self, pole_id: &str, tables: &[String]) -> Option<bool>;
}

/// What `demand` says of each row. Demands on other tables say nothing without `elsewhere`.
#[must_use]
pub fn verdicts(
    demand: &Demand,
    batch: &RecordBatch,
    elsewhere: Option<&dyn Elsewhere>,
) -> Vec<Said> {
    let rows = batch.num_rows();
    match demand {
        Demand::Filled(columns) => counted(batch, columns, |filled| filled == columns.len()),
        Demand::AtLeast(count, columns) => counted(batch, columns, |filled| filled >= *count),
        Demand::ExactlyOne(columns) => counted(batch, columns, |filled| filled == 1),
        Demand::OneOf(column, _)
        | Demand::Pattern(column, _)
        | Demand::Length(column, ..)
        | Demand::Check(column, _) => match holds(demand) {
            Some(holds) => texts(batch, column, holds),
            None => vec![Said::Nothing; rows],
        },
        Demand::NotFuture(column) => pairs(
            moments(batch, column),
            moments(batch, "ingested_at"),
            |at, landed| at.day <= landed.day,
        ),
        Demand::AgeAtMost(column, years) => {
            // 365.2425 days: a leap day more or less does not matter to an age of 120.
            let most = i64::from(*years) * 3_652_425 / 10_000;
            pairs(
                moments(batch, column),
                moments(batch, "ingested_at"),
                |at, landed| landed.day - at.day <= most,
            )
        }
        Demand::NotBefore(column, other) => pairs(
            moments(batch, column),
            moments(batch, other),
            |at, before| at.is_not_before(&before),
        ),
        Demand::If(column, is, then) => {
            let when = match is {
                Some(values) => texts(batch, column, |text| values.contains(text)),
                None => counted(batch, std::slice::from_ref(column), |filled| filled == 1),
            };
            let then = verdicts(then, batch, elsewhere);
            when.into_iter()
                .zip(then)
                .map(|(when, then)| {
                    if when == Said::Holds {
                        then
                    } else {
                        Said::Nothing
                    }
                })
                .collect()
        }
        Demand::All(all) => {
            let each: Vec<Vec<Said>> = all
                .iter()
                .map(|demand| verdicts(demand, batch, elsewhere))
                .collect();
            (0..rows)
                .map(|row| together(each.iter().map(|said| said[row])))
                .collect()
        }
        Demand::References(column, target) => referenced(batch, column, target, elsewhere),
        Demand::Linked(tables) => match elsewhere {
            Some(elsewhere) => asked(batch, "pole_id", |id| elsewhere.linked(id, tables)),
            None => vec![Said::Nothing; rows],
        },
        Demand::Compare(column, operator, operand) => {
            compare::said(batch, column, *operator, operand)
        }
        Demand::Agrees(column) if elsewhere.is_some() => compare::agree(batch, column),
        // Demands on the table as a whole, and what is not for this pass.
        Demand::UniqueKey
        | Demand::RowCount
        | Demand::Unique(_)
        | Demand::Fresh(_)
        | Demand::Agrees(_) => {
            vec![Said::Nothing; rows]
        }
    }
}

/// A question to a text.
type Asked<'d> = Box<dyn Fn(&str) -> bool + 'd>;

/// What a demand on one text asks of it; none for other demands.
pub(crate) fn holds(demand: &Demand) -> Option<Asked<'_>> {
    Some(match demand {
        Demand::OneOf(_, values) => Box::new(|text| values.contains(text)),
        Demand::Pattern(_, pattern) => Box::new(|text| pattern.is_match(text)),
        Demand::Length(_, least, most) => {
            Box::new(|text| (*least..=*most).contains(&text.chars().count()))
        }
        Demand::Check(_, check) => Box::new(|text| check.passes(text)),
        _ => return None,
    })
}

/// All of several: one that fails fails them all.
fn together(all: impl Iterator<Item = Said>) -> Said {
    all.fold(Said::Nothing, |sum, said| match (sum, said) {
        (Said::Fails, _) | (_, Said::Fails) => Said::Fails,
        (Said::Holds, _) | (_, Said::Holds) => Said::Holds,
        _ => Said::Nothing,
    })
}

fn counted(batch: &RecordBatch, columns: &[String], enough: impl Fn(usize) -> bool) -> Vec<Said> {
    let columns: Vec<&ArrayRef> = columns
        .iter()
        .filter_map(|name| batch.column_by_name(name))
        .collect();
    let filled = |row: usize| columns.iter().filter(|column| column.is_valid(row)).count();
    (0..batch.num_rows())
        .map(|row| Said::of(enough(filled(row))))
        .collect()
}

/// Asks of each text what is known elsewhere; where nothing is, nothing is said.
fn asked(batch: &RecordBatch, column: &str, holds: impl Fn(&str) -> Option<bool>) -> Vec<Said> {
    let texts = batch
        .column_by_name(column)
        .and_then(|column| column.as_string_opt::<i32>());
    let Some(texts) = texts else {
        return vec![Said::Nothing; batch.num_rows()];
    };
    texts
        .iter()
        .map(|text| text.and_then(&holds).map_or(Said::Nothing, Said::of))
        .collect()
}

/// Looks at the texts of a column; what is null, and what is no text, is not looked at.
fn texts(batch: &RecordBatch, column: &str, holds: impl Fn(&str) -> bool) -> Vec<Said> {
    let texts = batch
        .column_by_name(column)
        .and_then(|column| column.as_string_opt::<i32>());
    let Some(texts) = texts else {
        return vec![Said::Nothing; batch.num_rows()];
    };
    texts
        .iter()
        .map(|text| text.map_or(Said::Nothing, |text| Said::of(holds(text))))
        .collect()
}

/// A date or an instant.
#[derive(Clone, Copy, Debug)]
struct Moment {
    day: i64,
    /// Microseconds since 1970; none for a date.
    micros: Option<i64>,
}

impl Moment {
    /// By the day, where one of the two is only a date.
    fn is_not_before(&self, other: &Self) -> bool {
        match (self.micros, other.micros) {
            (Some(at), Some(before)) => at >= before,
            _ => self.day >= other.day,
        }
    }
}

fn moments(batch: &RecordBatch, column: &str) -> Vec<Option<Moment>> {
    let Some(column) = batch.column_by_name(column) else {
        return vec![None; batch.num_rows()];
    };
    if let Some(days) = column.as_primitive_opt::<Date32Type>() {
        return days
            .iter()
            .map(|day| {
                Some(Moment {
                    day: i64::from(day?),
                    micros: None,
                })
            })
            .collect();
    }
    let Some(instants) = column.as_primitive_opt::<TimestampMicrosecondType>() else {
        return vec![None; batch.num_rows()];
    };
    let moment = |at: i64| Moment {
        day: at.div_euclid(MICROS_PER_DAY),
        micros: Some(at),
    };
    instants.iter().map(|at| at.map(moment)).collect()
}

fn pairs(
    a: Vec<Option<Moment>>,
    b: Vec<Option<Moment>>,
    holds: impl Fn(Moment, Moment) -> bool,
) -> Vec<Said> {
    let said = |(a, b): (Option<Moment>, Option<Moment>)| match (a, b) {
        (Some(a), Some(b)) => Said::of(holds(a, b)),
        _ => Said::Nothing,
    };
    a.into_iter().zip(b).map(said).collect()
}

fn referenced(
    batch: &RecordBatch,
    column: &str,
    target: &contract::Target,
    elsewhere: Option<&dyn Elsewhere>,
) -> Vec<Said> {
    let Some(elsewhere) = elsewhere else {
        return vec![Said::Nothing; batch.num_rows()];
    };
    match target {
        contract::Target::Table(table) => asked(batch, column, |id| elsewhere.has(table, id)),
        contract::Target::In(other) => {
            let texts_of = |name: &str| {
                batch
                    .column_by_name(name)
                    .and_then(|column| column.as_string_opt::<i32>())
            };
            let (Some(ids), Some(tables)) = (texts_of(column), texts_of(other)) else {
                return vec![Said::Nothing; batch.num_rows()];
            };
            let said = |(id, table): (Option<&str>, Option<&str>)| match (id, table) {
                (Some(id), Some(table)) => elsewhere.has(table, id).map_or(Said::Nothing, Said::of),
                _ => Said::Nothing,
            };
            ids.iter().zip(tables.iter()).map(said).collect()
        }
    }
}

#[cfg(test)]
mod tests;
