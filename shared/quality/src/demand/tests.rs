//! Each demand, on rows that hold it, fall short of it, and are not concerned.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow_array::{Date32Array, StringArray, TimestampMicrosecondArray};
use contract::Target;

use super::Said::{Fails, Holds, Nothing};
use super::*;

const DAY: i64 = MICROS_PER_DAY;

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

fn said(demand: &Demand) -> Vec<Said> {
    verdicts(demand, &batch(), None)
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn completeness_counts_columns() {
    assert_eq!(
        said(&Demand::Filled(names(&["kind", "surname"]))),
        [Holds, Fails, Fails]
    );
    assert_eq!(
        said(&Demand::AtLeast(2, names(&["kind", "surname", "phone"]))),
        [Holds, Fails, Holds]
    );
    assert_eq!(
        said(&Demand::ExactlyOne(names(&["surname", "phone"]))),
        [Holds, Fails, Fails]
    );
}

#[test]
fn a_value_that_is_not_there_is_not_looked_at() {
    assert_eq!(
        said(&Demand::Check("surname".into(), pole::Check::PersonName)),
        [Holds, Nothing, Fails]
    );
    assert_eq!(
        said(&Demand::Length("surname".into(), 1, 5)),
        [Fails, Nothing, Holds]
    );
    assert_eq!(
        said(&Demand::OneOf(
            "kind".into(),
            BTreeSet::from(["Victim".into()])
        )),
        [Holds, Fails, Nothing]
    );
}

#[test]
fn dates_are_compared_with_each_other_and_with_the_log() {
    assert_eq!(
        said(&Demand::NotFuture("born".into())),
        [Holds, Fails, Nothing]
    );
    assert_eq!(
        said(&Demand::NotBefore("died".into(), "born".into())),
        [Fails, Holds, Nothing]
    );
    assert_eq!(
        said(&Demand::AgeAtMost("born".into(), 0)),
        [Fails, Holds, Nothing]
    );
}

#[test]
fn a_condition_leaves_other_rows_alone() {
    let victims = BTreeSet::from(["Victim".to_owned()]);
    let demand = Demand::If(
        "kind".into(),
        Some(victims),
        Box::new(Demand::Filled(names(&["phone"]))),
    );
    assert_eq!(said(&demand), [Fails, Nothing, Nothing]);
    let any = Demand::If(
        "phone".into(),
        None,
        Box::new(Demand::Filled(names(&["kind"]))),
    );
    assert_eq!(said(&any), [Nothing, Nothing, Fails]);
}

#[test]
fn of_all_demands_one_that_fails_is_enough() {
    let all = Demand::All(vec![
        Demand::Filled(names(&["pole_id"])),
        Demand::Check("phone".into(), pole::Check::E164),
        Demand::Filled(names(&["kind"])),
    ]);
    assert_eq!(said(&all), [Holds, Holds, Fails]);
}

struct Town;

impl Elsewhere for Town {
    fn has(&self, table: &str, value: &str) -> Option<bool> {
        (table != "unmerged").then_some((table, value) == ("person", "p1"))
    }

    fn linked(&self, pole_id: &str, tables: &[String]) -> Option<bool> {
        Some(
            pole_id == "p2"
                && (tables.is_empty() || tables.iter().any(|table| table == "location")),
        )
    }
}

#[test]
fn other_tables_are_asked_where_they_are_known() {
    let here = |demand: &Demand| verdicts(demand, &batch(), Some(&Town));
    let to_person = Demand::References("pole_id".into(), Target::Table("person".into()));
    assert_eq!(here(&to_person), [Holds, Fails, Fails]);
    assert_eq!(said(&to_person), [Nothing; 3]);
    let to_unmerged = Demand::References("pole_id".into(), Target::Table("unmerged".into()));
    assert_eq!(
        here(&to_unmerged),
        [Nothing; 3],
        "of a table without a snapshot nothing is said"
    );
    assert_eq!(
        here(&Demand::References(
            "pole_id".into(),
            Target::In("table".into())
        )),
        [Holds, Fails, Nothing]
    );
    assert_eq!(here(&Demand::Linked(Vec::new())), [Fails, Holds, Fails]);
    assert_eq!(here(&Demand::Linked(names(&["object"]))), [Fails; 3]);
}
