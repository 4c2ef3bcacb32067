//! The statements of a source's records: of each record those that later days need.

use std::collections::BTreeSet;

use contract::TableContract;
use host::Failure;
use lake::LakeError;
use lake::schema::STATEMENT_COLUMN;

use crate::assemble::RowAssembler;
use crate::built_rows::BuiltRows;
use crate::change_counts::RowChangeCounts;
use crate::record_statements::{RetainedStatement, RetainedText, retain_statements};
use crate::resolve::{ChangeOrigin, ChangeRecord, ResolvedRow, use_first_position_per_event};

/// Merges the states, patches and deletions of records, window by window.
pub(crate) struct StatementMerge {
    /// What is left of the window's rows.
    built: BuiltRows,
}

/// What names a statement of a record: the group of the mapping's records that it is for, and its
/// event.
type StatementKey<'s> = (Option<&'s str>, &'s str);

fn statement_key<'s>(change: &ChangeRecord<'s>) -> StatementKey<'s> {
    (change.set, change.event_id)
}

impl StatementMerge {
    pub(crate) fn new(table: &TableContract) -> Self {
        Self {
            built: BuiltRows::new(table),
        }
    }

    /// Appends those of a record that later days need, out of all that are known.
    pub(crate) fn merge_record(
        &mut self,
        mut changes: Vec<ChangeRecord<'_>>,
        assembler: &mut RowAssembler,
    ) -> Result<RowChangeCounts, Failure> {
        let of_base = changes.iter().filter(|change| is_of_base(change));
        let mut removed: BTreeSet<StatementKey<'_>> = of_base.map(statement_key).collect();
        use_first_position_per_event(&mut changes);
        changes.sort_by_key(|change| change.set);

        let mut counts = RowChangeCounts::default();
        for of_group in changes.chunk_by(|a, b| a.set == b.set) {
            for retained in retain_statements(of_group)? {
                let is_known = removed.remove(&statement_key(&retained.change));
                let is_as_before =
                    is_of_base(&retained.change) && retained.text == RetainedText::AsStored;
                counts.inserted += u64::from(!is_known);
                counts.updated += u64::from(is_known && !is_as_before);
                self.append(&retained, assembler);
            }
        }
        counts.deleted = removed.len() as u64;
        Ok(counts)
    }

    /// Gives the window's shortened rows to the assembler.
    pub(crate) fn finish_window(&mut self, assembler: &mut RowAssembler) -> Result<(), LakeError> {
        self.built.finish_window(assembler)
    }

    /// Appends the row as it is stored, with what is left of its text.
    fn append(&mut self, retained: &RetainedStatement<'_>, assembler: &mut RowAssembler) {
        let change = &retained.change;
        let (source, row) = change.row_ref;
        let left = match &retained.text {
            RetainedText::AsStored => return assembler.append_rows(source, row, row + 1),
            RetainedText::Part(text) => Some(text.as_str()),
            RetainedText::Nothing => None,
        };
        let text = self.built.add_row(assembler, |builder| {
            builder.append_statement(&[], change.op, left);
        });
        assembler.append_resolved_row(ResolvedRow {
            key: (change.pole_id, change.source),
            latest: change.row_ref,
            full_row: Some(change.row_ref),
            patches: vec![(text, STATEMENT_COLUMN)],
            changed: true,
        });
    }
}

fn is_of_base(change: &ChangeRecord<'_>) -> bool {
    change.origin == ChangeOrigin::Base
}
