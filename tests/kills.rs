//! Faults: processes that end in mid-work lose nothing and double nothing.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use local_platform::RunningPlatform;
use serde_json::{Value, json};

use crate::lake_under_test::{LakeUnderTest, MONDAY, parquet_rows, person_event};
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
            assert!([207, 502, 503].contains(&status), "{status}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killing_every_function_in_mid_work_loses_and_doubles_nothing() {
    let calm = LakeUnderTest::start().await;
    push_town(&calm).await;
    calm.run_day(MONDAY).await;

    let rough = LakeUnderTest::start().await;
    let killed = push_under_kills(&rough).await + kill_merges(&rough).await;

    let (_, report) = rough.run_day(MONDAY).await;
    assert!(killed >= 3, "the test must have killed something");
    assert_nothing_waits(&report);
    assert_same_rows(&calm, &rough);
}

async fn push_town(lake: &LakeUnderTest) {
    for (source, events) in town(0) {
        push(lake, source, &events).await;
    }
}

/// Pushes the town while a task kills functions, and waits until all is settled; gives the kills.
async fn push_under_kills(lake: &LakeUnderTest) -> u32 {
    let stop = Arc::new(AtomicBool::new(false));
    let running = Arc::clone(&lake.platform.running);
    let killer = tokio::spawn(kill_functions_until(Arc::clone(&stop), running));

    push_town(lake).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    stop.store(true, Ordering::SeqCst);

    let killed = killer.await.unwrap();
    lake.platform.running.wait_until_settled().await.unwrap();
    killed
}

/// Kills a busy function now and then, for work must get on between; gives the kills.
async fn kill_functions_until(stop: Arc<AtomicBool>, running: Arc<RunningPlatform>) -> u32 {
    let (mut turn, mut killed) = (0, 0);
    while !stop.load(Ordering::SeqCst) {
        tokio::time::sleep(Duration::from_millis(7)).await;
        turn += 1;
        let name = ["event-relay", "raw-landing", "pole-transform"][turn % 3];
        if turn % 8 == 0
            && let Some(pid) = running
                .find_function(name)
                .and_then(|function| function.busy_pids().first().copied())
        {
            kill_process(pid);
            killed += 1;
        }
    }
    killed
}

/// The merge is killed too, and run again; gives the kills.
async fn kill_merges(lake: &LakeUnderTest) -> u32 {
    let mut killed = 0;
    for _ in 0..3 {
        let running = Arc::clone(&lake.platform.running);
        let merge = tokio::spawn(async move {
            running
                .invoke_function("snapshot-merge", &json!({"date": MONDAY}))
                .await
        });
        tokio::time::sleep(Duration::from_millis(60)).await;

        let function = lake.platform.running.find_function("snapshot-merge");
        for pid in function.unwrap().busy_pids() {
            kill_process(pid);
            killed += 1;
        }
        drop(merge.await);
    }
    killed
}

/// A process that has just ended cannot be killed, and need not be.
fn kill_process(pid: u32) {
    let mut command = Command::new("kill");
    drop(command.args(["-9", &pid.to_string()]).status());
}

fn assert_nothing_waits(report: &Value) {
    for (source, reconciliation) in report["sources"].as_object().unwrap() {
        assert_eq!(reconciliation["waiting"], 0, "{source}");
    }
}

/// The lake whose functions were killed says what the other one says.
fn assert_same_rows(calm: &LakeUnderTest, rough: &LakeUnderTest) {
    let (calm, rough) = (calm.rows_by_table(MONDAY), rough.rows_by_table(MONDAY));
    for (table, rows) in &calm {
        assert_eq!(rows, &rough[table], "{table}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poison_record_stops_neither_its_partition_nor_the_day() {
    let lake = LakeUnderTest::start().await;
    lake.push_events("housing-person", &every_fifth_poisoned())
        .await;

    let (_, report) = lake.run_day(MONDAY).await;
    let reconciliation = &report["sources"]["housing-person"];
    assert_eq!(
        reconciliation["quarantined"],
        json!({"mapping.person.date_of_birth": 4})
    );
    assert_eq!(lake.table_rows("person", MONDAY).len(), 16);
    assert_four_quarantined(&lake);
}

/// Twenty people; every fifth has a date of birth that is none.
fn every_fifth_poisoned() -> Vec<Value> {
    let mut events = Vec::new();
    for number in 0..20 {
        let new = if number % 5 == 0 {
            json!({"firstName": "Ada", "dateOfBirth": "not a date"})
        } else {
            json!({"firstName": "Ada", "surname": "Sample"})
        };
        let entity = format!("p{number}");
        events.push(person_event("PersonCreatedEvent", &entity, number, new));
    }
    events
}

/// What was refused is kept, with its place and without a value in the reason.
fn assert_four_quarantined(lake: &LakeUnderTest) {
    let quarantine = lake.read_objects("refined", "quarantine");
    let rows: Vec<_> = quarantine
        .into_values()
        .flat_map(|bytes| parquet_rows(bytes.into()))
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
