//! The state of a table's rules and profile: counts that add up.

use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;
use arrow_array::{Array, RecordBatch};

use crate::Severity;
use crate::rule::{Demand, Rule};

/// What a rule counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RuleCount {
    /// Rows that fell short.
    pub failed: u64,
    /// Rows that were looked at.
    pub checked: u64,
}

/// The state of one table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableState {
    /// Rows.
    pub rows: u64,
    /// Rows with a value, by column.
    pub filled: Vec<u64>,
    /// The latest event time, in microseconds since 1970.
    pub newest_event: Option<i64>,
    /// The rules' counts, in their order.
    pub counts: Vec<RuleCount>,
    /// The last key, to see the same key twice across batches.
    last_key: Option<(String, String)>,
}

impl TableState {
    /// The state of no rows.
    #[must_use]
    pub fn new(rules: &[Rule], columns: usize) -> Self {
        Self {
            rows: 0,
            filled: vec![0; columns],
            newest_event: None,
            counts: vec![RuleCount::default(); rules.len()],
            last_key: None,
        }
    }

    /// Takes in the next rows; they come in the order of owner, pole_id and source.
    pub fn update(&mut self, rules: &[Rule], batch: &RecordBatch) {
        self.rows += batch.num_rows() as u64;
        for (count, column) in self.filled.iter_mut().zip(batch.columns()) {
            *count += (column.len() - column.null_count()) as u64;
        }
        let times =
            batch.column_by_name("event_time").and_then(|c| c.as_primitive_opt::<TimestampMicrosecondType>());
        let newest = times.and_then(|times| times.iter().flatten().max());
        self.newest_event = self.newest_event.max(newest);
        for (place, rule) in rules.iter().enumerate() {
            let RuleCount { failed, checked } = self.count(rule, batch);
            self.counts[place].failed += failed;
            self.counts[place].checked += checked;
        }
        self.last_key =
            batch.num_rows().checked_sub(1).and_then(|row| key(batch, row)).or(self.last_key.take());
    }

    /// Adds the state of another shard. Shards hold different keys.
    pub fn merge(&mut self, other: &Self) {
        self.rows += other.rows;
        self.newest_event = self.newest_event.max(other.newest_event);
        self.filled.iter_mut().zip(&other.filled).for_each(|(mine, theirs)| *mine += theirs);
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            mine.failed += theirs.failed;
            mine.checked += theirs.checked;
        }
    }

    /// Whether the rule holds: at most so many rows, or so many in a hundred, fell short.
    #[must_use]
    pub fn holds(&self, rule: &Rule, count: RuleCount) -> bool {
        match (&rule.demand, rule.percent) {
            (Demand::Rows, _) => self.rows as f64 >= rule.limit,
            (_, false) => count.failed as f64 <= rule.limit,
            (_, true) => count.failed as f64 * 100.0 <= rule.limit * count.checked as f64,
        }
    }

    /// Whether any rule that blocks does not hold.
    #[must_use]
    pub fn is_blocked(&self, rules: &[Rule]) -> bool {
        let blocking = |(rule, count): (&Rule, &RuleCount)| {
            rule.severity == Severity::Block && !self.holds(rule, *count)
        };
        rules.iter().zip(&self.counts).any(blocking)
    }

    fn count(&self, rule: &Rule, batch: &RecordBatch) -> RuleCount {
        let rows = batch.num_rows() as u64;
        let column = rule.column.as_ref().and_then(|name| batch.column_by_name(name));
        match (&rule.demand, column) {
            (Demand::Filled, Some(column)) => RuleCount { failed: column.null_count() as u64, checked: rows },
            (Demand::OneOf(values), Some(column)) => {
                texts(column.as_ref(), |text| values.iter().any(|v| v == text))
            }
            (Demand::Pattern(pattern), Some(column)) => texts(column.as_ref(), |text| pattern.is_match(text)),
            (Demand::UniqueKey, _) => RuleCount { failed: self.repeats(batch), checked: rows },
            _ => RuleCount { failed: 0, checked: rows },
        }
    }

    /// Rows whose key is the one before: the rows are sorted by it.
    fn repeats(&self, batch: &RecordBatch) -> u64 {
        let columns = (batch.column_by_name("pole_id"), batch.column_by_name("source"));
        let (Some(ids), Some(sources)) = columns else { return 0 };
        let (Some(ids), Some(sources)) = (ids.as_string_opt::<i32>(), sources.as_string_opt::<i32>()) else {
            return 0;
        };
        let within = (1..batch.num_rows())
            .filter(|row| {
                ids.value(*row) == ids.value(row - 1) && sources.value(*row) == sources.value(row - 1)
            })
            .count() as u64;
        let across = batch.num_rows() > 0 && self.last_key.is_some() && key(batch, 0) == self.last_key;
        within + u64::from(across)
    }
}

fn key(batch: &RecordBatch, row: usize) -> Option<(String, String)> {
    let text = |name: &str| Some(batch.column_by_name(name)?.as_string_opt::<i32>()?.value(row).to_owned());
    Some((text("pole_id")?, text("source")?))
}

/// Counts the texts that are not `valid`. Other types are valid by their type.
fn texts(column: &dyn Array, valid: impl Fn(&str) -> bool) -> RuleCount {
    let Some(texts) = column.as_string_opt::<i32>() else {
        return RuleCount { failed: 0, checked: (column.len() - column.null_count()) as u64 };
    };
    let mut count = RuleCount::default();
    for text in texts.iter().flatten() {
        count.checked += 1;
        count.failed += u64::from(!valid(text));
    }
    count
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::StringArray;
    use proptest::prelude::*;

    use super::*;

    fn rules() -> Vec<Rule> {
        let rule = |demand, column: Option<&str>| Rule {
            id: "r".into(),
            description: String::new(),
            dimension: String::new(),
            column: column.map(str::to_owned),
            severity: Severity::Block,
            demand,
            limit: 0.0,
            percent: false,
        };
        vec![
            rule(Demand::Filled, Some("role")),
            rule(Demand::OneOf(vec!["a".into(), "b".into()]), Some("role")),
            rule(Demand::UniqueKey, None),
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
            let mut whole = TableState::new(&rules, 3);
            whole.update(&rules, &batch(&rows));
            let cut = cut.min(rows.len());
            let mut parts = TableState::new(&rules, 3);
            parts.update(&rules, &batch(&rows[..cut]));
            parts.update(&rules, &batch(&rows[cut..]));
            prop_assert_eq!(&whole, &parts);
            let distinct: std::collections::BTreeSet<_> = rows.iter().map(|(id, _)| id).collect();
            prop_assert_eq!(whole.counts[2].failed as usize, rows.len() - distinct.len());
        }
    }

    #[test]
    fn a_blocking_rule_blocks() {
        let rules = rules();
        let mut state = TableState::new(&rules, 3);
        state.update(&rules, &batch(&[("x".into(), Some("a".into()))]));
        assert!(!state.is_blocked(&rules));
        state.update(&rules, &batch(&[("y".into(), Some("z".into()))]));
        assert!(state.is_blocked(&rules));
    }
}
