//! One shard of `entity`: the base's row groups are streamed past the tables' rows of the owners
//! that changed. A group in which no owner changed is copied undecoded, and a row of an owner that
//! did not change stays as it is.
//!
//! Memory: of the base, the group that is decoded and the one fetched ahead; of every table two
//! batches of 8,192 rows, and what [`crate::entity`] allows for their groups; of the output, the
//! encoded columns of one group.

use std::sync::Arc;

use arrow_array::{Array, RecordBatch};
use arrow_schema::SchemaRef;
use host::Failure;
use lake::{LakeError, OwnerRange};
use store::ObjectStore;
use store::sorted_file::{FetchedRowGroup, RowGroupFetcher};

use crate::batch_columns::{conform_to_schema, owner_ids, rows_in_owner_range};
use crate::change_counts::RowChangeCounts;
use crate::change_merge::{BatchWindow, ChangeMerge};
use crate::entity_rows::{EntityChange, EntityRows, remembered_sightings};
use crate::entity_window::{EntityWindow, FoundRow};
use crate::gathered_entity::GatheredEntity;
use crate::output::WrittenShard;
use crate::owner_ranges::{OwnerRanges, owner_after};
use crate::resolve::ChangeOrigin;
use crate::shard_rows::{BaseFile, ShardRows, ShardTarget};
use crate::sorted_batches::SortedBatches;

/// What goes into a shard of `entity`.
pub(crate) struct EntityInput<'m> {
    pub(crate) target: ShardTarget<'m>,
    /// The base's files that can hold the shard's owners, in their order.
    pub(crate) base: Vec<BaseFile>,
    /// The owners of the shard whose rows changed.
    pub(crate) changed: OwnerRanges,
    /// The tables' names, each with its rows of these owners.
    pub(crate) tables: Vec<(&'m str, SortedBatches)>,
    /// What the day's events state of entities.
    pub(crate) statements: Vec<(ChangeOrigin, SortedBatches)>,
    /// What the base remembers of entities without rows.
    pub(crate) state: SortedBatches,
}

/// What comes out of a shard of `entity`.
pub(crate) struct EntityOutput {
    pub(crate) written: WrittenShard,
    pub(crate) counts: RowChangeCounts,
    /// Whether some row differs from the base's, if only in what readers do not see.
    pub(crate) has_new_rows: bool,
    /// Row groups of the base that were copied.
    pub(crate) copied: u64,
}

struct EntityMerge<'m> {
    stored: SchemaRef,
    owners: OwnerRange,
    changed: OwnerRanges,
    rows: ShardRows<'m>,
    /// The tables' rows, what events state of entities, and what the base remembers of those
    /// without rows.
    changes: ChangeMerge,
    /// The tables' names, by source.
    names: Vec<&'m str>,
    new_rows: EntityRows,
    counts: RowChangeCounts,
    has_remembered: bool,
}

/// Makes one shard of `entity`.
///
/// # Errors
/// When the storage fails, or a file is damaged or does not fit the contract.
pub(crate) async fn merge_entity_rows(
    input: EntityInput<'_>,
    store: &Arc<dyn ObjectStore>,
) -> Result<EntityOutput, Failure> {
    let mut merge = EntityMerge::open(input).await?;
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
    merge.merge_owners_before(merge.no_rows(), None).await?;
    let (written, copied) = merge.rows.finish()?;
    Ok(EntityOutput {
        written,
        counts: merge.counts,
        has_new_rows: merge.has_remembered || merge.counts.has_changes(),
        copied,
    })
}

impl<'m> EntityMerge<'m> {
    async fn open(input: EntityInput<'m>) -> Result<Self, Failure> {
        let target = input.target;
        let (stored, owners) = (Arc::clone(&target.stored), target.owners.clone());
        let new_rows = EntityRows::new(&stored, &target.table.version, target.sizes.batch_rows);
        let mut names = Vec::with_capacity(input.tables.len());
        let mut sources = Vec::with_capacity(input.tables.len());
        for (name, rows) in input.tables {
            names.push(name);
            sources.push((ChangeOrigin::Increment, rows));
        }
        sources.extend(input.statements);
        sources.push((ChangeOrigin::State, input.state));
        Ok(Self {
            stored,
            owners,
            changed: input.changed,
            rows: ShardRows::open(target, &input.base)?,
            changes: ChangeMerge::new(sources).await?,
            names,
            new_rows,
            counts: RowChangeCounts::default(),
            has_remembered: false,
        })
    }

