//! Sorted Parquet files in the store, read by ranged requests: only the row groups that can hold
//! wanted owners, one group decoded while the next one is fetched. No file is ever held in memory
//! as a whole.

use std::collections::VecDeque;
use std::sync::Arc;

use arrow_array::RecordBatch;
use bytes::Bytes;
use lake::{BoundedBatches, FileWindow, LakeError, NamedFile, OwnerRange, ParquetFooter, RowGroup};
use thiserror::Error;
use tokio::task::JoinHandle;

use crate::{ObjectStore, StoreError, StoreErrorKind};

/// Why a sorted file could not be read.
#[derive(Debug, Error)]
pub enum SortedFileError {
    /// The storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The file is damaged, or its columns are not the expected ones.
    #[error("{key} cannot be read: {error}; {next}", next = lake::repair_hint(.key))]
    Damaged {
        /// The file's key.
        key: String,
        /// What is wrong with it.
        error: LakeError,
    },
}

/// A file whose rows are sorted by owner. Only its footer is in memory.
#[derive(Debug)]
pub struct SortedFile {
    key: String,
    /// The end of the file.
    pub footer: ParquetFooter,
    /// Its row groups, in their order.
    pub groups: Vec<RowGroup>,
}

impl SortedFile {
    /// Fetches the tail of a file that a manifest or a plan names.
    ///
    /// # Errors
    /// When the storage fails, or the tail is not the one that was written.
    pub async fn open(store: &dyn ObjectStore, file: &NamedFile) -> Result<Self, SortedFileError> {
        let NamedFile { key, digest } = file;
        let size = digest.bytes;
        digest.check_size().map_err(|error| damaged(key, error))?;
        let bytes = store.get_range(key, digest.tail_start()..size).await?;
        digest
            .check_tail(&bytes)
            .map_err(|error| damaged(key, error))?;

        let tail = FileWindow::new(digest.tail_start(), bytes, size);
        Self::parse(key, tail).map_err(|error| damaged(key, error))
    }

    /// Fetches the tail of a file of this size, which no document names. Only its own footer says
    /// what its chunks must be.
    ///
    /// # Errors
    /// When the storage fails, or the file is damaged.
    pub async fn open_unnamed(
        store: &dyn ObjectStore,
        key: &str,
        size: u64,
    ) -> Result<Self, SortedFileError> {
        let mut start = size.saturating_sub(ParquetFooter::FIRST_FETCH_BYTES);
        loop {
            let bytes = store.get_range(key, start..size).await?;
            let tail = FileWindow::new(start, bytes, size);
            match ParquetFooter::required_start(&tail).map_err(|error| damaged(key, error))? {
                Some(earlier) if earlier < start => start = earlier,
                _ => return Self::parse(key, tail).map_err(|error| damaged(key, error)),
            }
        }
    }

    fn parse(key: &str, tail: FileWindow) -> Result<Self, LakeError> {
        let footer = ParquetFooter::parse(tail)?;
        let groups = footer.row_groups()?;
        Ok(Self {
            key: key.to_owned(),
            footer,
            groups,
        })
    }

    /// The error of this file, with its key.
    #[must_use]
    pub fn damaged(&self, error: LakeError) -> SortedFileError {
        damaged(&self.key, error)
    }
}

fn damaged(key: &str, error: LakeError) -> SortedFileError {
    SortedFileError::Damaged {
        key: key.to_owned(),
        error,
    }
}

/// A row group of a file.
#[derive(Clone, Debug)]
pub struct FileRowGroup {
    /// The file.
    pub file: Arc<SortedFile>,
    /// The group.
    pub group: RowGroup,
}

/// The row groups of files that can hold an owner of the range, in their order.
#[must_use]
pub fn select_row_groups(files: &[Arc<SortedFile>], owners: &OwnerRange) -> Vec<FileRowGroup> {
    let mut selected = Vec::new();
    for file in files {
        for group in &file.groups {
            if owners.overlaps_bounds(&group.min_owner, &group.max_owner) {
                selected.push(FileRowGroup {
                    file: Arc::clone(file),
                    group: group.clone(),
                });
            }
        }
    }
    selected
}

