//! Which events break the contract by themselves: they are quarantined, and state nothing.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::evaluate::{StatedRecord, check_item_key, fill_column, identify, rows_of, scopes_of};
use super::fields::{RECORD, fits_members};
use super::shape::{Formula, MappedPath, PathStart, RecordShape, RowKind};
use super::source::SourceShape;
use super::tables::column_type;
use super::values::{Datum, PathScope, carries, datum_of};

/// What becomes of an event.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum EventVerdict {
    Accepted,
    Refused,
    /// The rules leave it open whether a patch with so little in it breaks the contract: the
    /// generator makes another.
    Unclear,
}

/// Judges an event that states a whole record.
pub(super) fn judge_whole(source: &SourceShape, event: &Value, body: &Value) -> EventVerdict {
    let is_complete = !source.requires_code || datum_of(body.get("code")) != Datum::Nothing;
    if !fits_members(RECORD, body) || !is_complete {
        return EventVerdict::Refused;
    }
    let stated = StatedRecord {
        event,
        body,
        owner: NO_OWNER,
    };
    let mut records = heard_records(source, event);
    match records.all(|record| rows_of(record, &stated).is_ok()) {
        true => EventVerdict::Accepted,
        false => EventVerdict::Refused,
    }
}

/// Judges a patch by the fields that it carries.
pub(super) fn judge_patch(source: &SourceShape, event: &Value, body: &Value) -> EventVerdict {
    let code = body.get("code");
    let takes_code = source.requires_code && code.is_some() && datum_of(code) == Datum::Nothing;
    if !fits_members(RECORD, body) || takes_code {
        return EventVerdict::Refused;
    }
    let is_certain = heard_records(source, event).any(|record| {
        has_certain_fault(record, event, body) || has_list_fault(record, event, body)
    });
    if is_certain {
        return EventVerdict::Refused;
    }
    let mut records = heard_records(source, event);
    match records.any(|record| may_be_at_fault(record, event, body)) {
        true => EventVerdict::Unclear,
        false => EventVerdict::Accepted,
    }
}

/// Ids matter to no verdict, but that two are the same.
const NO_OWNER: &str = "00000000-0000-8000-8000-000000000000";

fn heard_records<'s>(
    source: &'s SourceShape,
    event: &Value,
) -> impl Iterator<Item = &'s RecordShape> {
    let kind = event["eventType"].as_str().unwrap_or_default().to_owned();
    source
        .records
        .iter()
        .filter(move |record| record.hears(&kind))
}

/// Whether a row that is always there has a column that the patch states in full, and wrongly.
fn has_certain_fault(record: &RecordShape, event: &Value, body: &Value) -> bool {
    let is_always_there =
        record.kind == RowKind::Entity && record.when.is_none() && record.events.is_empty();
    if !is_always_there {
        return false;
    }
    let scope = scopes_of(record, event, body)[0];
    record.columns.iter().any(|column| {
        states_all(&column.formula, &scope, false) && fill_column(record, column, &scope).is_err()
    })
}

/// Whether the patch carries a list of which two items have one key, or one item has none.
fn has_list_fault(record: &RecordShape, event: &Value, body: &Value) -> bool {
    let keys_are_items = record
        .id
        .key_parts()
        .iter()
        .flat_map(|part| part.paths())
        .all(|path| path.start != PathStart::Body);
    let is_plain = record.kind == RowKind::Set && record.when.is_none() && names_no_other(record);
    is_plain && keys_are_items && has_key_fault(record, event, body)
}

/// Whether no required column names another record, without which there would be no row.
fn names_no_other(record: &RecordShape) -> bool {
    record
        .columns
        .iter()
        .filter(|column| matches!(column.formula, Formula::IdOf(..)))
        .flat_map(|column| column.formula.paths())
        .all(|path| path.start == PathStart::Event)
}

fn has_key_fault(record: &RecordShape, event: &Value, body: &Value) -> bool {
    let mut ids = BTreeSet::new();
    let is_list = !record.lists.is_empty() && record.kind != RowKind::Shared;
    scopes_of(record, event, body).iter().any(|scope| {
        match identify(record, NO_OWNER, scope, &mut BTreeMap::new()) {
            Ok(Some(id)) => !ids.insert(id) && is_list,
            Ok(None) => check_item_key(record, &record.id.key_parts(), scope).is_err(),
            Err(_) => true,
        }
    })
}

/// Whether any reading of the rules could find a fault in the patch alone.
fn may_be_at_fault(record: &RecordShape, event: &Value, body: &Value) -> bool {
    let mut scopes = scopes_of(record, event, body).into_iter();
    has_key_fault(record, event, body)
        || scopes.any(|scope| {
            record
                .columns
                .iter()
                .any(|column| match fill_column(record, column, &scope) {
                    Err(_) => true,
                    Ok(Some(_)) => false,
                    Ok(None) => {
                        let (_, required) = column_type(record.table, column.column);
                        required && states_all(&column.formula, &scope, !record.lists.is_empty())
                    }
                })
        })
}

/// Whether a patch states all of the record that a formula reads, and reads any of it.
fn states_all(formula: &Formula, scope: &PathScope<'_>, in_list: bool) -> bool {
    let mut paths = formula.paths();
    paths.retain(|path| path.start != PathStart::Event);
    let is_stated = |path: &&MappedPath| {
        let is_of_item = in_list && path.start != PathStart::Body;
        is_of_item || carries(scope.start(path), &path.hops)
    };
    !paths.is_empty() && paths.iter().all(is_stated)
}