    fn no_rows(&self) -> RecordBatch {
        RecordBatch::new_empty(Arc::clone(&self.stored))
    }

    /// Whether a group has to be decoded: an owner of it changed, or one before the next group is
    /// new, or it cannot be copied.
    fn must_decode(&self, index: usize) -> bool {
        let Some((minimum, maximum)) = self.rows.group_bounds(index) else {
            return false;
        };
        let limit = self.rows.next_group_start(index);
        let next_owner = self.changes.next_new_owner();
        self.changed.overlaps_bounds(minimum, maximum)
            || next_owner.is_some_and(|owner| limit.is_none_or(|limit| owner < limit))
            || !self.rows.is_copyable(index)
    }

    /// Decodes a group and merges its rows with those of the tables, up to the next group.
    async fn merge_group(&mut self, index: usize, fetched: FetchedRowGroup) -> Result<(), Failure> {
        let file = Arc::clone(&fetched.file);
        let rows = fetched.group.rows;
        let batches = fetched.decode()?;
        self.rows.begin_group(rows)?;
        for batch in batches {
            let batch = batch
                .and_then(|batch| self.select_shard_rows(&batch))
                .map_err(|error| file.damaged(error))?;
            let Some(last_row) = batch.num_rows().checked_sub(1) else {
                continue;
            };
            // An entity has one row: its owner does not go on in the next batch.
            let limit = owner_after(owner_ids(&batch)?.value(last_row));
            self.merge_owners_before(batch, Some(&limit)).await?;
        }
        let limit = self.rows.next_group_start(index).map(str::to_owned);
        self.merge_owners_before(self.no_rows(), limit.as_deref())
            .await
    }

    /// Copies a group, and passes on what is remembered of entities without rows up to the next one.
    async fn copy_group(&mut self, index: usize, fetched: FetchedRowGroup) -> Result<(), Failure> {
        let limit = self.rows.next_group_start(index).map(str::to_owned);
        self.merge_owners_before(self.no_rows(), limit.as_deref())
            .await?;
        self.rows.copy_group(index, fetched)
    }

    /// The rows of a base's batch that are this shard's, in today's columns.
    fn select_shard_rows(&self, batch: &RecordBatch) -> Result<RecordBatch, LakeError> {
        rows_in_owner_range(&conform_to_schema(batch, &self.stored)?, &self.owners)
    }

    /// Merges rows of the base with the tables' rows of owners before `limit`.
    async fn merge_owners_before(
        &mut self,
        base: RecordBatch,
        limit: Option<&str>,
    ) -> Result<(), Failure> {
        let mut rest = base;
        loop {
            let (rows, window) = self.changes.next_window_of(&mut rest, limit).await?;
            self.apply_window(&rows, &window)?;
            self.rows.write_assembled(false)?;
            if window.bound.as_deref() == limit {
                return Ok(());
            }
        }
    }

    /// Passes the base's rows on, entity by entity: unchanged ones as they are, the others made
    /// from the tables' rows.
    fn apply_window(&mut self, base: &RecordBatch, window: &BatchWindow) -> Result<(), Failure> {
        if base.num_rows() == 0 && window.parts.is_empty() {
            return Ok(());
        }
        let window = EntityWindow::read(window, &self.names)?;
        let found = window.find_entities();
        let mut rows = BaseRows {
            batch: base,
            sources: self.begin_sources(base),
            next: 0,
        };
        for of_entity in found.chunk_by(|a, b| a.id == b.id) {
            self.pass_rows_before(&mut rows, Some(of_entity[0].id))?;
            self.merge_entity(&mut rows, of_entity, &window)?;
            if self.new_rows.is_full() {
                self.end_sources(&rows)?;
                self.rows.write_assembled(false)?;
                rows.sources = self.begin_sources(base);
            }
        }
        self.pass_rows_before(&mut rows, None)?;
        self.end_sources(&rows)
    }

    /// Adds the base's rows to the sources of the assembler, and a place for new ones.
    fn begin_sources(&mut self, base: &RecordBatch) -> RowSources {
        RowSources {
            base: self.rows.assembler.add_source(base.clone()),
            new: self.rows.assembler.reserve_source(),
        }
    }

