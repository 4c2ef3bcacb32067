//! Each kind of expectation, on rows that meet it, rows that do not, and rows to which it does not
//! apply.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow_array::{Date32Array, StringArray, TimestampMicrosecondArray};
use contract::ReferenceTarget;

use super::RowVerdict::{Failed, NotApplicable, Passed};
use super::*;

const DAY: i64 = crate::times::MICROS_PER_DAY;

fn batch() -> RecordBatch {
    let text = |values: Vec<Option<&str>>| Arc::new(StringArray::from(values)) as ArrayRef;
    RecordBatch::try_from_iter_with_nullable([
        (
            "pole_id",
            text(vec![Some("p1"), Some("p2"), Some("p3")]),
            false,
        ),
        (
            "kind",
            text(vec![Some("Victim"), Some("Tenant"), None]),
            true,
        ),
        (
            "surname",
            text(vec![Some("O'Dowd"), None, Some("Mr  X")]),
            true,
        ),
        ("phone", text(vec![None, None, Some("+442079460000")]), true),
        (
            "table",
            text(vec![Some("person"), Some("object"), None]),
            true,
        ),
        (
            "born",
            Arc::new(Date32Array::from(vec![Some(10), Some(200), None])) as ArrayRef,
            true,
        ),
        (
            "died",
            Arc::new(Date32Array::from(vec![Some(9), Some(200), Some(3)])) as ArrayRef,
            true,
        ),
        (
            "ingested_at",
            Arc::new(TimestampMicrosecondArray::from(vec![
                100 * DAY,
                100 * DAY,
                100 * DAY,
            ])) as ArrayRef,
            false,
        ),
    ])
    .unwrap()
}

