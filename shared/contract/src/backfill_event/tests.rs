//! Records of files, by what the contract says of files.

use serde_json::json;

use super::*;
use crate::file::DeclaredFile;

/// A contract with these sections in our extension.
fn contract_with(envelope: &str, sections: &str) -> SourceContract {
    try_contract(envelope, sections).unwrap_or_else(|problem| panic!("{problem}"))
}

fn try_contract(envelope: &str, sections: &str) -> Result<SourceContract, crate::Problem> {
    let text = format!(
        r"apiVersion: v3.2.0
kind: DataContract
id: shop-orders
name: Orders
version: 1.0.0
status: active
domain: shop
description: {{purpose: 'Orders'}}
team: {{name: shop}}
schema:
  - name: order
    physicalName: shop-orders
    physicalType: topic
    logicalType: object
    properties:
      - {{name: id, logicalType: string, classification: internal, description: 'Number'}}
      - {{name: kind, logicalType: string, classification: internal, description: 'Type'}}
      - {{name: changed, logicalType: timestamp, classification: internal, description: 'Time'}}
      - {{name: amount, logicalType: number, classification: internal, description: 'Amount'}}
      - {{name: note, logicalType: string, classification: internal, description: 'Note'}}
      - {{name: row, logicalType: string, classification: internal, description: 'Row'}}
      - name: bins
        logicalType: array
        classification: internal
        description: 'Bins'
        items: {{logicalType: string}}
        customProperties: [{{property: polelake, value: {{split: ';'}}}}]
customProperties:
  - property: polelake
    value:
      topic: shop-orders
      envelope: {envelope}
      key: [$.id]
      event_type: $.kind
      event_type_default: order
      event_time: $.changed
      event_time_default: 2000-01-01T00:00:00Z
      events: {{order: upsert, gone: delete}}
      push: {{principals: ['arn:aws:iam::000000000000:role/local-developer']}}
{sections}"
    );
    SourceContract::parse(&DeclaredFile::new(
        "sources/shop/orders/contract.odcs.yaml",
        &text,
    ))
}

#[test]
fn every_declared_column_is_needed_where_files_are_declared() {
    let needed = |contract: &SourceContract| {
        let columns = contract.file_columns().into_iter();
        let needed = columns.filter(|column| column.is_needed);
        needed.map(|column| column.name).collect::<Vec<String>>()
    };
    assert_eq!(needed(&contract_with("csv", "")), ["id"]);
    let declared = contract_with("csv", "      files: {optional: [note], row_number: row}\n");
    assert_eq!(
        needed(&declared),
        ["amount", "bins", "changed", "id", "kind"]
    );
}

#[test]
fn numbers_with_a_comma_are_read_by_it_or_refused() {
    let contract = contract_with("csv", "      files: {decimal_comma: true}\n");
    let typed = |text: &str| {
        let record = FileRecord::from(json!({"id": "1", "amount": text, "note": "1,5"}));
        contract.type_texts(record).map(|record| record.value)
    };
    let amount = typed("1.234,50").unwrap();
    assert_eq!(
        (&amount["amount"], &amount["note"]),
        (&json!("1234.50"), &json!("1,5"))
    );
    assert_eq!(typed("12").unwrap()["amount"], json!("12"));
    for other in ["1.5", "1,234.50", "x"] {
        let why = typed(other).unwrap_err();
        assert!(why.contains("amount") && !why.contains(other), "{why}");
    }
}

#[test]
fn a_deletion_of_a_file_is_an_event_that_deletes() {
    let deletion = || FileRecord {
        value: json!({"id": "1", "changed": "2026-01-01T00:00:00Z"}),
        is_deletion: true,
        changed_micros: Some(1_772_438_400_000_000),
        row: None,
    };
    let backfill = "      backfill: {event_type: order, delete_event_type: gone, key: [$.id], \
                    time_default: 2000-01-01T00:00:00Z}\n";
    let contract = contract_with("plain", backfill);
    let event = contract.backfill_event(deletion(), None).unwrap();
    let event: Value = serde_json::from_slice(&event).unwrap();
    assert_eq!(event["kind"], "gone");
    assert_eq!(event["id"], "1");
    assert_eq!(
        event["changed"], "2026-03-02T08:00:00Z",
        "later than the record's last change"
    );

    let fault = contract_with("plain", "")
        .backfill_event(deletion(), None)
        .unwrap_err();
    assert_eq!(fault.rule, "backfill.delete_event_type");
    let upsert = backfill.replace("delete_event_type: gone", "delete_event_type: order");
    assert!(try_contract("plain", &upsert).is_err());
}

#[test]
fn a_dialect_that_no_file_can_have_is_refused() {
    for files in [
        "{delimiter: ';;'}",
        "{delimiter: \"'\", quote: \"'\"}",
        "{quote: ab}",
        "{names: [id, id]}",
        "{names: [unknown]}",
        "{row_number: unknown}",
        "{trailer: {first_field: T, count_field: 0}}",
        "{encoding: latin1}",
        "{unknown: true}",
    ] {
        assert!(
            try_contract("csv", &format!("      files: {files}\n")).is_err(),
            "{files}"
        );
    }
}

#[test]
fn the_text_of_a_list_is_its_items() {
    let contract = contract_with("csv", "");
    let parse = |bins: &str| {
        let event = json!({"id": "1", "bins": bins}).to_string();
        let event = crate::Event::parse(&contract, event.as_bytes(), None).unwrap();
        event.value["bins"].clone()
    };
    assert_eq!(
        parse("BLUE 240L; FOOD 23L;"),
        json!(["BLUE 240L", "FOOD 23L"])
    );
    assert_eq!(parse(" "), Value::Null);
}
