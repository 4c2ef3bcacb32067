//! Sorted files in the store, read row group by row group: only the groups that hold wanted owners, one fetched ahead.

use std::collections::VecDeque;
use std::sync::Arc;

use arrow_array::{Array, RecordBatch, StringArray};
use arrow_schema::SchemaRef;
use bytes::Bytes;
use host::{Failure, FailureKind};
use lake::{FileWindow, LakeError, OwnerRange, ParquetFooter, RowGroup};
use parquet::arrow::arrow_reader::ParquetRecordBatchReader;
use store::{ObjectStore, StoreError};
use tokio::task::JoinHandle;

use crate::increments::{conform_to_schema, typed_column};

/// A file whose rows are sorted by owner.
#[derive(Debug)]
pub(crate) struct SortedFile {
    key: String,
    pub(crate) footer: ParquetFooter,
    pub(crate) groups: Vec<RowGroup>,
}

impl SortedFile {
    /// Fetches the end of a file; `bytes` is its size, where it is known.
    pub(crate) async fn open(
        store: &dyn ObjectStore,
        key: &str,
        bytes: Option<u64>,
    ) -> Result<Self, Failure> {
        let unavailable = |error: StoreError| Failure::unavailable(&error);
        let corrupt = |error: LakeError| corrupt_file_failure(key, &error);
        let size = match bytes {
            Some(bytes) => bytes,
            None => store.head(key).await.map_err(unavailable)?.size,
        };
        let mut begins = size.saturating_sub(ParquetFooter::FIRST_FETCH_BYTES);
        loop {
            let bytes = store
                .get_range(key, begins..size)
                .await
                .map_err(unavailable)?;
            let tail = FileWindow::new(begins, bytes, size);
            match ParquetFooter::required_start(&tail).map_err(corrupt)? {
                Some(earlier) if earlier < begins => begins = earlier,
                _ => {
                    let footer = ParquetFooter::parse(tail).map_err(corrupt)?;
                    let groups = footer.row_groups().map_err(corrupt)?;
                    return Ok(Self {
                        key: key.to_owned(),
                        footer,
                        groups,
                    });
                }
            }
        }
    }

    pub(crate) fn corrupt_failure(&self, error: &LakeError) -> Failure {
        corrupt_file_failure(&self.key, error)
    }
}

/// A file that is not what it should be.
pub(crate) fn corrupt_file_failure(key: &str, error: &LakeError) -> Failure {
    Failure::new(FailureKind::Corrupt, format!("{key}: {error}"))
}

/// A row group of some file.
pub(crate) type FileRowGroup = (Arc<SortedFile>, RowGroup);

/// The groups of files that can hold an owner of the range, in their order.
pub(crate) fn select_row_groups(
    files: &[Arc<SortedFile>],
    owners: &OwnerRange,
) -> Vec<FileRowGroup> {
    let of = |file: &Arc<SortedFile>| -> Vec<FileRowGroup> {
        let groups = file
            .groups
            .iter()
            .filter(|group| owners.overlaps_bounds(&group.min_owner, &group.max_owner));
        groups
            .map(|group| (Arc::clone(file), group.clone()))
            .collect()
    };
    files.iter().flat_map(of).collect()
}

/// Fetches groups one after the other, the next one while its forerunner is worked on.
pub(crate) struct RowGroupFetcher {
    store: Arc<dyn ObjectStore>,
    rest: VecDeque<FileRowGroup>,
    prefetched: Option<JoinHandle<Result<Bytes, StoreError>>>,
}

impl RowGroupFetcher {
    pub(crate) fn new(store: Arc<dyn ObjectStore>, parts: Vec<FileRowGroup>) -> Self {
        Self {
            store,
            rest: parts.into(),
            prefetched: None,
        }
    }

    fn start_fetch(&mut self) {
        if let Some((file, group)) = self.rest.front() {
            let (store, key, range) = (
                Arc::clone(&self.store),
                file.key.clone(),
                group.byte_range.clone(),
            );
            self.prefetched = Some(tokio::spawn(
                async move { store.get_range(&key, range).await },
            ));
        }
    }

