//! Drafts of events and records.

use super::*;
use serde_json::json;

fn draft(samples: &[serde_json::Value]) -> SourceDraft {
    let mut counted = SourceSamples::of_events();
    for (sample, row) in samples.iter().zip(1..) {
        counted.add(sample, row).unwrap();
    }
    let request = DraftRequest {
        team: "shop",
        dataset: "orders",
        dialect: None,
        dialect_remarks: Vec::new(),
        tables: &[],
    };
    draft_source(&request, counted).unwrap()
}

#[test]
fn samples_that_are_no_objects_are_refused() {
    assert!(SourceSamples::of_events().add(&json!([1]), 1).is_err());
    let request = DraftRequest {
        team: "a",
        dataset: "b",
        dialect: None,
        dialect_remarks: Vec::new(),
        tables: &[],
    };
    assert!(draft_source(&request, SourceSamples::of_events()).is_err());
}

#[test]
fn ordinary_events_are_known_by_the_usual_names() {
    let event = |id: &str, kind: &str, repair: &str| {
        json!({
            "eventId": id, "eventType": kind, "occurredAt": "2026-11-28T10:00:00Z", "version": 3,
            "correlationId": "c", "payload": {"repairId": repair, "tenantPhone": "01632 960001"},
        })
    };
    let drafted = draft(&[
        event("e1", "RepairRaised", "R1"),
        event("e2", "RepairCompleted", "R1"),
        event("e3", "RepairCancelled", "R2"),
    ]);
    for line in [
        "key: [\"$.payload.repairId\"]",
        "event_id: \"$.eventId\"",
        "event_type: \"$.eventType\"",
        "event_time: \"$.occurredAt\"",
        "version: \"$.version\"",
        "body: [\"$.payload\"]",
        "RepairRaised: upsert",
        "RepairCancelled: patch",
    ] {
        assert!(
            drafted.contract.contains(line),
            "{line}\n{}",
            drafted.contract
        );
    }
    assert!(
        !drafted.contract.contains("delete #"),
        "{}",
        drafted.contract
    );
}

#[test]
fn event_types_that_delete_are_those_of_a_backfill() {
    let event = |id: &str, kind: &str, repair: &str| {
        json!({
            "eventId": id, "eventType": kind, "occurredAt": "2026-11-28T10:00:00Z",
            "payload": {"repairId": repair, "updatedAt": "2026-11-28T09:00:00Z"},
        })
    };
    let raised = event("e1", "RepairRaised", "R1");
    let drafted = draft(&[raised.clone(), event("e2", "RepairDeleted", "R1")]);
    let line = "backfill: {event_type: RepairRaised, delete_event_type: RepairDeleted, key: \
                [\"$.repairId\"], time: \"$.updatedAt\", time_default: 2000-01-01T00:00:00Z}";
    assert!(drafted.contract.contains(line), "{}", drafted.contract);

    let without = draft(&[raised, event("e2", "RepairCancelled", "R1")]);
    assert!(
        !without.contract.contains("backfill"),
        "{}",
        without.contract
    );
}

#[test]
fn what_is_unclear_is_never_internal() {
    let rows = [json!({
        "Reported By": "A", "Tenant": "B", "E-mail": "C", "Tel": "D", "Xyz": "free text",
        "upn": "A123", "Status": "open", "contact": "a@example.org", "Amount": 3,
    })];
    let contract = draft(&rows).contract;
    let classified = |name: &str, classification: &str| {
        let line = contract
            .lines()
            .find(|line| line.contains(&format!("name: {name},")));
        let line = line.unwrap_or_else(|| panic!("{name}\n{contract}"));
        assert!(line.contains(classification), "{line}");
    };
    for name in [
        "'Reported By'",
        "Tenant",
        "'E-mail'",
        "Tel",
        "Xyz",
        "upn",
        "contact",
    ] {
        classified(name, "classification: personal");
    }
    classified("Status", "classification: internal");
    classified("Amount", "classification: internal");
}

#[test]
fn other_types_than_the_declared_one_are_written_down() {
    let samples = [
        json!({"id": 7, "lines": {"sku": "a"}, "tags": ["a", 1], "flag": "x", "n": 1}),
        json!({"id": "8", "lines": [{"sku": "b"}], "tags": [], "flag": true, "n": null}),
    ];
    let draft = draft(&samples);
    for (name, leniency) in [
        ("id", "accepts: [number]"),
        ("flag", "accepts: [boolean]"),
        ("tags", "accepts: [number]"),
    ] {
        let mut lines = draft.contract.lines();
        let line = lines
            .find(|line| line.contains(&format!("name: {name},")))
            .unwrap();
        assert!(line.contains(leniency), "{line}");
    }
    assert!(
        draft.contract.contains("single-item: as-list"),
        "{}",
        draft.contract
    );
}

#[test]
fn a_number_of_many_digits_is_a_number() {
    let sample = crate::read_json(br#"{"id": "1", "amount": 12345678901234567.89}"#).unwrap();
    let draft = draft(&[sample]);
    let declared = "{name: amount, logicalType: number";
    assert!(draft.contract.contains(declared), "{}", draft.contract);
}

#[test]
fn what_is_seen_is_written_down() {
    let samples = [
        json!({
            "id": "1", "surname": "Sample", "paid": 3, "born": "1990-01-01",
            "lines": [{"sku": "a"}]
        }),
        json!({"id": "2", "surname": null, "paid": 2.5, "born": "1991-01-01", "lines": []}),
    ];
    let SourceDraft {
        contract, mapping, ..
    } = draft(&samples);
    assert!(
        contract.contains("{name: surname, logicalType: string, classification: personal"),
        "{contract}"
    );
    assert!(
        contract.contains("{name: paid, logicalType: number"),
        "{contract}"
    );
    assert!(
        contract.contains("{name: born, logicalType: date"),
        "{contract}"
    );
    assert!(contract.contains("key: [\"$.id\"]"), "{contract}");
    assert!(mapping.contains("not mapped: $.lines"), "{mapping}");
}
