//! Faults: processes that end in mid-work lose nothing and double nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use serde_json::Value;

use crate::lake_under_test::{LakeUnderTest, MONDAY};
use crate::pole_to_snapshot::town;

/// Pushes until it is accepted, as an application would; a repeat does no harm.
async fn push(lake: &LakeUnderTest, source: &str, events: &[Value]) {
    for chunk in events.chunks(40) {
        loop {
            let (status, _) = lake
                .post_events(
                    source,
                    "application/json",
                    Value::Array(chunk.to_vec()).to_string(),
                )
                .await;
            if status == 202 {
                break;
            }
            assert!(status == 502 || status == 207, "{status}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killing_every_function_in_mid_work_loses_and_doubles_nothing() {
    let calm = LakeUnderTest::start().await;
    for (source, events) in town(0) {
        push(&calm, source, &events).await;
    }
    calm.run_day(MONDAY).await;

    let rough = LakeUnderTest::start().await;
    let (stop, killed) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicU32::new(0)),
    );
    let running = Arc::clone(&rough.platform.running);
    let killer = tokio::spawn({
        let (stop, killed) = (Arc::clone(&stop), Arc::clone(&killed));
        async move {
            let mut turn = 0;
            while !stop.load(Ordering::SeqCst) {
                tokio::time::sleep(Duration::from_millis(7)).await;
                turn += 1;
                let name = ["event-relay", "raw-landing", "pole-transform"][turn % 3];
                // Now and then only: work must get on between.
                if turn % 8 == 0
                    && let Some(pid) = running
                        .find_function(name)
                        .and_then(|f| f.busy_pids().first().copied())
                {
                    drop(
                        std::process::Command::new("kill")
                            .args(["-9", &pid.to_string()])
                            .status(),
                    );
                    killed.fetch_add(1, Ordering::SeqCst);
                }
            }
        }
    });
    for (source, events) in town(0) {
        push(&rough, source, &events).await;
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    stop.store(true, Ordering::SeqCst);
    killer.await.unwrap();
    rough.platform.running.wait_until_settled().await;
    // The merge is killed too, and run again.
    for _ in 0..3 {
        let running = Arc::clone(&rough.platform.running);
        let merge = tokio::spawn(async move {
            running
                .invoke_function("snapshot-merge", &serde_json::json!({"date": MONDAY}))
                .await
        });
        tokio::time::sleep(Duration::from_millis(60)).await;
        for pid in rough
            .platform
            .running
            .find_function("snapshot-merge")
            .unwrap()
            .busy_pids()
        {
            drop(
                std::process::Command::new("kill")
                    .args(["-9", &pid.to_string()])
                    .status(),
            );
            killed.fetch_add(1, Ordering::SeqCst);
        }
        drop(merge.await);
    }
    let (_, report) = rough.run_day(MONDAY).await;
    assert!(
        killed.load(Ordering::SeqCst) >= 3,
        "the test must have killed something"
    );
    for (source, books) in report["sources"].as_object().unwrap() {
        assert_eq!(books["waiting"], 0, "{source}");
    }
    let (calm, rough) = (calm.rows_by_table(MONDAY), rough.rows_by_table(MONDAY));
    for (table, rows) in &calm {
        assert_eq!(rows, &rough[table], "{table}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poison_record_stops_neither_its_partition_nor_the_day() {
    let lake = LakeUnderTest::start().await;
    let mut events = Vec::new();
    for number in 0..20 {
        let new = if number % 5 == 0 {
            serde_json::json!({"firstName": "Ada", "dateOfBirth": "not a date"})
        } else {
            serde_json::json!({"firstName": "Ada", "surname": "Sample"})
        };
        events.push(crate::lake_under_test::person_event(
            "PersonCreatedEvent",
            &format!("p{number}"),
            number,
            new,
        ));
    }
    lake.push_events("housing-person", &events).await;
    let (_, report) = lake.run_day(MONDAY).await;
    let reconciliation = &report["sources"]["housing-person"];
    assert_eq!(
        reconciliation["quarantined"],
        serde_json::json!({"mapping.person.date_of_birth": 4})
    );
    assert_eq!(lake.table_rows("person", MONDAY).len(), 16);
    let quarantine = lake.read_objects("refined", "quarantine");
    let rows: Vec<_> = quarantine
        .into_values()
        .flat_map(|bytes| crate::lake_under_test::parquet_rows(bytes.into()))
        .collect();
    assert_eq!(rows.len(), 4);
    for row in rows {
        assert_eq!(
            (row["path"].as_str(), row["topic"].as_str()),
            ("$.dateOfBirth", "housing-person")
        );
        assert!(
            !row["reason"].contains("not a date"),
            "a reason holds no value"
        );
        assert!(row.contains_key("offset") && row.contains_key("value"));
    }
}
