//! The evaluation of expectations on the rows of a batch.
//!
//! Which code evaluates which kind:
//!
//! - `Filled`, `AtLeast`, `ExactlyOne`: [`check_filled_count`]; `Filled` of one column is counted
//!   by its nulls, in `state`.
//! - `OneOf`, `Pattern`, `Length`, `Check`: [`text_predicate`], once for each distinct text where a
//!   batch has few of them.
//! - `NotFuture`, `AgeAtMost`, `NotBefore`: `times`.
//! - `If`, `All`: [`evaluate_condition`] and [`evaluate_all`], from the verdicts of their parts.
//! - `Compare`: `compare::compare_column`.
//! - `References`, `Linked`: `references`, which asks the caller's [`CrossTableCheck`]; without one
//!   they do not apply.
//! - `Agrees`: `compare::check_source_agreement`, only when a [`CrossTableCheck`] is given: the
//!   caller then passes rows of one thing that follow each other in one batch.
//! - `UniqueKey`, `RowCount`: `state::TableState::rule_counts`, from counts of the full table.
//! - `Unique`: `uniqueness` in `snapshot-merge`, from [`hash_row_keys`](crate::hash_row_keys).
//! - `Fresh`: `cross_table_checks` in `quality-report`, from the manifest.
//!
//! How a kind of rule is added is described in `contract`, in the module `rule`; here it needs an
//! arm in this file, and a module of its own where the evaluation is long. The matches on the kind
//! in this file have no `_` arm, so that the compiler names each of them when a kind is added.

use std::collections::BTreeSet;

use arrow_array::{Array, ArrayRef, RecordBatch};
use contract::Expectation;

use crate::references::CrossTableCheck;
use crate::texts::check_texts;
use crate::verdict::{RowVerdict, not_applicable};
use crate::{compare, references, times};

/// Evaluates an expectation on each row. Expectations on other tables do not apply without
/// `other_tables`.
#[must_use]
pub fn evaluate_expectation(
    expectation: &Expectation,
    batch: &RecordBatch,
    other_tables: Option<&dyn CrossTableCheck>,
) -> Vec<RowVerdict> {
    match expectation {
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
        | Expectation::Check(column, _) => match text_predicate(expectation) {
            Some(accepts) => check_texts(batch, column, |text| Some(accepts(text))),
            None => not_applicable(batch),
        },
        Expectation::NotFuture(column) => times::check_not_future(batch, column),
        Expectation::AgeAtMost(column, years) => times::check_age_at_most(batch, column, *years),
        Expectation::NotBefore(column, other) => times::check_not_before(batch, column, other),
        Expectation::If(column, values, then) => {
            evaluate_condition((column, values.as_ref()), then, batch, other_tables)
        }
        Expectation::All(parts) => evaluate_all(parts, batch, other_tables),
        Expectation::References(column, target) => {
            references::check_references(batch, column, target, other_tables)
        }
        Expectation::Linked(tables) => references::check_links(batch, tables, other_tables),
        Expectation::Compare(column, operator, operand) => {
            compare::compare_column(batch, column, *operator, operand)
        }
        Expectation::Agrees(column) => match other_tables {
            Some(_) => compare::check_source_agreement(batch, column),
            None => not_applicable(batch),
        },
        // Expectations on the full table, which no single row meets or fails.
        Expectation::UniqueKey
        | Expectation::RowCount
        | Expectation::Unique(_)
        | Expectation::Fresh(_) => not_applicable(batch),
    }
}

/// A condition on a text.
type TextPredicate<'d> = Box<dyn Fn(&str) -> bool + 'd>;

