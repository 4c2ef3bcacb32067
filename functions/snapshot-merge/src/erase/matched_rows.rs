//! The files of a table that hold rows of erased persons.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_select::filter::filter_record_batch;
use contract::TableContract;
use host::Failure;
use lake::{LakeError, OwnerRange, state_prefix, table_prefix};
use store::sorted_file::{RowGroupBatches, RowGroupFetcher, SortedFile, select_row_groups};

use super::selector::selector_columns;
use super::shard_rewrite::exclude_rows;
use super::{MatchedFiles, TableErasure};
use crate::batch_columns::text_column;

/// The matched rows of a file.
#[derive(Default)]
pub(super) struct MatchedRows {
    pub(super) rows: u64,
    /// What names each of them, and its source.
    pub(super) keys: BTreeSet<(String, String)>,
}

impl MatchedRows {
    fn add_batch(&mut self, matched: &RecordBatch, table: &TableContract) -> Result<(), LakeError> {
        // A row is named by its id, a statement by its owner, its group and its event.
        let names: &[&str] = if table.holds_records() {
            &["owner_id", "owner_set", "source_event_id"]
        } else {
            &["pole_id"]
        };
        let mut columns = Vec::with_capacity(names.len());
        for name in names {
            columns.push(text_column(matched, name)?);
        }
        let sources = text_column(matched, "source")?;

        self.rows += matched.num_rows() as u64;
        for row in 0..matched.num_rows() {
            let values: Vec<&str> = columns.iter().map(|column| column.value(row)).collect();
            self.keys
                .insert((values.join("/"), sources.value(row).to_owned()));
        }
        Ok(())
    }
}

impl TableErasure<'_> {
    /// Every file of the table that holds matched rows, whether a manifest names it or not, and the
    /// files that cannot be read.
    pub(super) async fn find_matching_files(
        &self,
    ) -> Result<(MatchedFiles, BTreeSet<String>), Failure> {
        let mut files = MatchedFiles::new();
        let mut unread = BTreeSet::new();
        for prefix in [
            table_prefix(&self.table.name),
            state_prefix(&self.table.name),
        ] {
            for entry in self.curated_store().list(&prefix, None).await? {
                if !entry.key.ends_with(".parquet") {
                    continue;
                }
                let matched = self.match_file_rows(&entry.key, entry.size).await;
                match self.note_present(&entry.key, matched).await? {
                    Some(matched) if matched.rows > 0 => {
                        files.insert(entry.key, matched);
                    }
                    Some(_) => {}
                    None => {
                        unread.insert(entry.key);
                    }
                }
            }
        }
        Ok((files, unread))
    }

    /// The matched rows; none when the file cannot be read, which is noted. A file that was deleted
    /// since it was listed holds no subject.
    async fn note_present(
        &self,
        key: &str,
        matched: Result<MatchedRows, Failure>,
    ) -> Result<Option<MatchedRows>, Failure> {
        if matched.is_err() && !self.curated_store().object_exists(key).await? {
            return Ok(Some(MatchedRows::default()));
        }
        self.unreadable.note(matched)
    }

    /// The matched rows of a file. Only the columns that decide are decoded.
    async fn match_file_rows(&self, key: &str, bytes: u64) -> Result<MatchedRows, Failure> {
        let fetcher = self.fetch_file(key, bytes).await?;
        let mut batches = RowGroupBatches::with_columns(fetcher, selector_columns(self.table));
        let erased = self.erased_records();
        let mut matched = MatchedRows::default();
        while let Some((file, batch)) = batches.next().await? {
            let is_matched = self.selector.match_rows(self.table, &batch);
            let rows = filter_record_batch(&batch, &is_matched)
                .map_err(|error| file.damaged(LakeError::from(error)))?;
            matched
                .add_batch(&rows, self.table)
                .map_err(|error| file.damaged(error))?;
            let others = exclude_rows(&batch, &is_matched).map_err(|error| file.damaged(error))?;
            let redacted = match &erased {
                Some(erased) => erased.count_rows(&others),
                None => self
                    .selector
                    .redact_statements(&others)
                    .map(|found| found.1),
            };
            matched.rows += redacted.map_err(|error| file.damaged(error))?;
        }
        Ok(matched)
    }

    /// A fetcher of all row groups of a file, whether a manifest names it or not.
    async fn fetch_file(&self, key: &str, bytes: u64) -> Result<RowGroupFetcher, Failure> {
        let file = SortedFile::open_unnamed(&**self.curated_store(), key, bytes).await?;
        let groups = select_row_groups(&[Arc::new(file)], &OwnerRange::default());
        Ok(RowGroupFetcher::for_groups(self.curated_store(), groups))
    }
}
