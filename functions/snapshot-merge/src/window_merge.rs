//! The rows of complete owners merged with a window of their changes.

use std::collections::BTreeSet;

use arrow_array::{Array, RecordBatch, StringArray};
use host::{Failure, FailureKind};
use lake::LakeError;

use crate::assemble::RowAssembler;
use crate::batch_columns::{count_owners_before, owner_ids};
use crate::change_columns::{ChangeColumns, ChangeParts, OwnedChange};
use crate::change_counts::RowChangeCounts;
use crate::change_merge::BatchWindow;
use crate::record_merge::{OwnerChanges, RecordMerge};
use crate::resolve::{ChangeOrigin, ChangeRecord, is_new, resolve_changes};
use crate::statement_merge::StatementMerge;

/// What a merge does with the statements of sources with patches.
pub(crate) enum StatementUse {
    /// It makes rows of the records that they state.
    MakesRows(Box<RecordMerge>),
    /// It keeps those that later days need: the table is the one of the records.
    Keeps(Box<StatementMerge>),
}

/// A merge of sorted rows of the base with a window of changes.
pub(crate) struct WindowMerge<'w> {
    assembler: &'w mut RowAssembler,
    counts: &'w mut RowChangeCounts,
    /// The index of the base's rows among the assembler's sources.
    base_source: usize,
    base: &'w RecordBatch,
    base_columns: ChangeColumns<'w>,
    base_owners: &'w StringArray,
    /// None for a table that no source with patches fills.
    statements: Option<&'w mut StatementUse>,
}

impl<'w> WindowMerge<'w> {
    pub(crate) fn new(
        assembler: &'w mut RowAssembler,
        counts: &'w mut RowChangeCounts,
        base: &'w RecordBatch,
        statements: Option<&'w mut StatementUse>,
    ) -> Result<Self, LakeError> {
        let base_source = assembler.add_source(base.clone());
        Ok(Self {
            assembler,
            counts,
            base_source,
            base,
            base_columns: ChangeColumns::from_batch(base)?,
            base_owners: owner_ids(base)?,
            statements,
        })
    }

    /// Passes the rows on, owner by owner: unchanged ones as they are, the others resolved with
    /// their changes.
    pub(crate) fn run(mut self, window: &BatchWindow) -> Result<(), Failure> {
        let parts = self.add_parts(window)?;
        let changes = collect_changes(window, &parts);
        let mut row = 0;
        for owner_changes in changes.chunk_by(|a, b| a.0 == b.0) {
            let (from, to) = self.find_owner_rows(owner_changes[0].0, row);
            self.assembler.append_rows(self.base_source, row, from);
            self.merge_owner((from, to), owner_changes, &parts)?;
            row = to;
        }
        let rows = self.base_owners.len();
        self.assembler.append_rows(self.base_source, row, rows);
        match self.statements {
            Some(StatementUse::MakesRows(records)) => records.finish_window(self.assembler)?,
            Some(StatementUse::Keeps(statements)) => statements.finish_window(self.assembler)?,
            None => {}
        }
        Ok(())
    }

    /// Adds the window's batches to the assembler's sources.
    fn add_parts<'b>(&mut self, window: &'b BatchWindow) -> Result<ChangeParts<'b>, LakeError> {
        let mut parts = ChangeParts::default();
        for part in &window.parts {
            let source = self.assembler.add_source(part.batch.clone());
            parts.add(source, ChangeColumns::from_batch(&part.batch)?);
        }
        Ok(parts)
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
    fn merge_owner(
        &mut self,
        (from, to): (usize, usize),
        owner_changes: &[OwnedChange<'_>],
        parts: &ChangeParts<'_>,
    ) -> Result<(), Failure> {
        let changes = owner_changes.iter().map(|(_, change)| *change);
        if !changes.clone().any(|change| is_new(&change)) {
            // Nothing new: the rows and the stored changes stay as they are.
            self.assembler.append_rows(self.base_source, from, to);
            self.assembler.retain_changes(changes);
            return Ok(());
        }

        let base: Vec<ChangeRecord<'_>> = (from..to)
            .map(|row| {
                self.base_columns
                    .change_record(self.base_source, row, ChangeOrigin::Base)
            })
            .collect();
        if let Some(StatementUse::Keeps(statements)) = &mut self.statements {
            let all = base.into_iter().chain(changes).collect();
            let merged = statements.merge_record(all, self.assembler)?;
            self.counts.add(merged);
            return Ok(());
        }

        let owner = OwnerChanges::of_owner(owner_changes[0].0, base, changes);
        if owner.has_records() {
            return self.append_record_owner(owner, parts);
        }
        self.append_resolved(&owner.base, owner.others);
        Ok(())
    }

    /// Appends the rows of an owner without statements.
    fn append_resolved(&mut self, base: &[ChangeRecord<'_>], changes: Vec<ChangeRecord<'_>>) {
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

    /// Appends the rows of an owner that a source with patches states.
    fn append_record_owner(
        &mut self,
        owner: OwnerChanges<'_>,
        parts: &ChangeParts<'_>,
    ) -> Result<(), Failure> {
        let Some(StatementUse::MakesRows(records)) = &mut self.statements else {
            let message = "there are statements of a record in a table that no source with \
                           patches fills; run `polelake rebuild --raw` from the first day";
            return Err(Failure::new(FailureKind::Configuration, message));
        };
        let merged = records.merge_owner(owner, self.base, parts, self.assembler)?;
        self.counts.add(merged);
        Ok(())
    }
}

/// The window's changes by owner. Each part is sorted; changes of one owner stay in the order of
/// the parts. Of records only the statements of owners are taken that today changes.
fn collect_changes<'b>(window: &'b BatchWindow, parts: &ChangeParts<'b>) -> Vec<OwnedChange<'b>> {
    let mut changes = Vec::new();
    let with_columns = || window.parts.iter().zip(parts.iter());
    for (part, (source, columns)) in with_columns() {
        if part.origin != ChangeOrigin::Record {
            let rows = 0..part.batch.num_rows();
            changes.extend(rows.map(|row| columns.owned_change(source, row, part.origin)));
        }
    }
    changes.sort_by(|a, b| a.0.cmp(b.0));

    let new = changes.iter().filter(|(_, change)| is_new(change));
    let mut new_owners: Vec<&str> = new.map(|(owner, _)| *owner).collect();
    new_owners.dedup();
    let before = changes.len();
    for (part, (source, columns)) in with_columns() {
        if part.origin == ChangeOrigin::Record {
            for row in columns.rows_of_owners(&new_owners) {
                changes.push(columns.owned_change(source, row, part.origin));
            }
        }
    }
    if changes.len() > before {
        changes.sort_by(|a, b| a.0.cmp(b.0));
    }
    changes
}
