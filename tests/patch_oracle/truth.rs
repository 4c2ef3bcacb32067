//! What is true: each record's statements, applied one after the other to one JSON record, and the
//! mapping applied to the result.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::evaluate::{OracleRow, StatedRecord, condition_holds, fill_column, rows_of, scopes_of};
use super::judge::EventVerdict;
use super::shape::{Formula, PathStart, RecordShape, RowKind};
use super::source::{EventDeed, SourceShape};
use super::values::{PathScope, apply_patch, carries, key_texts, natural_id};

/// An event of a source.
#[derive(Clone, Debug)]
pub(super) struct OracleEvent {
    pub(super) value: Value,
    pub(super) deed: EventDeed,
    /// The parts of its record's key, in their one spelling.
    pub(super) key: Vec<String>,
    pub(super) version: Option<i64>,
    /// Microseconds and nanoseconds beyond them.
    pub(super) time: (i64, i64),
    /// The record that it carries.
    pub(super) body: Value,
    pub(super) verdict: EventVerdict,
}

impl OracleEvent {
    fn kind(&self) -> &str {
        self.value["eventType"].as_str().unwrap()
    }
}

/// The rows of a table by id.
pub(super) type TableRows = BTreeMap<String, BTreeMap<String, String>>;

/// The rows that a source's events give, after those of `log` came, by table.
pub(super) fn expected_rows(
    source: &SourceShape,
    events: &[OracleEvent],
    log: &[usize],
) -> BTreeMap<&'static str, TableRows> {
    let accepted = first_places(events, log);
    let mut tables: BTreeMap<&'static str, TableRows> = BTreeMap::new();
    for record in &source.records {
        let rows = match record.kind {
            RowKind::Entity | RowKind::Set => owned_rows(source, record, events, &accepted),
            RowKind::Shared => shared_rows(record, events, &accepted),
            RowKind::Log => log_rows(record, events, &accepted),
        };
        let table = tables.entry(record.table).or_default();
        for (row, key) in rows {
            let mut columns = row.columns;
            columns.insert("source_record_id".to_owned(), key.join("/"));
            let before = table.insert(row.pole_id, columns);
            assert!(before.is_none(), "the generator gave two rows one id");
        }
    }
    tables
}

/// The accepted events, each with its first place in the log.
fn first_places(events: &[OracleEvent], log: &[usize]) -> Vec<(usize, usize)> {
    let mut seen = BTreeSet::new();
    log.iter()
        .enumerate()
        .filter(|(_, event)| seen.insert(**event))
        .map(|(place, event)| (*event, place))
        .filter(|(event, _)| {
            let event = &events[*event];
            event.verdict == EventVerdict::Accepted && event.deed != EventDeed::Ignore
        })
        .collect()
}

type KeyedRow = (OracleRow, Vec<String>);

/// The rows of kind `entity` and `set`: those of each owner's record as it is at last.
fn owned_rows(
    source: &SourceShape,
    record: &RecordShape,
    events: &[OracleEvent],
    accepted: &[(usize, usize)],
) -> Vec<KeyedRow> {
    let mut owners: BTreeMap<&[String], Vec<(usize, usize)>> = BTreeMap::new();
    for (event, place) in accepted {
        if record.hears(events[*event].kind()) {
            let statements = owners.entry(&events[*event].key).or_default();
            statements.push((*event, *place));
        }
    }

    let mut rows = Vec::new();
    for (key, mut statements) in owners {
        statements.sort_by_key(|(event, place)| {
            let event = &events[*event];
            (event.version, event.time, *place)
        });
        let statements = statements.iter().map(|(event, _)| &events[*event]);
        let Some((body, event)) = resolve(record, statements) else {
            continue;
        };
        let owner = source.owner_id(key);
        let stated = StatedRecord {
            event,
            body: &body,
            owner: &owner,
        };
        // A record of the mapping that is at fault has no rows, and stops no other.
        let found = rows_of(record, &stated).unwrap_or_default();
        rows.extend(found.into_iter().map(|row| (row, key.to_vec())));
    }
    rows
}

/// The record after its statements, and the event by which the mapping's record knows it; none
/// where there is no record.
fn resolve<'e>(
    record: &RecordShape,
    statements: impl Iterator<Item = &'e OracleEvent>,
) -> Option<(Value, &'e Value)> {
    let nothing = || Value::Object(Map::new());
    let (mut body, mut is_deleted) = (None, false);
    let (mut latest, mut latest_touching) = (None, None);
    for statement in statements {
        match statement.deed {
            EventDeed::Whole => {
                body = Some(statement.body.clone());
                is_deleted = false;
                latest_touching = Some(&statement.value);
            }
            EventDeed::Delete => {
                (body, latest_touching, is_deleted) = (None, None, true);
            }
            EventDeed::Patch if is_deleted => continue,
            EventDeed::Patch | EventDeed::CreateOrPatch => {
                // A patch that brings a record back begins it, as a whole state does.
                let begins = std::mem::take(&mut is_deleted);
                apply_patch(body.get_or_insert_with(nothing), &statement.body);
                if begins || touches(record, &statement.body) {
                    latest_touching = Some(&statement.value);
                }
            }
            EventDeed::Ignore => continue,
        }
        latest = Some(&statement.value);
    }
    Some((body?, latest_touching.or(latest)?))
}

