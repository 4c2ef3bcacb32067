//! One shard: the base's row groups stream past today's statements, and what is true comes out. A group of whose owners
//! nobody says anything is copied undecoded.
//!
//! Memory: of the base, the group that is worked on and the one fetched ahead; of every other source two batches of 8,192
//! rows and a group ahead; of the output, the encoded columns of one group. It grows with none of them.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow_array::{Array, RecordBatch};
use arrow_schema::SchemaRef;
use arrow_select::concat::concat_batches;
use contract::{Column, Rule};
use host::Failure;
use lake::{LakeError, OwnerRange};
use quality::TableState;
use store::ObjectStore;

use crate::assemble::RowAssembler;
use crate::change_merge::{BatchWindow, ChangeMerge, WindowPart};
use crate::increments::{ChangeColumns, conform_to_schema};
use crate::output::{ShardWriter, WrittenShard, lake_failure};
use crate::resolve::{ChangeOrigin, ChangeRecord, resolve_changes};
use crate::sizes::MergeSizes;
use crate::sorted_file::{
    FileRowGroup, RowGroupFetcher, SortedBatches, SortedFile, count_owners_before, owner_ids,
    rows_in_owner_range, select_row_groups,
};

/// A file of the base, with what was measured of each of its groups; none when that is not known under today's rules.
pub(crate) struct BaseFile {
    pub(crate) file: Arc<SortedFile>,
    pub(crate) measured: Option<Vec<TableState>>,
}

/// What goes into a shard.
pub(crate) struct ShardInput<'m> {
    pub(crate) curated: SchemaRef,
    pub(crate) refined: SchemaRef,
    pub(crate) columns: &'m [Column],
    pub(crate) rules: &'m [Rule],
    pub(crate) owners: OwnerRange,
    pub(crate) sizes: MergeSizes,
    /// The base's files that can hold the shard's owners, in their order.
    pub(crate) base: Vec<BaseFile>,
    /// Remembered statements, then today's runs.
    pub(crate) change_sources: Vec<(ChangeOrigin, SortedBatches)>,
}

/// What comes out of a shard.
pub(crate) struct ShardOutput {
    pub(crate) written: WrittenShard,
    pub(crate) counts: RowChangeCounts,
    /// Row groups of the base that were copied.
    pub(crate) copied: u64,
}

/// What became of rows.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RowChangeCounts {
    pub(crate) inserted: u64,
    pub(crate) updated: u64,
    pub(crate) deleted: u64,
}

impl RowChangeCounts {
    /// Whether readers see anything new.
    pub(crate) fn has_changes(self) -> bool {
        self.inserted + self.updated + self.deleted > 0
    }
}

/// A row group of the base, and what was measured of it.
struct BaseGroup {
    part: FileRowGroup,
    measured: Option<TableState>,
}

struct ShardMerge<'m> {
    curated: SchemaRef,
    owners: OwnerRange,
    groups: Vec<BaseGroup>,
    fetcher: RowGroupFetcher,
    change_merge: ChangeMerge,
    assembler: RowAssembler,
    output: ShardWriter<'m>,
    /// Rows of the base's last owner so far, who may go on in the next group.
    held_rows: RecordBatch,
    counts: RowChangeCounts,
}

/// Merges one shard.
///
/// # Errors
/// When the storage fails, or a file is damaged or does not fit the contract.
pub(crate) async fn merge_shard_rows(
    input: ShardInput<'_>,
    store: &Arc<dyn ObjectStore>,
) -> Result<ShardOutput, Failure> {
    let groups = base_groups(&input);
    let wanted = groups.iter().map(|group| group.part.clone()).collect();
    let mut merge = ShardMerge {
        output: ShardWriter::new(
            &input.curated,
            &input.refined,
            (input.rules, input.columns),
            input.sizes,
        )?,
        assembler: RowAssembler::new(&input.curated, &input.refined, input.sizes.batch_rows),
        held_rows: RecordBatch::new_empty(Arc::clone(&input.curated)),
        change_merge: ChangeMerge::new(input.change_sources).await?,
        fetcher: RowGroupFetcher::new(Arc::clone(store), wanted),
        curated: input.curated,
        owners: input.owners,
        groups,
        counts: RowChangeCounts::default(),
    };
    for place in 0..merge.groups.len() {
        let Some(((file, group), bytes)) = merge.fetcher.next().await? else {
            break;
        };
        if merge.must_decode(place) {
            let reader = file
                .footer
                .decode_group(&group, bytes)
                .map_err(|error| file.corrupt_failure(&error))?;
            merge.begin_group(group.rows)?;
            for batch in reader {
                let batch = batch
                    .map_err(LakeError::from)
                    .and_then(|batch| merge.select_shard_rows(&batch));
                merge
                    .merge_decoded_batch(batch.map_err(|error| file.corrupt_failure(&error))?)
                    .await?;
            }
            if !merge.must_decode(place + 1) {
                merge.release_held_rows(place).await?;
            }
        } else {
            merge.copy_group(place, bytes).await?;
        }
    }
    let held = merge.take_held();
    merge.merge_owners_before(held, None).await?;
    merge.finish()
}

