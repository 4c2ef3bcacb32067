//! One shard: the base's row groups are streamed past today's changes, and the rows of the new
//! snapshot are written. A group of whose owners no change speaks is copied undecoded.
//!
//! Memory: of the base, the group that is decoded and the one fetched ahead; of every other source
//! two batches of 8,192 rows and a group ahead; of the output, the encoded columns of one group. It
//! does not grow with any of them.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use arrow_select::concat::concat_batches;
use host::Failure;
use lake::{LakeError, OwnerRange};
use store::ObjectStore;
use store::sorted_file::{FetchedRowGroup, RowGroupFetcher};

use crate::batch_columns::{conform_to_schema, owner_ids, rows_in_owner_range, split_before_owner};
use crate::change_counts::RowChangeCounts;
use crate::change_merge::{BatchWindow, ChangeMerge};
use crate::output::WrittenShard;
use crate::record_rows::WithheldRecords;
use crate::resolve::ChangeOrigin;
use crate::shard_rows::{BaseFile, ShardRows, ShardTarget};
use crate::sorted_batches::SortedBatches;
use crate::window_merge::{StatementUse, WindowMerge};

/// What goes into a shard.
pub(crate) struct ShardInput<'m> {
    pub(crate) target: ShardTarget<'m>,
    /// The base's files that can hold the shard's owners, in their order.
    pub(crate) base: Vec<BaseFile>,
    /// The changes that the base's merge stored, the records, then today's runs.
    pub(crate) change_sources: Vec<(ChangeOrigin, SortedBatches)>,
    /// None for a table that no source with patches fills.
    pub(crate) statements: Option<StatementUse>,
}

/// What comes out of a shard.
pub(crate) struct ShardOutput {
    pub(crate) written: WrittenShard,
    pub(crate) counts: RowChangeCounts,
    /// Row groups of the base that were copied.
    pub(crate) copied: u64,
    /// States of records that have no rows, because they do not fit the mapping.
    pub(crate) withheld: WithheldRecords,
}

struct ShardMerge<'m> {
    stored: SchemaRef,
    owners: OwnerRange,
    rows: ShardRows<'m>,
    change_merge: ChangeMerge,
    /// Rows of the base's last owner so far, which may go on in the next group.
    held_rows: RecordBatch,
    counts: RowChangeCounts,
    statements: Option<StatementUse>,
}

/// Merges one shard.
///
/// # Errors
/// When the storage fails, or a file is damaged or does not fit the contract.
pub(crate) async fn merge_shard_rows(
    input: ShardInput<'_>,
    store: &Arc<dyn ObjectStore>,
) -> Result<ShardOutput, Failure> {
    let mut merge = ShardMerge::open(input).await?;
    let mut fetcher = RowGroupFetcher::for_groups(store, merge.rows.parts());
    let mut index = 0;
    while let Some(fetched) = fetcher.next().await? {
        if merge.must_decode(index) {
            merge.merge_group(index, fetched).await?;
        } else {
            merge.copy_group(index, fetched).await?;
        }
        index += 1;
    }
    let held = merge.take_held_rows();
    merge.merge_owners_before(held, None).await?;
    merge.finish()
}

impl<'m> ShardMerge<'m> {
    async fn open(input: ShardInput<'m>) -> Result<Self, Failure> {
        let stored = Arc::clone(&input.target.stored);
        let owners = input.target.owners.clone();
        Ok(Self {
            rows: ShardRows::open(input.target, &input.base)?,
            held_rows: RecordBatch::new_empty(Arc::clone(&stored)),
            change_merge: ChangeMerge::new(input.change_sources).await?,
            stored,
            owners,
            counts: RowChangeCounts::default(),
            statements: input.statements,
        })
    }

    /// Whether a group has to be decoded: today changes an owner of it, or it cannot be copied.
    fn must_decode(&self, index: usize) -> bool {
        let bounds = self.rows.group_bounds(index);
        bounds.is_some_and(|(_, max_owner)| {
            self.has_new_changes(index, max_owner) || !self.rows.is_copyable(index)
        })
    }

