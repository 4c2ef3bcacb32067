//! Erased subjects: a replay must not bring their data back.

use contract::{Cell, CompiledMapping, Event, EventStatement, PoleRow};
use lake::ErasedSubjects;
use pole::RowOperation;

/// Whether the full record that the event is about is erased, by its key.
pub(crate) fn is_record_erased(
    erasures: &ErasedSubjects,
    mapping: &CompiledMapping,
    key: &str,
    time: i64,
) -> bool {
    if erasures.is_empty() {
        return false;
    }
    let subject = ErasedSubjects::hash_source_record(&mapping.contract.name, key);
    erasures.is_suppressed(&subject, time)
}

/// Whether the record that a statement is about is erased.
pub(crate) fn is_owner_erased(
    erasures: &ErasedSubjects,
    statement: &EventStatement<'_>,
    time: i64,
) -> bool {
    !erasures.is_empty() && erasures.suppresses_id(&statement.owner_id, time)
}

/// The rows that may stay; none when nothing of the event may.
pub(crate) fn retain_unerased_rows<'r>(
    erasures: &ErasedSubjects,
    event: &Event,
    mut rows: Vec<PoleRow<'r>>,
) -> Option<Vec<PoleRow<'r>>> {
    if erasures.is_empty() || rows.is_empty() {
        return Some(rows);
    }

    let owner_is_erased =
        |row: &PoleRow<'_>| row.versioned && erasures.suppresses_id(&row.owner_id, event.time);
    if rows.iter().any(owner_is_erased) {
        return None;
    }

    let removed: Vec<PoleRow<'r>> = rows
        .extract_if(.., |row| erasures.suppresses_row(row, event.time))
        .collect();
    if rows.is_empty() {
        return None;
    }

    for row in &removed {
        replace_empty_set(row, &mut rows);
    }
    Some(rows)
}

/// A set that lost all of its rows is replaced by an empty one. Without that an earlier change of
/// it would hold again.
fn replace_empty_set<'r>(removed: &PoleRow<'r>, rows: &mut Vec<PoleRow<'r>>) {
    let set = (removed.table, removed.owner_id, removed.owner_set);
    let has_rows = rows
        .iter()
        .any(|row| (row.table, row.owner_id, row.owner_set) == set);
    if removed.owner_set.is_none() || has_rows {
        return;
    }

    rows.push(PoleRow {
        table: removed.table,
        op: RowOperation::Replace,
        pole_id: removed.owner_id,
        owner_id: removed.owner_id,
        owner_set: removed.owner_set,
        versioned: removed.versioned,
        changed_columns: None,
        cells: vec![Cell::Null; removed.cells.len()],
    });
}
