//! What went wrong for those who tried it before: every test vector of the housing sources'
//! reference, by name.
//!
//! Two of them are about the relay and its neighbours and stand where the processes run:
//! `state_fetch` answers 404 and 5xx of the record's API, `http_to_topic` refuses what cannot be
//! read.

mod days;
mod ordering;
mod records;
mod values;

use serde_json::{Value, json};

const MONDAY: &str = "2026-03-02";
const TUESDAY: &str = "2026-03-03";

/// The mapping of `planning-register`.
const REGISTER: &str = "sources/planning/register/mapping.yaml";

#[expect(
    clippy::needless_pass_by_value,
    reason = "tests read better with the value in place"
)]
/// A housing event.
fn event(kind: &str, id: &str, entity: &str, at: &str, new: Value) -> Value {
    json!({
        "id": id, "eventType": kind, "dateTime": at, "entityId": entity, "version": "v1",
        "sourceDomain": "Housing", "sourceSystem": "HousingAPI", "correlationId": "c",
        "user": {"name": "Sam Specimen", "email": "sam.specimen@example.org"},
        "eventData": {"oldData": null, "newData": new},
    })
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "tests read better with the value in place"
)]
fn planning(id: &str, status: &str, updated: Value) -> Value {
    json!({"id": id, "reference": format!("2026/{id}"), "status": status, "last_updated": updated})
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "tests read better with the value in place"
)]
fn case(sequence: u32, kind: &str, at: &str, data: Value) -> Value {
    json!({
        "specversion": "1.0", "id": format!("{kind}-{sequence}"), "source": "/casework",
        "subject": "IMM-1",
        "type": format!("uk.gov.example.case.{kind}"), "time": at, "sequence": sequence.to_string(),
        "data": data,
    })
}