    /// The next group with its bytes.
    pub(crate) async fn next(&mut self) -> Result<Option<(FileRowGroup, Bytes)>, Failure> {
        if self.prefetched.is_none() {
            self.start_fetch();
        }
        let Some(fetched) = self.prefetched.take() else {
            return Ok(None);
        };
        let bytes = fetched
            .await
            .map_err(|error| Failure::unavailable(&error))?;
        let bytes = bytes.map_err(|error| Failure::unavailable(&error))?;
        let part = self.rest.pop_front();
        self.start_fetch();
        Ok(part.map(|part| (part, bytes)))
    }
}

/// Sorted rows, batch by batch, never an empty one.
pub(crate) enum SortedBatches {
    /// Rows in memory.
    InMemory(VecDeque<RecordBatch>),
    /// Rows in the store.
    Stored(Box<StoredBatches>),
}

/// Rows of one range in the store.
pub(crate) struct StoredBatches {
    fetcher: RowGroupFetcher,
    open: Option<(Arc<SortedFile>, ParquetRecordBatchReader)>,
    owners: OwnerRange,
    schema: SchemaRef,
}

impl SortedBatches {
    pub(crate) fn from_memory(
        batches: &[RecordBatch],
        owners: &OwnerRange,
    ) -> Result<Self, LakeError> {
        let mine = batches
            .iter()
            .map(|batch| rows_in_owner_range(batch, owners))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self::InMemory(
            mine.into_iter()
                .filter(|batch| batch.num_rows() > 0)
                .collect(),
        ))
    }

    pub(crate) fn from_store(
        store: &Arc<dyn ObjectStore>,
        files: &[Arc<SortedFile>],
        owners: &OwnerRange,
        schema: &SchemaRef,
    ) -> Self {
        let fetcher = RowGroupFetcher::new(Arc::clone(store), select_row_groups(files, owners));
        let (owners, schema) = (owners.clone(), Arc::clone(schema));
        Self::Stored(Box::new(StoredBatches {
            fetcher,
            open: None,
            owners,
            schema,
        }))
    }

    pub(crate) async fn next(&mut self) -> Result<Option<RecordBatch>, Failure> {
        match self {
            Self::InMemory(batches) => Ok(batches.pop_front()),
            Self::Stored(stored) => stored.next().await,
        }
    }
}

impl StoredBatches {
    async fn next(&mut self) -> Result<Option<RecordBatch>, Failure> {
        loop {
            if let Some((file, reader)) = &mut self.open
                && let Some(batch) = reader.next()
            {
                let batch = batch.map_err(LakeError::from);
                let batch = batch.and_then(|batch| {
                    rows_in_owner_range(&conform_to_schema(&batch, &self.schema)?, &self.owners)
                });
                match batch.map_err(|error| file.corrupt_failure(&error))? {
                    batch if batch.num_rows() == 0 => continue,
                    batch => return Ok(Some(batch)),
                }
            }
            let Some(((file, group), bytes)) = self.fetcher.next().await? else {
                return Ok(None);
            };
            let names: Vec<&str> = self
                .schema
                .fields()
                .iter()
                .map(|field| field.name().as_str())
                .collect();
            let reader = file.footer.decode_group_columns(&group, bytes, &names);
            let reader = reader.map_err(|error| file.corrupt_failure(&error))?;
            self.open = Some((file, reader));
        }
    }
}

/// The owners of a batch's rows.
pub(crate) fn owner_ids(batch: &RecordBatch) -> Result<&StringArray, LakeError> {
    typed_column(batch, "owner_id")
}

/// How many of the sorted owners come before `owner`.
pub(crate) fn count_owners_before(owners: &StringArray, owner: &str) -> usize {
    let (mut low, mut high) = (0, owners.len());
    while low < high {
        let middle = low.midpoint(high);
        if owners.value(middle) < owner {
            low = middle + 1
        } else {
            high = middle
        }
    }
    low
}

/// The rows of a sorted batch whose owners are in the range.
pub(crate) fn rows_in_owner_range(
    batch: &RecordBatch,
    range: &OwnerRange,
) -> Result<RecordBatch, LakeError> {
    let owners = owner_ids(batch)?;
    let from = count_owners_before(owners, &range.from);
    let to = range
        .to
        .as_deref()
        .map_or(owners.len(), |to| count_owners_before(owners, to));
    Ok(batch.slice(from, to.saturating_sub(from)))
}
