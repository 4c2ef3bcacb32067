//! The rows of complete owners merged with a window of their changes.

use std::collections::BTreeSet;

use arrow_array::{Array, RecordBatch, StringArray};
use lake::LakeError;

use crate::assemble::RowAssembler;
use crate::batch_columns::{count_owners_before, owner_ids};
use crate::change_columns::ChangeColumns;
use crate::change_merge::BatchWindow;
use crate::resolve::{ChangeOrigin, ChangeRecord, resolve_changes};

/// How many rows a merge inserted, updated and deleted.
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

/// A change with its owner.
type OwnedChange<'w> = (&'w str, ChangeRecord<'w>);

/// A merge of sorted rows of the base with a window of changes.
pub(crate) struct WindowMerge<'w> {
    assembler: &'w mut RowAssembler,
    counts: &'w mut RowChangeCounts,
    /// The index of the base's rows among the assembler's sources.
    base_source: usize,
    base_columns: ChangeColumns<'w>,
    base_owners: &'w StringArray,
}

impl<'w> WindowMerge<'w> {
    pub(crate) fn new(
        assembler: &'w mut RowAssembler,
        counts: &'w mut RowChangeCounts,
        base: &'w RecordBatch,
    ) -> Result<Self, LakeError> {
        let base_source = assembler.add_source(base.clone());
        Ok(Self {
            assembler,
            counts,
            base_source,
            base_columns: ChangeColumns::from_batch(base)?,
            base_owners: owner_ids(base)?,
        })
    }

    /// Passes the rows on, owner by owner: unchanged ones as they are, the others resolved with
    /// their changes.
    pub(crate) fn run(mut self, window: &BatchWindow) -> Result<(), LakeError> {
        let changes = self.collect_changes(window)?;
        let mut row = 0;
        for owner_changes in changes.chunk_by(|a, b| a.0 == b.0) {
            let (from, to) = self.find_owner_rows(owner_changes[0].0, row);
            self.assembler.append_rows(self.base_source, row, from);
            self.merge_owner(from, to, owner_changes);
            row = to;
        }
        let rows = self.base_owners.len();
        self.assembler.append_rows(self.base_source, row, rows);
        Ok(())
    }

    /// The window's changes by owner. Each part is sorted; changes of one owner stay in the order
    /// of the parts.
    fn collect_changes<'b>(
        &mut self,
        window: &'b BatchWindow,
    ) -> Result<Vec<OwnedChange<'b>>, LakeError> {
        let mut changes = Vec::new();
        for part in &window.parts {
            let source = self.assembler.add_source(part.batch.clone());
            let columns = ChangeColumns::from_batch(&part.batch)?;
            changes.extend((0..part.batch.num_rows()).map(|row| {
                let change = columns.change_record(source, row, part.origin);
                (columns.owner_id(row), change)
            }));
        }
        changes.sort_by(|a, b| a.0.cmp(b.0));
        Ok(changes)
    }

    /// The base's rows of an owner, at `from` or behind it.
    fn find_owner_rows(&self, owner: &str, from: usize) -> (usize, usize) {
        let owners = self.base_owners;
        let rest = owners.slice(from, owners.len() - from);
        let begin = from + count_owners_before(&rest, owner);
        let end = (begin..owners.len())
            .find(|row| owners.value(*row) != owner)
            .unwrap_or(owners.len());
        (begin, end)
    }

    /// Resolves one owner's changes with the rows `from..to` that the base has of it.
    fn merge_owner(&mut self, from: usize, to: usize, owner_changes: &[OwnedChange<'_>]) {
        let changes = owner_changes.iter().map(|(_, change)| *change);
        if changes
            .clone()
            .all(|change| change.origin != ChangeOrigin::Increment)
        {
            // Nothing new: the rows and the stored changes stay as they are.
            self.assembler.append_rows(self.base_source, from, to);
            self.assembler.retain_changes(changes);
            return;
        }

        let base: Vec<ChangeRecord<'_>> = (from..to)
            .map(|row| {
                self.base_columns
                    .change_record(self.base_source, row, ChangeOrigin::Base)
            })
            .collect();
        let base_keys: BTreeSet<(&str, &str)> =
            base.iter().map(|row| (row.pole_id, row.source)).collect();
        let resolved = resolve_changes(base.iter().copied().chain(changes).collect());

        let mut retained = 0;
        for row in &resolved.rows {
            if base_keys.contains(&row.key) {
                retained += 1;
                self.counts.updated += u64::from(row.changed);
            }
        }
        self.counts.inserted += resolved.rows.len() as u64 - retained;
        self.counts.deleted += base.len() as u64 - retained;
        self.assembler.append_resolved(resolved);
    }
}
