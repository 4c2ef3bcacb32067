//! What events of wrong types and of every kind of number become: a small source, its table, and
//! the rows that it gives.

mod lists;
mod numbers;
mod types;

use std::sync::LazyLock;

use pole::{IdentityKey, PROVENANCE, ProvenanceKind, RowOperation};

use super::EvaluatedEvent;
use crate::catalogue::Catalogue;
use crate::cell::Cell;
use crate::event::Event;
use crate::fault::EventFault;
use crate::file::DeclaredFile;
use crate::problem::Problem;
use crate::structure::ContractFindings;

static TEST_KEY: LazyLock<IdentityKey> = LazyLock::new(IdentityKey::for_tests);

const CONTRACT: &str = "apiVersion: v3.2.0
kind: DataContract
id: shop
name: Shop
version: 1.0.0
status: active
schema:
  - name: thing
    properties:
      - {name: id, logicalType: string, required: true, customProperties: [{property: polelake, value: {accepts: [number]}}]}
      - {name: type, logicalType: string}
      - {name: name, logicalType: string, required: true}
      - {name: other, logicalType: string}
      - {name: rent, logicalType: number}
      - {name: rounded, logicalType: number}
      - {name: pages, logicalType: integer}
      - {name: width, logicalType: number}
      - {name: is_open, logicalType: boolean}
      - {name: born, logicalType: date}
      - {name: money, logicalType: string}
      - {name: code, logicalType: number, customProperties: [{property: polelake, value: {accepts: [string]}}]}
      - {name: free, logicalType: object}
      - {name: tags, logicalType: array, items: {logicalType: string}}
      - name: person
        logicalType: object
        properties: [{name: id, logicalType: string}, {name: surname, logicalType: string, required: true}]
      - name: parts
        logicalType: array
        items: {logicalType: object, properties: [{name: id, logicalType: string}, {name: label, logicalType: string}]}
      - name: loose
        logicalType: array
        customProperties: [{property: polelake, value: {single-item: as-list}}]
        items: {logicalType: object, properties: [{name: id, logicalType: string}]}
      - name: doc
        logicalType: object
        customProperties: [{property: polelake, value: {encoded: json}}]
        properties: [{name: note, logicalType: string}, {name: amount, logicalType: number}]
customProperties:
  - property: polelake
    value:
      topic: shop
      envelope: plain
      key: [$.id]
      event_type: $.type
      event_type_default: Whole
      event_time_default: '2026-01-01T00:00:00Z'
      events: {Whole: upsert, Part: patch, Gone: delete}
      push: {principals: ['arn:aws:iam::000000000000:role/shop']}
";

const MAPPING: &str = "source: shop
version: 1.0.0
sentinels: ['1900-01-01']
records:
  - name: thing
    table: thing
    id: {namespace: shop, key: [$.id]}
    columns:
      name: $.name
      known_as: {coalesce: [$.other, $.name]}
      rent: $.rent
      rounded: {value: $.rounded, round: half-even}
      money: {parse: {from: $.money, as: decimal, formats: ['1,234.56']}}
      pages: $.pages
      width: $.width
      is_open: $.is_open
      code: $.code
      note: $.doc.note
      born: {value: $.born, unreadable: null-and-count, keep_raw: born_raw}
  - {name: parts, table: part, kind: set, for_each: '$.parts[*]', id: {key: [$.id]}, columns: {label: $.label}}
  - {name: loose, table: part, kind: set, for_each: '$.loose[*]', id: {key: [$.id]}}
  - {name: free, table: part, kind: set, for_each: '$.free.items[*]', id: {key: [$.id]}}
  - {name: person, table: part, kind: set, id: {key: [$.person.id]}, columns: {label: $.person.surname}}
";

/// The table's own columns with their types.
const THING: [(&str, &str, &str); 12] = [
    ("name", "string", "string"),
    ("known_as", "string", "string"),
    ("rent", "number", "'decimal(12,2)'"),
    ("rounded", "number", "'decimal(12,2)'"),
    ("money", "number", "'decimal(12,2)'"),
    ("pages", "integer", "bigint"),
    ("width", "number", "double"),
    ("is_open", "boolean", "boolean"),
    ("code", "string", "string"),
    ("note", "string", "string"),
    ("born", "date", "date"),
    ("born_raw", "string", "string"),
];

const PART: [(&str, &str, &str); 1] = [("label", "string", "string")];

