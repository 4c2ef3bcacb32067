//! How a table differs between two days, counted batch by batch.

use std::collections::BTreeMap;

use arrow_array::{RecordBatch, new_null_array};
use contract::TableContract;
use serde::Serialize;

use super::columns::{differing_rows, paired_columns};
use super::row_differences::{
    DiffDisplay, RowChangeKind, RowDifference, describe_row_difference, is_provenance,
};
use super::stream::{RemainingRows, SnapshotRowKey};
use crate::error::OperationError;

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
    /// Rows of the earlier day.
    pub rows_before: u64,
    /// Rows of the later day.
    pub rows_after: u64,
    /// Rows that only the later day has.
    pub added: u64,
    /// Rows that both days have, and that differ.
    pub changed: u64,
    /// Of those, rows that differ in their provenance only: a source sent them again.
    pub restated: u64,
    /// Rows that only the earlier day has.
    pub removed: u64,
    /// Changed rows by the table's own columns, in the contract's order.
    pub columns: Vec<ColumnChangeCount>,
    /// Changed rows by the columns of the provenance.
    pub provenance: Vec<ColumnChangeCount>,
    /// Shards that are the same file on both days, and were not read.
    pub shards_shared: usize,
    /// Shards of both days that were read.
    pub shards_read: usize,
    /// The first rows that differ, in the order of their keys, as many as the operator asked for.
    pub differences: Vec<RowDifference>,
}

/// Counts how two days differ while they are read.
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

    /// Adds rows that only one of the days has.
    pub(super) fn add_one_sided(
        &mut self,
        kind: RowChangeKind,
        remaining: RemainingRows<'_>,
        rows: usize,
    ) -> Result<(), OperationError> {
        let is_added = kind == RowChangeKind::Added;
        if is_added {
            self.diff.added += rows as u64;
        } else {
            self.diff.removed += rows as u64;
        }

        for row in 0..rows.min(self.rows_left_to_show()) {
            let present = remaining.first_rows(row + 1).slice(row, 1);
            let absent = null_batch(&present)?;
            let sides = if is_added {
                [&absent, &present]
            } else {
                [&present, &absent]
            };
            self.add_difference(kind, remaining.row_key(row), sides)?;
        }
        Ok(())
    }

    /// Adds rows of the same keys on both days.
    pub(super) fn add_paired(
        &mut self,
        old: RemainingRows<'_>,
        new: RemainingRows<'_>,
        rows: usize,
    ) -> Result<(), OperationError> {
        let before = old.first_rows(rows);
        let after = new.first_rows(rows);
        let changed = self.count_changed_columns(&before, &after);
        let own = changed.iter().filter(|change| **change == RowChange::Own);
        let provenance = changed
            .iter()
            .filter(|change| **change == RowChange::Provenance);
        let restated = provenance.count() as u64;
        self.diff.changed += own.count() as u64 + restated;
        self.diff.restated += restated;

        let shown = (0..rows)
            .filter(|row| changed[*row] != RowChange::None)
            .take(self.rows_left_to_show());
        for row in shown {
            let sides = [&before.slice(row, 1), &after.slice(row, 1)];
            self.add_difference(RowChangeKind::Changed, new.row_key(row), sides)?;
        }
        Ok(())
    }

    /// Counts the changed rows of each column; gives how each row changed.
    fn count_changed_columns(
        &mut self,
        before: &RecordBatch,
        after: &RecordBatch,
    ) -> Vec<RowChange> {
        let mut changes = vec![RowChange::None; before.num_rows()];
        for (column, old, new) in paired_columns(before, after) {
            let rows = differing_rows(&old, &new);
            if rows.is_empty() {
                continue;
            }

            let change = if is_provenance(&column) {
                RowChange::Provenance
            } else {
                RowChange::Own
            };
            *self.columns.entry(column).or_default() += rows.len() as u64;
            for row in rows {
                changes[row] = changes[row].max(change);
            }
        }
        changes
    }

    fn add_difference(
        &mut self,
        kind: RowChangeKind,
        key: SnapshotRowKey<'_>,
        sides: [&RecordBatch; 2],
    ) -> Result<(), OperationError> {
        let values = self.show.values;
        let difference = describe_row_difference(self.table, kind, key, sides, values)?;
        self.diff.differences.push(difference);
        Ok(())
    }

    /// How many rows are still to be shown.
    fn rows_left_to_show(&self) -> usize {
        self.show.rows.saturating_sub(self.diff.differences.len())
    }

    /// The counts of the table.
    pub(super) fn into_table_diff(mut self) -> TableDiff {
        let mut columns: Vec<ColumnChangeCount> = self
            .columns
            .into_iter()
            .map(|(column, rows)| ColumnChangeCount { column, rows })
            .collect();
        columns.sort_by_key(|count| self.table.column_index(&count.column).unwrap_or(usize::MAX));

        let (provenance, own) = columns
            .into_iter()
            .partition(|count| is_provenance(&count.column));
        self.diff.provenance = provenance;
        self.diff.columns = own;
        self.diff
    }
}

/// How a row changed; the later of two kinds outweighs the other.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum RowChange {
    None,
    /// Only columns of the provenance changed.
    Provenance,
    /// A column of the table's own changed.
    Own,
}

/// The columns of a batch, null in every row.
fn null_batch(batch: &RecordBatch) -> Result<RecordBatch, OperationError> {
    let schema = batch.schema();
    let columns = schema.fields().iter().map(|field| {
        let nulls = new_null_array(field.data_type(), batch.num_rows());
        (field.name().clone(), nulls, true)
    });

    Ok(RecordBatch::try_from_iter_with_nullable(columns)?)
}
