//! Who is forgotten: a replay must not bring them back.

use contract::{Cell, Event, Plan, Row};
use host::Failure;
use lake::{ERASURES_KEY, Erasures};
use pole::{Op, Uuid};
use store::ObjectStore;

/// The list as it is now; where there is none, nobody is forgotten.
pub(crate) async fn read(refined: &dyn ObjectStore) -> Result<Erasures, Failure> {
    match refined.get(ERASURES_KEY).await {
        Ok(object) => Erasures::decode(&object.body).map_err(|error| Failure::corrupt(&error)),
        Err(error) if error.is_not_found() => Ok(Erasures::default()),
        // Without the list a replay could bring somebody back: better nothing than that.
        Err(error) => Err(Failure::unavailable(&error)),
    }
}

/// Whether the whole record that the event is about is forgotten, by its key.
pub(crate) fn is_forgotten(erasures: &Erasures, plan: &Plan, key: &str, time: i64) -> bool {
    !erasures.is_empty() && erasures.suppress(&Erasures::of_record(&plan.contract.name, key), time)
}

/// The rows that may stay; none when nothing of the event may.
pub(crate) fn kept<'r>(
    erasures: &Erasures,
    event: &Event,
    mut rows: Vec<Row<'r>>,
) -> Option<Vec<Row<'r>>> {
    if erasures.is_empty() || rows.is_empty() {
        return Some(rows);
    }
    let forgotten = |id: &Uuid| erasures.suppress(&Erasures::of_id(id), event.time);
    if rows
        .iter()
        .any(|row| row.versioned && forgotten(&row.owner_id))
    {
        return None;
    }
    let dropped: Vec<Row<'r>> = rows.extract_if(.., |row| names(row, forgotten)).collect();
    if rows.is_empty() {
        return None;
    }
    for row in &dropped {
        restate(row, &mut rows);
    }
    Some(rows)
}

/// Whether any id in the row is of somebody who is forgotten.
fn names(row: &Row<'_>, forgotten: impl Fn(&Uuid) -> bool) -> bool {
    let id = |cell: &Cell<'_>| match cell {
        Cell::Text(text) if text.len() == 36 => Uuid::parse_str(text).ok(),
        _ => None,
    };
    forgotten(&row.pole_id) || row.cells.iter().filter_map(id).any(|id| forgotten(&id))
}

/// A set that lost all of its rows is stated as an empty one. Without that an earlier statement of it would hold again.
fn restate<'r>(dropped: &Row<'r>, rows: &mut Vec<Row<'r>>) {
    let same = |row: &Row<'r>| {
        (row.table, row.owner_id, row.owner_set)
            == (dropped.table, dropped.owner_id, dropped.owner_set)
    };
    if dropped.owner_set.is_none() || rows.iter().any(same) {
        return;
    }
    let cells = vec![Cell::Null; dropped.cells.len()];
    let Row {
        table,
        owner_id,
        owner_set,
        versioned,
        ..
    } = *dropped;
    let (op, pole_id, carried) = (Op::Replace, owner_id, None);
    rows.push(Row {
        table,
        op,
        pole_id,
        owner_id,
        owner_set,
        versioned,
        carried,
        cells,
    });
}
