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
use contract::{Rule, TableContract};
use host::Failure;
use lake::{LakeError, OwnerRange};
use quality::TableState;
use store::ObjectStore;
use store::sorted_file::{
    FetchedRowGroup, FileRowGroup, RowGroupFetcher, SortedFile, select_row_groups,
};

use crate::assemble::RowAssembler;
use crate::batch_columns::{
    conform_to_schema, count_owners_before, owner_ids, rows_in_owner_range, split_before_owner,
    split_rows,
};
use crate::change_counts::RowChangeCounts;
use crate::change_merge::{BatchWindow, ChangeMerge};
use crate::output::{ShardWriter, WrittenShard};
use crate::record_rows::WithheldRecords;
use crate::resolve::ChangeOrigin;
use crate::sizes::MergeSizes;
use crate::sorted_batches::SortedBatches;
use crate::window_merge::{StatementUse, WindowMerge};

/// A file of the base, with the measures of each of its groups; none when they are not known under
/// today's rules.
pub(crate) struct BaseFile {
    pub(crate) file: Arc<SortedFile>,
    pub(crate) measured: Option<Vec<TableState>>,
}

/// What goes into a shard.
pub(crate) struct ShardInput<'m> {
    /// The schema of the rows.
    pub(crate) stored: SchemaRef,
    /// The schema of changes.
    pub(crate) refined: SchemaRef,
    pub(crate) table: &'m TableContract,
    pub(crate) rules: &'m [Rule],
    pub(crate) owners: OwnerRange,
    pub(crate) sizes: MergeSizes,
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

/// A row group of the base, with its measures.
struct BaseGroup {
    part: FileRowGroup,
    measured: Option<TableState>,
}

struct ShardMerge<'m> {
    stored: SchemaRef,
    owners: OwnerRange,
    groups: Vec<BaseGroup>,
    change_merge: ChangeMerge,
    assembler: RowAssembler,
    output: ShardWriter<'m>,
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
    let parts = merge.groups.iter().map(|group| group.part.clone());
    let mut fetcher = RowGroupFetcher::for_groups(store, parts.collect());
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

/// The base's row groups that can hold an owner of the range.
fn base_groups(base: &[BaseFile], owners: &OwnerRange) -> Vec<BaseGroup> {
    let mut groups = Vec::new();
    for BaseFile { file, measured } in base {
        for part in select_row_groups(std::slice::from_ref(file), owners) {
            let measured = measured
                .as_ref()
                .and_then(|measured| measured.get(part.group.index).cloned());
            groups.push(BaseGroup { part, measured });
        }
    }
    groups
}

impl<'m> ShardMerge<'m> {
    async fn open(input: ShardInput<'m>) -> Result<Self, Failure> {
        let output = ShardWriter::new(input.table, input.rules, input.sizes)?;
        Ok(Self {
            output,
            groups: base_groups(&input.base, &input.owners),
            assembler: RowAssembler::new(&input.stored, &input.refined, input.sizes.batch_rows),
            held_rows: RecordBatch::new_empty(Arc::clone(&input.stored)),
            change_merge: ChangeMerge::new(input.change_sources).await?,
            stored: input.stored,
            owners: input.owners,
            counts: RowChangeCounts::default(),
            statements: input.statements,
        })
    }

    /// The first owner of the next group: the changes that concern this group end there.
    fn next_group_start(&self, index: usize) -> Option<&str> {
        let next = self.groups.get(index + 1)?;
        Some(&next.part.group.min_owner)
    }

    /// Rows of the open group, written or not.
    fn open_rows(&self) -> usize {
        self.output.open_rows() + self.assembler.pending_rows()
    }

    /// Whether a group has to be decoded: today changes an owner of it, its file has other columns,
    /// part of it belongs to another shard, or it is to be joined to a small one.
    fn must_decode(&self, index: usize) -> bool {
        let Some(BaseGroup { part, measured }) = self.groups.get(index) else {
            return false;
        };
        let FileRowGroup { file, group } = part;
        self.has_new_changes(index, &group.max_owner)
            || measured.is_none()
            || !self
                .owners
                .contains_bounds(&group.min_owner, &group.max_owner)
            || !self.output.can_copy_from(&file.footer)
            || self.output.should_join_group(self.open_rows(), group.rows)
    }

