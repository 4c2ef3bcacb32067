//! The source of the fuzz test: fields of every type, required and optional, lists, leniencies;
//! and two tables with columns of every type.

use std::collections::BTreeMap;
use std::fmt::{Display, Write};
use std::sync::LazyLock;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal128Type, Float64Type, Int64Type, TimestampMicrosecondType,
};
use arrow_array::{Array, ArrowPrimitiveType, RecordBatch};
use bytes::Bytes;
use contract::{Catalogue, DeclaredFile};
use lake::{Chunk, QuarantinedRecord, RawRecord, Receipt};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use pole::IdentityKey;
use pole_transform::LandedObject;

use crate::days_in_memory::contracts;

/// When every record arrives: 2026-06-15T20:00:00Z, in microseconds since 1970.
pub(super) const ARRIVAL: i64 = 1_781_553_600_000_000;

const CONTRACT: &str = "apiVersion: v3.2.0
kind: DataContract
id: test-fuzz
name: Fuzz
version: 1.0.0
status: active
domain: test
description: {purpose: 'Values of every form', limitations: 'Synthetic'}
team: {name: test}
support:
  - {channel: Test, tool: email, url: 'mailto:test@example.org', description: 'All'}
schema:
  - name: thing
    physicalName: test-fuzz
    physicalType: topic
    logicalType: object
    description: 'One thing'
    properties:
FIELDS
customProperties:
  - property: polelake
    vendor: polelake
    value:
      topic: test-fuzz
      envelope: plain
      key: [$.id]
      event_time: $.at
      event_type: $.type
      events: {put: upsert, set: patch, gone: delete, noted: ignore}
      push: {principals: ['arn:aws:iam::000000000000:role/local-developer']}
";

/// The fields: name, logical type, and what follows it.
const FIELDS: [(&str, &str, &str); 24] = [
    ("id", "string", "required: true, EXT{accepts: [number]}"),
    ("type", "string", "required: true"),
    ("at", "timestamp", "required: true"),
    ("name", "string", "required: true"),
    ("note", "string", ""),
    ("code", "string", "EXT{accepts: [number]}"),
    ("count", "integer", ""),
    ("loose", "integer", "EXT{accepts: [string]}"),
    ("ratio", "number", ""),
    ("flag", "boolean", ""),
    ("fee", "number", ""),
    ("rent", "number", ""),
    ("rate", "number", ""),
    ("wide", "number", ""),
    ("amount", "string", ""),
    ("day", "date", ""),
    ("instant", "timestamp", ""),
    ("epoch", "integer", ""),
    ("born", "string", ""),
    ("blurred", "string", ""),
    ("turned", "string", ""),
    ("clock", "string", ""),
    (
        "details",
        "object",
        "EXT{encoded: json}, properties: [{name: size, logicalType: integer, classification: \
         internal, description: 'Size'}, {name: remark, logicalType: string, classification: \
         internal, description: 'Remark'}]",
    ),
    (
        "tags",
        "array",
        "EXT{single-item: as-list}, items: {logicalType: string}",
    ),
];

const ITEMS: &str = "      - name: items
        logicalType: array
        classification: internal
        description: 'Items'
        items:
          logicalType: object
          properties:
            - {name: id, logicalType: string, classification: internal, description: 'Id', customProperties: [{property: polelake, value: {accepts: [number]}}]}
            - {name: label, logicalType: string, classification: internal, description: 'Label'}
            - {name: price, logicalType: number, classification: internal, description: 'Price'}
            - name: parts
              logicalType: array
              classification: internal
              description: 'Parts'
              items:
                logicalType: object
                properties:
                  - {name: no, logicalType: integer, classification: internal, description: 'Number'}
";

