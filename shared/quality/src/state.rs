//! The state of a table's rules and profile: counts that can be merged.

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
    /// Rows that do not meet the expectation.
    pub failed: u64,
    /// Rows to which the expectation applies.
    pub checked: u64,
}

impl RuleCount {
    /// Counts the verdicts on rows.
    #[must_use]
    pub fn from_verdicts(verdicts: &[RowVerdict]) -> Self {
        let mut count = Self::default();
        for verdict in verdicts {
            count.checked += u64::from(*verdict != RowVerdict::NotApplicable);
            count.failed += u64::from(*verdict == RowVerdict::Failed);
        }
        count
    }

    /// Whether no more rows failed than the rule tolerates; `rows` are those of the full table.
    #[must_use]
    pub fn is_within(self, tolerance: Tolerance, rows: u64) -> bool {
        match tolerance {
            Tolerance::TableRows(minimum, maximum) => (minimum..=maximum).contains(&(rows as f64)),
            Tolerance::Rows(maximum) => self.failed as f64 <= maximum,
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

/// The state of one table, or of a part of it. The states of parts that follow each other in the
/// order of keys merge into that of the full table, so that a part that did not change is not
/// measured again: its state is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TableState {
    /// Rows.
    pub rows: u64,
    /// The columns' profiles, in their order.
    pub columns: Vec<ColumnState>,
    /// The latest event time, in microseconds since 1970.
    pub newest_event: Option<i64>,
    /// The rules' counts, in their order; zero for expectations on the full table.
    counts: Vec<RuleCount>,
    /// Rows with the same key as the row before.
    repeats: u64,
    /// The first and the last key, to find a key that is repeated in the next batch or part.
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

    /// Adds the next rows, which follow in the order of owner, `pole_id` and source.
    pub fn add_batch(&mut self, rules: &[Rule], batch: &RecordBatch) {
        self.rows += batch.num_rows() as u64;
        self.newest_event = self.newest_event.max(newest_event_time(batch));

        let is_profiled = self.columns.iter().map(ColumnState::is_profiled);
        let texts = DistinctTextColumns::from_batch(batch, is_profiled);
        for (index, (state, column)) in self.columns.iter_mut().zip(batch.columns()).enumerate() {
            state.add_column(column, texts.column_texts(index));
        }

        for (rule, sum) in rules.iter().zip(&mut self.counts) {
            sum.add_count(count_rule(rule, batch, &texts));
        }

        self.add_keys(batch);
    }

    /// Counts the rows of a batch whose key is the same as that of the row before.
    fn add_keys(&mut self, batch: &RecordBatch) {
        let Some(last_row) = batch.num_rows().checked_sub(1) else {
            return;
        };
        let first_key = row_key(batch, 0);
        let continues_key = first_key.is_some() && first_key == self.last_key;

        self.repeats += count_repeated_keys(batch) + u64::from(continues_key);
        self.first_key = self.first_key.take().or(first_key);
        self.last_key = row_key(batch, last_row);
    }

    /// Adds the state of the part that follows.
    pub fn merge(&mut self, other: &Self) {
        self.rows += other.rows;
        self.newest_event = self.newest_event.max(other.newest_event);
        for (column, other_column) in self.columns.iter_mut().zip(&other.columns) {
            column.merge(other_column);
        }
        for (count, other_count) in self.counts.iter_mut().zip(&other.counts) {
            count.add_count(*other_count);
        }

        let continues_key = self.last_key.is_some() && self.last_key == other.first_key;
        self.repeats += other.repeats + u64::from(continues_key);
        if self.first_key.is_none() {
            self.first_key.clone_from(&other.first_key);
        }
        if other.last_key.is_some() {
            self.last_key.clone_from(&other.last_key);
        }
    }

    /// The counts of the rules, in their order.
    #[must_use]
    pub fn rule_counts(&self, rules: &[Rule]) -> Vec<RuleCount> {
        rules
            .iter()
            .zip(&self.counts)
            .map(|(rule, count)| match rule.expectation {
                Expectation::UniqueKey => RuleCount {
                    failed: self.repeats,
                    checked: self.rows,
                },
                Expectation::RowCount => RuleCount {
                    failed: 0,
                    checked: self.rows,
                },
                _ => *count,
            })
            .collect()
    }
}

fn newest_event_time(batch: &RecordBatch) -> Option<i64> {
    batch
        .column_by_name("event_time")?
        .as_primitive_opt::<TimestampMicrosecondType>()?
        .iter()
        .flatten()
        .max()
}

/// Whether a rule lists the values that the column may have.
fn has_closed_list(column: &Column, rules: &[Rule]) -> bool {
    rules.iter().any(
        |rule| matches!(&rule.expectation, Expectation::OneOf(name, _) if *name == column.name),
    )
}

fn count_rule(rule: &Rule, batch: &RecordBatch, texts: &DistinctTextColumns<'_>) -> RuleCount {
    // Most rules forbid the nulls of one column, and Arrow has counted these already.
    if let Expectation::Filled(columns) = &rule.expectation
        && let [column] = columns.as_slice()
    {
        return RuleCount {
            failed: count_nulls(batch, column),
            checked: batch.num_rows() as u64,
        };
    }

    // Many columns are empty: then the expectation applies to no row.
    let subject = subject_column(&rule.expectation);
    if subject.is_some_and(|column| is_column_empty(batch, column)) {
        return RuleCount::default();
    }

    count_text_rule(&rule.expectation, batch, texts).unwrap_or_else(|| {
        let verdicts = evaluate_expectation(&rule.expectation, batch, None);
        RuleCount::from_verdicts(&verdicts)
    })
}

fn count_nulls(batch: &RecordBatch, column: &str) -> u64 {
    batch
        .column_by_name(column)
        .map_or(0, |column| column.null_count() as u64)
}

/// Counts an expectation on a text, checking each distinct text once; none for expectations of
/// other kinds, and where the column has too many distinct texts.
fn count_text_rule(
    expectation: &Expectation,
    batch: &RecordBatch,
    texts: &DistinctTextColumns<'_>,
) -> Option<RuleCount> {
    let accepts = text_predicate(expectation)?;
    let column = subject_column(expectation)?;
    let (index, _) = batch.schema_ref().column_with_name(column)?;

    let mut count = RuleCount::default();
    for (text, rows) in texts.column_texts(index)? {
        count.checked += rows;
        if !accepts(text) {
            count.failed += rows;
        }
    }
    Some(count)
}

fn is_column_empty(batch: &RecordBatch, column: &str) -> bool {
    batch
        .column_by_name(column)
        .is_some_and(|column| column.null_count() == batch.num_rows())
}

/// Counts the rows of a batch with the same key as the row before: the rows are sorted by it.
fn count_repeated_keys(batch: &RecordBatch) -> u64 {
    let Some(ids) = text_column(batch, "pole_id") else {
        return 0;
    };
    let Some(sources) = text_column(batch, "source") else {
        return 0;
    };

    let mut repeats = 0;
    for row in 1..batch.num_rows() {
        let is_same_id = ids.value(row) == ids.value(row - 1);
        let is_same_source = sources.value(row) == sources.value(row - 1);
        repeats += u64::from(is_same_id && is_same_source);
    }
    repeats
}

fn row_key(batch: &RecordBatch, row: usize) -> Option<PoleIdAndSource> {
    let id = text_column(batch, "pole_id")?.value(row);
    let source = text_column(batch, "source")?.value(row);

    Some((id.to_owned(), source.to_owned()))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::StringArray;
    use contract::Severity;
    use proptest::prelude::*;

    use super::*;

    fn rules() -> Vec<Rule> {
        let rule = |expectation| Rule {
            id: "r".into(),
            description: String::new(),
            dimension: String::new(),
            column: None,
            severity: Severity::Block,
            tolerance: Tolerance::Rows(0.0),
            expectation,
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
            rows in proptest::collection::vec(("[a-e]", proptest::option::of("[a-c]")), 1..40),
            cut in 0..40usize
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
            // Measured part by part, stored as text, and merged.
            let mut sum = TableState::new(&rules, &[]);
            for part in [&rows[..cut], &rows[cut..]] {
                let mut state = TableState::new(&rules, &[]);
                state.add_batch(&rules, &batch(part));
                let stored = serde_json::to_string(&state).unwrap();
                sum.merge(&serde_json::from_str(&stored).unwrap());
            }
            prop_assert_eq!(&whole, &sum);
            let distinct: std::collections::BTreeSet<_> = rows.iter().map(|(id, _)| id).collect();
            prop_assert_eq!(
                whole.rule_counts(&rules)[2].failed as usize,
                rows.len() - distinct.len(),
            );
        }
    }

    #[test]
    fn failed_rows_are_counted_and_tolerated_as_the_rule_says() {
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
