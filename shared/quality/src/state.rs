//! The state of a table's rules and profile: counts that add up.

use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;
use arrow_array::{Array, RecordBatch};

use contract::{Column, Demand, Rule, Tolerance};
use serde::{Deserialize, Serialize};

use crate::demand::{Said, holds, verdicts};
use crate::distinct::Texts;
use crate::profile::ColumnState;

/// What a rule counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleCount {
    /// Rows that fell short.
    pub failed: u64,
    /// Rows that were looked at.
    pub checked: u64,
}

impl RuleCount {
    /// The count of what a demand said of rows.
    #[must_use]
    pub fn of(said: &[Said]) -> Self {
        let count = |wanted: Said| said.iter().filter(|said| **said == wanted).count() as u64;
        let failed = count(Said::Fails);
        Self {
            failed,
            checked: failed + count(Said::Holds),
        }
    }

    /// Whether no more fell short than is tolerated; `rows` are those of the whole table.
    #[must_use]
    pub fn within(self, tolerance: Tolerance, rows: u64) -> bool {
        match tolerance {
            Tolerance::TableRows(least, most) => (least..=most).contains(&(rows as f64)),
            Tolerance::Rows(most) => self.failed as f64 <= most,
            Tolerance::Percent(percent) => {
                self.failed as f64 * 100.0 <= percent * self.checked as f64
            }
        }
    }

    /// Adds another count.
    pub fn add(&mut self, other: Self) {
        self.failed += other.failed;
        self.checked += other.checked;
    }
}

/// The state of one table, or of a part of it. Parts that follow each other in the order of keys add up to the whole, so
/// that a part that did not change is not measured again: its state is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TableState {
    /// Rows.
    pub rows: u64,
    /// The columns' profiles, in their order.
    pub columns: Vec<ColumnState>,
    /// The latest event time, in microseconds since 1970.
    pub newest_event: Option<i64>,
    /// The rules' counts, in their order; nothing is counted here of demands on the table as a whole.
    counts: Vec<RuleCount>,
    /// Rows whose key is the one before.
    repeats: u64,
    /// The first and the last key, to see the same key twice across batches and parts.
    first_key: Option<Key>,
    last_key: Option<Key>,
}

/// `pole_id` and source.
type Key = (String, String);

impl TableState {
    /// The state of no rows.
    #[must_use]
    pub fn new(rules: &[Rule], columns: &[Column]) -> Self {
        Self {
            rows: 0,
            columns: columns
                .iter()
                .map(|column| ColumnState::new(column, is_listed(column, rules)))
                .collect(),
            newest_event: None,
            counts: vec![RuleCount::default(); rules.len()],
            repeats: 0,
            first_key: None,
            last_key: None,
        }
    }

    /// Takes in the next rows; they come in the order of owner, pole_id and source.
    pub fn update(&mut self, rules: &[Rule], batch: &RecordBatch) {
        self.rows += batch.num_rows() as u64;
        let texts = Texts::of(batch, self.columns.iter().map(ColumnState::is_profiled));
        for (place, (state, column)) in self.columns.iter_mut().zip(batch.columns()).enumerate() {
            state.update_with(column, texts.at(place));
        }
        let times = batch
            .column_by_name("event_time")
            .and_then(|c| c.as_primitive_opt::<TimestampMicrosecondType>());
        let newest = times.and_then(|times| times.iter().flatten().max());
        self.newest_event = self.newest_event.max(newest);
        for (rule, sum) in rules.iter().zip(&mut self.counts) {
            sum.add(count(rule, batch, &texts));
        }
        let Some(last) = batch.num_rows().checked_sub(1) else {
            return;
        };
        let first = key(batch, 0);
        self.repeats += repeats(batch) + u64::from(first.is_some() && first == self.last_key);
        self.first_key = self.first_key.take().or(first);
        self.last_key = key(batch, last);
    }

