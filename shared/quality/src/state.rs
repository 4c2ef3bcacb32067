//! The state of a table's rules and profile: counts that add up.

use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;
use arrow_array::{Array, RecordBatch};

use contract::{Column, Expectation, Rule, Tolerance};
use serde::{Deserialize, Serialize};

use crate::distinct::DistinctTextColumns;
use crate::expectation::{evaluate_expectation, subject_column, text_predicate};
use crate::profile::ColumnState;
use crate::texts::text_column;
use crate::verdict::RowVerdict;

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
    pub fn from_verdicts(said: &[RowVerdict]) -> Self {
        let count = |wanted: RowVerdict| said.iter().filter(|said| **said == wanted).count() as u64;
        let failed = count(RowVerdict::Failed);
        Self {
            failed,
            checked: failed + count(RowVerdict::Passed),
        }
    }

    /// Whether no more fell short than is tolerated; `rows` are those of the whole table.
    #[must_use]
    pub fn is_within(self, tolerance: Tolerance, rows: u64) -> bool {
        match tolerance {
            Tolerance::TableRows(least, most) => (least..=most).contains(&(rows as f64)),
            Tolerance::Rows(most) => self.failed as f64 <= most,
            Tolerance::Percent(percent) => {
                self.failed as f64 * 100.0 <= percent * self.checked as f64
            }
        }
    }

    /// Adds another count.
    pub fn add_count(&mut self, other: Self) {
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
    first_key: Option<PoleIdAndSource>,
    last_key: Option<PoleIdAndSource>,
}

/// `pole_id` and source.
type PoleIdAndSource = (String, String);

impl TableState {
    /// The state of no rows.
    #[must_use]
    pub fn new(rules: &[Rule], columns: &[Column]) -> Self {
        Self {
            rows: 0,
            columns: columns
                .iter()
                .map(|column| ColumnState::new(column, has_closed_list(column, rules)))
                .collect(),
            newest_event: None,
            counts: vec![RuleCount::default(); rules.len()],
            repeats: 0,
            first_key: None,
            last_key: None,
        }
    }

    /// Takes in the next rows; they come in the order of owner, pole_id and source.
    pub fn add_batch(&mut self, rules: &[Rule], batch: &RecordBatch) {
        self.rows += batch.num_rows() as u64;
        let texts = DistinctTextColumns::from_batch(
            batch,
            self.columns.iter().map(ColumnState::is_profiled),
        );
        for (place, (state, column)) in self.columns.iter_mut().zip(batch.columns()).enumerate() {
            state.update_with(column, texts.column_texts(place));
        }
        let times = batch
            .column_by_name("event_time")
            .and_then(|c| c.as_primitive_opt::<TimestampMicrosecondType>());
        let newest = times.and_then(|times| times.iter().flatten().max());
        self.newest_event = self.newest_event.max(newest);
        for (rule, sum) in rules.iter().zip(&mut self.counts) {
            sum.add_count(count_rule(rule, batch, &texts));
        }
        let Some(last) = batch.num_rows().checked_sub(1) else {
            return;
        };
        let first = row_key(batch, 0);
        self.repeats +=
            count_repeated_keys(batch) + u64::from(first.is_some() && first == self.last_key);
        self.first_key = self.first_key.take().or(first);
        self.last_key = row_key(batch, last);
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
            mine.add_count(*theirs);
        }
    }

    /// What each of the rules counted.
    #[must_use]
    pub fn rule_counts(&self, rules: &[Rule]) -> Vec<RuleCount> {
        let of = |(rule, count): (&Rule, &RuleCount)| match rule.expectation {
            Expectation::UniqueKey => RuleCount {
                failed: self.repeats,
                checked: self.rows,
            },
            Expectation::RowCount => RuleCount {
                failed: 0,
                checked: self.rows,
            },
            _ => *count,
        };
        rules.iter().zip(&self.counts).map(of).collect()
    }
}

/// Whether a closed list says what may stand in the column.
fn has_closed_list(column: &Column, rules: &[Rule]) -> bool {
    rules.iter().any(
        |rule| matches!(&rule.expectation, Expectation::OneOf(name, _) if *name == column.name),
    )
}