    /// Whether today changes an owner of the group, or one before the next group.
    fn has_new_changes(&self, index: usize, max_owner: &str) -> bool {
        let limit = self.next_group_start(index);
        self.change_merge
            .next_new_owner()
            .is_some_and(|owner| owner <= max_owner || limit.is_none_or(|limit| owner < limit))
    }

    /// Decodes a group and merges its rows.
    async fn merge_group(&mut self, index: usize, fetched: FetchedRowGroup) -> Result<(), Failure> {
        let file = Arc::clone(&fetched.file);
        let rows = fetched.group.rows;
        let batches = fetched.decode(None)?;
        self.begin_group(rows)?;
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

    /// Ends the open group, unless the next group of the base, of `rows` rows, is to be joined to
    /// it.
    fn begin_group(&mut self, rows: usize) -> Result<(), Failure> {
        let mut open = self.open_rows();
        if open > 0 && !self.output.should_join_group(open, rows) {
            self.close_group()?;
            open = 0;
        }
        self.output.set_group_row_limit(open + rows);
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
        let limit = self.next_group_start(index).map(str::to_owned);
        self.merge_owners_before(held, limit.as_deref()).await
    }

    /// Copies a group, and passes on the stored changes of its owners.
    async fn copy_group(&mut self, index: usize, fetched: FetchedRowGroup) -> Result<(), Failure> {
        self.release_held_rows(index).await?;
        self.close_group()?;
        let Some(measured) = self.groups[index].measured.clone() else {
            return Ok(());
        };
        let FetchedRowGroup { file, group, bytes } = fetched;
        self.output
            .copy_group(&file.footer, &group, bytes, measured)
            .map_err(|error| file.damaged(error))?;
        Ok(())
    }

    /// Merges rows of complete owners with every change of owners before `limit`.
    async fn merge_owners_before(
        &mut self,
        base: RecordBatch,
        limit: Option<&str>,
    ) -> Result<(), Failure> {
        let mut rest = base;
        loop {
            let window = self.change_merge.next_window(limit).await?;
            let is_last = window.bound.as_deref() == limit;
            let count = match window.bound.as_deref() {
                Some(bound) if !is_last => count_owners_before(owner_ids(&rest)?, bound),
                _ => rest.num_rows(),
            };
            let (rows, others) = split_rows(&rest, count);
            rest = others;
            self.apply_window(&rows, &window)?;
            self.write_assembled(false)?;
            if is_last {
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
        WindowMerge::new(&mut self.assembler, &mut self.counts, base, statements)?.run(window)
    }

    /// Writes the assembled rows: full batches, and with `all` the remaining rows too.
    fn write_assembled(&mut self, all: bool) -> Result<(), Failure> {
        while let Some(batch) = self.assembler.next_rows_batch(all)? {
            self.output.write_batch(&batch)?;
        }
        self.write_assembled_state(false)?;
        Ok(self.assembler.release_sources()?)
    }

    /// Writes the changes that later days need: full batches, and with `all` the remaining ones
    /// too.
    fn write_assembled_state(&mut self, all: bool) -> Result<(), Failure> {
        while let Some(batch) = self.assembler.next_state_batch(all)? {
            self.output.write_state(&batch)?;
        }
        Ok(())
    }

    fn close_group(&mut self) -> Result<(), Failure> {
        self.write_assembled(true)?;
        Ok(self.output.close_group()?)
    }

    fn finish(mut self) -> Result<ShardOutput, Failure> {
        self.close_group()?;
        self.write_assembled_state(true)?;
        let copied = self.output.copied;
        Ok(ShardOutput {
            written: self.output.finish()?,
            counts: self.counts,
            copied,
            withheld: match self.statements {
                Some(StatementUse::MakesRows(records)) => records.withheld,
                _ => WithheldRecords::new(),
            },
        })
    }
}
