//! Uniqueness of columns that the rows are not sorted by: exact, in memory that does not grow with
//! the table.
//!
//! Each row's values are hashed to 128 bits and written to one of 64 temporary files by their first
//! bits; then each file is sorted in memory. 100 million rows are 1.6 GB of files and 25 MB at a
//! time. Two different values in 100 million have the same hash with a chance of one in 10^22.

use std::io::{Read, Seek, Write};
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{Field, Schema};
use contract::{Expectation, Rule, TableContract};
use host::Failure;
use lake::{ManifestShard, OwnerRange, schema};
use quality::{RuleCount, hash_row_keys};
use store::ObjectStore;
use store::sorted_file::SortedFile;

use crate::sorted_batches::SortedBatches;
use crate::temp_file::temp_folder_failure;

/// Files that hashes are spread over.
const HASH_FILES: usize = 64;

/// Bytes of a hash.
const HASH_BYTES: usize = 16;

/// Bytes that are gathered for each file before they are written: 2 MB for all files.
const FILE_BUFFER_BYTES: usize = 32 << 10;

/// The counts of every rule on uniqueness over the shards of a table, with the rule's index.
///
/// # Errors
/// When a file cannot be read, or the temporary folder not be written.
pub(crate) async fn count_duplicates(
    table: &TableContract,
    rules: &[Rule],
    shards: &[ManifestShard],
    store: &Arc<dyn ObjectStore>,
) -> Result<Vec<(usize, RuleCount)>, Failure> {
    let mut counts = Vec::new();
    for (index, rule) in rules.iter().enumerate() {
        if let Expectation::Unique(columns) = &rule.expectation {
            let count = count_column_duplicates(table, columns, shards, store).await?;
            counts.push((index, count));
        }
    }
    Ok(counts)
}

async fn count_column_duplicates(
    table: &TableContract,
    columns: &[String],
    shards: &[ManifestShard],
    store: &Arc<dyn ObjectStore>,
) -> Result<RuleCount, Failure> {
    let all = schema::curated_schema(table);
    let fields: Vec<Arc<Field>> = all
        .fields()
        .iter()
        .filter(|field| field.name() == "owner_id" || columns.contains(field.name()))
        .cloned()
        .collect();
    let schema = Arc::new(Schema::new(fields));

    let mut keys = KeyHashFiles::new()?;
    for shard in shards {
        let file = Arc::new(SortedFile::open(&**store, &shard.rows_file).await?);
        let mut batches =
            SortedBatches::from_store(store, &[file], &OwnerRange::default(), &schema);
        while let Some(batch) = batches.next().await? {
            keys.add_batch(&batch, columns)
                .map_err(|error| temp_folder_failure(&error))?;
        }
    }
    keys.count_repeated_hashes()
        .map_err(|error| temp_folder_failure(&error))
}

/// Hashes of rows' values, spread over files.
struct KeyHashFiles {
    files: Vec<(Vec<u8>, std::fs::File)>,
    checked: u64,
}

impl KeyHashFiles {
    fn new() -> Result<Self, Failure> {
        let mut files = Vec::with_capacity(HASH_FILES);
        for _ in 0..HASH_FILES {
            let file = tempfile::tempfile().map_err(|error| temp_folder_failure(&error))?;
            files.push((Vec::with_capacity(FILE_BUFFER_BYTES), file));
        }
        Ok(Self { files, checked: 0 })
    }

    fn add_batch(&mut self, batch: &RecordBatch, columns: &[String]) -> std::io::Result<()> {
        for hash in hash_row_keys(batch, columns).into_iter().flatten() {
            self.checked += 1;
            self.push_hash(hash)?;
        }
        Ok(())
    }

    fn push_hash(&mut self, hash: u128) -> std::io::Result<()> {
        // The first six bits: one of 64 files.
        let (buffer, file) = &mut self.files[(hash >> 122) as usize];
        buffer.extend_from_slice(&hash.to_le_bytes());
        if buffer.len() >= FILE_BUFFER_BYTES {
            file.write_all(buffer)?;
            buffer.clear();
        }
        Ok(())
    }

    /// The rows whose values an earlier row has, of all rows that were added.
    fn count_repeated_hashes(self) -> std::io::Result<RuleCount> {
        let mut failed = 0;
        for (buffer, mut file) in self.files {
            file.write_all(&buffer)?;
            file.rewind()?;
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            let mut hashes: Vec<u128> = bytes
                .chunks_exact(HASH_BYTES)
                .filter_map(|bytes| bytes.try_into().ok().map(u128::from_le_bytes))
                .collect();
            drop(bytes);

            hashes.sort_unstable();
            failed += hashes.windows(2).filter(|pair| pair[0] == pair[1]).count() as u64;
        }
        Ok(RuleCount {
            failed,
            checked: self.checked,
        })
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::{ArrayRef, Int64Array};
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn repeats_are_counted_as_a_set_counts_them(
            rows in proptest::collection::vec((proptest::option::of(0i64..60), 0i64..4), 0..500),
            cut in 1usize..90
        ) {
            let columns = ["a".to_owned(), "b".to_owned()];
            let mut keys = KeyHashFiles::new().unwrap();
            for rows in rows.chunks(cut) {
                let a: Int64Array = rows.iter().map(|row| row.0).collect();
                let b: Int64Array = rows.iter().map(|row| Some(row.1)).collect();
                let batch = RecordBatch::try_from_iter_with_nullable(vec![
                    ("a", Arc::new(a) as ArrayRef, true),
                    ("b", Arc::new(b) as ArrayRef, true),
                ]);
                keys.add_batch(&batch.unwrap(), &columns).unwrap();
            }
            let whole: Vec<_> = rows.iter().filter_map(|row| Some((row.0?, row.1))).collect();
            let distinct: std::collections::BTreeSet<_> = whole.iter().collect();
            let failed = (whole.len() - distinct.len()) as u64;
            prop_assert_eq!(
                keys.count_repeated_hashes().unwrap(),
                RuleCount { failed, checked: whole.len() as u64 },
            );
        }
    }
}
