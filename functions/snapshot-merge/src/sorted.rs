//! Sorted files in the store, read row group by row group: only the groups that hold wanted owners, one fetched ahead.

use std::collections::VecDeque;
use std::sync::Arc;

use arrow_array::{Array, RecordBatch, StringArray};
use arrow_schema::SchemaRef;
use bytes::Bytes;
use host::{Failure, FailureKind};
use lake::{Footer, Group, LakeError, Owners, Window};
use parquet::arrow::arrow_reader::ParquetRecordBatchReader;
use store::{ObjectStore, StoreError};
use tokio::task::JoinHandle;

use crate::increments::{column, conform};

/// A file whose rows are sorted by owner.
#[derive(Debug)]
pub(crate) struct SortedFile {
    key: String,
    pub(crate) footer: Footer,
    pub(crate) groups: Vec<Group>,
}

impl SortedFile {
    /// Fetches the end of a file; `bytes` is its size, where it is known.
    pub(crate) async fn open(
        store: &dyn ObjectStore,
        key: &str,
        bytes: Option<u64>,
    ) -> Result<Self, Failure> {
        let unavailable = |error: StoreError| Failure::unavailable(&error);
        let corrupt = |error: LakeError| damaged(key, &error);
        let size = match bytes {
            Some(bytes) => bytes,
            None => store.head(key).await.map_err(unavailable)?.size,
        };
        let mut begins = size.saturating_sub(Footer::FIRST_FETCH);
        loop {
            let bytes = store
                .get_range(key, begins..size)
                .await
                .map_err(unavailable)?;
            let tail = Window::new(begins, bytes, size);
            match Footer::wants(&tail).map_err(corrupt)? {
                Some(earlier) if earlier < begins => begins = earlier,
                _ => {
                    let footer = Footer::parse(tail).map_err(corrupt)?;
                    let groups = footer.groups().map_err(corrupt)?;
                    return Ok(Self {
                        key: key.to_owned(),
                        footer,
                        groups,
                    });
                }
            }
        }
    }

    pub(crate) fn corrupt(&self, error: &LakeError) -> Failure {
        damaged(&self.key, error)
    }
}

/// A file that is not what it should be.
pub(crate) fn damaged(key: &str, error: &LakeError) -> Failure {
    Failure::new(FailureKind::Corrupt, format!("{key}: {error}"))
}

/// A row group of some file.
pub(crate) type Part = (Arc<SortedFile>, Group);

/// The groups of files that can hold an owner of the range, in their order.
pub(crate) fn parts(files: &[Arc<SortedFile>], owners: &Owners) -> Vec<Part> {
    let of = |file: &Arc<SortedFile>| -> Vec<Part> {
        let groups = file
            .groups
            .iter()
            .filter(|group| owners.meets(&group.least, &group.greatest));
        groups
            .map(|group| (Arc::clone(file), group.clone()))
            .collect()
    };
    files.iter().flat_map(of).collect()
}

/// Fetches groups one after the other, the next one while its forerunner is worked on.
pub(crate) struct Fetcher {
    store: Arc<dyn ObjectStore>,
    rest: VecDeque<Part>,
    ahead: Option<JoinHandle<Result<Bytes, StoreError>>>,
}

impl Fetcher {
    pub(crate) fn new(store: Arc<dyn ObjectStore>, parts: Vec<Part>) -> Self {
        Self {
            store,
            rest: parts.into(),
            ahead: None,
        }
    }

    fn begin(&mut self) {
        if let Some((file, group)) = self.rest.front() {
            let (store, key, range) = (
                Arc::clone(&self.store),
                file.key.clone(),
                group.bytes.clone(),
            );
            self.ahead = Some(tokio::spawn(
                async move { store.get_range(&key, range).await },
            ));
        }
    }

    /// The next group with its bytes.
    pub(crate) async fn next(&mut self) -> Result<Option<(Part, Bytes)>, Failure> {
        if self.ahead.is_none() {
            self.begin();
        }
        let Some(fetched) = self.ahead.take() else {
            return Ok(None);
        };
        let bytes = fetched
            .await
            .map_err(|error| Failure::unavailable(&error))?;
        let bytes = bytes.map_err(|error| Failure::unavailable(&error))?;
        let part = self.rest.pop_front();
        self.begin();
        Ok(part.map(|part| (part, bytes)))
    }
}

/// Sorted rows, batch by batch, never an empty one.
pub(crate) enum Batches {
    /// Rows in memory.
    Held(VecDeque<RecordBatch>),
    /// Rows in the store.
    Stored(Box<Stored>),
}

/// Rows of one range in the store.
pub(crate) struct Stored {
    fetcher: Fetcher,
    open: Option<(Arc<SortedFile>, ParquetRecordBatchReader)>,
    owners: Owners,
    schema: SchemaRef,
}

impl Batches {
    pub(crate) fn held(batches: &[RecordBatch], owners: &Owners) -> Result<Self, LakeError> {
        let mine = batches
            .iter()
            .map(|batch| within(batch, owners))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self::Held(
            mine.into_iter()
                .filter(|batch| batch.num_rows() > 0)
                .collect(),
        ))
    }

    pub(crate) fn stored(
        store: &Arc<dyn ObjectStore>,
        files: &[Arc<SortedFile>],
        owners: &Owners,
        schema: &SchemaRef,
    ) -> Self {
        let fetcher = Fetcher::new(Arc::clone(store), parts(files, owners));
        let (owners, schema) = (owners.clone(), Arc::clone(schema));
        Self::Stored(Box::new(Stored {
            fetcher,
            open: None,
            owners,
            schema,
        }))
    }

    pub(crate) async fn next(&mut self) -> Result<Option<RecordBatch>, Failure> {
        match self {
            Self::Held(batches) => Ok(batches.pop_front()),
            Self::Stored(stored) => stored.next().await,
        }
    }
}

impl Stored {
    async fn next(&mut self) -> Result<Option<RecordBatch>, Failure> {
        loop {
            if let Some((file, reader)) = &mut self.open
                && let Some(batch) = reader.next()
            {
                let batch = batch.map_err(LakeError::from);
                let batch =
                    batch.and_then(|batch| within(&conform(&batch, &self.schema)?, &self.owners));
                match batch.map_err(|error| file.corrupt(&error))? {
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
            let reader = file.footer.decode_columns(&group, bytes, &names);
            let reader = reader.map_err(|error| file.corrupt(&error))?;
            self.open = Some((file, reader));
        }
    }
}

/// The owners of a batch's rows.
pub(crate) fn owners(batch: &RecordBatch) -> Result<&StringArray, LakeError> {
    column(batch, "owner_id")
}

/// How many of the sorted owners come before `owner`.
pub(crate) fn before(owners: &StringArray, owner: &str) -> usize {
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
pub(crate) fn within(batch: &RecordBatch, range: &Owners) -> Result<RecordBatch, LakeError> {
    let owners = owners(batch)?;
    let from = before(owners, &range.from);
    let to = range
        .to
        .as_deref()
        .map_or(owners.len(), |to| before(owners, to));
    Ok(batch.slice(from, to.saturating_sub(from)))
}
