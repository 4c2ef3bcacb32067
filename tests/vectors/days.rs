//! Days that go wrong, and days after the contract changed.

use serde_json::{Value, json};

use super::{MONDAY, REGISTER, TUESDAY, event, planning};
use crate::days_in_memory::{Days, contracts, replace};

const CASE: &str = "pole/object_case.odcs.yaml";

#[tokio::test]
async fn a_poison_message_in_mid_batch_stops_no_other_message() {
    let mut days = Days::new();
    let good = |key: &str| {
        let new = json!({"surname": "Sample"});
        event("PersonCreatedEvent", key, key, "2026-03-02T08:00:00Z", new).to_string()
    };
    let (first, last) = (good("a"), good("b"));
    let receipt = days
        .land(
            "housing-person",
            MONDAY,
            &[
                first.as_bytes(),
                b"{\"id\": \"brok",
                b"\xff\xfe",
                last.as_bytes(),
            ],
        )
        .await;
    assert_eq!(
        (receipt.landed, receipt.refined, receipt.quarantined_total()),
        (4, 2, 2)
    );
    days.merge(MONDAY).await.unwrap();
    assert_eq!(days.rows("person", MONDAY).await.len(), 2);
}

#[tokio::test]
async fn a_snapshot_base_that_is_missing_or_fifteen_days_old_loses_nothing() {
    let mut days = Days::new();
    let first = [
        planning("7", "Registered", json!("2026-02-01T10:00:00Z")),
        planning("8", "Registered", Value::Null),
    ];
    days.push("planning-register", MONDAY, &first).await;
    days.merge(MONDAY).await.unwrap();
    // Nothing ran for weeks; what came meanwhile is taken with the base of old.
    days.push(
        "planning-register",
        "2026-03-10",
        &[planning("9", "Received", json!("2026-03-09T10:00:00Z"))],
    )
    .await;
    days.merge("2026-04-20").await.unwrap();
    assert_eq!(days.rows("object_case", "2026-04-20").await.len(), 3);
    // A lake whose snapshots are all gone is built from its increments.
    let mut without = Days::new();
    without.push("planning-register", MONDAY, &first).await;
    without
        .push(
            "planning-register",
            "2026-03-10",
            &[planning("9", "Received", json!("2026-03-09T10:00:00Z"))],
        )
        .await;
    without.merge("2026-04-20").await.unwrap();
    assert_eq!(
        without.rows("object_case", "2026-04-20").await,
        days.rows("object_case", "2026-04-20").await
    );
}

#[tokio::test]
async fn a_day_that_is_run_again_is_the_same_and_doubles_nothing() {
    let mut days = Days::new();
    days.push(
        "planning-register",
        MONDAY,
        &[planning("7", "Registered", Value::Null)],
    )
    .await;
    days.merge(MONDAY).await.unwrap();
    let before = days.manifest("object_case", MONDAY).await;
    let again = days.merge(MONDAY).await.unwrap();
    assert!(again.tables.iter().all(|table| !table.written));
    assert_eq!(days.manifest("object_case", MONDAY).await, before);
}

#[tokio::test]
async fn a_day_of_no_rows_carries_the_snapshot_on() {
    let mut days = Days::new();
    days.push(
        "planning-register",
        MONDAY,
        &[planning("7", "Registered", Value::Null)],
    )
    .await;
    days.merge(MONDAY).await.unwrap();
    days.merge(TUESDAY).await.unwrap();
    let (before, after) = (
        days.manifest("object_case", MONDAY).await,
        days.manifest("object_case", TUESDAY).await,
    );
    assert_eq!(
        (after.rows, &after.shards),
        (1, &before.shards),
        "one manifest, and no file"
    );
}

#[tokio::test]
async fn a_column_that_is_added_is_null_in_earlier_rows() {
    let mut days = Days::new();
    days.push(
        "planning-register",
        MONDAY,
        &[planning("7", "Registered", Value::Null)],
    )
    .await;
    days.merge(MONDAY).await.unwrap();
    let wider = contracts(|files| {
        let grading = "      - {name: grading_scheme,";
        let ward = "      - {name: ward, logicalType: string, physicalType: string, \
            classification: internal, description: 'Ward'}";
        replace(files, CASE, grading, &format!("{ward}\n{grading}"));
        replace(
            files,
            REGISTER,
            "      appeal_reference:",
            "      ward: $.ward\n      appeal_reference:",
        );
    });
    let mut days = days.changed(wider);
    let mut row = planning("8", "Registered", Value::Null);
    row["ward"] = json!("North");
    days.push("planning-register", TUESDAY, &[row]).await;
    days.merge(TUESDAY).await.unwrap();
    assert_eq!(
        days.row("object_case", TUESDAY, "8").await.unwrap()["ward"],
        "North"
    );
    assert_eq!(
        days.row("object_case", TUESDAY, "7")
            .await
            .unwrap()
            .get("ward"),
        None
    );
}

#[tokio::test]
async fn a_column_that_is_widened_or_removed_is_refused_with_a_remedy() {
    for (from, to) in [
        (
            "{name: decision, logicalType: string, physicalType: string",
            "{name: decision, logicalType: integer, physicalType: bigint",
        ),
        ("name: appeal_reference", "name: appeal_number"),
    ] {
        let mut days = Days::new();
        days.push(
            "planning-register",
            MONDAY,
            &[planning("7", "Registered", Value::Null)],
        )
        .await;
        days.merge(MONDAY).await.unwrap();
        let other = contracts(|files| {
            replace(files, CASE, from, to);
            let name = from
                .split("name: ")
                .nth(1)
                .unwrap()
                .split(',')
                .next()
                .unwrap();
            for mapping in [REGISTER, "sources/immigration/case/mapping.yaml"] {
                let file = files.iter_mut().find(|file| file.path == mapping).unwrap();
                let kept = file
                    .text()
                    .lines()
                    .filter(|line| !line.trim_start().starts_with(&format!("{name}:")));
                *file = contract::DeclaredFile::new(
                    mapping,
                    kept.collect::<Vec<_>>().join("\n") + "\n",
                );
            }
        });
        let days = days.changed(other);
        let failure = days.merge(TUESDAY).await.unwrap_err();
        // Of another type: the merge says so. Gone: the catalogue does.
        let remedy = [
            "needs a new table version",
            "keep it, or give the table a new name",
        ];
        assert!(
            remedy.iter().any(|remedy| failure.message.contains(remedy)),
            "{failure}"
        );
        assert!(failure.message.contains("column"), "{failure}");
    }
}