/// A row group with its bytes, not decoded.
pub struct FetchedRowGroup {
    /// The file.
    pub file: Arc<SortedFile>,
    /// The group.
    pub group: RowGroup,
    /// The bytes of the group's columns, or of some of them.
    pub bytes: Bytes,
    /// The only columns that were fetched; all of them without.
    columns: Option<Arc<[String]>>,
}

impl FetchedRowGroup {
    /// A reader of the group's batches, with the columns that were fetched.
    ///
    /// # Errors
    /// When the file is damaged.
    pub fn decode(self) -> Result<BoundedBatches<FileWindow>, SortedFileError> {
        let footer = &self.file.footer;
        let reader = match &self.columns {
            Some(columns) => {
                footer.decode_group_columns(&self.group, self.bytes, &column_names(columns))
            }
            None => footer.decode_group(&self.group, self.bytes),
        };
        reader.map_err(|error| self.file.damaged(error))
    }
}

fn column_names(columns: &[String]) -> Vec<&str> {
    columns.iter().map(String::as_str).collect()
}

/// Fetches row groups one after the other. At most one group is fetched ahead of the one that the
/// caller works on.
pub struct RowGroupFetcher {
    store: Arc<dyn ObjectStore>,
    /// Files whose turn has not come.
    unopened: VecDeque<NamedFile>,
    waiting: VecDeque<FileRowGroup>,
    /// The only columns that are fetched; all of them without.
    columns: Option<Arc<[String]>>,
    /// The request for the first waiting group.
    prefetch: Option<JoinHandle<Result<Bytes, SortedFileError>>>,
}

impl RowGroupFetcher {
    /// A fetcher of these groups.
    #[must_use]
    pub fn for_groups(store: &Arc<dyn ObjectStore>, groups: Vec<FileRowGroup>) -> Self {
        Self {
            store: Arc::clone(store),
            unopened: VecDeque::new(),
            waiting: groups.into(),
            columns: None,
            prefetch: None,
        }
    }

    /// A fetcher of every group of files. A file is opened when its turn comes.
    #[must_use]
    pub fn for_files(store: &Arc<dyn ObjectStore>, files: Vec<NamedFile>) -> Self {
        Self {
            store: Arc::clone(store),
            unopened: files.into(),
            waiting: VecDeque::new(),
            columns: None,
            prefetch: None,
        }
    }

    /// The same fetcher, of only these columns; those that a file does not have are left out. What
    /// lies between the first and the last of them is fetched with them.
    #[must_use]
    pub fn with_columns<'c>(self, columns: impl IntoIterator<Item = &'c str>) -> Self {
        let columns = columns.into_iter().map(str::to_owned).collect();
        Self {
            columns: Some(columns),
            ..self
        }
    }

    /// Leaves out the next groups as long as all of their owners are before `owner`.
    pub fn skip_groups_before(&mut self, owner: &str) {
        while let Some(next) = self.waiting.front()
            && next.group.max_owner.as_str() < owner
        {
            self.waiting.pop_front();
            if let Some(request) = self.prefetch.take() {
                request.abort();
            }
        }
    }

    /// The next group with its bytes; none behind the last one.
    ///
    /// # Errors
    /// When the storage fails, or a file that is opened now is damaged.
    pub async fn next(&mut self) -> Result<Option<FetchedRowGroup>, SortedFileError> {
        if self.prefetch.is_none() {
            self.start_prefetch().await?;
        }
        let Some(prefetch) = self.prefetch.take() else {
            return Ok(None);
        };
        let fetched = prefetch.await;
        let Some(FileRowGroup { file, group }) = self.waiting.pop_front() else {
            return Ok(None);
        };

        let bytes = fetched.map_err(|error| interrupted_fetch(&file.key, &error))??;
        self.start_prefetch().await?;
        Ok(Some(FetchedRowGroup {
            file,
            group,
            bytes,
            columns: self.columns.clone(),
        }))
    }

    /// Requests the first waiting group in a task of its own, so that it arrives while the caller
    /// decodes another.
    async fn start_prefetch(&mut self) -> Result<(), SortedFileError> {
        while self.waiting.is_empty()
            && let Some(named) = self.unopened.pop_front()
        {
            let file = Arc::new(SortedFile::open(&*self.store, &named).await?);
            let all = select_row_groups(&[file], &OwnerRange::default());
            self.waiting.extend(all);
        }

        if let Some(next) = self.waiting.front() {
            let columns = self.columns.clone();
            let request = fetch_checked(Arc::clone(&self.store), next.clone(), columns);
            self.prefetch = Some(tokio::spawn(request));
        }
        Ok(())
    }
}

