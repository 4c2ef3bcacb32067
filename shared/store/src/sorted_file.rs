//! Sorted Parquet files in the store, read by ranged requests: only the row groups that can hold
//! wanted owners, one group decoded while the next one is fetched. No file is ever held in memory
//! as a whole.

use std::collections::VecDeque;
use std::sync::Arc;

use arrow_array::RecordBatch;
use bytes::Bytes;
use lake::{BoundedBatches, FileWindow, LakeError, OwnerRange, ParquetFooter, RowGroup};
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
    /// Fetches the end of a file. `bytes` is the file's size; without it the store is asked for the
    /// size first.
    ///
    /// # Errors
    /// When the storage fails, or the file is damaged.
    pub async fn open(
        store: &dyn ObjectStore,
        key: &str,
        bytes: Option<u64>,
    ) -> Result<Self, SortedFileError> {
        let size = match bytes {
            Some(bytes) => bytes,
            None => store.head(key).await?.size,
        };
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
    /// The bytes of the group's columns.
    pub bytes: Bytes,
}

impl FetchedRowGroup {
    /// A reader of the group's batches. `columns` are the only ones that are decoded; those that
    /// the file does not have are left out. Without `columns` all of them are decoded.
    ///
    /// # Errors
    /// When the file is damaged.
    pub fn decode(
        self,
        columns: Option<&[&str]>,
    ) -> Result<BoundedBatches<FileWindow>, SortedFileError> {
        let footer = &self.file.footer;
        let reader = match columns {
            Some(columns) => footer.decode_group_columns(&self.group, self.bytes, columns),
            None => footer.decode_group(&self.group, self.bytes),
        };
        reader.map_err(|error| self.file.damaged(error))
    }
}

/// Fetches row groups one after the other. At most one group is fetched ahead of the one that the
/// caller works on.
pub struct RowGroupFetcher {
    store: Arc<dyn ObjectStore>,
    /// Keys and sizes of files whose turn has not come.
    unopened: VecDeque<(String, u64)>,
    waiting: VecDeque<FileRowGroup>,
    /// The request for the first waiting group.
    prefetch: Option<JoinHandle<Result<Bytes, StoreError>>>,
}

impl RowGroupFetcher {
    /// A fetcher of these groups.
    #[must_use]
    pub fn for_groups(store: &Arc<dyn ObjectStore>, groups: Vec<FileRowGroup>) -> Self {
        Self {
            store: Arc::clone(store),
            unopened: VecDeque::new(),
            waiting: groups.into(),
            prefetch: None,
        }
    }

    /// A fetcher of every group of files, given by key and size. A file is opened when its turn
    /// comes.
    #[must_use]
    pub fn for_files(store: &Arc<dyn ObjectStore>, files: Vec<(String, u64)>) -> Self {
        Self {
            store: Arc::clone(store),
            unopened: files.into(),
            waiting: VecDeque::new(),
            prefetch: None,
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
        Ok(Some(FetchedRowGroup { file, group, bytes }))
    }

    /// Requests the first waiting group in a task of its own, so that it arrives while the caller
    /// decodes another.
    async fn start_prefetch(&mut self) -> Result<(), SortedFileError> {
        while self.waiting.is_empty()
            && let Some((key, bytes)) = self.unopened.pop_front()
        {
            let file = Arc::new(SortedFile::open(&*self.store, &key, Some(bytes)).await?);
            let all = select_row_groups(&[file], &OwnerRange::default());
            self.waiting.extend(all);
        }

        if let Some(FileRowGroup { file, group }) = self.waiting.front() {
            let store = Arc::clone(&self.store);
            let key = file.key.clone();
            let range = group.byte_range.clone();
            let request = async move { store.get_range(&key, range).await };
            self.prefetch = Some(tokio::spawn(request));
        }
        Ok(())
    }
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
    columns: Option<Vec<String>>,
    open: Option<OpenGroup>,
    fetched_bytes: u64,
}

impl RowGroupBatches {
    /// The batches with all columns of their files.
    #[must_use]
    pub fn new(fetcher: RowGroupFetcher) -> Self {
        Self {
            fetcher,
            columns: None,
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
        let columns = columns.into_iter().map(str::to_owned).collect();
        Self {
            columns: Some(columns),
            ..Self::new(fetcher)
        }
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
            if let Some(OpenGroup { file, batches }) = &mut self.open
                && let Some(batch) = batches.next()
            {
                let batch = batch.map_err(|error| file.damaged(error))?;
                return Ok(Some((Arc::clone(file), batch)));
            }

            // The decoded group is released before the next one is waited for.
            self.open = None;
            let Some(fetched) = self.fetcher.next().await? else {
                return Ok(None);
            };
            self.open_group(fetched)?;
        }
    }

