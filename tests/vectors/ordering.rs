//! Which of two changes holds: by time, by version, by place in the log.

use serde_json::{Value, json};

use super::{MONDAY, TUESDAY, case, event, planning};
use crate::days_in_memory::{Days, contracts, replace};

/// The status of a planning application after both days.
async fn planning_after(first: &[Value], second: &[Value]) -> String {
    let mut days = Days::new();
    days.push("planning-register", MONDAY, first).await;
    days.merge(MONDAY).await.unwrap();
    days.push("planning-register", TUESDAY, second).await;
    days.merge(TUESDAY).await.unwrap();
    days.row("object_case", TUESDAY, "7").await.unwrap()["status"].clone()
}

#[tokio::test]
async fn null_last_updated_is_old_and_overwrites_nothing() {
    let dated = [planning("7", "Registered", json!("2026-02-01T10:00:00Z"))];
    let undated = [planning("7", "Received", Value::Null)];
    assert_eq!(planning_after(&dated, &undated).await, "Registered");
    assert_eq!(planning_after(&undated, &dated).await, "Registered");
    assert_eq!(
        planning_after(&undated, &[]).await,
        "Received",
        "it is a row all the same"
    );
}

#[tokio::test]
async fn equal_last_updated_goes_to_the_later_one_in_the_log() {
    let at = json!("2026-02-01T10:00:00Z");
    let (one, two) = (
        planning("7", "Registered", at.clone()),
        planning("7", "Decided", at),
    );
    assert_eq!(
        planning_after(std::slice::from_ref(&one), std::slice::from_ref(&two)).await,
        "Decided"
    );
    assert_eq!(
        planning_after(&[one.clone(), two.clone()], &[]).await,
        "Decided"
    );
    // The source has no event ids: the same bytes again may be a change back, and come later.
    let back = planning_after(&[one.clone(), two], &[one]).await;
    assert_eq!(back, "Registered");
}

#[tokio::test]
async fn older_last_updated_never_wins_over_the_snapshot() {
    let new = [planning("7", "Decided", json!("2026-02-02T10:00:00Z"))];
    let old = [planning("7", "Registered", json!("2026-02-01T10:00:00Z"))];
    assert_eq!(planning_after(&new, &old).await, "Decided");
}

#[tokio::test]
async fn duplicate_event_id_changes_nothing() {
    let mut days = Days::new();
    let created = event(
        "PersonCreatedEvent",
        "e1",
        "p1",
        "2026-03-02T08:00:00Z",
        json!({"surname": "Sample"}),
    );
    let changed = event(
        "PersonUpdatedEvent",
        "e2",
        "p1",
        "2026-03-02T09:00:00Z",
        json!({"surname": "Specimen"}),
    );
    days.push(
        "housing-person",
        MONDAY,
        &[created.clone(), changed.clone(), created.clone()],
    )
    .await;
    days.merge(MONDAY).await.unwrap();
    let before = days.manifest("person", MONDAY).await;
    days.push("housing-person", TUESDAY, &[created, changed])
        .await;
    days.merge(TUESDAY).await.unwrap();
    let after = days.manifest("person", TUESDAY).await;
    assert_eq!(after.shards, before.shards, "the same files");
    assert_eq!(
        days.row("person", TUESDAY, "p1").await.unwrap()["surname"],
        "Specimen"
    );
}

#[tokio::test]
async fn same_second_versions_7_and_8_swapped() {
    let at = "2026-03-02T08:00:00Z";
    let (seven, eight) = (
        json!({"status": "appealed"}),
        json!({"status": "withdrawn"}),
    );
    let mut days = Days::new();
    let received = case(
        1,
        "received",
        at,
        json!({"caseType": "Work visa", "status": "received"}),
    );
    days.push(
        "immigration-case",
        MONDAY,
        &[
            received,
            case(8, "withdrawn", at, eight),
            case(7, "appealed", at, seven),
        ],
    )
    .await;
    days.merge(MONDAY).await.unwrap();
    assert_eq!(
        days.row("object_case", MONDAY, "IMM-1").await.unwrap()["status"],
        "withdrawn"
    );
}

#[tokio::test]
async fn created_after_updated() {
    let mut days = Days::new();
    let updated = event(
        "PersonUpdatedEvent",
        "e2",
        "p1",
        "2026-03-02T09:00:00Z",
        json!({"surname": "Specimen"}),
    );
    let created = json!({"firstName": "Robin", "surname": "Sample", "dateOfBirth": "1979-11-02"});
    days.push("housing-person", MONDAY, &[updated]).await;
    days.merge(MONDAY).await.unwrap();
    days.push(
        "housing-person",
        TUESDAY,
        &[event(
            "PersonCreatedEvent",
            "e1",
            "p1",
            "2026-03-02T08:00:00Z",
            created,
        )],
    )
    .await;
    days.merge(TUESDAY).await.unwrap();
    let row = days.row("person", TUESDAY, "p1").await.unwrap();
    assert_eq!(
        (row["surname"].as_str(), row["given_name"].as_str()),
        ("Specimen", "Robin")
    );
}

#[tokio::test]
async fn a_404_then_re_created() {
    // Ordered by the events' times: with `version: etag` a record that is gone does not come back
    // under its key.
    let fetching = contracts(|files| {
        let fetch =
            "state: $.entity\n      fetch: {url: \"https://people.example.org/persons/{key}\"}";
        replace(
            files,
            "sources/housing/person/contract.odcs.yaml",
            "state: $.entity",
            fetch,
        );
    });
    let mut days = Days::under(fetching);
    let state = |id: &str, at: &str, entity: Value, status: u16| {
        let mut event = event("PersonUpdatedEvent", id, "p1", at, json!({}));
        event["entity"] = entity;
        event["fetched"] = json!({"status": status, "at": at});
        event
    };
    let there = |surname: &str| json!({"id": "p1", "surname": surname});
    days.push(
        "housing-person",
        MONDAY,
        &[
            state("e1", "2026-03-02T08:00:00Z", there("Sample"), 200),
            state("e2", "2026-03-02T09:00:00Z", Value::Null, 404),
        ],
    )
    .await;
    days.merge(MONDAY).await.unwrap();
    assert_eq!(
        days.row("person", MONDAY, "p1").await,
        None,
        "a 404 is a deletion, not a failure"
    );
    days.push(
        "housing-person",
        TUESDAY,
        &[state("e3", "2026-03-03T08:00:00Z", there("Again"), 200)],
    )
    .await;
    days.merge(TUESDAY).await.unwrap();
    assert_eq!(
        days.row("person", TUESDAY, "p1").await.unwrap()["surname"],
        "Again"
    );
}