/// Fetches the bytes of a group, or of some of its columns, and refuses those that are not what was
/// written.
async fn fetch_checked(
    store: Arc<dyn ObjectStore>,
    FileRowGroup { file, group }: FileRowGroup,
    columns: Option<Arc<[String]>>,
) -> Result<Bytes, SortedFileError> {
    let footer = &file.footer;
    let names = columns.as_deref().map(column_names);
    let range = match &names {
        Some(names) => footer.column_span(&group, names),
        None => group.byte_range.clone(),
    };
    if range.is_empty() {
        return Ok(Bytes::new());
    }

    let bytes = store.get_range(&file.key, range).await?;
    let checked = match &names {
        Some(names) => footer.check_columns(&group, names, &bytes),
        None => footer.check_group(&group, &bytes),
    };
    checked.map_err(|error| file.damaged(error))?;
    Ok(bytes)
}

fn interrupted_fetch(key: &str, error: &tokio::task::JoinError) -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable, "get", key, error.to_string())
}

/// A group that is being decoded.
struct OpenGroup {
    file: Arc<SortedFile>,
    batches: BoundedBatches<FileWindow>,
}

/// The decoded batches of row groups, in their order.
pub struct RowGroupBatches {
    fetcher: RowGroupFetcher,
    open: Option<OpenGroup>,
    fetched_bytes: u64,
}

impl RowGroupBatches {
    /// The batches with the columns that are fetched.
    #[must_use]
    pub fn new(fetcher: RowGroupFetcher) -> Self {
        Self {
            fetcher,
            open: None,
            fetched_bytes: 0,
        }
    }

    /// The batches with only these columns; those that a file does not have are left out.
    #[must_use]
    pub fn with_columns<'c>(
        fetcher: RowGroupFetcher,
        columns: impl IntoIterator<Item = &'c str>,
    ) -> Self {
        Self::new(fetcher.with_columns(columns))
    }

    /// Leaves out the groups that are not begun as long as all of their owners are before `owner`.
    pub fn skip_groups_before(&mut self, owner: &str) {
        self.fetcher.skip_groups_before(owner);
    }

    /// The bytes of the groups whose decoding has begun.
    #[must_use]
    pub fn fetched_bytes(&self) -> u64 {
        self.fetched_bytes
    }

    /// The next batch, with the file that it is from; none behind the last one.
    ///
    /// # Errors
    /// When the storage fails, or a file is damaged.
    pub async fn next(
        &mut self,
    ) -> Result<Option<(Arc<SortedFile>, RecordBatch)>, SortedFileError> {
        loop {
            // A decoded group is released before the next one is waited for.
            if let Some(mut open) = self.open.take()
                && let Some(batch) = open.batches.next()
            {
                let batch = batch.map_err(|error| open.file.damaged(error))?;
                let file = Arc::clone(&open.file);
                self.open = Some(open).filter(|open| !open.batches.is_finished());
                return Ok(Some((file, batch)));
            }
            let Some(fetched) = self.fetcher.next().await? else {
                return Ok(None);
            };
            self.open_group(fetched)?;
        }
    }

    fn open_group(&mut self, fetched: FetchedRowGroup) -> Result<(), SortedFileError> {
        self.fetched_bytes += fetched.bytes.len() as u64;
        let file = Arc::clone(&fetched.file);
        let batches = fetched.decode()?;
        self.open = Some(OpenGroup { file, batches });
        Ok(())
    }
}

#[cfg(test)]
mod tests;
