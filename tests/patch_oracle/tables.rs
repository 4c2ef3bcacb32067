//! The tables that generated mappings fill: few columns, so that thousands of days are quick.

use contract::DeclaredFile;
use pole::{PROVENANCE, ProvenanceKind};
use serde_json::{Value, json};

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum HeldType {
    Text,
    Date,
    Whole,
    Truth,
}

/// A table: its name, its family, its columns and whether each is required.
pub(super) struct OracleTable {
    pub(super) name: &'static str,
    family: &'static str,
    columns: &'static [(&'static str, HeldType, bool)],
}

use HeldType::{Date, Text, Truth, Whole};

pub(super) const TABLES: [OracleTable; 6] = [
    OracleTable {
        name: "thing",
        family: "person",
        columns: &[
            ("name", Text, false),
            ("label", Text, false),
            ("born", Date, false),
            ("born_raw", Text, false),
            ("number", Whole, false),
            ("active", Truth, false),
            ("seen_type", Text, false),
            ("seen_at", Text, false),
        ],
    },
    OracleTable {
        name: "fact",
        family: "object",
        columns: &[("statement", Text, true), ("label", Text, false)],
    },
    OracleTable {
        name: "part",
        family: "object",
        columns: &[
            ("thing_id", Text, true),
            ("label", Text, false),
            ("kind", Text, false),
            ("number", Whole, false),
            ("of_name", Text, false),
            ("born", Date, false),
            ("seen_type", Text, false),
        ],
    },
    OracleTable {
        name: "bond",
        family: "link",
        columns: &[
            ("from_id", Text, true),
            ("from_table", Text, true),
            ("to_id", Text, true),
            ("to_table", Text, true),
            ("link_type", Text, true),
            ("role", Text, false),
            ("label", Text, false),
            ("active", Truth, false),
        ],
    },
    OracleTable {
        name: "place",
        family: "location",
        columns: &[
            ("place_type", Text, true),
            ("label", Text, false),
            ("kind", Text, false),
        ],
    },
    OracleTable {
        name: "note",
        family: "event",
        columns: &[
            ("note_type", Text, true),
            ("reference", Text, false),
            ("occurred", Text, false),
        ],
    },
];

/// The type of a table's column, and whether it is required.
pub(super) fn column_type(table: &str, column: &str) -> (HeldType, bool) {
    let table = TABLES.iter().find(|known| known.name == table).unwrap();
    let found = table.columns.iter().find(|(name, ..)| *name == column);
    let (_, held, required) = found.unwrap();
    (*held, *required)
}

fn property(name: &str, physical: &str, required: bool) -> Value {
    let logical = match physical {
        "bigint" => "integer",
        other => other,
    };
    json!({
        "name": name, "logicalType": logical, "physicalType": physical, "required": required,
        "classification": "internal", "description": name,
    })
}

fn table_contract(table: &OracleTable) -> Value {
    let provenance = PROVENANCE.iter().map(|column| {
        let physical = match column.kind {
            ProvenanceKind::Text => "string",
            ProvenanceKind::Integer => "bigint",
            ProvenanceKind::Timestamp => "timestamp",
        };
        property(column.name, physical, column.required)
    });
    let own = table.columns.iter().map(|(name, held, required)| {
        let physical = match held {
            Text => "string",
            Date => "date",
            Whole => "bigint",
            Truth => "boolean",
        };
        property(name, physical, *required)
    });
    json!({
        "apiVersion": "v3.2.0", "kind": "DataContract", "id": format!("pole-{}", table.name),
        "name": table.name, "version": "1.0.0", "status": "active",
        "schema": [{
            "name": table.name, "logicalType": "object",
            "properties": provenance.chain(own).collect::<Vec<_>>(),
        }],
        "customProperties": [{"property": "polelake", "value": {"family": table.family}}],
    })
}

/// The tables' contracts. JSON is YAML too.
pub(super) fn table_files() -> Vec<DeclaredFile> {
    let file = |table: &OracleTable| {
        let path = format!("pole/{}.odcs.yaml", table.name);
        DeclaredFile::new(path, table_contract(table).to_string())
    };
    TABLES.iter().map(file).collect()
}
