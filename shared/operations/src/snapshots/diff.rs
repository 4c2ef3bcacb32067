//! A merge join of two sorted days: each row group of theirs that may differ is read once.

use std::cmp::Ordering;
use std::sync::Arc;

use store::ObjectStore;

use super::day_pairs::DayPair;
use super::days::count_shared_shards;
use super::diff_counter::{DiffCounter, TableDiff};
use super::row_differences::{DiffDisplay, RowChangeKind};
use super::stream::{RemainingRows, SnapshotRowKey, SnapshotRowStream};
use crate::OperationError;

impl DayPair<'_> {
    /// Compares the days. Shards that are the same file on both are not read. `progress` is told of bytes that came.
    ///
    /// # Errors
    /// When the storage does not answer, or a file is damaged; the error names it.
    pub async fn compare_days(
        &self,
        curated: &Arc<dyn ObjectStore>,
        show: DiffDisplay,
        progress: &(dyn Fn(u64) + Sync),
    ) -> Result<TableDiff, OperationError> {
        let [old, new] = self.unshared_shards();
        let shards_read = old.len() + new.len();
        let mut tally = DiffCounter::new(self.table, show);
        merge_join(
            SnapshotRowStream::new(curated, old, progress),
            SnapshotRowStream::new(curated, new, progress),
            &mut tally,
        )
        .await?;
        Ok(TableDiff {
            rows_before: self.old.rows,
            rows_after: self.new.rows,
            shards_shared: count_shared_shards(&self.old, &self.new),
            shards_read,
            ..tally.into_table_diff()
        })
    }
}

async fn merge_join(
    mut old: SnapshotRowStream<'_>,
    mut new: SnapshotRowStream<'_>,
    tally: &mut DiffCounter<'_>,
) -> Result<(), OperationError> {
    loop {
        let (passed_old, passed_new) =
            match (old.remaining_rows().await?, new.remaining_rows().await?) {
                (None, None) => return Ok(()),
                (Some(gone), None) => count_one_sided(RowChangeKind::Removed, gone, None, tally)?,
                (None, Some(came)) => count_one_sided(RowChangeKind::Added, came, None, tally)?,
                (Some(before), Some(after)) => match before.row_key(0).cmp(&after.row_key(0)) {
                    Ordering::Less => count_one_sided(
                        RowChangeKind::Removed,
                        before,
                        Some(after.row_key(0)),
                        tally,
                    )?,
                    Ordering::Greater => count_one_sided(
                        RowChangeKind::Added,
                        after,
                        Some(before.row_key(0)),
                        tally,
                    )?,
                    Ordering::Equal => count_paired(before, after, tally)?,
                },
            };
        old.skip_rows(passed_old);
        new.skip_rows(passed_new);
    }
}

/// Takes the rows before a key, or all that are left; says how many of the old day and of the new one.
fn count_one_sided(
    what: RowChangeKind,
    rest: RemainingRows<'_>,
    until: Option<SnapshotRowKey<'_>>,
    tally: &mut DiffCounter<'_>,
) -> Result<(usize, usize), OperationError> {
    let before = |row: &usize| until.is_none_or(|until| rest.row_key(*row) < until);
    let rows = (0..rest.len()).take_while(before).count();
    tally.add_one_sided(what, rest, rows)?;
    Ok(if what == RowChangeKind::Removed {
        (rows, 0)
    } else {
        (0, rows)
    })
}

/// Takes the rows whose keys stand side by side on both days.
fn count_paired(
    old: RemainingRows<'_>,
    new: RemainingRows<'_>,
    tally: &mut DiffCounter<'_>,
) -> Result<(usize, usize), OperationError> {
    let together = old.len().min(new.len());
    let rows = (0..together)
        .take_while(|row| old.row_key(*row) == new.row_key(*row))
        .count();
    tally.add_paired(old, new, rows)?;
    Ok((rows, rows))
}