fn count_rule(rule: &Rule, batch: &RecordBatch, texts: &DistinctTextColumns<'_>) -> RuleCount {
    match &rule.expectation {
        // Most rules are about one column's nulls: they are counted already.
        Expectation::Filled(columns) if columns.len() == 1 => {
            let nulls = batch
                .column_by_name(&columns[0])
                .map_or(0, Array::null_count);
            RuleCount {
                failed: nulls as u64,
                checked: batch.num_rows() as u64,
            }
        }
        // Many columns are empty from end to end: nothing is said of them, and nothing has to be looked at.
        demand if subject_column(demand).is_some_and(|name| is_column_empty(batch, name)) => {
            RuleCount::default()
        }
        demand => match count_text_rule(demand, batch, texts) {
            Some(count) => count,
            None => RuleCount::from_verdicts(&evaluate_expectation(demand, batch, None)),
        },
    }
}

/// What a demand on a text counts, each different text asked once; none where it is no such demand, or there are too many.
fn count_text_rule(
    demand: &Expectation,
    batch: &RecordBatch,
    texts: &DistinctTextColumns<'_>,
) -> Option<RuleCount> {
    let holds = text_predicate(demand)?;
    let place = batch
        .schema_ref()
        .column_with_name(subject_column(demand)?)?
        .0;
    let mut count = RuleCount::default();
    for (text, rows) in texts.column_texts(place)? {
        count.checked += rows;
        count.failed += if holds(text) { 0 } else { *rows };
    }
    Some(count)
}

fn is_column_empty(batch: &RecordBatch, column: &str) -> bool {
    batch
        .column_by_name(column)
        .is_some_and(|column| column.null_count() == batch.num_rows())
}

/// Rows of the batch whose key is the one before: the rows are sorted by it.
fn count_repeated_keys(batch: &RecordBatch) -> u64 {
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

fn row_key(batch: &RecordBatch, row: usize) -> Option<PoleIdAndSource> {
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
            expectation: demand,
        };
        vec![
            rule(Expectation::Filled(vec!["role".into()])),
            rule(Expectation::OneOf(
                "role".into(),
                ["a".to_owned(), "b".to_owned()].into(),
            )),
            rule(Expectation::UniqueKey),
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
            whole.add_batch(&rules, &batch(&rows));
            let cut = cut.min(rows.len());
            let mut parts = TableState::new(&rules, &[]);
            parts.add_batch(&rules, &batch(&rows[..cut]));
            parts.add_batch(&rules, &batch(&rows[cut..]));
            prop_assert_eq!(&whole, &parts);
            // Measured apart, kept as text, and added up.
            let mut sum = TableState::new(&rules, &[]);
            for part in [&rows[..cut], &rows[cut..]] {
                let mut state = TableState::new(&rules, &[]);
                state.add_batch(&rules, &batch(part));
                let kept = serde_json::to_string(&state).unwrap();
                sum.merge(&serde_json::from_str(&kept).unwrap());
            }
            prop_assert_eq!(&whole, &sum);
            let distinct: std::collections::BTreeSet<_> = rows.iter().map(|(id, _)| id).collect();
            prop_assert_eq!(whole.rule_counts(&rules)[2].failed as usize, rows.len() - distinct.len());
        }
    }

    #[test]
    fn what_falls_short_is_counted_and_tolerated_as_the_rule_says() {
        let rules = rules();
        let mut state = TableState::new(&rules, &[]);
        state.add_batch(
            &rules,
            &batch(&[
                ("x".into(), Some("a".into())),
                ("y".into(), Some("z".into())),
            ]),
        );
        let count = state.rule_counts(&rules)[1];
        assert_eq!(
            count,
            RuleCount {
                failed: 1,
                checked: 2
            }
        );
        let within = |tolerance| count.is_within(tolerance, state.rows);
        assert!(!within(Tolerance::Rows(0.0)) && within(Tolerance::Rows(1.0)));
        assert!(!within(Tolerance::Percent(49.9)) && within(Tolerance::Percent(50.0)));
        assert!(
            within(Tolerance::TableRows(2.0, f64::INFINITY))
                && !within(Tolerance::TableRows(0.0, 1.0))
        );
    }
}
