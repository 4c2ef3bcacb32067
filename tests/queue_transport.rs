//! The events queue in front of the raw zone: the same rows as by Kafka, and a source that changes
//! its transport and keeps what it has.

use contract::Transport;
use lake::{Chunk, FIRST_LANE_PARTITION, LaneState};
use serde_json::{Value, json};

use crate::lake_under_test::{LakeUnderTest, MONDAY, person_event, repository_root};
use crate::pole_to_snapshot::town;

const TUESDAY: &str = "2026-03-03";

async fn push_town(lake: &LakeUnderTest) {
    for (source, events) in town(0) {
        for chunk in events.chunks(40) {
            let body = Value::Array(chunk.to_vec()).to_string();
            let (status, _) = lake.post_events(source, "application/json", body).await;
            assert_eq!(status, 202);
        }
    }
    lake.platform.running.wait_until_settled().await.unwrap();
}

/// The partitions of a topic's raw objects.
fn partitions_of(lake: &LakeUnderTest, topic: &str) -> Vec<i32> {
    let objects = lake.read_objects("raw", &Chunk::topic_raw_prefix(topic));
    let chunks = objects.keys().filter_map(|key| Chunk::from_raw_key(key));
    let mut partitions: Vec<i32> = chunks.map(|chunk| chunk.partition).collect();
    partitions.dedup();
    partitions
}

/// The rows without what tells the transport: partition, offset and the moment of arrival, which a
/// statement of `entity` has too.
fn rows_without_place(lake: &LakeUnderTest, table: &str, date: &str) -> Vec<String> {
    let mut rows: Vec<String> = lake
        .table_rows(table, date)
        .into_iter()
        .map(|mut row| {
            for column in ["partition", "offset", "ingested_at", "_statement"] {
                row.remove(column);
            }
            format!("{row:?}")
        })
        .collect();
    rows.sort();
    rows
}

#[tokio::test(flavor = "multi_thread")]
async fn the_queue_brings_the_same_rows_as_kafka() {
    let by_kafka = LakeUnderTest::start().await;
    push_town(&by_kafka).await;
    by_kafka.run_day(MONDAY).await;

    let by_queue = LakeUnderTest::start_with_transport(Transport::Queue).await;
    check_same_town(&by_queue, &by_kafka).await;

    let by_schedule = LakeUnderTest::start_with_schedule().await;
    check_same_town(&by_schedule, &by_kafka).await;
}

/// The town's day by the queue has the rows of the other lake, and its records are in lanes.
async fn check_same_town(by_queue: &LakeUnderTest, other: &LakeUnderTest) {
    push_town(by_queue).await;
    by_queue.run_day(MONDAY).await;
    by_queue.assert_reconciled().await;

    for table in [
        "person",
        "person_name",
        "location",
        "link",
        "event",
        "entity",
    ] {
        let wanted = rows_without_place(other, table, MONDAY);
        assert!(!wanted.is_empty(), "{table}");
        assert_eq!(
            rows_without_place(by_queue, table, MONDAY),
            wanted,
            "{table}"
        );
    }
    let partitions = partitions_of(by_queue, "housing-person");
    assert!(
        partitions
            .iter()
            .all(|partition| *partition <= FIRST_LANE_PARTITION),
        "{partitions:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_moves_from_kafka_to_the_queue_and_back() {
    let new = |name: &str| json!({"firstName": name, "surname": "Byron"});
    let event = |minute, name| person_event("PersonCreatedEvent", "a", minute, new(name));

    let lake = LakeUnderTest::start().await;
    lake.push_events("housing-person", &[event(1, "Ada")]).await;
    lake.run_day(MONDAY).await;

    let lake = lake.restart_by(TUESDAY, Transport::Queue).await;
    lake.push_events("housing-person", &[event(2, "Augusta")])
        .await;
    let lake = lake.restart_by(TUESDAY, Transport::Kafka).await;
    lake.push_events("housing-person", &[event(3, "Annabella")])
        .await;
    lake.run_day(TUESDAY).await;
    lake.assert_reconciled().await;

    // The newest statement holds, whichever transport brought it, and Monday is as it was.
    let names = |date: &str| {
        let rows = lake.table_rows("person", date).into_iter();
        rows.map(|row| row["given_name"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(format!("{:?}", names(MONDAY)), r#"["Ada"]"#);
    assert_eq!(format!("{:?}", names(TUESDAY)), r#"["Annabella"]"#);
    assert_eq!(lake.table_rows("event", TUESDAY).len(), 3);
    let partitions = partitions_of(&lake, "housing-person");
    assert!(
        partitions.iter().any(|partition| *partition >= 0),
        "{partitions:?}"
    );
    assert!(
        partitions.iter().any(|partition| *partition < -1),
        "{partitions:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_was_acknowledged_and_did_not_come_is_a_finding() {
    let lake = LakeUnderTest::start_with_transport(Transport::Queue).await;
    let new = json!({"firstName": "Ada", "surname": "Byron"});
    let event = person_event("PersonCreatedEvent", "a", 1, new);
    lake.push_events("housing-person", &[event]).await;
    lake.assert_reconciled().await;

    // Of a sandbox's second message, the notice alone came, an hour ago.
    let handle = lake.lake_handle(&repository_root().join("contracts")).await;
    let states = handle.raw.list(LaneState::PREFIX, None).await.unwrap();
    let key = &states[0].key;
    let mut state = LaneState::from_json(&handle.raw.get(key).await.unwrap().body).unwrap();
    let topic = state.topics.get_mut("housing-person").unwrap();
    let sender = topic.senders.values_mut().next().unwrap();
    sender.note_acknowledged(1, 0);
    sender.missing_since = Some(host::now_micros() / 1_000 - 3_600_000);
    let body = state.to_json().unwrap().into();
    handle.raw.put(key, body, "application/json").await.unwrap();

    let scope = operations::audit::AuditScope::default();
    let audit = operations::audit::audit_lake(&handle, scope).await.unwrap();
    let [finding] = audit.findings.as_slice() else {
        panic!("{:?}", audit.findings);
    };
    assert!(
        finding
            .what
            .starts_with("messages 1 of the relay's sandbox"),
        "{finding:?}"
    );
    assert!(finding.next.contains("docs/runbook.md"), "{finding:?}");

    // A damaged state stops the landing, and says so.
    handle
        .raw
        .put(key, bytes::Bytes::from_static(b"{}"), "application/json")
        .await
        .unwrap();
    let audit = operations::audit::audit_lake(&handle, scope).await.unwrap();
    assert!(format!("{:?}", audit.findings).contains("LaneStateWrong"));
}