    /// Adds the state of the part that follows.
    pub fn merge(&mut self, other: &Self) {
        self.rows += other.rows;
        self.repeats += other.repeats;
        self.repeats += u64::from(self.last_key.is_some() && self.last_key == other.first_key);
        if self.first_key.is_none() {
            self.first_key.clone_from(&other.first_key);
        }
        if other.last_key.is_some() {
            self.last_key.clone_from(&other.last_key);
        }
        self.newest_event = self.newest_event.max(other.newest_event);
        self.columns
            .iter_mut()
            .zip(&other.columns)
            .for_each(|(mine, theirs)| mine.merge(theirs));
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            mine.add(*theirs);
        }
    }

    /// What each of the rules counted.
    #[must_use]
    pub fn counted(&self, rules: &[Rule]) -> Vec<RuleCount> {
        let of = |(rule, count): (&Rule, &RuleCount)| match rule.demand {
            Demand::UniqueKey => RuleCount {
                failed: self.repeats,
                checked: self.rows,
            },
            Demand::RowCount => RuleCount {
                failed: 0,
                checked: self.rows,
            },
            _ => *count,
        };
        rules.iter().zip(&self.counts).map(of).collect()
    }
}

/// Whether a closed list says what may stand in the column.
fn is_listed(column: &Column, rules: &[Rule]) -> bool {
    rules
        .iter()
        .any(|rule| matches!(&rule.demand, Demand::OneOf(name, _) if *name == column.name))
}

fn count(rule: &Rule, batch: &RecordBatch, texts: &Texts<'_>) -> RuleCount {
    match &rule.demand {
        // Most rules are about one column's nulls: they are counted already.
        Demand::Filled(columns) if columns.len() == 1 => {
            let nulls = batch
                .column_by_name(&columns[0])
                .map_or(0, Array::null_count);
            RuleCount {
                failed: nulls as u64,
                checked: batch.num_rows() as u64,
            }
        }
        // Many columns are empty from end to end: nothing is said of them, and nothing has to be looked at.
        demand if about(demand).is_some_and(|name| is_empty(batch, name)) => RuleCount::default(),
        demand => match counted(demand, batch, texts) {
            Some(count) => count,
            None => RuleCount::of(&verdicts(demand, batch, None)),
        },
    }
}

/// What a demand on a text counts, each different text asked once; none where it is no such demand, or there are too many.
fn counted(demand: &Demand, batch: &RecordBatch, texts: &Texts<'_>) -> Option<RuleCount> {
    let holds = holds(demand)?;
    let place = batch.schema_ref().column_with_name(about(demand)?)?.0;
    let mut count = RuleCount::default();
    for (text, rows) in texts.at(place)? {
        count.checked += rows;
        count.failed += if holds(text) { 0 } else { *rows };
    }
    Some(count)
}

/// The column without whose values a demand says nothing.
fn about(demand: &Demand) -> Option<&str> {
    match demand {
        Demand::OneOf(column, _)
        | Demand::Pattern(column, _)
        | Demand::Length(column, ..)
        | Demand::Check(column, _)
        | Demand::NotFuture(column)
        | Demand::AgeAtMost(column, _)
        | Demand::NotBefore(column, _)
        | Demand::Compare(column, ..)
        | Demand::If(column, ..) => Some(column),
        _ => None,
    }
}

fn is_empty(batch: &RecordBatch, column: &str) -> bool {
    batch
        .column_by_name(column)
        .is_some_and(|column| column.null_count() == batch.num_rows())
}

/// Rows of the batch whose key is the one before: the rows are sorted by it.
fn repeats(batch: &RecordBatch) -> u64 {
    let columns = (
        batch.column_by_name("pole_id"),
        batch.column_by_name("source"),
    );
    let (Some(ids), Some(sources)) = columns else {
        return 0;
    };
    let (Some(ids), Some(sources)) = (ids.as_string_opt::<i32>(), sources.as_string_opt::<i32>())
    else {
        return 0;
    };
    let same = |row: &usize| {
        ids.value(*row) == ids.value(row - 1) && sources.value(*row) == sources.value(row - 1)
    };
    (1..batch.num_rows()).filter(same).count() as u64
}

