//! How a table differs between two days, counted batch by batch.

use std::collections::BTreeMap;

use arrow_array::{RecordBatch, new_null_array};
use contract::TableContract;
use serde::Serialize;

use super::columns::{differing, side_by_side};
use super::differences::{Difference, Show, What, difference, is_provenance};
use super::stream::Rest;
use crate::Failed;

/// In how many of the changed rows a column changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ColumnChanges {
    /// The column.
    pub column: String,
    /// Rows.
    pub rows: u64,
}

/// How a table differs between two days.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TableDiff {
    /// The table.
    pub table: String,
    /// Rows of the day that is compared with.
    pub rows_before: u64,
    /// Rows of the day that is compared.
    pub rows_after: u64,
    /// Rows that came.
    pub added: u64,
    /// Rows that are not what they were.
    pub changed: u64,
    /// Of those, rows that differ in their provenance only: they were stated again.
    pub restated: u64,
    /// Rows that went.
    pub removed: u64,
    /// Changed rows by the table's own columns, in the contract's order.
    pub columns: Vec<ColumnChanges>,
    /// Changed rows by the columns of the provenance.
    pub provenance: Vec<ColumnChanges>,
    /// Shards that are the same file on both days, and were not read.
    pub shards_shared: usize,
    /// Shards of both days that were read.
    pub shards_read: usize,
    /// The first rows that differ, in the order of their keys, as many as were asked for.
    pub differences: Vec<Difference>,
}

/// Counts while two days are read.
pub(super) struct Tally<'t> {
    table: &'t TableContract,
    show: Show,
    columns: BTreeMap<String, u64>,
    diff: TableDiff,
}

impl<'t> Tally<'t> {
    pub(super) fn new(table: &'t TableContract, show: Show) -> Self {
        let diff = TableDiff {
            table: table.name.clone(),
            ..TableDiff::default()
        };
        Self {
            table,
            show,
            columns: BTreeMap::new(),
            diff,
        }
    }

    /// Rows that only one of the days has.
    pub(super) fn one_sided(
        &mut self,
        what: What,
        rest: Rest<'_>,
        rows: usize,
    ) -> Result<(), Failed> {
        let count = if what == What::Added {
            &mut self.diff.added
        } else {
            &mut self.diff.removed
        };
        *count += rows as u64;
        for row in 0..rows.min(self.wanted()) {
            let there = rest.first(row + 1).slice(row, 1);
            let nothing = nulls(&there)?;
            let sides = if what == What::Added {
                [&nothing, &there]
            } else {
                [&there, &nothing]
            };
            let found = difference(self.table, what, rest.key(row), sides, self.show.values)?;
            self.diff.differences.push(found);
        }
        Ok(())
    }

    /// Rows of the same keys on both days.
    pub(super) fn both(&mut self, old: Rest<'_>, new: Rest<'_>, rows: usize) -> Result<(), Failed> {
        let (before, after) = (old.first(rows), new.first(rows));
        let (mut changed, mut own) = (vec![false; rows], vec![false; rows]);
        for (column, old, new) in side_by_side(&before, &after) {
            let found = differing(&old, &new);
            if found.is_empty() {
                continue;
            }
            let provenance = is_provenance(&column);
            *self.columns.entry(column).or_default() += found.len() as u64;
            for row in found {
                (changed[row], own[row]) = (true, own[row] || !provenance);
            }
        }
        let count = |flags: &[bool]| flags.iter().filter(|flag| **flag).count() as u64;
        self.diff.changed += count(&changed);
        self.diff.restated += count(&changed) - count(&own);
        let shown = (0..rows).filter(|row| changed[*row]).take(self.wanted());
        for row in shown {
            let sides = [&before.slice(row, 1), &after.slice(row, 1)];
            let found = difference(
                self.table,
                What::Changed,
                new.key(row),
                sides,
                self.show.values,
            )?;
            self.diff.differences.push(found);
        }
        Ok(())
    }

    /// How many rows are still to be shown.
    fn wanted(&self) -> usize {
        self.show.rows.saturating_sub(self.diff.differences.len())
    }

    /// What it came to.
    pub(super) fn finish(mut self) -> TableDiff {
        let place = |column: &str| self.table.position(column).unwrap_or(usize::MAX);
        let mut columns: Vec<ColumnChanges> = self
            .columns
            .into_iter()
            .map(|(column, rows)| ColumnChanges { column, rows })
            .collect();
        columns.sort_by_key(|changes| place(&changes.column));
        (self.diff.provenance, self.diff.columns) = columns
            .into_iter()
            .partition(|changes| is_provenance(&changes.column));
        self.diff
    }
}

/// The columns of a batch with nothing in them.
fn nulls(batch: &RecordBatch) -> Result<RecordBatch, Failed> {
    let fields = batch
        .schema()
        .fields()
        .iter()
        .map(|field| {
            (
                field.name().clone(),
                new_null_array(field.data_type(), batch.num_rows()),
                true,
            )
        })
        .collect::<Vec<_>>();
    Ok(RecordBatch::try_from_iter_with_nullable(fields)?)
}
