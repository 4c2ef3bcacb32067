//! The oracle's rows of one record of a mapping, from one record of a source.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::shape::{
    ColumnShape, EndShape, Formula, IdentityShape, PathStart, RecordShape, RowKind,
};
use super::tables::column_type;
use super::values::{
    Datum, PathScope, Unfit, datum_of, evaluate, key_texts, link_id, natural_id, owned_id,
};

/// A row that a snapshot must have.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct OracleRow {
    pub(super) pole_id: String,
    /// Its columns, with `owner_set` and without the other columns of provenance.
    pub(super) columns: BTreeMap<String, String>,
}

/// What rows are made from: a record as if its whole state had come, and the event that says so.
#[derive(Clone, Copy)]
pub(super) struct StatedRecord<'v> {
    pub(super) event: &'v Value,
    pub(super) body: &'v Value,
    /// The id of the record that owns the rows of sets.
    pub(super) owner: &'v str,
}

/// The rows of a record of the mapping; none of them, where one of them is at fault.
pub(super) fn rows_of(
    record: &RecordShape,
    stated: &StatedRecord<'_>,
) -> Result<Vec<OracleRow>, Unfit> {
    let mut rows: Vec<OracleRow> = Vec::new();
    for scope in scopes_of(record, stated.event, stated.body) {
        rows.extend(row_of(record, stated.owner, &scope)?);
    }
    let ids: BTreeSet<&String> = rows.iter().map(|row| &row.pole_id).collect();
    let is_list = !record.lists.is_empty() && record.kind != RowKind::Shared;
    if is_list && ids.len() < rows.len() {
        return Err(Unfit);
    }
    Ok(rows)
}

/// The scope of each item of the record's lists; of the body, where there are none.
pub(super) fn scopes_of<'v>(
    record: &RecordShape,
    event: &'v Value,
    body: &'v Value,
) -> Vec<PathScope<'v>> {
    let mut scopes = vec![PathScope {
        event,
        body,
        parent: body,
        item: body,
    }];
    for list in &record.lists {
        scopes = scopes
            .into_iter()
            .flat_map(|scope| {
                let items = scope.item.get(*list).and_then(Value::as_array);
                items.into_iter().flatten().map(move |item| PathScope {
                    parent: scope.item,
                    item,
                    ..scope
                })
            })
            .collect();
    }
    scopes
}

fn row_of(
    record: &RecordShape,
    owner: &str,
    scope: &PathScope<'_>,
) -> Result<Option<OracleRow>, Unfit> {
    if !condition_holds(record, scope)? {
        return Ok(None);
    }
    let mut columns = BTreeMap::new();
    let Some(pole_id) = identify(record, owner, scope, &mut columns)? else {
        return match record.kind {
            RowKind::Entity => Err(Unfit),
            _ => check_item_key(record, &record.id.key_parts(), scope).map(|()| None),
        };
    };
    for column in &record.columns {
        let (held, required) = column_type(record.table, column.column);
        match fill_column(record, column, scope)? {
            Some(text) => drop(columns.insert(column.column.to_owned(), text)),
            None if !required => keep_raw(column, scope, held, &mut columns),
            None => match &column.formula {
                Formula::IdOf(_, key) if record.kind != RowKind::Entity => {
                    let key: Vec<&Formula> = key.iter().collect();
                    return check_item_key(record, &key, scope).map(|()| None);
                }
                _ => return Err(Unfit),
            },
        }
    }
    if record.kind == RowKind::Set {
        columns.insert("owner_set".to_owned(), record.name.clone());
    }
    Ok(Some(OracleRow { pole_id, columns }))
}

pub(super) fn condition_holds(record: &RecordShape, scope: &PathScope<'_>) -> Result<bool, Unfit> {
    let Some(when) = &record.when else {
        return Ok(true);
    };
    let value = evaluate(&when.value, scope)?;
    let mut wanted = when.is.iter().map(|wanted| datum_of(Some(wanted)));
    let is_listed = when.is.is_empty() || wanted.any(|wanted| wanted == value);
    let is_present = value != Datum::Nothing;
    Ok(is_listed && when.present.is_none_or(|present| present == is_present))
}

/// The row's id; none where its key has no value. The columns of a link are filled on the way.
pub(super) fn identify(
    record: &RecordShape,
    owner: &str,
    scope: &PathScope<'_>,
    columns: &mut BTreeMap<String, String>,
) -> Result<Option<String>, Unfit> {
    Ok(match &record.id {
        IdentityShape::Natural(namespace, key) => {
            key_texts(key, scope)?.map(|key| natural_id(namespace, &key))
        }
        IdentityShape::Owned(key) => {
            key_texts(key, scope)?.map(|key| owned_id(owner, &record.name, &key))
        }
        IdentityShape::Link {
            from,
            to,
            kind,
            role,
        } => {
            let (Some(from_id), Some(to_id)) = (end_id(from, scope)?, end_id(to, scope)?) else {
                return Ok(None);
            };
            let role = match role {
                Some(role) => evaluate(role, scope)?.into_text(),
                None => None,
            };
            let filled = [
                ("from_id", Some(from_id.clone())),
                ("from_table", Some(from.table.to_owned())),
                ("to_id", Some(to_id.clone())),
                ("to_table", Some(to.table.to_owned())),
                ("link_type", Some(kind.clone())),
                ("role", role.clone()),
            ];
            let filled = filled.into_iter();
            columns.extend(filled.filter_map(|(name, value)| Some((name.to_owned(), value?))));
            let role = role.unwrap_or_default();
            Some(link_id(owner, &from_id, &to_id, kind, &role))
        }
    })
}

fn end_id(end: &EndShape, scope: &PathScope<'_>) -> Result<Option<String>, Unfit> {
    let key = key_texts(&end.key, scope)?;
    Ok(key.map(|key| natural_id(&end.namespace, &key)))
}

/// An item of a list whose key is missing is a fault; a key outside of the item is not the item's.
pub(super) fn check_item_key(
    record: &RecordShape,
    key: &[&Formula],
    scope: &PathScope<'_>,
) -> Result<(), Unfit> {
    let is_missing = |part: &&&Formula| {
        let paths = part.paths();
        let is_of_item = paths
            .iter()
            .any(|path| matches!(path.start, PathStart::Item | PathStart::Parent));
        let has_content = paths
            .iter()
            .any(|path| datum_of(scope.at(path)) != Datum::Nothing);
        is_of_item && !has_content
    };
    if !record.lists.is_empty() && key.iter().any(|part| is_missing(&part)) {
        return Err(Unfit);
    }
    Ok(())
}

/// A column's text.
pub(super) fn fill_column(
    record: &RecordShape,
    column: &ColumnShape,
    scope: &PathScope<'_>,
) -> Result<Option<String>, Unfit> {
    let (held, _) = column_type(record.table, column.column);
    match evaluate(&column.formula, scope).and_then(|datum| datum.held_as(held)) {
        Err(Unfit) if column.keep_raw.is_some() => Ok(None),
        filled => filled,
    }
}

/// Keeps the text that a column could not read.
fn keep_raw(
    column: &ColumnShape,
    scope: &PathScope<'_>,
    held: super::tables::HeldType,
    columns: &mut BTreeMap<String, String>,
) {
    let Some(raw) = column.keep_raw else { return };
    let datum = evaluate(&column.formula, scope).unwrap_or(Datum::Nothing);
    if datum.clone().held_as(held).is_err()
        && let Some(text) = datum.into_text()
    {
        columns.insert(raw.to_owned(), text);
    }
}
