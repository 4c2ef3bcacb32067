//! The rows of the owners that sources with patches state: made from the resolved records, beside
//! those that other sources state.

use std::collections::{BTreeMap, BTreeSet};

use arrow_array::RecordBatch;
use contract::{Cell, TableContract};
use host::Failure;
use lake::LakeError;
use pole::{RowOperation, Uuid};

use crate::assemble::RowAssembler;
use crate::built_rows::BuiltRows;
use crate::cell_match::row_has_cells;
use crate::change_columns::{ChangeParts, EventPlace};
use crate::change_counts::RowChangeCounts;
use crate::record_rows::{RecordResolver, RecordRowSink, RecordStatements, WithheldRecords};
use crate::resolve::{ChangeOrigin, ChangeRecord, ResolvedRow, RowRef, resolve_changes};

/// Everything that is known of one owner.
pub(crate) struct OwnerChanges<'s> {
    pub(crate) owner_id: &'s str,
    /// Its rows in the base.
    pub(crate) base: Vec<ChangeRecord<'s>>,
    /// The sources whose record of the owner is stated anew today.
    pub(crate) restated: BTreeSet<&'s str>,
    /// Every statement of its records, by sources with patches.
    pub(crate) statements: Vec<ChangeRecord<'s>>,
    /// Changes of single rows, by other sources and by records of the kinds `shared` and `log`.
    pub(crate) others: Vec<ChangeRecord<'s>>,
}

impl<'s> OwnerChanges<'s> {
    /// An owner's changes by what they are.
    pub(crate) fn of_owner(
        owner_id: &'s str,
        base: Vec<ChangeRecord<'s>>,
        changes: impl Iterator<Item = ChangeRecord<'s>>,
    ) -> Self {
        let mut owner = Self {
            owner_id,
            base,
            restated: BTreeSet::new(),
            statements: Vec::new(),
            others: Vec::new(),
        };
        for change in changes {
            if change.origin == ChangeOrigin::Record {
                owner.statements.push(change);
            } else if change.op.is_statement() {
                owner.restated.insert(change.source);
            } else {
                owner.others.push(change);
            }
        }
        owner
    }

    /// Whether a source with patches states the owner, or stated it.
    pub(crate) fn has_records(&self) -> bool {
        !(self.restated.is_empty() && self.statements.is_empty())
    }
}

/// Makes the rows of records, window by window.
pub(crate) struct RecordMerge {
    resolver: RecordResolver,
    /// The rows that the window's records give.
    built: BuiltRows,
    /// States that have no rows, because they do not fit the mapping.
    pub(crate) withheld: WithheldRecords,
}

/// A row's key: its id and its source.
type RowKey = (String, String);

/// A row of an owner.
enum OwnerRow<'s> {
    /// A row of the base, as it is.
    Base(RowRef),
    /// A row that a record gives.
    Built(RowRef),
    /// A row that single changes were resolved to.
    Resolved(ResolvedRow<'s>),
}

impl RecordMerge {
    pub(crate) fn new(resolver: RecordResolver, table: &TableContract) -> Self {
        Self {
            resolver,
            built: BuiltRows::new(table),
            withheld: WithheldRecords::new(),
        }
    }

    /// Appends the owner's rows, and the changes of single rows that later days need.
    pub(crate) fn merge_owner(
        &mut self,
        owner: OwnerChanges<'_>,
        base: &RecordBatch,
        parts: &ChangeParts<'_>,
        assembler: &mut RowAssembler,
    ) -> Result<RowChangeCounts, Failure> {
        let OwnerChanges {
            owner_id,
            base: base_changes,
            restated,
            mut statements,
            others,
        } = owner;
        statements.sort_by(|a, b| (a.source, a.set).cmp(&(b.source, b.set)));
        let mut sources = restated.clone();
        sources.extend(statements.iter().map(|stated| stated.source));
        let mut sink = OwnerRowSink {
            merge: self,
            base,
            base_keys: base_changes.iter().map(row_key_and_ref).collect(),
            parts,
            assembler,
            rows: BTreeMap::new(),
        };

        for of_source in statements.chunk_by(|a, b| a.source == b.source) {
            let source = of_source[0].source;
            if restated.contains(source) {
                sink.add_record(source, owner_id, of_source)?;
            }
        }
        for source in sources.difference(&restated) {
            sink.keep_record(&base_changes, source);
        }
        let of_others = base_changes
            .iter()
            .filter(|row| !sources.contains(row.source));
        sink.add_others(of_others.copied().chain(others).collect());
        Ok(sink.append_rows())
    }

