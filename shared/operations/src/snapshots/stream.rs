//! The rows of sorted files, in order, from ranged reads: one row group is decoded while the next one is fetched, and no
//! file is ever whole in memory.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{RecordBatch, StringArray};
use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt, stream};
use lake::{FileWindow, LakeError, ManifestShard, ParquetFooter, RowGroup};
use parquet::arrow::arrow_reader::ParquetRecordBatchReader;
use store::ObjectStore;

use crate::OperationError;

/// Row groups that are fetched at once: the one that is wanted next, and its follower.
const GROUPS_AT_ONCE: usize = 2;

/// What orders rows: owner, id, source.
pub(super) type SnapshotRowKey<'k> = (&'k str, &'k str, &'k str);

/// A file's end, and where its groups lie.
struct SortedShardFile {
    key: String,
    footer: ParquetFooter,
    groups: Vec<RowGroup>,
}

impl SortedShardFile {
    async fn open(
        store: Arc<dyn ObjectStore>,
        shard: ManifestShard,
    ) -> Result<Arc<Self>, OperationError> {
        let (key, size) = (shard.rows_key, shard.bytes);
        let damaged = |error: LakeError| damaged_file(&key, &error);
        let mut begins = size.saturating_sub(ParquetFooter::FIRST_FETCH_BYTES);
        loop {
            let tail = FileWindow::new(begins, store.get_range(&key, begins..size).await?, size);
            match ParquetFooter::required_start(&tail).map_err(damaged)? {
                Some(earlier) if earlier < begins => begins = earlier,
                _ => {
                    let footer = ParquetFooter::parse(tail).map_err(damaged)?;
                    let groups = footer.row_groups().map_err(damaged)?;
                    return Ok(Arc::new(Self {
                        key,
                        footer,
                        groups,
                    }));
                }
            }
        }
    }
}

fn damaged_file(key: &str, error: &dyn std::fmt::Display) -> OperationError {
    format!("{key} is damaged: {error}; `polelake audit` finds what else is").into()
}

/// A row group with its bytes.
struct FetchedGroup {
    file: Arc<SortedShardFile>,
    group: RowGroup,
    bytes: Bytes,
}

/// The row groups of files, in their order. A file is opened when its turn comes.
fn stream_groups(
    store: &Arc<dyn ObjectStore>,
    shards: Vec<ManifestShard>,
) -> BoxStream<'static, Result<FetchedGroup, OperationError>> {
    let (opening, fetching) = (Arc::clone(store), Arc::clone(store));
    let groups = |file: Arc<SortedShardFile>| {
        let groups: Vec<_> = file
            .groups
            .iter()
            .map(|group| Ok((Arc::clone(&file), group.clone())))
            .collect();
        stream::iter(groups)
    };
    stream::iter(shards)
        .then(move |shard| SortedShardFile::open(Arc::clone(&opening), shard))
        .map_ok(groups)
        .try_flatten()
        .map(move |found| fetch_group(&fetching, found))
        .buffered(GROUPS_AT_ONCE)
        .fuse()
        .boxed()
}

/// Begins to fetch a group at once, as a task of its own, so that it goes on while its forerunner is decoded.
fn fetch_group(
    store: &Arc<dyn ObjectStore>,
    found: Result<(Arc<SortedShardFile>, RowGroup), OperationError>,
) -> impl Future<Output = Result<FetchedGroup, OperationError>> + Send + use<> {
    let begun = found.map(|(file, group)| {
        let (store, key, range) = (
            Arc::clone(store),
            file.key.clone(),
            group.byte_range.clone(),
        );
        let task = tokio::spawn(async move { store.get_range(&key, range).await });
        (file, group, task)
    });
    async move {
        let (file, group, task) = begun?;
        let bytes = task.await??;
        Ok(FetchedGroup { file, group, bytes })
    }
}

/// Rows with their keys.
pub(super) struct KeyedBatch {
    rows: RecordBatch,
    keys: [StringArray; 3],
}

impl KeyedBatch {
    fn new(rows: RecordBatch) -> Result<Self, LakeError> {
        let column = |name: &str| {
            let found = rows
                .column_by_name(name)
                .and_then(|column| column.as_string_opt::<i32>());
            found
                .cloned()
                .ok_or_else(|| LakeError::Unexpected(format!("it has no column {name} of text")))
        };
        let keys = [column("owner_id")?, column("pole_id")?, column("source")?];
        Ok(Self { rows, keys })
    }

    fn row_key(&self, row: usize) -> SnapshotRowKey<'_> {
        let [owners, ids, sources] = &self.keys;
        (owners.value(row), ids.value(row), sources.value(row))
    }

    /// Whether each row comes after the one before it. A join of rows in another order would be wrong without a word.
    fn is_sorted_after(&self, last: Option<SnapshotRowKey<'_>>) -> bool {
        let rows = self.rows.num_rows();
        let first = (rows > 0).then(|| self.row_key(0));
        let behind = last.zip(first).is_none_or(|(last, first)| last < first);
        behind && (1..rows).all(|row| self.row_key(row - 1) < self.row_key(row))
    }
}

/// What is left of a batch.
#[derive(Clone, Copy)]
pub(super) struct RemainingRows<'r> {
    batch: &'r KeyedBatch,
    from: usize,
}

impl RemainingRows<'_> {
    /// How many rows are left; at least one.
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

/// The rows of files, in the order of their keys.
pub(super) struct SnapshotRowStream<'p> {
    groups: BoxStream<'static, Result<FetchedGroup, OperationError>>,
    open: Option<(Arc<SortedShardFile>, ParquetRecordBatchReader)>,
    batch: Option<KeyedBatch>,
    row: usize,
    progress: &'p (dyn Fn(u64) + Sync),
}

impl<'p> SnapshotRowStream<'p> {
    /// The rows of shards that are in the order of their owners; `progress` is told how many bytes came.
    pub(super) fn new(
        store: &Arc<dyn ObjectStore>,
        shards: Vec<ManifestShard>,
        progress: &'p (dyn Fn(u64) + Sync),
    ) -> Self {
        Self {
            groups: stream_groups(store, shards),
            open: None,
            batch: None,
            row: 0,
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
            match self.next_batch().await? {
                Some(batch) => (self.batch, self.row) = (Some(batch), 0),
                None => return Ok(None),
            }
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
        loop {
            if let Some((file, reader)) = &mut self.open
                && let Some(rows) = reader.next()
            {
                let rows = rows.map_err(LakeError::from).and_then(KeyedBatch::new);
                let rows = rows.map_err(|error| damaged_file(&file.key, &error))?;
                let before = self.batch.as_ref();
                let last = before.and_then(|batch| {
                    batch
                        .rows
                        .num_rows()
                        .checked_sub(1)
                        .map(|row| batch.row_key(row))
                });
                if !rows.is_sorted_after(last) {
                    return Err(damaged_file(
                        &file.key,
                        &"its rows are not in the order of owner, id and source",
                    ));
                }
                return Ok(Some(rows));
            }
            let Some(FetchedGroup { file, group, bytes }) = self.groups.next().await.transpose()?
            else {
                return Ok(None);
            };
            (self.progress)(bytes.len() as u64);
            let reader = file
                .footer
                .decode_group(&group, bytes)
                .map_err(|error| damaged_file(&file.key, &error))?;
            self.open = Some((file, reader));
        }
    }
}