/// Whether a patch carries anything of the record that the mapping's record reads.
fn touches(record: &RecordShape, patch: &Value) -> bool {
    let in_list = !record.lists.is_empty();
    let reads_outside = |formula: &&Formula| {
        formula.paths().iter().any(|path| match path.start {
            PathStart::Event => false,
            PathStart::Body => carries(patch, &path.hops),
            // Of a plain list, the parent is the body.
            PathStart::Parent if record.lists.len() < 2 => carries(patch, &path.hops),
            PathStart::Item if !in_list => carries(patch, &path.hops),
            PathStart::Item | PathStart::Parent => false,
        })
    };
    let carries_list = record
        .lists
        .first()
        .is_some_and(|list| patch.get(*list).is_some());
    carries_list || record.formulas().iter().any(reads_outside)
}

/// A row for each event.
fn log_rows(
    record: &RecordShape,
    events: &[OracleEvent],
    accepted: &[(usize, usize)],
) -> Vec<KeyedRow> {
    let mut rows = Vec::new();
    for (event, _) in accepted {
        let event = &events[*event];
        if record.hears(event.kind()) {
            let stated = StatedRecord {
                event: &event.value,
                body: &event.body,
                owner: "",
            };
            let found = rows_of(record, &stated).unwrap_or_default();
            rows.extend(found.into_iter().map(|row| (row, event.key.clone())));
        }
    }
    rows
}

/// The rows that records share: the last that is stated in full, and the columns of later patches.
/// Time alone ranks them.
fn shared_rows(
    record: &RecordShape,
    events: &[OracleEvent],
    accepted: &[(usize, usize)],
) -> Vec<KeyedRow> {
    let mut order: Vec<&(usize, usize)> = accepted.iter().collect();
    order.sort_by_key(|(event, place)| (events[*event].time, *place));
    let mut rows: BTreeMap<String, (BTreeMap<String, String>, Vec<String>)> = BTreeMap::new();
    for (event, _) in order {
        let event = &events[*event];
        if event.deed == EventDeed::Delete || !record.hears(event.kind()) {
            continue;
        }
        let mut stated = BTreeSet::new();
        for scope in scopes_of(record, &event.value, &event.body) {
            let Some(id) = shared_id(record, &scope) else {
                continue;
            };
            // Of items with one key, the first counts.
            if !stated.insert(id.clone()) {
                continue;
            }
            let is_patch = event.deed != EventDeed::Whole;
            if is_patch && !states_any(record, &scope) {
                stated.remove(&id);
                continue;
            }
            let row = rows.entry(id).or_default();
            if !is_patch {
                row.0.clear();
            }
            row.1.clone_from(&event.key);
            fill_shared(record, &scope, is_patch, &mut row.0);
        }
    }
    rows.into_iter()
        .map(|(pole_id, (columns, key))| (OracleRow { pole_id, columns }, key))
        .collect()
}

fn shared_id(record: &RecordShape, scope: &PathScope<'_>) -> Option<String> {
    let super::shape::IdentityShape::Natural(namespace, key) = &record.id else {
        return None;
    };
    let holds = condition_holds(record, scope) == Ok(true);
    let key = key_texts(key, scope).ok().flatten().filter(|_| holds)?;
    Some(natural_id(namespace, &key))
}

/// Whether a patch states a value of the row.
fn states_any(record: &RecordShape, scope: &PathScope<'_>) -> bool {
    let formulas = record.columns.iter().map(|column| &column.formula);
    formulas
        .flat_map(Formula::paths)
        .any(|path| path.start != PathStart::Event && carries(scope.start(path), &path.hops))
}

/// Fills the row's columns; by a patch, those that it carries.
fn fill_shared(
    record: &RecordShape,
    scope: &PathScope<'_>,
    is_patch: bool,
    row: &mut BTreeMap<String, String>,
) {
    for column in &record.columns {
        let paths = column.formula.paths();
        let is_stated = paths
            .iter()
            .all(|path| carries(scope.start(path), &path.hops));
        if is_patch && !is_stated {
            continue;
        }
        row.remove(column.column);
        if let Ok(Some(text)) = fill_column(record, column, scope) {
            row.insert(column.column.to_owned(), text);
        }
    }
}