const MAPPING: &str = "source: test-fuzz
version: 1.0.0
sentinels: ['0001-01-01', '1900-01-01']
timezone: Europe/London
records:
  - name: thing
    table: fuzz_thing
    id: {namespace: test-fuzz, key: [$.id]}
    columns:
      name: $.name
      note: $.note
      code: $.code
      joined: {concat: {parts: [$.name, $.note], separator: ' '}}
      count: $.count
      loose: {value: $.loose, unreadable: null-and-count, keep_raw: loose_raw}
      ratio: $.ratio
      flag: $.flag
      fee: $.fee
      rent: {value: $.rent, round: half-even}
      rate: {value: $.rate, round: half-up}
      wide: $.wide
      amount: {parse: {from: $.amount, as: decimal, formats: ['1,234.56']}}
      day: $.day
      instant: $.instant
      epoch: {epoch: {from: $.epoch, unit: millis}}
      born: {parse: {from: $.born, formats: [DD/MM/YY], past: true}}
      blurred: {value: {parse: {from: $.blurred, formats: [DD/MM/YYYY]}}, unreadable: null-and-count, keep_raw: blurred_raw}
      turned: {parse: {from: $.turned, formats: [D MMM YY, iso], pivot: 30}}
      clock: {parse: {from: $.clock, as: time, formats: ['HH:mm']}}
      size: $.details.size
      remark: $.details.remark
  - name: items
    table: fuzz_item
    kind: set
    for_each: $.items[*]
    id: {key: [$.id]}
    columns: {item: $.id, label: $.label, price: $.price}
  - name: parts
    table: fuzz_item
    kind: set
    for_each: ['$.items[*]', '$.parts[*]']
    id: {key: ['parent:$.id', $.no]}
    columns: {item: 'parent:$.id', label: $.no}
  - name: tags
    table: fuzz_item
    kind: set
    for_each: $.tags[*]
    id: {key: [$]}
    columns: {item: $}
";

/// The columns of the thing's table, with their types.
const THING_COLUMNS: [(&str, &str); 24] = [
    ("name", "string"),
    ("note", "string"),
    ("code", "string"),
    ("joined", "string"),
    ("count", "bigint"),
    ("loose", "bigint"),
    ("loose_raw", "string"),
    ("ratio", "double"),
    ("flag", "boolean"),
    ("fee", "decimal(12,2)"),
    ("rent", "decimal(12,2)"),
    ("rate", "decimal(12,2)"),
    ("wide", "decimal(38,18)"),
    ("amount", "decimal(12,2)"),
    ("day", "date"),
    ("instant", "timestamp"),
    ("epoch", "timestamp"),
    ("born", "date"),
    ("blurred", "date"),
    ("blurred_raw", "string"),
    ("turned", "date"),
    ("clock", "string"),
    ("size", "bigint"),
    ("remark", "string"),
];

const ITEM_COLUMNS: [(&str, &str); 3] = [
    ("item", "string"),
    ("label", "string"),
    ("price", "decimal(12,2)"),
];

/// The source's contract, mapping and tables beside the shipped ones.
pub(super) static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| {
    contracts(|files| {
        let mut fields = String::new();
        for (name, logical_type, more) in FIELDS {
            let comma = if more.is_empty() { "" } else { ", " };
            let more = expand_extension(more);
            let _ = writeln!(
                fields,
                "      - {{name: {name}, logicalType: {logical_type}, classification: internal, \
                 description: 'Field'{comma}{more}}}"
            );
        }
        fields.push_str(ITEMS);
        let contract = CONTRACT.replace("FIELDS\n", &fields);
        files.push(DeclaredFile::new(
            "sources/test/fuzz/contract.odcs.yaml",
            contract,
        ));
        let mapping = MAPPING.to_owned();
        files.push(DeclaredFile::new("sources/test/fuzz/mapping.yaml", mapping));

        let shipped = files
            .iter()
            .find(|file| file.path == "pole/object.odcs.yaml");
        let shipped = shipped.unwrap().text().to_owned();
        for (table, columns) in [
            ("fuzz_thing", &THING_COLUMNS[..]),
            ("fuzz_item", &ITEM_COLUMNS),
        ] {
            let path = format!("pole/{table}.odcs.yaml");
            files.push(DeclaredFile::new(
                path,
                table_contract(&shipped, table, columns),
            ));
        }
    })
});

fn expand_extension(more: &str) -> String {
    match more.split_once("EXT{") {
        None => more.to_owned(),
        Some((before, behind)) => {
            let (value, rest) = behind.split_once('}').unwrap();
            format!("{before}customProperties: [{{property: polelake, value: {{{value}}}}}]{rest}")
        }
    }
}

/// A table with the provenance of a shipped one.
fn table_contract(shipped: &str, table: &str, columns: &[(&str, &str)]) -> String {
    let mut text = String::new();
    for line in shipped.lines() {
        let line = match line.trim() {
            "name: object" => "name: TABLE",
            "id: pole-object" => "id: pole-TABLE",
            "- name: object" => "  - name: TABLE",
            "physicalName: object" => "    physicalName: TABLE",
            _ => line,
        };
        let _ = writeln!(text, "{line}");
        if line.contains("{name: event_time_nanos,") {
            break;
        }
    }
    for (name, physical_type) in columns {
        let logical_type = match *physical_type {
            "string" | "boolean" | "date" | "timestamp" => physical_type,
            "bigint" => "integer",
            _ => "number",
        };
        let _ = writeln!(
            text,
            "      - {{name: {name}, logicalType: {logical_type}, physicalType: \
             '{physical_type}', classification: internal, description: 'Column'}}"
        );
    }
    text.push_str(
        "customProperties:\n  - {property: polelake, vendor: polelake, value: {family: object}}\n",
    );
    text.replace("TABLE", table)
}

