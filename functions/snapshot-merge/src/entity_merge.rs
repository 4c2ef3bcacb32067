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
use crate::entity_rows::{EntityColumns, EntityRows, GatheredEntity};
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
}

/// What comes out of a shard of `entity`.
pub(crate) struct EntityOutput {
    pub(crate) written: WrittenShard,
    pub(crate) counts: RowChangeCounts,
    /// Row groups of the base that were copied.
    pub(crate) copied: u64,
}

struct EntityMerge<'m> {
    stored: SchemaRef,
    owners: OwnerRange,
    changed: OwnerRanges,
    rows: ShardRows<'m>,
    /// The tables' rows.
    tables: ChangeMerge,
    /// The tables' names, by source.
    names: Vec<&'m str>,
    new_rows: EntityRows,
    counts: RowChangeCounts,
}

/// A row of a table that is an entity.
struct FoundRow<'w> {
    id: &'w str,
    /// The part of the window, and the row in it.
    place: (usize, usize),
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
            merge.rows.copy_group(index, fetched)?;
        }
        index += 1;
    }
    merge.merge_owners_before(merge.no_rows(), None).await?;
    let (written, copied) = merge.rows.finish()?;
    Ok(EntityOutput {
        written,
        counts: merge.counts,
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
        Ok(Self {
            stored,
            owners,
            changed: input.changed,
            rows: ShardRows::open(target, &input.base)?,
            tables: ChangeMerge::new(sources).await?,
            names,
            new_rows,
            counts: RowChangeCounts::default(),
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
        let next_owner = self.tables.next_new_owner();
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
            let (rows, window) = self.tables.next_window_of(&mut rest, limit).await?;
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
        let columns = part_columns(window)?;
        let found = find_entities(&columns);
        let mut rows = BaseRows {
            batch: base,
            sources: self.begin_sources(base),
            next: 0,
        };
        for of_entity in found.chunk_by(|a, b| a.id == b.id) {
            self.pass_rows_before(&mut rows, Some(of_entity[0].id))?;
            self.add_entity(&mut rows, of_entity, &columns, window)?;
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

    /// Passes on the base's rows of entities before `id` that no table has in this window: they did
    /// not change, or are deleted.
    fn pass_rows_before(
        &mut self,
        rows: &mut BaseRows<'_>,
        id: Option<&str>,
    ) -> Result<(), Failure> {
        let owners = owner_ids(rows.batch)?;
        while rows.next < owners.len() && id.is_none_or(|id| owners.value(rows.next) < id) {
            if self.changed.contains(owners.value(rows.next)) {
                self.counts.deleted += 1;
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

    /// Appends the row of an entity that tables have rows of.
    fn add_entity(
        &mut self,
        rows: &mut BaseRows<'_>,
        of_entity: &[FoundRow<'_>],
        columns: &[EntityColumns<'_>],
        window: &BatchWindow,
    ) -> Result<(), Failure> {
        let mut entity = GatheredEntity::default();
        for FoundRow { place, .. } in of_entity {
            let part = &window.parts[place.0];
            let table = self.names[part.source];
            entity.add_table_row(table, &columns[place.0], (&part.batch, place.1));
        }
        let owners = owner_ids(rows.batch)?;
        let is_known = rows.next < owners.len() && owners.value(rows.next) == of_entity[0].id;
        let base = is_known.then_some((rows.batch, rows.next));

        match self.new_rows.add_entity(&entity, base) {
            Some(row) => {
                let assembler = &mut self.rows.assembler;
                assembler.append_rows(rows.sources.new, row, row + 1);
                self.counts.inserted += u64::from(!is_known);
                self.counts.updated += u64::from(is_known);
            }
            None => self.append_base_row(rows),
        }
        rows.next += usize::from(is_known);
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

fn part_columns(window: &BatchWindow) -> Result<Vec<EntityColumns<'_>>, LakeError> {
    let parts = window.parts.iter();
    parts
        .map(|part| EntityColumns::from_batch(&part.batch))
        .collect()
}

/// The rows of a window that are entities, by id.
fn find_entities<'w>(columns: &[EntityColumns<'w>]) -> Vec<FoundRow<'w>> {
    let mut found = Vec::new();
    for (part, columns) in columns.iter().enumerate() {
        for row in columns.entity_rows() {
            found.push(FoundRow {
                id: columns.id(row),
                place: (part, row),
            });
        }
    }
    found.sort_unstable_by_key(|row| (row.id, row.place));
    found
}