    /// Fills the place of the new rows.
    fn end_sources(&mut self, rows: &BaseRows<'_>) -> Result<(), Failure> {
        let batch = self.new_rows.take_batch()?;
        self.rows.assembler.fill_source(rows.sources.new, batch);
        Ok(())
    }

    /// Passes on the base's rows of entities before `id` of which nothing is told in this window:
    /// they did not change, or no table has a row of them any more.
    fn pass_rows_before(
        &mut self,
        rows: &mut BaseRows<'_>,
        id: Option<&str>,
    ) -> Result<(), Failure> {
        let owners = owner_ids(rows.batch)?;
        while rows.next < owners.len() && id.is_none_or(|id| owners.value(rows.next) < id) {
            let owner = owners.value(rows.next);
            if self.changed.contains(owner) {
                let mut entity = GatheredEntity::default();
                entity
                    .sightings
                    .add_all(remembered_sightings((rows.batch, rows.next))?);
                self.counts.deleted += 1;
                self.retain_deleted(rows, owner, &mut entity)?;
            } else {
                self.append_base_row(rows);
            }
            rows.next += 1;
        }
        Ok(())
    }

    /// Appends the next row of the base as it is.
    fn append_base_row(&mut self, rows: &BaseRows<'_>) {
        let assembler = &mut self.rows.assembler;
        assembler.append_rows(rows.sources.base, rows.next, rows.next + 1);
    }

    /// Appends the row of an entity of which the window tells, or remembers what is known of one
    /// without a row.
    fn merge_entity<'w>(
        &mut self,
        rows: &mut BaseRows<'_>,
        of_entity: &[FoundRow<'w>],
        window: &EntityWindow<'w>,
    ) -> Result<(), Failure> {
        let id = of_entity[0].id;
        let mut entity = window.gather_entity(of_entity)?;
        let owners = owner_ids(rows.batch)?;
        let is_known = rows.next < owners.len() && owners.value(rows.next) == id;
        let base = is_known.then_some((rows.batch, rows.next));
        if let Some(base) = base {
            entity.sightings.add_all(remembered_sightings(base)?);
        }

        entity.join_sightings();
        let is_kept = base.filter(|_| !self.changed.contains(id));
        let change = match is_kept {
            _ if entity.has_rows() => self.new_rows.add_entity(&entity, base)?,
            Some(base) => self.new_rows.add_restated(base, &entity.sightings)?,
            None => {
                self.counts.deleted += u64::from(is_known);
                self.retain_deleted(rows, id, &mut entity)?;
                rows.next += usize::from(is_known);
                return Ok(());
            }
        };
        self.append_entity(change, is_known, rows);
        rows.next += usize::from(is_known);
        Ok(())
    }

    /// Appends the row of an entity as it is now, and counts what changed.
    fn append_entity(&mut self, change: EntityChange, is_known: bool, rows: &BaseRows<'_>) {
        let row = match change {
            EntityChange::None => return self.append_base_row(rows),
            EntityChange::Remembered(row) => {
                self.has_remembered = true;
                row
            }
            EntityChange::Visible(row) => {
                self.counts.inserted += u64::from(!is_known);
                self.counts.updated += u64::from(is_known);
                row
            }
        };
        let assembler = &mut self.rows.assembler;
        assembler.append_rows(rows.sources.new, row, row + 1);
    }

    /// Remembers what is known of an entity that no table has a row of.
    fn retain_deleted(
        &mut self,
        rows: &BaseRows<'_>,
        id: &str,
        entity: &mut GatheredEntity<'_>,
    ) -> Result<(), Failure> {
        entity.join_sightings();
        if entity.sightings.is_empty() {
            return Ok(());
        }
        let (row, text) = self.new_rows.add_deleted(id, &entity.sightings)?;
        let assembler = &mut self.rows.assembler;
        assembler.retain_deleted((rows.sources.new, row), text);
        Ok(())
    }
}

/// The indexes of the assembler's sources with rows of the base and with new rows.
struct RowSources {
    base: usize,
    new: usize,
}

/// Rows of the base that are passed on.
struct BaseRows<'b> {
    batch: &'b RecordBatch,
    sources: RowSources,
    /// The first row that is not passed on yet.
    next: usize,
}