fn verdicts(expectation: &Expectation) -> Vec<RowVerdict> {
    evaluate_expectation(expectation, &batch(), None)
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn completeness_counts_columns() {
    assert_eq!(
        verdicts(&Expectation::Filled(names(&["kind", "surname"]))),
        [Passed, Failed, Failed]
    );
    assert_eq!(
        verdicts(&Expectation::AtLeast(
            2,
            names(&["kind", "surname", "phone"])
        )),
        [Passed, Failed, Passed]
    );
    assert_eq!(
        verdicts(&Expectation::ExactlyOne(names(&["surname", "phone"]))),
        [Passed, Failed, Failed]
    );
}

#[test]
fn a_value_that_is_not_there_is_not_looked_at() {
    assert_eq!(
        verdicts(&Expectation::Check(
            "surname".into(),
            pole::ConformanceCheck::PersonName
        )),
        [Passed, NotApplicable, Failed]
    );
    assert_eq!(
        verdicts(&Expectation::Length("surname".into(), 1, 5)),
        [Failed, NotApplicable, Passed]
    );
    assert_eq!(
        verdicts(&Expectation::OneOf(
            "kind".into(),
            BTreeSet::from(["Victim".into()])
        )),
        [Passed, Failed, NotApplicable]
    );
}

#[test]
fn dates_are_compared_with_each_other_and_with_the_log() {
    assert_eq!(
        verdicts(&Expectation::NotFuture("born".into())),
        [Passed, Failed, NotApplicable]
    );
    assert_eq!(
        verdicts(&Expectation::NotBefore("died".into(), "born".into())),
        [Failed, Passed, NotApplicable]
    );
    assert_eq!(
        verdicts(&Expectation::AgeAtMost("born".into(), 0)),
        [Failed, Passed, NotApplicable]
    );
}

#[test]
fn a_condition_leaves_other_rows_alone() {
    let victims = BTreeSet::from(["Victim".to_owned()]);
    let expectation = Expectation::If(
        "kind".into(),
        Some(victims),
        Box::new(Expectation::Filled(names(&["phone"]))),
    );
    assert_eq!(
        verdicts(&expectation),
        [Failed, NotApplicable, NotApplicable]
    );
    let any = Expectation::If(
        "phone".into(),
        None,
        Box::new(Expectation::Filled(names(&["kind"]))),
    );
    assert_eq!(verdicts(&any), [NotApplicable, NotApplicable, Failed]);
}

#[test]
fn of_several_expectations_one_that_fails_is_enough() {
    let all = Expectation::All(vec![
        Expectation::Filled(names(&["pole_id"])),
        Expectation::Check("phone".into(), pole::ConformanceCheck::E164),
        Expectation::Filled(names(&["kind"])),
    ]);
    assert_eq!(verdicts(&all), [Passed, Passed, Failed]);
}

struct ExampleTables;

impl CrossTableCheck for ExampleTables {
    fn has_pole_id(&self, table: &str, value: &str) -> Option<bool> {
        (table != "unmerged").then_some((table, value) == ("person", "p1"))
    }

    fn is_linked(&self, pole_id: &str, tables: &[String]) -> Option<bool> {
        Some(
            pole_id == "p2"
                && (tables.is_empty() || tables.iter().any(|table| table == "location")),
        )
    }
}

#[test]
fn other_tables_are_asked_where_they_are_known() {
    let verdicts_with_tables = |expectation: &Expectation| {
        evaluate_expectation(expectation, &batch(), Some(&ExampleTables))
    };
    let to_person =
        Expectation::References("pole_id".into(), ReferenceTarget::Table("person".into()));
    assert_eq!(verdicts_with_tables(&to_person), [Passed, Failed, Failed]);
    assert_eq!(verdicts(&to_person), [NotApplicable; 3]);
    let to_unmerged =
        Expectation::References("pole_id".into(), ReferenceTarget::Table("unmerged".into()));
    assert_eq!(
        verdicts_with_tables(&to_unmerged),
        [NotApplicable; 3],
        "the rows of a table without a snapshot are not known"
    );
    assert_eq!(
        verdicts_with_tables(&Expectation::References(
            "pole_id".into(),
            ReferenceTarget::InColumn("table".into())
        )),
        [Passed, Failed, NotApplicable]
    );
    assert_eq!(
        verdicts_with_tables(&Expectation::Linked(Vec::new())),
        [Failed, Passed, Failed]
    );
    assert_eq!(
        verdicts_with_tables(&Expectation::Linked(names(&["object"]))),
        [Failed; 3]
    );
}

/// Rows with a date, an instant, and when they were appended.
fn timed_batch(rows: &[(i32, i64, i64)]) -> RecordBatch {
    let dates: Date32Array = rows.iter().map(|row| Some(row.0)).collect();
    let instants: TimestampMicrosecondArray = rows.iter().map(|row| Some(row.1)).collect();
    let appended: TimestampMicrosecondArray = rows.iter().map(|row| Some(row.2)).collect();
    RecordBatch::try_from_iter([
        ("date", Arc::new(dates) as ArrayRef),
        ("instant", Arc::new(instants) as ArrayRef),
        ("ingested_at", Arc::new(appended) as ArrayRef),
    ])
    .unwrap()
}

#[test]
fn a_local_date_is_not_measured_by_the_day_of_utc() {
    const HOUR: i64 = DAY / 24;
    let evening = 100 * DAY + 23 * HOUR;
    let morning = 100 * DAY + 2 * HOUR;
    let batch = timed_batch(&[
        // In London's summer it is the next day at 23:30 UTC.
        (101, evening, evening),
        (102, evening + DAY, evening),
        (100, morning, morning),
        (101, morning + 24 * HOUR, morning),
        // An instant on the next day in UTC, half an hour ahead.
        (100, evening + HOUR + HOUR / 2, evening + HOUR / 2),
    ]);
    let found = |expectation: &Expectation| evaluate_expectation(expectation, &batch, None);
    assert_eq!(
        found(&Expectation::NotFuture("date".into())),
        [Passed, Failed, Passed, Failed, Passed]
    );
    assert_eq!(
        found(&Expectation::NotFuture("instant".into())),
        [Passed, Failed, Passed, Failed, Passed]
    );
    assert_eq!(
        found(&Expectation::NotBefore("instant".into(), "date".into())),
        [Passed; 5]
    );
    let batch = timed_batch(&[(0, 365 * DAY + HOUR, 365 * DAY + HOUR), (0, 0, 367 * DAY)]);
    assert_eq!(
        evaluate_expectation(&Expectation::AgeAtMost("date".into(), 1), &batch, None),
        [Passed, Failed]
    );
}