    /// Gives the window's rows to the assembler.
    pub(crate) fn finish_window(&mut self, assembler: &mut RowAssembler) -> Result<(), LakeError> {
        self.built.finish_window(assembler)
    }
}

fn row_key_and_ref(row: &ChangeRecord<'_>) -> (RowKey, RowRef) {
    let key = (row.pole_id.to_owned(), row.source.to_owned());
    (key, row.row_ref)
}

/// Collects the rows of one owner.
struct OwnerRowSink<'k, 's> {
    merge: &'k mut RecordMerge,
    base: &'k RecordBatch,
    base_keys: BTreeMap<RowKey, RowRef>,
    parts: &'k ChangeParts<'k>,
    assembler: &'k mut RowAssembler,
    rows: BTreeMap<RowKey, OwnerRow<'s>>,
}

impl<'s> OwnerRowSink<'_, 's> {
    /// Adds the rows of a source's resolved record.
    fn add_record(
        &mut self,
        source: &'s str,
        owner_id: &'s str,
        changes: &[ChangeRecord<'s>],
    ) -> Result<(), Failure> {
        let stated = RecordStatements {
            source,
            owner_id,
            changes,
        };
        let resolver = self.merge.resolver.clone();
        let mut withheld = std::mem::take(&mut self.merge.withheld);
        let resolved = resolver.resolve_record(&stated, self, &mut withheld);
        self.merge.withheld = withheld;
        resolved
    }

    /// Adds the rows of a source's record that nothing changes, as they are.
    fn keep_record(&mut self, base: &[ChangeRecord<'s>], source: &str) {
        for row in base.iter().filter(|row| row.source == source) {
            let (key, row_ref) = row_key_and_ref(row);
            self.rows.insert(key, OwnerRow::Base(row_ref));
        }
    }

    /// Adds the rows that other changes are resolved to.
    fn add_others(&mut self, changes: Vec<ChangeRecord<'s>>) {
        if changes.is_empty() {
            return;
        }
        let resolved = resolve_changes(changes);
        for row in resolved.rows {
            let key = (row.key.0.to_owned(), row.key.1.to_owned());
            self.rows.entry(key).or_insert(OwnerRow::Resolved(row));
        }
        self.assembler.retain_changes(resolved.state);
    }

    /// Appends the rows in the order of their keys, and counts what changed.
    fn append_rows(self) -> RowChangeCounts {
        let mut counts = RowChangeCounts::default();
        let mut retained = 0;
        for (key, row) in self.rows {
            let is_known = self.base_keys.contains_key(&key);
            retained += u64::from(is_known);
            counts.inserted += u64::from(!is_known);
            counts.updated += u64::from(is_known && row.is_changed());
            match row {
                OwnerRow::Base((source, row)) | OwnerRow::Built((source, row)) => {
                    self.assembler.append_rows(source, row, row + 1);
                }
                OwnerRow::Resolved(row) => self.assembler.append_resolved_row(row),
            }
        }
        counts.deleted = self.base_keys.len() as u64 - retained;
        counts
    }
}

impl OwnerRow<'_> {
    fn is_changed(&self) -> bool {
        match self {
            Self::Base(_) => false,
            Self::Built(_) => true,
            Self::Resolved(row) => row.changed,
        }
    }
}

impl RecordRowSink for OwnerRowSink<'_, '_> {
    fn add_row(
        &mut self,
        (pole_id, source): (&Uuid, &str),
        provenance: &[Cell<'_>],
        cells: &[Cell<'_>],
    ) {
        let key = (pole_id.to_string(), source.to_owned());
        let all_cells = provenance.iter().chain(cells);
        let as_before = self
            .base_keys
            .get(&key)
            .copied()
            .filter(|(_, row)| row_has_cells(self.base, *row, all_cells.clone()));
        let row = match as_before {
            Some(row_ref) => OwnerRow::Base(row_ref),
            None => OwnerRow::Built(self.merge.built.add_row(self.assembler, |builder| {
                builder.append_row(all_cells, RowOperation::Upsert, None);
            })),
        };
        self.rows.insert(key, row);
    }

    fn event_place(&self, row_ref: RowRef) -> Option<EventPlace<'_>> {
        self.parts.event_place(row_ref)
    }
}
