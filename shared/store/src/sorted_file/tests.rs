//! Sorted files that are read in parts, whole and damaged.

use arrow_array::cast::AsArray;
use arrow_array::{ArrayRef, StringArray};
use lake::{RowGroupWriter, file};

use super::*;
use crate::MemoryStore;

/// Writes a file with one row group for each list of owners.
async fn put_sorted_file(store: &dyn ObjectStore, key: &str, groups: &[&[&str]]) -> NamedFile {
    let batches: Vec<RecordBatch> = groups.iter().map(|owners| owner_batch(owners)).collect();
    let properties = file::sorted_properties();
    let mut writer = RowGroupWriter::new(Vec::new(), &batches[0].schema(), properties).unwrap();
    for batch in &batches {
        writer.write_batch(batch).unwrap();
        writer.close_group().unwrap();
    }
    let (bytes, digest) = writer.finish_file().unwrap();
    store.put(key, bytes.into(), "").await.unwrap();
    NamedFile {
        key: key.to_owned(),
        digest,
    }
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
    let files = vec![first, second];
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
async fn a_group_is_released_with_its_last_row() {
    let store: Arc<dyn ObjectStore> = Arc::new(MemoryStore::default());
    let named = put_sorted_file(&*store, "a", &[&["1", "2"], &["3"]]).await;
    let mut batches = RowGroupBatches::new(RowGroupFetcher::for_files(&store, vec![named]));
    while let Some((_, batch)) = batches.next().await.unwrap() {
        assert!(
            batches.open.is_none(),
            "the pages of {} read rows are held",
            batch.num_rows()
        );
    }
}

#[tokio::test]
async fn only_groups_that_can_hold_the_owners_and_wanted_columns_are_read() {
    let store: Arc<dyn ObjectStore> = Arc::new(MemoryStore::default());
    let named = put_sorted_file(&*store, "a", &[&["1", "2"], &["3"], &["4"]]).await;
    let file = Arc::new(SortedFile::open(&*store, &named).await.unwrap());
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
    let named = put_sorted_file(&*store, "a", &groups).await;
    let file = Arc::new(SortedFile::open(&*store, &named).await.unwrap());
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
    let named = put_sorted_file(&*store, "a", &[&["1"], &["2"]]).await;
    let junk = vec![b'x'; 2_000];
    store.put("b", junk.into(), "").await.unwrap();
    let other = NamedFile {
        key: "b".to_owned(),
        ..named.clone()
    };
    let files = vec![named, other];
    let mut batches = RowGroupBatches::new(RowGroupFetcher::for_files(&store, files));
    assert!(batches.next().await.unwrap().is_some());
    let error = batches.next().await.unwrap_err();
    assert!(
        error.to_string().starts_with("b cannot be read: "),
        "{error}"
    );
}

/// Reads every row of a file, however it was opened.
async fn read_all(
    store: &Arc<dyn ObjectStore>,
    file: Result<SortedFile, SortedFileError>,
) -> Result<usize, SortedFileError> {
    let groups = select_row_groups(&[Arc::new(file?)], &OwnerRange::default());
    let mut batches = RowGroupBatches::new(RowGroupFetcher::for_groups(store, groups));
    let mut rows = 0;
    while let Some((_, batch)) = batches.next().await? {
        rows += batch.num_rows();
    }
    Ok(rows)
}

#[tokio::test]
async fn a_flipped_byte_is_noticed_wherever_it_is() {
    let store: Arc<dyn ObjectStore> = Arc::new(MemoryStore::default());
    let named = put_sorted_file(&*store, "a", &[&["1", "2"], &["3"]]).await;
    let content = store.get("a").await.unwrap().body;
    let size = content.len() as u64;
    let opened = SortedFile::open(&*store, &named).await;
    assert_eq!(read_all(&store, opened).await.unwrap(), 3);
    let opened = SortedFile::open_unnamed(&*store, "a", size).await;
    assert_eq!(read_all(&store, opened).await.unwrap(), 3);

    // The first four bytes are Parquet's mark, which no reader of a part sees.
    for position in 4..content.len() {
        let mut damaged = content.to_vec();
        damaged[position] ^= 0x10;
        store.put("a", damaged.into(), "").await.unwrap();

        let opened = SortedFile::open(&*store, &named).await;
        let error = read_all(&store, opened).await.unwrap_err().to_string();
        assert!(
            error.contains("is not what was written"),
            "byte {position}: {error}"
        );
    }
}

#[tokio::test]
async fn a_file_that_was_written_again_is_not_the_one_that_is_named() {
    let store: Arc<dyn ObjectStore> = Arc::new(MemoryStore::default());
    let named = put_sorted_file(&*store, "a", &[&["1", "2"]]).await;
    let other = put_sorted_file(&*store, "a", &[&["1", "9"]]).await;
    assert_eq!(named.digest.bytes, other.digest.bytes);
    let opened = SortedFile::open(&*store, &named).await;
    assert!(read_all(&store, opened).await.is_err());

    let size = other.digest.bytes;
    let opened = SortedFile::open_unnamed(&*store, "a", size).await;
    assert_eq!(read_all(&store, opened).await.unwrap(), 2);
}