    /// Whether today changes an owner of the group, or one before the next group.
    fn has_new_changes(&self, index: usize, max_owner: &str) -> bool {
        let limit = self.rows.next_group_start(index);
        self.change_merge
            .next_new_owner()
            .is_some_and(|owner| owner <= max_owner || limit.is_none_or(|limit| owner < limit))
    }

    /// Decodes a group and merges its rows.
    async fn merge_group(&mut self, index: usize, fetched: FetchedRowGroup) -> Result<(), Failure> {
        let file = Arc::clone(&fetched.file);
        let rows = fetched.group.rows;
        let batches = fetched.decode()?;
        self.rows.begin_group(rows)?;
        for batch in batches {
            let batch = batch
                .and_then(|batch| self.select_shard_rows(&batch))
                .map_err(|error| file.damaged(error))?;
            self.merge_decoded_batch(batch).await?;
        }
        if !self.must_decode(index + 1) {
            self.release_held_rows(index).await?;
        }
        Ok(())
    }

    /// The rows of a base's batch that are this shard's, in today's columns.
    fn select_shard_rows(&self, batch: &RecordBatch) -> Result<RecordBatch, LakeError> {
        rows_in_owner_range(&conform_to_schema(batch, &self.stored)?, &self.owners)
    }

    fn take_held_rows(&mut self) -> RecordBatch {
        let empty = self.held_rows.slice(0, 0);
        std::mem::replace(&mut self.held_rows, empty)
    }

    /// Merges a batch of the base. The rows of its last owner are held back: they may go on in the
    /// next batch.
    async fn merge_decoded_batch(&mut self, batch: RecordBatch) -> Result<(), Failure> {
        let held = self.take_held_rows();
        let batch = match held.num_rows() {
            0 => batch,
            _ => concat_batches(&self.stored, [&held, &batch])?,
        };
        let Some(last_row) = batch.num_rows().checked_sub(1) else {
            return Ok(());
        };

        let last_owner = owner_ids(&batch)?.value(last_row).to_owned();
        let (complete, held) = split_before_owner(&batch, &last_owner)?;
        self.held_rows = held;
        self.merge_owners_before(complete, Some(&last_owner)).await
    }

    /// Merges the held rows, because the next group is not decoded: today changes no owner that
    /// goes on there.
    async fn release_held_rows(&mut self, index: usize) -> Result<(), Failure> {
        let held = self.take_held_rows();
        let limit = self.rows.next_group_start(index).map(str::to_owned);
        self.merge_owners_before(held, limit.as_deref()).await
    }

    /// Copies a group, and passes on the stored changes of its owners.
    async fn copy_group(&mut self, index: usize, fetched: FetchedRowGroup) -> Result<(), Failure> {
        self.release_held_rows(index).await?;
        self.rows.copy_group(index, fetched)
    }

    /// Merges rows of complete owners with every change of owners before `limit`.
    async fn merge_owners_before(
        &mut self,
        base: RecordBatch,
        limit: Option<&str>,
    ) -> Result<(), Failure> {
        let mut rest = base;
        loop {
            let (rows, window) = self.change_merge.next_window_of(&mut rest, limit).await?;
            self.apply_window(&rows, &window)?;
            self.rows.write_assembled(false)?;
            if window.bound.as_deref() == limit {
                return Ok(());
            }
        }
    }

    /// Merges rows with a window's changes.
    fn apply_window(&mut self, base: &RecordBatch, window: &BatchWindow) -> Result<(), Failure> {
        if base.num_rows() == 0 && window.parts.is_empty() {
            return Ok(());
        }
        let statements = self.statements.as_mut();
        WindowMerge::new(&mut self.rows.assembler, &mut self.counts, base, statements)?.run(window)
    }

    fn finish(self) -> Result<ShardOutput, Failure> {
        let (written, copied) = self.rows.finish()?;
        Ok(ShardOutput {
            written,
            counts: self.counts,
            copied,
            withheld: match self.statements {
                Some(StatementUse::MakesRows(records)) => records.withheld,
                _ => WithheldRecords::new(),
            },
        })
    }
}