fn table_file(name: &str, own: &[(&str, &str, &str)]) -> DeclaredFile {
    let provenance = PROVENANCE.iter().map(|column| {
        let (logical, physical) = match column.kind {
            ProvenanceKind::Text => ("string", "string"),
            ProvenanceKind::Integer => ("integer", "bigint"),
            ProvenanceKind::Timestamp => ("timestamp", "timestamp"),
        };
        (column.name, logical, physical, column.required)
    });
    let own = own
        .iter()
        .map(|(name, logical, physical)| (*name, *logical, *physical, false));
    let mut text = format!(
        "apiVersion: v3.1.0\nkind: DataContract\nid: pole-{name}\nversion: 1.0.0\nstatus: active\n\
         schema:\n  - name: {name}\n    properties:\n"
    );
    for (name, logical, physical, required) in provenance.chain(own) {
        text += &format!(
            "      - {{name: {name}, logicalType: {logical}, physicalType: {physical}, \
             required: {required}, classification: internal}}\n"
        );
    }
    text += "customProperties: [{property: polelake, value: {family: object}}]\n";
    DeclaredFile::new(format!("pole/{name}.odcs.yaml"), text)
}

/// The source, with changes of its contract's text.
fn shop_with(changes: &[(&str, &str)]) -> Catalogue {
    let mut contract = CONTRACT.to_owned();
    for (from, to) in changes {
        assert!(contract.contains(from), "{from}");
        contract = contract.replace(from, to);
    }
    compile_shop(contract, MAPPING.to_owned()).unwrap()
}

fn compile_shop(contract: String, mapping: String) -> Result<Catalogue, Vec<Problem>> {
    Catalogue::compile(&[
        table_file("thing", &THING),
        table_file("part", &PART),
        DeclaredFile::new("sources/shop/contract.odcs.yaml", contract),
        DeclaredFile::new("sources/shop/mapping.yaml", mapping),
    ])
}

fn shop() -> Catalogue {
    shop_with(&[])
}

/// A row as its operation and its own columns that have a value.
type ShownRow = (RowOperation, Vec<(String, String)>);

/// The rows of an event, and what was counted.
fn rows_of(
    shop: &Catalogue,
    event: &[u8],
) -> Result<(Vec<ShownRow>, ContractFindings), EventFault> {
    let mapping = shop.mapping_of_source("shop").unwrap();
    let event = Event::parse(&mapping.contract, event, None)?;
    let mut findings = ContractFindings::default();
    mapping.count_findings(&event, &mut findings);

    let EvaluatedEvent::Rows(rows) =
        mapping.evaluate_and_count(&event, &TEST_KEY, &mut findings)?
    else {
        return Ok((Vec::new(), findings));
    };
    let shown = rows.into_iter().map(|row| {
        let columns = &shop.tables[row.table].columns;
        let named = columns.iter().zip(row.cells).skip(PROVENANCE.len());
        let filled = named.filter(|(_, cell)| *cell != Cell::Null);
        let texts = filled.map(|(column, cell)| {
            (
                column.name.clone(),
                cell.into_text().unwrap_or_default().into_owned(),
            )
        });
        (row.op, texts.collect())
    });
    Ok((shown.collect(), findings))
}

/// A whole record with these further members.
fn whole(members: &str) -> String {
    let comma = if members.is_empty() { "" } else { ", " };
    format!(r#"{{"id": "1", "name": "A"{comma}{members}}}"#)
}

/// The value of a column of the event's own row; none when it is null.
fn column_of(event: &str, column: &str) -> Option<String> {
    let (rows, _) =
        rows_of(&shop(), event.as_bytes()).unwrap_or_else(|fault| panic!("{event}: {fault}"));
    let (_, cells) = rows.into_iter().next().unwrap();
    cells
        .into_iter()
        .find(|(name, _)| name == column)
        .map(|(_, text)| text)
}

/// The rule and path under which an event is refused.
fn refusal(event: &str) -> (String, String) {
    match rows_of(&shop(), event.as_bytes()) {
        Ok((rows, _)) => panic!("{event} gives {rows:?}"),
        Err(fault) => (fault.rule, fault.path),
    }
}

fn assert_refused(event: &str, rule: &str, path: &str) {
    let (found_rule, found_path) = refusal(event);
    assert_eq!(
        (found_rule.as_str(), found_path.as_str()),
        (rule, path),
        "{event}"
    );
}