/// A row as texts by column; a column that is null is left out.
pub(super) type Row = BTreeMap<String, String>;

/// What a batch of events became.
pub(super) struct Transformed {
    pub(super) receipt: Receipt,
    pub(super) things: Vec<Row>,
    pub(super) items: Vec<Row>,
    pub(super) refused: Vec<QuarantinedRecord>,
}

/// Transforms events as one raw object; the offset of each is its place.
pub(super) fn transform(values: &[Vec<u8>]) -> Transformed {
    let plan = CATALOGUE.mapping_of_source("test-fuzz").unwrap();
    let chunk = Chunk {
        topic: "test-fuzz".to_owned(),
        epoch: 1,
        partition: 0,
        offset: 0,
    };
    let record = |(place, value): (usize, &Vec<u8>)| RawRecord {
        offset: place as i64,
        timestamp: ARRIVAL / 1_000,
        timestamp_type: None,
        landed_at: None,
        key: None,
        value: Some(Bytes::copy_from_slice(value)),
        headers: None,
    };
    let records: Vec<RawRecord<'_>> = values.iter().enumerate().map(record).collect();
    let next = values.len() as i64;
    let raw = lake::encode_raw(&chunk, &records, next).unwrap();
    let batches = lake::decode_raw(raw.clone()).unwrap();
    let key = IdentityKey::for_tests();
    let place = LandedObject::of_content(&chunk, next, &raw);
    // What a lake holds of them, and the rows that each gives alone.
    let stored = pole_transform::transform_chunk(&CATALOGUE, &key, plan, place, &batches).unwrap();
    let done = pole_transform::transform_sample(&CATALOGUE, &key, plan, place, &batches).unwrap();
    assert_eq!(stored.receipt.quarantined, done.receipt.quarantined);
    assert_eq!(stored.receipt.refined, done.receipt.refined);

    let mut transformed = Transformed {
        receipt: done.receipt,
        things: Vec::new(),
        items: Vec::new(),
        refused: Vec::new(),
    };
    for (key, body) in done.objects {
        if key.contains("fuzz_thing") {
            transformed.things = read_rows(body);
        } else if key.contains("fuzz_item") {
            transformed.items = read_rows(body);
        } else {
            transformed.refused = lake::decode_quarantine(body).unwrap();
        }
    }
    transformed
}

fn read_rows(body: Bytes) -> Vec<Row> {
    let batches = ParquetRecordBatchReaderBuilder::try_new(body)
        .unwrap()
        .build()
        .unwrap();
    let mut rows = Vec::new();
    for batch in batches {
        append_rows(&batch.unwrap(), &mut rows);
    }
    rows
}

fn append_rows(batch: &RecordBatch, rows: &mut Vec<Row>) {
    let first = rows.len();
    rows.resize(first + batch.num_rows(), Row::new());
    let schema = batch.schema();
    for (field, column) in schema.fields().iter().zip(batch.columns()) {
        for place in (0..batch.num_rows()).filter(|place| column.is_valid(*place)) {
            rows[first + place].insert(field.name().clone(), cell_text(column, place));
        }
    }
}

/// A cell as text: days and microseconds since 1970, decimals without their point.
fn cell_text(column: &dyn Array, place: usize) -> String {
    if let Some(texts) = column.as_string_opt::<i32>() {
        return texts.value(place).to_owned();
    }
    if let Some(booleans) = column.as_boolean_opt() {
        return booleans.value(place).to_string();
    }
    number_cell::<Int64Type>(column, place)
        .or_else(|| number_cell::<Float64Type>(column, place))
        .or_else(|| number_cell::<Date32Type>(column, place))
        .or_else(|| number_cell::<TimestampMicrosecondType>(column, place))
        .or_else(|| number_cell::<Decimal128Type>(column, place))
        .unwrap()
}

fn number_cell<T>(column: &dyn Array, place: usize) -> Option<String>
where
    T: ArrowPrimitiveType,
    T::Native: Display,
{
    let numbers = column.as_primitive_opt::<T>()?;
    Some(numbers.value(place).to_string())
}
