//! The published columns of each table, and the changes since the first publication.

use std::collections::BTreeMap;

use contract::{Catalogue, TableContract};
use serde::{Deserialize, Serialize};

/// The most changes that are retained for a table.
const CHANGES_MAX: usize = 50;

/// Every table's columns, stored with the pages as `schemas.json`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct PublishedSchemas(BTreeMap<String, PublishedTableSchema>);

/// A table as it was last published.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PublishedTableSchema {
    /// The contract's version.
    pub(super) version: String,
    /// The columns' types, by name.
    pub(super) columns: BTreeMap<String, String>,
    /// What changed, newest first.
    pub(super) changes: Vec<PublishedSchemaChange>,
}

/// What changed with a version of a contract.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PublishedSchemaChange {
    /// The day whose report first had this version.
    pub(super) date: String,
    /// The contract's version.
    pub(super) version: String,
    /// Added columns.
    pub(super) added: Vec<String>,
    /// Removed columns.
    pub(super) removed: Vec<String>,
    /// Columns whose type changed, as `name: before → after`.
    pub(super) retyped: Vec<String>,
}

impl PublishedSchemaChange {
    /// Whether a reader of the earlier version may break.
    pub(super) fn breaks_readers(&self) -> bool {
        !self.removed.is_empty() || !self.retyped.is_empty()
    }
}

impl PublishedSchemas {
    /// The table as it was last published.
    pub(super) fn published_table(&self, table: &str) -> Option<&PublishedTableSchema> {
        self.0.get(table)
    }

    /// Records the contracts of a day. Unchanged contracts add no change.
    pub(crate) fn record_contracts(&mut self, catalogue: &Catalogue, date: &str) {
        for table in &catalogue.tables {
            let columns = column_types(table);
            let known = self.0.entry(table.name.clone()).or_default();
            if known.version == table.version && known.columns == columns {
                continue;
            }
            let mut change = PublishedSchemaChange {
                date: date.to_owned(),
                version: table.version.clone(),
                ..PublishedSchemaChange::default()
            };
            // The first version lists no added columns: otherwise it would name every column.
            if !known.columns.is_empty() {
                change.compare_columns(&known.columns, &columns);
            }
            known.changes.insert(0, change);
            known.changes.truncate(CHANGES_MAX);
            (known.version, known.columns) = (table.version.clone(), columns);
        }
    }
}

impl PublishedSchemaChange {
    fn compare_columns(
        &mut self,
        before: &BTreeMap<String, String>,
        after: &BTreeMap<String, String>,
    ) {
        let only = |these: &BTreeMap<String, String>, those: &BTreeMap<String, String>| {
            these
                .keys()
                .filter(|name| !those.contains_key(*name))
                .cloned()
                .collect()
        };
        (self.added, self.removed) = (only(after, before), only(before, after));
        let both = after
            .iter()
            .filter_map(|(name, kind)| Some((name, before.get(name)?, kind)));
        self.retyped = both
            .filter(|(_, old, new)| old != new)
            .map(|(name, old, new)| format!("{name}: {old} → {new}"))
            .collect();
    }
}

fn column_types(table: &TableContract) -> BTreeMap<String, String> {
    table
        .columns
        .iter()
        .map(|column| (column.name.clone(), column.kind.glue_type()))
        .collect()
}

/// Describes a change of a table's columns in words.
pub(super) fn describe_schema_change(change: &PublishedSchemaChange) -> String {
    let parts = [
        ("Added", &change.added),
        ("Removed", &change.removed),
        ("Changed type", &change.retyped),
    ];
    let sentences: Vec<String> = parts
        .iter()
        .filter(|(_, names)| !names.is_empty())
        .map(|(label, names)| format!("{label}: {}.", names.join(", ")))
        .collect();

    if sentences.is_empty() {
        "First published version, or the same columns with other rules or descriptions.".into()
    } else {
        sentences.join(" ")
    }
}
