//! A merge join of two sorted days: each row group that may differ is read once.

use std::cmp::Ordering;

use super::diff_counter::DiffCounter;
use super::row_differences::RowChangeKind;
use super::stream::{RemainingRows, SnapshotRowKey, SnapshotRowStream};
use crate::error::OperationError;

/// How many rows of each day the join has passed in one step.
#[derive(Clone, Copy)]
struct PassedRows {
    old: usize,
    new: usize,
}

/// Joins the rows of two days by their keys, and counts how they differ.
pub(super) async fn merge_join(
    mut old: SnapshotRowStream<'_>,
    mut new: SnapshotRowStream<'_>,
    counter: &mut DiffCounter<'_>,
) -> Result<(), OperationError> {
    loop {
        let before = old.remaining_rows().await?;
        let after = new.remaining_rows().await?;
        let Some(passed) = count_next_rows(before, after, counter)? else {
            return Ok(());
        };
        old.skip_rows(passed.old);
        new.skip_rows(passed.new);
    }
}

/// Counts the next rows that only one day has, or that both have; none at the end of both.
fn count_next_rows(
    before: Option<RemainingRows<'_>>,
    after: Option<RemainingRows<'_>>,
    counter: &mut DiffCounter<'_>,
) -> Result<Option<PassedRows>, OperationError> {
    let passed = match (before, after) {
        (None, None) => return Ok(None),
        (Some(before), None) => count_removed(before, None, counter)?,
        (None, Some(after)) => count_added(after, None, counter)?,
        (Some(before), Some(after)) => {
            let old_key = before.row_key(0);
            let new_key = after.row_key(0);
            match old_key.cmp(&new_key) {
                Ordering::Less => count_removed(before, Some(new_key), counter)?,
                Ordering::Greater => count_added(after, Some(old_key), counter)?,
                Ordering::Equal => count_paired(before, after, counter)?,
            }
        }
    };
    Ok(Some(passed))
}

/// Counts the old day's rows before a key, or all that remain.
fn count_removed(
    rows: RemainingRows<'_>,
    until: Option<SnapshotRowKey<'_>>,
    counter: &mut DiffCounter<'_>,
) -> Result<PassedRows, OperationError> {
    let count = count_rows_before(rows, until);
    counter.add_one_sided(RowChangeKind::Removed, rows, count)?;

    Ok(PassedRows { old: count, new: 0 })
}

/// Counts the new day's rows before a key, or all that remain.
fn count_added(
    rows: RemainingRows<'_>,
    until: Option<SnapshotRowKey<'_>>,
    counter: &mut DiffCounter<'_>,
) -> Result<PassedRows, OperationError> {
    let count = count_rows_before(rows, until);
    counter.add_one_sided(RowChangeKind::Added, rows, count)?;

    Ok(PassedRows { old: 0, new: count })
}

fn count_rows_before(rows: RemainingRows<'_>, until: Option<SnapshotRowKey<'_>>) -> usize {
    let before =
        (0..rows.len()).take_while(|row| until.is_none_or(|until| rows.row_key(*row) < until));
    before.count()
}

/// Counts the rows whose keys follow each other on both days.
fn count_paired(
    old: RemainingRows<'_>,
    new: RemainingRows<'_>,
    counter: &mut DiffCounter<'_>,
) -> Result<PassedRows, OperationError> {
    let both = old.len().min(new.len());
    let paired = (0..both).take_while(|row| old.row_key(*row) == new.row_key(*row));
    let count = paired.count();
    counter.add_paired(old, new, count)?;

    Ok(PassedRows {
        old: count,
        new: count,
    })
}