fn base_groups(input: &ShardInput<'_>) -> Vec<BaseGroup> {
    let of = |base: &BaseFile| -> Vec<BaseGroup> {
        let parts = select_row_groups(std::slice::from_ref(&base.file), &input.owners).into_iter();
        let measured = |index: usize| {
            base.measured
                .as_ref()
                .and_then(|known| known.get(index))
                .cloned()
        };
        parts
            .map(|part| BaseGroup {
                measured: measured(part.1.index),
                part,
            })
            .collect()
    };
    input.base.iter().flat_map(of).collect()
}

impl ShardMerge<'_> {
    /// Where the statements that concern a group end: where the next one begins.
    fn next_group_start(&self, place: usize) -> Option<String> {
        self.groups
            .get(place + 1)
            .map(|group| group.part.1.min_owner.clone())
    }

    /// Whether a group has to be decoded: today says something of it, its file is of another kind, part of it belongs to
    /// another shard, or it is to be joined to a small one.
    fn must_decode(&self, place: usize) -> bool {
        let Some(BaseGroup {
            part: (file, group),
            measured,
        }) = self.groups.get(place)
        else {
            return false;
        };
        let limit = self
            .groups
            .get(place + 1)
            .map(|next| next.part.1.min_owner.as_str());
        let touched = self.change_merge.next_new_owner().is_some_and(|owner| {
            owner <= group.max_owner.as_str() || limit.is_none_or(|limit| owner < limit)
        });
        let open = self.output.open_rows() + self.assembler.pending_rows();
        touched
            || measured.is_none()
            || !self
                .owners
                .contains_bounds(&group.min_owner, &group.max_owner)
            || !self.output.can_copy_from(&file.footer)
            || self.output.should_join_group(open, group.rows)
    }

    /// Ends the open group, unless it is to be joined to the one that comes.
    fn begin_group(&mut self, rows: usize) -> Result<(), Failure> {
        let mut open = self.output.open_rows() + self.assembler.pending_rows();
        if open > 0 && !self.output.should_join_group(open, rows) {
            self.close_group()?;
            open = 0;
        }
        self.output.set_group_row_limit(open + rows);
        Ok(())
    }

    /// The rows of a base's batch that are this shard's, in today's columns.
    fn select_shard_rows(&self, batch: &RecordBatch) -> Result<RecordBatch, LakeError> {
        rows_in_owner_range(&conform_to_schema(batch, &self.curated)?, &self.owners)
    }

    fn take_held(&mut self) -> RecordBatch {
        let empty = self.held_rows.slice(0, 0);
        std::mem::replace(&mut self.held_rows, empty)
    }

    /// Takes in a batch of the base. The rows of its last owner are held back: they may go on in the next one.
    async fn merge_decoded_batch(&mut self, batch: RecordBatch) -> Result<(), Failure> {
        let held = self.take_held();
        let batch = match held.num_rows() {
            0 => batch,
            _ => concat_batches(&self.curated, [&held, &batch])
                .map_err(|error| lake_failure(error.into()))?,
        };
        let Some(last) = batch.num_rows().checked_sub(1) else {
            return Ok(());
        };
        let (cut, owner) = {
            let owners = owner_ids(&batch).map_err(lake_failure)?;
            (
                count_owners_before(owners, owners.value(last)),
                owners.value(last).to_owned(),
            )
        };
        self.held_rows = batch.slice(cut, batch.num_rows() - cut);
        self.merge_owners_before(batch.slice(0, cut), Some(&owner))
            .await
    }

    /// Lets go of what is held, for the next group is not decoded: today says nothing of an owner who goes on there.
    async fn release_held_rows(&mut self, place: usize) -> Result<(), Failure> {
        let (held, limit) = (self.take_held(), self.next_group_start(place));
        self.merge_owners_before(held, limit.as_deref()).await
    }

    /// Copies a group, and passes on what is remembered of its owners.
    async fn copy_group(&mut self, place: usize, bytes: bytes::Bytes) -> Result<(), Failure> {
        let (empty, limit) = (self.take_held(), self.next_group_start(place));
        self.merge_owners_before(empty, limit.as_deref()).await?;
        self.close_group()?;
        let BaseGroup {
            part: (file, group),
            measured,
        } = &self.groups[place];
        let Some(known) = measured.clone() else {
            return Ok(());
        };
        self.output
            .copy_group(&file.footer, group, bytes, known)
            .map_err(|error| file.corrupt_failure(&error))
    }

    /// Merges rows of whole owners with every statement about owners before `limit`.
    async fn merge_owners_before(
        &mut self,
        base: RecordBatch,
        limit: Option<&str>,
    ) -> Result<(), Failure> {
        let mut rest = base;
        loop {
            let frame = self.change_merge.next_window(limit).await?;
            let last = frame.bound.as_deref() == limit;
            let cut = match frame.bound.as_deref() {
                Some(bound) if !last => {
                    count_owners_before(owner_ids(&rest).map_err(lake_failure)?, bound)
                }
                _ => rest.num_rows(),
            };
            self.apply_window(&rest.slice(0, cut), &frame)
                .map_err(lake_failure)?;
            self.write_assembled(false)?;
            rest = rest.slice(cut, rest.num_rows() - cut);
            if last {
                return Ok(());
            }
        }
    }

    /// Merges rows with a frame's statements.
    fn apply_window(&mut self, base: &RecordBatch, frame: &BatchWindow) -> Result<(), LakeError> {
        if base.num_rows() == 0 && frame.parts.is_empty() {
            return Ok(());
        }
        let source = self.assembler.add_source(base.clone());
        let view = ChangeColumns::from_batch(base)?;
        let mut views = Vec::with_capacity(frame.parts.len());
        for WindowPart { batch, origin, .. } in &frame.parts {
            views.push((
                self.assembler.add_source(batch.clone()),
                ChangeColumns::from_batch(batch)?,
                batch.num_rows(),
                *origin,
            ));
        }
        let mut statements: Vec<(&str, ChangeRecord<'_>)> = Vec::new();
        for (place, view, rows, origin) in &views {
            let of = |row| (view.owner_id(row), view.change_record(*place, row, *origin));
            statements.extend((0..*rows).map(of));
        }
        // Each part is sorted; what stands in one order there stays in it.
        statements.sort_by(|a, b| a.0.cmp(b.0));
        let (owners, mut row) = (owner_ids(base)?, 0);
        for mine in statements.chunk_by(|a, b| a.0 == b.0) {
            let owner = mine[0].0;
            let begins = row + count_owners_before(&owners.slice(row, owners.len() - row), owner);
            let ends = (begins..owners.len())
                .find(|row| owners.value(*row) != owner)
                .unwrap_or(owners.len());
            self.assembler.append_rows(source, row, begins);
            let known =
                (begins..ends).map(|row| view.change_record(source, row, ChangeOrigin::Base));
            self.merge_owner(known.collect(), mine);
            row = ends;
        }
        self.assembler.append_rows(source, row, owners.len());
        Ok(())
    }

    /// Folds one owner's statements with the rows that the base has of it.
    fn merge_owner<'s>(
        &mut self,
        base: Vec<ChangeRecord<'s>>,
        mine: &[(&'s str, ChangeRecord<'s>)],
    ) {
        let statements = mine.iter().map(|(_, statement)| *statement);
        if mine
            .iter()
            .all(|(_, statement)| statement.origin != ChangeOrigin::Increment)
        {
            // Nothing new: the rows are what they were, and so is what is remembered.
            if let (Some(first), Some(last)) = (base.first(), base.last()) {
                self.assembler
                    .append_rows(first.row_ref.0, first.row_ref.1, last.row_ref.1 + 1);
            }
            self.assembler
                .retain_changes(&statements.collect::<Vec<_>>());
            return;
        }
        let before = base.len() as u64;
        let known: BTreeSet<(&str, &str)> =
            base.iter().map(|row| (row.pole_id, row.source)).collect();
        let folded = resolve_changes(base.into_iter().chain(statements).collect());
        let of_base = folded.rows.iter().filter(|live| known.contains(&live.key));
        let kept = of_base.clone().count() as u64;
        self.counts.updated += of_base.filter(|live| live.changed).count() as u64;
        self.counts.inserted += folded.rows.len() as u64 - kept;
        self.counts.deleted += before - kept;
        self.assembler.append_resolved(folded);
    }

    /// Writes what is put together: full batches, and with `all` the rest of the rows.
    fn write_assembled(&mut self, all: bool) -> Result<(), Failure> {
        while let Some(batch) = self.assembler.next_rows_batch(all).map_err(lake_failure)? {
            self.output.write_batch(&batch).map_err(lake_failure)?;
        }
        while let Some(batch) = self
            .assembler
            .next_state_batch(false)
            .map_err(lake_failure)?
        {
            self.output.write_state(&batch)?;
        }
        self.assembler.release_sources().map_err(lake_failure)
    }

    fn close_group(&mut self) -> Result<(), Failure> {
        self.write_assembled(true)?;
        self.output.close_group().map_err(lake_failure)
    }

    fn finish(mut self) -> Result<ShardOutput, Failure> {
        self.close_group()?;
        while let Some(batch) = self
            .assembler
            .next_state_batch(true)
            .map_err(lake_failure)?
        {
            self.output.write_state(&batch)?;
        }
        let copied = self.output.copied;
        Ok(ShardOutput {
            written: self.output.finish()?,
            counts: self.counts,
            copied,
        })
    }
}