    fn open_group(&mut self, fetched: FetchedRowGroup) -> Result<(), SortedFileError> {
        self.fetched_bytes += fetched.bytes.len() as u64;
        let file = Arc::clone(&fetched.file);
        let columns: Option<Vec<&str>> = self
            .columns
            .as_ref()
            .map(|names| names.iter().map(String::as_str).collect());
        let batches = fetched.decode(columns.as_deref())?;
        self.open = Some(OpenGroup { file, batches });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::cast::AsArray;
    use arrow_array::{ArrayRef, StringArray};
    use lake::{RowGroupWriter, file};

    use super::*;
    use crate::MemoryStore;

    /// Writes a file with one row group for each list of owners; gives its size.
    async fn put_sorted_file(store: &dyn ObjectStore, key: &str, groups: &[&[&str]]) -> u64 {
        let batches: Vec<RecordBatch> = groups.iter().map(|owners| owner_batch(owners)).collect();
        let properties = file::sorted_properties();
        let mut writer = RowGroupWriter::new(Vec::new(), &batches[0].schema(), properties).unwrap();
        for batch in &batches {
            writer.write_batch(batch).unwrap();
            writer.close_group().unwrap();
        }
        let bytes = writer.finish_file().unwrap();
        let size = bytes.len() as u64;
        store.put(key, bytes.into(), "").await.unwrap();
        size
    }

    fn owner_batch(owners: &[&str]) -> RecordBatch {
        let owners: ArrayRef = Arc::new(StringArray::from(owners.to_vec()));
        let columns = [("owner_id", Arc::clone(&owners)), ("name", owners)];
        RecordBatch::try_from_iter(columns).unwrap()
    }

    async fn read_owners(mut batches: RowGroupBatches) -> Vec<String> {
        let mut owners = Vec::new();
        while let Some((_, batch)) = batches.next().await.unwrap() {
            let column = batch.column_by_name("owner_id").unwrap();
            owners.extend(
                column
                    .as_string::<i32>()
                    .iter()
                    .flatten()
                    .map(str::to_owned),
            );
        }
        owners
    }

    #[tokio::test]
    async fn files_are_read_in_their_order_and_one_group_ahead() {
        let store: Arc<dyn ObjectStore> = Arc::new(MemoryStore::default());
        let first = put_sorted_file(&*store, "a", &[&["1", "2"], &["3"], &["4"]]).await;
        let second = put_sorted_file(&*store, "b", &[&["5"]]).await;
        let files = vec![("a".to_owned(), first), ("b".to_owned(), second)];
        let batches = RowGroupBatches::new(RowGroupFetcher::for_files(&store, files.clone()));
        assert_eq!(read_owners(batches).await, ["1", "2", "3", "4", "5"]);

        let mut fetcher = RowGroupFetcher::for_files(&store, files);
        fetcher.next().await.unwrap().unwrap();
        assert_eq!((fetcher.waiting.len(), fetcher.unopened.len()), (2, 1));
        assert!(
            fetcher.prefetch.is_some(),
            "only the first of the two is requested"
        );
    }

    #[tokio::test]
    async fn only_groups_that_can_hold_the_owners_and_wanted_columns_are_read() {
        let store: Arc<dyn ObjectStore> = Arc::new(MemoryStore::default());
        put_sorted_file(&*store, "a", &[&["1", "2"], &["3"], &["4"]]).await;
        let file = Arc::new(SortedFile::open(&*store, "a", None).await.unwrap());
        let owners = OwnerRange {
            from: "3".into(),
            to: Some("4".into()),
        };
        let fetcher = RowGroupFetcher::for_groups(&store, select_row_groups(&[file], &owners));
        let mut batches = RowGroupBatches::with_columns(fetcher, ["name", "absent"]);
        let (_, batch) = batches.next().await.unwrap().unwrap();
        assert_eq!((batch.num_rows(), batch.num_columns()), (1, 1));
        assert!(batches.next().await.unwrap().is_none());
    }

    #[tokio::test]
    async fn groups_before_an_owner_are_left_out_also_when_one_is_requested() {
        let store: Arc<dyn ObjectStore> = Arc::new(MemoryStore::default());
        let groups: [&[&str]; 4] = [&["1", "2"], &["3"], &["4", "5"], &["6"]];
        put_sorted_file(&*store, "a", &groups).await;
        let file = Arc::new(SortedFile::open(&*store, "a", None).await.unwrap());
        let all = select_row_groups(&[file], &OwnerRange::default());
        let mut batches = RowGroupBatches::new(RowGroupFetcher::for_groups(&store, all));

        batches.next().await.unwrap().unwrap();
        assert!(batches.fetcher.prefetch.is_some());
        batches.skip_groups_before("5");
        assert_eq!(read_owners(batches).await, ["4", "5", "6"]);
    }

    #[tokio::test]
    async fn a_damaged_file_is_named_when_its_turn_comes() {
        let store: Arc<dyn ObjectStore> = Arc::new(MemoryStore::default());
        let size = put_sorted_file(&*store, "a", &[&["1"], &["2"]]).await;
        let junk = vec![b'x'; 100];
        store.put("b", junk.into(), "").await.unwrap();
        let files = vec![("a".to_owned(), size), ("b".to_owned(), 100)];
        let mut batches = RowGroupBatches::new(RowGroupFetcher::for_files(&store, files));
        assert!(batches.next().await.unwrap().is_some());
        let error = batches.next().await.unwrap_err();
        assert!(
            error.to_string().starts_with("b cannot be read: "),
            "{error}"
        );
    }
}