fn key(batch: &RecordBatch, row: usize) -> Option<Key> {
    let text = |name: &str| {
        Some(
            batch
                .column_by_name(name)?
                .as_string_opt::<i32>()?
                .value(row)
                .to_owned(),
        )
    };
    Some((text("pole_id")?, text("source")?))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::StringArray;
    use contract::Severity;
    use proptest::prelude::*;

    use super::*;

    fn rules() -> Vec<Rule> {
        let rule = |demand| Rule {
            id: "r".into(),
            description: String::new(),
            dimension: String::new(),
            column: None,
            severity: Severity::Block,
            tolerance: Tolerance::Rows(0.0),
            demand,
        };
        vec![
            rule(Demand::Filled(vec!["role".into()])),
            rule(Demand::OneOf(
                "role".into(),
                ["a".to_owned(), "b".to_owned()].into(),
            )),
            rule(Demand::UniqueKey),
        ]
    }

    fn batch(rows: &[(String, Option<String>)]) -> RecordBatch {
        let ids = StringArray::from_iter_values(rows.iter().map(|(id, _)| id));
        let sources = StringArray::from_iter_values(rows.iter().map(|_| "s"));
        let roles: StringArray = rows.iter().map(|(_, role)| role.clone()).collect();
        RecordBatch::try_from_iter_with_nullable(vec![
            ("pole_id", Arc::new(ids) as _, false),
            ("source", Arc::new(sources) as _, false),
            ("role", Arc::new(roles) as _, true),
        ])
        .unwrap()
    }

    proptest! {
        #[test]
        fn counts_do_not_depend_on_where_batches_are_cut(
            rows in proptest::collection::vec(("[a-e]", proptest::option::of("[a-c]")), 1..40), cut in 0..40usize
        ) {
            let mut rows = rows;
            rows.sort();
            let rules = rules();
            let mut whole = TableState::new(&rules, &[]);
            whole.update(&rules, &batch(&rows));
            let cut = cut.min(rows.len());
            let mut parts = TableState::new(&rules, &[]);
            parts.update(&rules, &batch(&rows[..cut]));
            parts.update(&rules, &batch(&rows[cut..]));
            prop_assert_eq!(&whole, &parts);
            // Measured apart, kept as text, and added up.
            let mut sum = TableState::new(&rules, &[]);
            for part in [&rows[..cut], &rows[cut..]] {
                let mut state = TableState::new(&rules, &[]);
                state.update(&rules, &batch(part));
                let kept = serde_json::to_string(&state).unwrap();
                sum.merge(&serde_json::from_str(&kept).unwrap());
            }
            prop_assert_eq!(&whole, &sum);
            let distinct: std::collections::BTreeSet<_> = rows.iter().map(|(id, _)| id).collect();
            prop_assert_eq!(whole.counted(&rules)[2].failed as usize, rows.len() - distinct.len());
        }
    }

    #[test]
    fn what_falls_short_is_counted_and_tolerated_as_the_rule_says() {
        let rules = rules();
        let mut state = TableState::new(&rules, &[]);
        state.update(
            &rules,
            &batch(&[
                ("x".into(), Some("a".into())),
                ("y".into(), Some("z".into())),
            ]),
        );
        let count = state.counted(&rules)[1];
        assert_eq!(
            count,
            RuleCount {
                failed: 1,
                checked: 2
            }
        );
        let within = |tolerance| count.within(tolerance, state.rows);
        assert!(!within(Tolerance::Rows(0.0)) && within(Tolerance::Rows(1.0)));
        assert!(!within(Tolerance::Percent(49.9)) && within(Tolerance::Percent(50.0)));
        assert!(
            within(Tolerance::TableRows(2.0, f64::INFINITY))
                && !within(Tolerance::TableRows(0.0, 1.0))
        );
    }
}
