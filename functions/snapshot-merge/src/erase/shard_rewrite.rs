//! A shard written again without the rows of erased persons.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{BooleanArray, RecordBatch};
use arrow_schema::SchemaRef;
use arrow_select::filter::filter_record_batch;
use host::Failure;
use lake::{
    BoundedBatches, Day, FileWindow, LakeError, ManifestShard, OwnerRange, parse_version_day,
    schema,
};
use pole::RowOperation;
use store::sorted_file::{RowGroupFetcher, SortedFile, select_row_groups};

use super::TableErasure;
use super::emptied_sets::{EmptiedSetTracker, anonymous_markers};
use crate::batch_columns::{conform_to_schema, sort_by_owner};
use crate::change_merge::ChangeMerge;
use crate::output::ShardWriter;
use crate::plan::merge_rules;
use crate::profile::ShardProfile;
use crate::resolve::ChangeOrigin;
use crate::shard_job::ShardFiles;
use crate::sorted_batches::SortedBatches;

impl TableErasure<'_> {
    /// The shard without matched rows, as a new version of the day that wrote the old one.
    pub(super) async fn rewrite_shard(
        &self,
        shard: &ManifestShard,
    ) -> Result<ManifestShard, Failure> {
        let rules = merge_rules(self.table);
        let columns = self.table.measured_columns();
        let mut output = ShardWriter::new(self.table, &rules, self.context.sizes)?;
        let mut rewrite = ShardRewrite {
            erasure: self,
            shard,
            stored: schema::stored_schema(self.table),
            refined: schema::refined_schema(self.table),
            output: &mut output,
        };
        let markers = rewrite.rewrite_rows().await?;
        rewrite.rewrite_state(markers).await?;

        let written = output.finish()?;
        let profile = ShardProfile::from_groups(&written.groups, &rules, columns);
        let files = ShardFiles {
            table: self.table,
            rules: &rules,
            shard: shard.shard,
            day: parse_version_day(&shard.rows_file.key).unwrap_or(Day(0)),
            store: self.curated_store(),
        };
        files.put_shard(&written, &profile).await
    }

    /// The stored changes of a shard.
    async fn open_state(
        &self,
        shard: &ManifestShard,
        refined: &SchemaRef,
    ) -> Result<SortedBatches, Failure> {
        let store = self.curated_store();
        let mut files = Vec::new();
        if let Some(state) = &shard.state_file {
            files.push(Arc::new(SortedFile::open(&**store, state).await?));
        }
        let all = OwnerRange::default();
        Ok(SortedBatches::from_store(store, &files, &all, refined))
    }
}

struct ShardRewrite<'r, 'm> {
    erasure: &'r TableErasure<'r>,
    shard: &'r ManifestShard,
    stored: SchemaRef,
    refined: SchemaRef,
    output: &'r mut ShardWriter<'m>,
}

impl ShardRewrite<'_, '_> {
    fn match_rows(&self, batch: &RecordBatch) -> BooleanArray {
        self.erasure.selector.match_rows(self.erasure.table, batch)
    }

    /// Writes the rows that stay, group by group; returns the markers of the sets that are emptied.
    async fn rewrite_rows(&mut self) -> Result<Vec<RecordBatch>, Failure> {
        let store = self.erasure.curated_store();
        let file = SortedFile::open(&**store, &self.shard.rows_file).await?;
        let groups = select_row_groups(&[Arc::new(file)], &OwnerRange::default());
        let mut fetcher = RowGroupFetcher::for_groups(store, groups);
        let mut emptied = EmptiedSetTracker::new(&self.refined);
        while let Some(fetched) = fetcher.next().await? {
            let file = Arc::clone(&fetched.file);
            self.rewrite_group(fetched.decode()?, &mut emptied)
                .map_err(|error| file.damaged(error))?;
        }
        Ok(emptied.into_markers())
    }

    fn rewrite_group(
        &mut self,
        batches: BoundedBatches<FileWindow>,
        emptied: &mut EmptiedSetTracker,
    ) -> Result<(), LakeError> {
        for batch in batches {
            let batch = conform_to_schema(&batch?, &self.stored)?;
            let is_matched = self.match_rows(&batch);
            let others = exclude_rows(&batch, &is_matched)?;
            let others = if self.erasure.table.holds_records() {
                self.erasure.selector.redact_statements(&others)?.0
            } else if let Some(erased) = self.erasure.erased_records() {
                erased.redact_rows(&others)?
            } else {
                emptied.observe_rows(&batch, &is_matched)?;
                others
            };
            if others.num_rows() > 0 {
                self.output.write_batch(&others)?;
            }
        }
        self.output.close_group()
    }

    /// Writes the stored changes that stay, with the markers. Markers that name a person lose the
    /// name. The stored changes of an erased owner are removed.
    async fn rewrite_state(&mut self, markers: Vec<RecordBatch>) -> Result<(), Failure> {
        let stored = self.erasure.open_state(self.shard, &self.refined).await?;
        let markers = SortedBatches::InMemory(markers.into());
        let mut changes = ChangeMerge::new(vec![
            (ChangeOrigin::State, stored),
            (ChangeOrigin::Increment, markers),
        ])
        .await?;
        loop {
            let window = changes.next_window(None).await?;
            let mut parts = Vec::new();
            for part in &window.parts {
                parts.extend(self.redact_state_batch(&part.batch)?);
            }
            for batch in sort_by_owner(&parts)? {
                if batch.num_rows() > 0 {
                    self.output.write_state(&batch)?;
                }
            }
            if window.bound.is_none() {
                return Ok(());
            }
        }
    }

    /// The stored changes that do not match. Matched markers of sets stay without a name, unless
    /// their owner is erased.
    fn redact_state_batch(&self, batch: &RecordBatch) -> Result<[RecordBatch; 2], LakeError> {
        let is_matched = self.match_rows(batch);
        let others = exclude_rows(batch, &is_matched)?;
        if let Some(erased) = self.erasure.erased_records() {
            let none = others.slice(0, 0);
            return Ok([erased.redact_state(&others)?, none]);
        }
        // Merges of an earlier polelake stored statements here.
        let (others, _) = self.erasure.selector.redact_statements(&others)?;

        let matched = filter_record_batch(batch, &is_matched)?;
        let markers = filter_record_batch(&matched, &find_markers(&matched))?;
        let nameless = anonymous_markers(&markers, &self.refined)?;
        let is_of_erased_owner = self.match_rows(&nameless);
        Ok([others, exclude_rows(&nameless, &is_of_erased_owner)?])
    }
}

/// Which rows are markers of sets.
fn find_markers(batch: &RecordBatch) -> BooleanArray {
    let ops = batch
        .column_by_name(schema::OPERATION_COLUMN)
        .and_then(|column| column.as_string_opt::<i32>());
    (0..batch.num_rows())
        .map(|row| ops.is_some_and(|ops| ops.value(row) == RowOperation::Replace.code()))
        .map(Some)
        .collect()
}

/// The rows that are not removed.
pub(super) fn exclude_rows(
    batch: &RecordBatch,
    is_removed: &BooleanArray,
) -> Result<RecordBatch, LakeError> {
    let stays: BooleanArray = is_removed
        .iter()
        .map(|is_removed| is_removed.map(|is_removed| !is_removed))
        .collect();
    Ok(filter_record_batch(batch, &stays)?)
}
