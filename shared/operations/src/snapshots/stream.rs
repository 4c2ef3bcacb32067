//! The rows of sorted files, in the order of their keys, with a check of that order.

use std::sync::Arc;

use arrow_array::{RecordBatch, StringArray};
use lake::{LakeError, ManifestShard};
use store::ObjectStore;
use store::sorted_file::{RowGroupBatches, RowGroupFetcher, SortedFileError};

use crate::OperationError;
use crate::text_column::text_column;

/// What orders rows: owner, id, source.
pub(super) type SnapshotRowKey<'k> = (&'k str, &'k str, &'k str);

/// A damaged file's error, with the operator's next step.
fn describe_file_error(error: SortedFileError) -> OperationError {
    match error {
        SortedFileError::Store(error) => error.into(),
        SortedFileError::Damaged { key, error } => {
            format!("{key} is damaged: {error}; `polelake audit` finds what else is").into()
        }
    }
}

/// Rows with their keys.
pub(super) struct KeyedBatch {
    rows: RecordBatch,
    keys: [StringArray; 3],
}

impl KeyedBatch {
    fn new(rows: RecordBatch) -> Result<Self, LakeError> {
        let keys = [
            text_column(&rows, "owner_id")?,
            text_column(&rows, "pole_id")?,
            text_column(&rows, "source")?,
        ];
        Ok(Self { rows, keys })
    }

    fn row_key(&self, row: usize) -> SnapshotRowKey<'_> {
        let [owners, ids, sources] = &self.keys;
        (owners.value(row), ids.value(row), sources.value(row))
    }

    fn last_key(&self) -> Option<SnapshotRowKey<'_>> {
        let last = self.rows.num_rows().checked_sub(1)?;
        Some(self.row_key(last))
    }

    /// Whether each row comes after the one before it. A join of rows in another order would be
    /// wrong and raise no error.
    fn is_sorted_after(&self, last: Option<SnapshotRowKey<'_>>) -> bool {
        let rows = self.rows.num_rows();
        let first = (rows > 0).then(|| self.row_key(0));
        let follows = last.zip(first).is_none_or(|(last, first)| last < first);
        follows && (1..rows).all(|row| self.row_key(row - 1) < self.row_key(row))
    }
}

/// The rows of a batch that the reader has not passed.
#[derive(Clone, Copy)]
pub(super) struct RemainingRows<'r> {
    batch: &'r KeyedBatch,
    from: usize,
}

impl RemainingRows<'_> {
    /// How many rows remain; at least one.
    pub(super) fn len(&self) -> usize {
        self.batch.rows.num_rows() - self.from
    }

    /// The key of one of them.
    pub(super) fn row_key(&self, row: usize) -> SnapshotRowKey<'_> {
        self.batch.row_key(self.from + row)
    }

    /// So many of them, from the first one.
    pub(super) fn first_rows(&self, rows: usize) -> RecordBatch {
        self.batch.rows.slice(self.from, rows)
    }
}

/// The rows of files, in the order of their keys. One row group is decoded while the next one is
/// fetched.
pub(super) struct SnapshotRowStream<'p> {
    batches: RowGroupBatches,
    batch: Option<KeyedBatch>,
    row: usize,
    reported_bytes: u64,
    progress: &'p (dyn Fn(u64) + Sync),
}

impl<'p> SnapshotRowStream<'p> {
    /// The rows of shards that are in the order of their owners; `progress` is called with the
    /// number of bytes that came.
    pub(super) fn new(
        store: &Arc<dyn ObjectStore>,
        shards: Vec<ManifestShard>,
        progress: &'p (dyn Fn(u64) + Sync),
    ) -> Self {
        let files = shards.into_iter().map(|shard| shard.rows_file).collect();
        Self {
            batches: RowGroupBatches::new(RowGroupFetcher::for_files(store, files)),
            batch: None,
            row: 0,
            reported_bytes: 0,
            progress,
        }
    }

    /// The rows that are decoded and not passed yet; none at the end.
    pub(super) async fn remaining_rows(
        &mut self,
    ) -> Result<Option<RemainingRows<'_>>, OperationError> {
        while self
            .batch
            .as_ref()
            .is_none_or(|batch| self.row >= batch.rows.num_rows())
        {
            let Some(batch) = self.next_batch().await? else {
                return Ok(None);
            };
            self.batch = Some(batch);
            self.row = 0;
        }
        Ok(self.batch.as_ref().map(|batch| RemainingRows {
            batch,
            from: self.row,
        }))
    }

    /// Passes so many rows.
    pub(super) fn skip_rows(&mut self, rows: usize) {
        self.row += rows;
    }

    async fn next_batch(&mut self) -> Result<Option<KeyedBatch>, OperationError> {
        let next = self.batches.next().await.map_err(describe_file_error)?;
        self.report_progress();
        let Some((file, rows)) = next else {
            return Ok(None);
        };

        let last = self.batch.as_ref().and_then(KeyedBatch::last_key);
        let keyed = KeyedBatch::new(rows).and_then(|rows| {
            if rows.is_sorted_after(last) {
                return Ok(rows);
            }
            let message = "its rows are not in the order of owner, id and source";
            Err(LakeError::Unexpected(message.into()))
        });
        keyed
            .map(Some)
            .map_err(|error| describe_file_error(file.damaged(error)))
    }

    fn report_progress(&mut self) {
        let fetched = self.batches.fetched_bytes();
        if fetched > self.reported_bytes {
            (self.progress)(fetched - self.reported_bytes);
            self.reported_bytes = fetched;
        }
    }
}
