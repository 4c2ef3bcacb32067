//! What is wrong with a list whose items give rows: an item that is dropped in silence is a row
//! that is lost.

use std::collections::HashSet;

use super::PoleRow;
use crate::compile::CompiledRecord;
use crate::expression::{CompiledExpression, RootedPath, ValueRoots};
use crate::fault::EventFault;

/// The rule that items break which have no key, or the key of another.
const KEY_RULE: &str = "contract.key";

/// Lists of so many rows are compared pair by pair; most are shorter, and need no table.
const PAIRS_MAX: usize = 8;

/// Refuses an item whose key is missing. A key of a declared form, which the mapping reads as null
/// where a value lacks it, has a value; and one that lies outside of the item is not the item's.
pub(super) fn check_item_key(
    record: &CompiledRecord,
    key: Vec<&CompiledExpression>,
    scope: &ValueRoots<'_>,
) -> Result<(), EventFault> {
    if record.for_each.is_empty() {
        return Ok(());
    }
    let missing = key.into_iter().find(|part| {
        let mut paths = part.paths().into_iter();
        paths.any(RootedPath::begins_at_item) && !part.reads_content(scope)
    });
    let Some(part) = missing else {
        return Ok(());
    };
    let reason =
        "an item of the list has no key; `when` with `present: true` leaves such items out";
    Err(EventFault::new(KEY_RULE, &item_path(record, part), reason))
}

/// Whether two rows have one id.
pub(super) fn has_repeated_id(rows: &[PoleRow<'_>]) -> bool {
    if rows.len() <= PAIRS_MAX {
        let mut pairs = rows.iter().enumerate();
        return pairs.any(|(index, row)| {
            let earlier = &rows[..index];
            earlier.iter().any(|other| other.pole_id == row.pole_id)
        });
    }
    let mut ids = HashSet::with_capacity(rows.len());
    !rows.iter().all(|row| ids.insert(row.pole_id))
}

pub(super) fn repeated_key_fault(record: &CompiledRecord) -> EventFault {
    let keys = record.identity.end_keys();
    // The item's own part of the key tells more than that of the item around it.
    let own = keys
        .iter()
        .find(|part| part.paths().into_iter().any(RootedPath::begins_here));
    let path = match own.or(keys.first()) {
        Some(part) => item_path(record, part),
        None => "$".to_owned(),
    };
    EventFault::new(KEY_RULE, &path, "two items of the list have the same key")
}

/// A list that the mapping reads item by item is something else.
pub(super) fn no_list_fault(list: &RootedPath) -> EventFault {
    let reason = "the mapping reads a list here, the event holds something else";
    EventFault::new("contract.type", list.text(), reason)
}

/// The path of a part of an item's key, with the lists that hold the item.
fn item_path(record: &CompiledRecord, part: &CompiledExpression) -> String {
    let paths = part.paths();
    let in_item = paths.iter().find(|path| path.begins_at_item());
    let Some(path) = in_item else {
        return part.first_path();
    };

    // A path of the item around this one is not within the innermost list.
    let inner = usize::from(!path.begins_here());
    let lists_count = record.for_each.len().saturating_sub(inner);
    let lists = record.for_each.iter().take(lists_count);
    let steps = lists.map(RootedPath::text).chain([path.text()]);
    let below_root: String = steps.map(|step| step.trim_start_matches('$')).collect();
    format!("${below_root}")
}
