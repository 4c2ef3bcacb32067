//! How a table differs between two days, counted batch by batch.

use std::collections::BTreeMap;

use arrow_array::{RecordBatch, new_null_array};
use contract::TableContract;
use serde::Serialize;

use super::columns::{differing_rows, paired_columns};
use super::row_differences::{
    DiffDisplay, RowChangeKind, RowDifference, describe_row_difference, is_provenance,
};
use super::stream::RemainingRows;
use crate::OperationError;

/// In how many of the changed rows a column changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ColumnChangeCount {
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
    pub columns: Vec<ColumnChangeCount>,
    /// Changed rows by the columns of the provenance.
    pub provenance: Vec<ColumnChangeCount>,
    /// Shards that are the same file on both days, and were not read.
    pub shards_shared: usize,
    /// Shards of both days that were read.
    pub shards_read: usize,
    /// The first rows that differ, in the order of their keys, as many as were asked for.
    pub differences: Vec<RowDifference>,
}

/// Counts while two days are read.
pub(super) struct DiffCounter<'t> {
    table: &'t TableContract,
    show: DiffDisplay,
    columns: BTreeMap<String, u64>,
    diff: TableDiff,
}

impl<'t> DiffCounter<'t> {
    pub(super) fn new(table: &'t TableContract, show: DiffDisplay) -> Self {
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
    pub(super) fn add_one_sided(
        &mut self,
        what: RowChangeKind,
        rest: RemainingRows<'_>,
        rows: usize,
    ) -> Result<(), OperationError> {
        let count = if what == RowChangeKind::Added {
            &mut self.diff.added
        } else {
            &mut self.diff.removed
        };
        *count += rows as u64;
        for row in 0..rows.min(self.rows_left_to_show()) {
            let there = rest.first_rows(row + 1).slice(row, 1);
            let nothing = null_batch(&there)?;
            let sides = if what == RowChangeKind::Added {
                [&nothing, &there]
            } else {
                [&there, &nothing]
            };
            let found = describe_row_difference(
                self.table,
                what,
                rest.row_key(row),
                sides,
                self.show.values,
            )?;
            self.diff.differences.push(found);
        }
        Ok(())
    }

    /// Rows of the same keys on both days.
    pub(super) fn add_paired(
        &mut self,
        old: RemainingRows<'_>,
        new: RemainingRows<'_>,
        rows: usize,
    ) -> Result<(), OperationError> {
        let (before, after) = (old.first_rows(rows), new.first_rows(rows));
        let (mut changed, mut own) = (vec![false; rows], vec![false; rows]);
        for (column, old, new) in paired_columns(&before, &after) {
            let found = differing_rows(&old, &new);
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
        let shown = (0..rows)
            .filter(|row| changed[*row])
            .take(self.rows_left_to_show());
        for row in shown {
            let sides = [&before.slice(row, 1), &after.slice(row, 1)];
            let found = describe_row_difference(
                self.table,
                RowChangeKind::Changed,
                new.row_key(row),
                sides,
                self.show.values,
            )?;
            self.diff.differences.push(found);
        }
        Ok(())
    }

    /// How many rows are still to be shown.
    fn rows_left_to_show(&self) -> usize {
        self.show.rows.saturating_sub(self.diff.differences.len())
    }

    /// What it came to.
    pub(super) fn into_table_diff(mut self) -> TableDiff {
        let place = |column: &str| self.table.column_index(column).unwrap_or(usize::MAX);
        let mut columns: Vec<ColumnChangeCount> = self
            .columns
            .into_iter()
            .map(|(column, rows)| ColumnChangeCount { column, rows })
            .collect();
        columns.sort_by_key(|changes| place(&changes.column));
        (self.diff.provenance, self.diff.columns) = columns
            .into_iter()
            .partition(|changes| is_provenance(&changes.column));
        self.diff
    }
}

/// The columns of a batch with nothing in them.
fn null_batch(batch: &RecordBatch) -> Result<RecordBatch, OperationError> {
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