/// The condition that an expectation sets on the text of one column; none for expectations of other
/// kinds.
pub(crate) fn text_predicate(expectation: &Expectation) -> Option<TextPredicate<'_>> {
    match expectation {
        Expectation::OneOf(_, values) => Some(Box::new(|text| values.contains(text))),
        Expectation::Pattern(_, pattern) => Some(Box::new(|text| pattern.is_match(text))),
        Expectation::Length(_, minimum, maximum) => Some(Box::new(|text| {
            (*minimum..=*maximum).contains(&text.chars().count())
        })),
        Expectation::Check(_, check) => Some(Box::new(|text| check.accepts_text(text))),
        Expectation::Filled(_)
        | Expectation::AtLeast(..)
        | Expectation::ExactlyOne(_)
        | Expectation::NotFuture(_)
        | Expectation::AgeAtMost(..)
        | Expectation::NotBefore(..)
        | Expectation::If(..)
        | Expectation::All(_)
        | Expectation::References(..)
        | Expectation::Linked(_)
        | Expectation::Compare(..)
        | Expectation::Agrees(_)
        | Expectation::UniqueKey
        | Expectation::RowCount
        | Expectation::Unique(_)
        | Expectation::Fresh(_) => None,
    }
}

/// The column without whose values an expectation applies to no row; none where there is no such
/// column.
pub(crate) fn subject_column(expectation: &Expectation) -> Option<&str> {
    match expectation {
        Expectation::OneOf(column, _)
        | Expectation::Pattern(column, _)
        | Expectation::Length(column, ..)
        | Expectation::Check(column, _)
        | Expectation::NotFuture(column)
        | Expectation::AgeAtMost(column, _)
        | Expectation::NotBefore(column, _)
        | Expectation::Compare(column, ..)
        | Expectation::If(column, ..) => Some(column),
        Expectation::Filled(_)
        | Expectation::AtLeast(..)
        | Expectation::ExactlyOne(_)
        | Expectation::All(_)
        | Expectation::References(..)
        | Expectation::Linked(_)
        | Expectation::Agrees(_)
        | Expectation::UniqueKey
        | Expectation::RowCount
        | Expectation::Unique(_)
        | Expectation::Fresh(_) => None,
    }
}

/// Evaluates an expectation on the rows whose column has one of the values, or any value when none
/// is named. It does not apply to other rows.
fn evaluate_condition(
    (column, values): (&String, Option<&BTreeSet<String>>),
    then: &Expectation,
    batch: &RecordBatch,
    other_tables: Option<&dyn CrossTableCheck>,
) -> Vec<RowVerdict> {
    let conditions = match values {
        Some(values) => check_texts(batch, column, |text| Some(values.contains(text))),
        None => check_filled_count(batch, std::slice::from_ref(column), |filled| filled == 1),
    };
    let consequences = evaluate_expectation(then, batch, other_tables);

    conditions
        .into_iter()
        .zip(consequences)
        .map(|(condition, consequence)| match condition {
            RowVerdict::Passed => consequence,
            RowVerdict::Failed | RowVerdict::NotApplicable => RowVerdict::NotApplicable,
        })
        .collect()
}

/// Evaluates several expectations, of which a row must meet every one that applies to it.
fn evaluate_all(
    parts: &[Expectation],
    batch: &RecordBatch,
    other_tables: Option<&dyn CrossTableCheck>,
) -> Vec<RowVerdict> {
    let verdicts_by_part: Vec<Vec<RowVerdict>> = parts
        .iter()
        .map(|part| evaluate_expectation(part, batch, other_tables))
        .collect();

    (0..batch.num_rows())
        .map(|row| RowVerdict::combine(verdicts_by_part.iter().map(|verdicts| verdicts[row])))
        .collect()
}

/// Checks how many of the columns have a value, row by row.
fn check_filled_count(
    batch: &RecordBatch,
    columns: &[String],
    accepts: impl Fn(usize) -> bool,
) -> Vec<RowVerdict> {
    let columns: Vec<&ArrayRef> = columns
        .iter()
        .filter_map(|name| batch.column_by_name(name))
        .collect();

    (0..batch.num_rows())
        .map(|row| columns.iter().filter(|column| column.is_valid(row)).count())
        .map(|filled| RowVerdict::from_bool(accepts(filled)))
        .collect()
}

#[cfg(test)]
mod tests;
