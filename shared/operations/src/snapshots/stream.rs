//! The rows of sorted files, in order, from ranged reads: one row group is decoded while the next one is fetched, and no
//! file is ever whole in memory.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{RecordBatch, StringArray};
use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt, stream};
use lake::{Footer, Group, LakeError, ManifestShard, Window};
use parquet::arrow::arrow_reader::ParquetRecordBatchReader;
use store::ObjectStore;

use crate::Failed;

/// Row groups that are fetched at once: the one that is wanted next, and its follower.
const FETCHED_AT_ONCE: usize = 2;

/// What orders rows: owner, id, source.
pub(super) type Key<'k> = (&'k str, &'k str, &'k str);

/// A file's end, and where its groups lie.
struct SortedFile {
    key: String,
    footer: Footer,
    groups: Vec<Group>,
}

impl SortedFile {
    async fn open(store: Arc<dyn ObjectStore>, shard: ManifestShard) -> Result<Arc<Self>, Failed> {
        let (key, size) = (shard.rows_key, shard.bytes);
        let damaged = |error: LakeError| damaged(&key, &error);
        let mut begins = size.saturating_sub(Footer::FIRST_FETCH);
        loop {
            let tail = Window::new(begins, store.get_range(&key, begins..size).await?, size);
            match Footer::wants(&tail).map_err(damaged)? {
                Some(earlier) if earlier < begins => begins = earlier,
                _ => {
                    let footer = Footer::parse(tail).map_err(damaged)?;
                    let groups = footer.groups().map_err(damaged)?;
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

fn damaged(key: &str, error: &dyn std::fmt::Display) -> Failed {
    format!("{key} is damaged: {error}; `polelake audit` finds what else is").into()
}

/// A row group with its bytes.
struct Part {
    file: Arc<SortedFile>,
    group: Group,
    bytes: Bytes,
}

/// The row groups of files, in their order. A file is opened when its turn comes.
fn parts(
    store: &Arc<dyn ObjectStore>,
    shards: Vec<ManifestShard>,
) -> BoxStream<'static, Result<Part, Failed>> {
    let (opening, fetching) = (Arc::clone(store), Arc::clone(store));
    let groups = |file: Arc<SortedFile>| {
        let groups: Vec<_> = file
            .groups
            .iter()
            .map(|group| Ok((Arc::clone(&file), group.clone())))
            .collect();
        stream::iter(groups)
    };
    stream::iter(shards)
        .then(move |shard| SortedFile::open(Arc::clone(&opening), shard))
        .map_ok(groups)
        .try_flatten()
        .map(move |found| fetch(&fetching, found))
        .buffered(FETCHED_AT_ONCE)
        .fuse()
        .boxed()
}

/// Begins to fetch a group at once, as a task of its own, so that it goes on while its forerunner is decoded.
fn fetch(
    store: &Arc<dyn ObjectStore>,
    found: Result<(Arc<SortedFile>, Group), Failed>,
) -> impl Future<Output = Result<Part, Failed>> + Send + use<> {
    let begun = found.map(|(file, group)| {
        let (store, key, range) = (Arc::clone(store), file.key.clone(), group.bytes.clone());
        let task = tokio::spawn(async move { store.get_range(&key, range).await });
        (file, group, task)
    });
    async move {
        let (file, group, task) = begun?;
        let bytes = task.await??;
        Ok(Part { file, group, bytes })
    }
}

/// Rows with their keys.
pub(super) struct Keyed {
    rows: RecordBatch,
    keys: [StringArray; 3],
}

impl Keyed {
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

    fn key(&self, row: usize) -> Key<'_> {
        let [owners, ids, sources] = &self.keys;
        (owners.value(row), ids.value(row), sources.value(row))
    }

    /// Whether each row comes after the one before it. A join of rows in another order would be wrong without a word.
    fn is_sorted_behind(&self, last: Option<Key<'_>>) -> bool {
        let rows = self.rows.num_rows();
        let first = (rows > 0).then(|| self.key(0));
        let behind = last.zip(first).is_none_or(|(last, first)| last < first);
        behind && (1..rows).all(|row| self.key(row - 1) < self.key(row))
    }
}

/// What is left of a batch.
#[derive(Clone, Copy)]
pub(super) struct Rest<'r> {
    batch: &'r Keyed,
    from: usize,
}

impl Rest<'_> {
    /// How many rows are left; at least one.
    pub(super) fn len(&self) -> usize {
        self.batch.rows.num_rows() - self.from
    }

    /// The key of one of them.
    pub(super) fn key(&self, row: usize) -> Key<'_> {
        self.batch.key(self.from + row)
    }

    /// So many of them, from the first one.
    pub(super) fn first(&self, rows: usize) -> RecordBatch {
        self.batch.rows.slice(self.from, rows)
    }
}

/// The rows of files, in the order of their keys.
pub(super) struct Rows<'p> {
    parts: BoxStream<'static, Result<Part, Failed>>,
    open: Option<(Arc<SortedFile>, ParquetRecordBatchReader)>,
    batch: Option<Keyed>,
    row: usize,
    progress: &'p (dyn Fn(u64) + Sync),
}

impl<'p> Rows<'p> {
    /// The rows of shards that are in the order of their owners; `progress` is told how many bytes came.
    pub(super) fn new(
        store: &Arc<dyn ObjectStore>,
        shards: Vec<ManifestShard>,
        progress: &'p (dyn Fn(u64) + Sync),
    ) -> Self {
        Self {
            parts: parts(store, shards),
            open: None,
            batch: None,
            row: 0,
            progress,
        }
    }

    /// The rows that are decoded and not passed yet; none at the end.
    pub(super) async fn rest(&mut self) -> Result<Option<Rest<'_>>, Failed> {
        while self
            .batch
            .as_ref()
            .is_none_or(|batch| self.row >= batch.rows.num_rows())
        {
            match self.next().await? {
                Some(batch) => (self.batch, self.row) = (Some(batch), 0),
                None => return Ok(None),
            }
        }
        Ok(self.batch.as_ref().map(|batch| Rest {
            batch,
            from: self.row,
        }))
    }

    /// Passes so many rows.
    pub(super) fn pass(&mut self, rows: usize) {
        self.row += rows;
    }

    async fn next(&mut self) -> Result<Option<Keyed>, Failed> {
        loop {
            if let Some((file, reader)) = &mut self.open
                && let Some(rows) = reader.next()
            {
                let rows = rows.map_err(LakeError::from).and_then(Keyed::new);
                let rows = rows.map_err(|error| damaged(&file.key, &error))?;
                let before = self.batch.as_ref();
                let last = before.and_then(|batch| {
                    batch
                        .rows
                        .num_rows()
                        .checked_sub(1)
                        .map(|row| batch.key(row))
                });
                if !rows.is_sorted_behind(last) {
                    return Err(damaged(
                        &file.key,
                        &"its rows are not in the order of owner, id and source",
                    ));
                }
                return Ok(Some(rows));
            }
            let Some(Part { file, group, bytes }) = self.parts.next().await.transpose()? else {
                return Ok(None);
            };
            (self.progress)(bytes.len() as u64);
            let reader = file
                .footer
                .decode(&group, bytes)
                .map_err(|error| damaged(&file.key, &error))?;
            self.open = Some((file, reader));
        }
    }
}
