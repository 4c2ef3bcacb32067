//! Who is forgotten: a replay must not bring them back.

use contract::{Cell, CompiledMapping, Event, PoleRow};
use host::Failure;
use lake::{ERASURES_KEY, ErasedSubjects};
use pole::{RowOperation, Uuid};
use store::ObjectStore;

/// The list as it is now; where there is none, nobody is forgotten.
pub(crate) async fn read_erasures(refined: &dyn ObjectStore) -> Result<ErasedSubjects, Failure> {
    // When the list cannot be read the run fails: without it a replay could bring an erased person back.
    let Some(object) = refined.get_if_present(ERASURES_KEY).await? else {
        return Ok(ErasedSubjects::default());
    };

    Ok(ErasedSubjects::from_json(&object.body)?)
}

/// Whether the whole record that the event is about is forgotten, by its key.
pub(crate) fn is_record_erased(
    erasures: &ErasedSubjects,
    plan: &CompiledMapping,
    key: &str,
    time: i64,
) -> bool {
    !erasures.is_empty()
        && erasures.is_suppressed(
            &ErasedSubjects::hash_source_record(&plan.contract.name, key),
            time,
        )
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
    let forgotten =
        |id: &Uuid| erasures.is_suppressed(&ErasedSubjects::hash_pole_id(id), event.time);
    if rows
        .iter()
        .any(|row| row.versioned && forgotten(&row.owner_id))
    {
        return None;
    }
    let dropped: Vec<PoleRow<'r>> = rows
        .extract_if(.., |row| names_erased_id(row, forgotten))
        .collect();
    if rows.is_empty() {
        return None;
    }
    for row in &dropped {
        restate_empty_set(row, &mut rows);
    }
    Some(rows)
}

/// Whether any id in the row is of somebody who is forgotten.
fn names_erased_id(row: &PoleRow<'_>, forgotten: impl Fn(&Uuid) -> bool) -> bool {
    let id = |cell: &Cell<'_>| match cell {
        Cell::Text(text) if text.len() == 36 => Uuid::parse_str(text).ok(),
        _ => None,
    };
    forgotten(&row.pole_id) || row.cells.iter().filter_map(id).any(|id| forgotten(&id))
}

/// A set that lost all of its rows is stated as an empty one. Without that an earlier statement of it would hold again.
fn restate_empty_set<'r>(dropped: &PoleRow<'r>, rows: &mut Vec<PoleRow<'r>>) {
    let same = |row: &PoleRow<'r>| {
        (row.table, row.owner_id, row.owner_set)
            == (dropped.table, dropped.owner_id, dropped.owner_set)
    };
    if dropped.owner_set.is_none() || rows.iter().any(same) {
        return;
    }
    let cells = vec![Cell::Null; dropped.cells.len()];
    let PoleRow {
        table,
        owner_id,
        owner_set,
        versioned,
        ..
    } = *dropped;
    let (op, pole_id, carried) = (RowOperation::Replace, owner_id, None);
    rows.push(PoleRow {
        table,
        op,
        pole_id,
        owner_id,
        owner_set,
        versioned,
        changed_columns: carried,
        cells,
    });
}
