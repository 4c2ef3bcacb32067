use std::sync::Arc;
use std::time::Duration;

use lake::{Chunk, FIRST_LANE_PARTITION, LaneState, find_header_text};
use store::{MemoryStore, ObjectStore};
use trigger::{AcknowledgementNotice, BatchReference, QUEUE_MESSAGE_HEADER, QueuedRecord};

use super::*;

const SENT_AT: i64 = 1_772_438_400_000;

fn batch(topic: &str, sequence: u64, values: &[&str]) -> QueuedBatch {
    let records = values.iter().map(|value| QueuedRecord {
        key: Some("T-1".to_owned()),
        headers: vec![("source".to_owned(), "tenure".to_owned())],
        value: value.as_bytes().to_vec(),
    });
    QueuedBatch {
        topic: topic.to_owned(),
        number: MessageNumber {
            sandbox: "5f0c".to_owned(),
            sequence,
        },
        unacknowledged: Vec::new(),
        records: records.collect(),
    }
}

fn body_of(batch: &QueuedBatch) -> String {
    QueuedMessage::encode_batch(&batch.pack().unwrap())
}

fn message(id: &str, sent_at: i64, body: &str) -> serde_json::Value {
    serde_json::json!({
        "messageId": id,
        "body": body,
        "attributes": {"SentTimestamp": sent_at.to_string(), "ApproximateReceiveCount": "1"},
        "messageAttributes": {},
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:eu-west-2:0:events",
    })
}

async fn land(context: &Context, messages: &[serde_json::Value]) -> Vec<String> {
    let payload = serde_json::json!({"Records": messages}).to_string();
    let budget = TimeBudget::lasting_for(Duration::from_secs(60));
    let failures = land_queue_batch(&payload, context, budget).await.unwrap();
    let items = failures.batch_item_failures.into_iter();
    items.map(|item| item.item_identifier).collect()
}

fn context() -> (Context, Arc<MemoryStore>) {
    let store = Arc::new(MemoryStore::default());
    let context = Context::new(Arc::clone(&store) as Arc<dyn ObjectStore>, 1).with_lanes(1);
    (context, store)
}

/// The offset, value and message number of each record of a topic, in the order of the log.
async fn landed(store: &MemoryStore, topic: &str) -> Vec<(i64, String, String)> {
    let mut records = Vec::new();
    let prefix = Chunk::topic_raw_prefix(topic);
    for entry in store.list(&prefix, None).await.unwrap() {
        let object = store.get(&entry.key).await.unwrap();
        for batch in lake::decode_raw(object.body).unwrap() {
            for row in 0..batch.len() {
                let value = String::from_utf8(batch.value(row).unwrap().to_vec()).unwrap();
                let number = find_header_text(batch.headers(row), QUEUE_MESSAGE_HEADER);
                records.push((batch.offset(row), value, number.unwrap()));
            }
        }
    }
    records
}

#[tokio::test]
async fn the_records_of_a_topic_are_one_object_in_the_order_in_which_they_were_sent() {
    let (context, store) = context();
    let messages = [
        message("2", SENT_AT + 5, &body_of(&batch("a", 1, &["3"]))),
        message("1", SENT_AT, &body_of(&batch("a", 0, &["1", "2"]))),
        message("3", SENT_AT, &body_of(&batch("b", 0, &["4"]))),
    ];
    assert!(land(&context, &messages).await.is_empty());

    let text = |offset, value: &str, number: &str| (offset, value.to_owned(), number.to_owned());
    let expected = vec![
        text(0, "1", "5f0c/0"),
        text(1, "2", "5f0c/0"),
        text(2, "3", "5f0c/1"),
    ];
    assert_eq!(landed(&store, "a").await, expected);
    assert_eq!(landed(&store, "b").await, vec![text(0, "4", "5f0c/0")]);
    let objects = store.list("raw/a/", None).await.unwrap();
    assert_eq!(objects.len(), 1);

    let raw = store.get(&objects[0].key).await.unwrap().body;
    let batches = lake::decode_raw(raw).unwrap();
    assert_eq!(batches[0].timestamp(2), SENT_AT + 5);
}

/// Another sandbox over the same store, with lanes that it may choose from.
fn other_sandbox(store: &Arc<MemoryStore>, lanes: u32) -> Context {
    Context::new(Arc::clone(store) as Arc<dyn ObjectStore>, 1).with_lanes(lanes)
}

#[tokio::test]
async fn a_repeat_lands_once_whichever_sandbox_and_lane_gets_it() {
    let (first, store) = context();
    let body = body_of(&batch("a", 0, &["1"]));
    let twice = [
        message("1", SENT_AT, &body),
        message("2", SENT_AT + 9, &body),
    ];
    assert!(land(&first, &twice).await.is_empty());
    assert!(land(&first, &twice[..1]).await.is_empty());
    for _ in 0..8 {
        let other = other_sandbox(&store, 4);
        assert!(land(&other, &twice[..1]).await.is_empty());
    }
    assert_eq!(landed(&store, "a").await.len(), 1);
}

#[tokio::test]
async fn sandboxes_in_several_lanes_land_everything_once() {
    let store = Arc::new(MemoryStore::default());
    let sandboxes: Vec<Context> = (0..3).map(|_| other_sandbox(&store, 3)).collect();
    for sequence in 0..30 {
        let body = body_of(&batch("a", sequence, &["1", "2"]));
        let sent = [message("1", SENT_AT, &body)];
        let sandbox = &sandboxes[usize::try_from(sequence % 3).unwrap()];
        assert!(land(sandbox, &sent).await.is_empty());
    }
    assert_eq!(landed(&store, "a").await.len(), 60);

    // Each lane's state is small, though each landed every third message.
    for entry in store.list(LaneState::PREFIX, None).await.unwrap() {
        assert!(entry.size < 700, "{entry:?}");
    }
}

/// The numbers that are told as missing at a time after now.
async fn missing_after(context: &Context, millis: i64) -> Vec<MissingMessages> {
    let session = context.lanes.open(&*context.raw).await.unwrap();
    let now = host::now_micros() / 1_000 + millis;
    session.finish(&*context.raw, now).await.unwrap()
}

const HALF_AN_HOUR: i64 = 31 * 60_000;

#[tokio::test]
async fn a_gap_and_a_lost_tail_are_told_after_half_an_hour() {
    let (context, _) = context();
    // Of the messages 0 to 3, the first and the third land; of the last comes its notice alone.
    for sequence in [0, 2] {
        let body = body_of(&batch("a", sequence, &["1"]));
        assert!(
            land(&context, &[message("1", SENT_AT, &body)])
                .await
                .is_empty()
        );
    }
    let notice = AcknowledgementNotice::of_batch(&batch("a", 3, &[]));
    let notice = QueuedMessage::encode_notice(&notice).unwrap();
    assert!(
        land(&context, &[message("2", SENT_AT, &notice)])
            .await
            .is_empty()
    );

    assert!(missing_after(&context, 0).await.is_empty());
    let missing = missing_after(&context, HALF_AN_HOUR).await;
    let expected = MissingMessages {
        topic: "a".to_owned(),
        sandbox: "5f0c".to_owned(),
        numbers: vec![(1, 1), (3, 3)],
    };
    assert_eq!(missing, [expected]);

    // What comes late is missing no longer.
    for sequence in [1, 3] {
        let body = body_of(&batch("a", sequence, &["1"]));
        assert!(
            land(&context, &[message("1", SENT_AT, &body)])
                .await
                .is_empty()
        );
    }
    assert!(missing_after(&context, HALF_AN_HOUR).await.is_empty());
}

#[tokio::test]
async fn what_a_lane_landed_that_is_no_longer_used_is_not_missed() {
    let (context, store) = context();
    let mut earlier = LaneState::default();
    earlier.sender_mut("a", "5f0c").note_landed(0, &[], 1);
    let body = Bytes::from(earlier.to_json().unwrap());
    let key = LaneState::key(FIRST_LANE_PARTITION - 5);
    store.put(&key, body, "application/json").await.unwrap();

    let sent = [message("1", SENT_AT, &body_of(&batch("a", 1, &["1"])))];
    assert!(land(&context, &sent).await.is_empty());
    assert!(missing_after(&context, 0).await.is_empty());
    assert!(missing_after(&context, HALF_AN_HOUR).await.is_empty());
}

#[tokio::test]
async fn what_was_not_acknowledged_is_not_missed() {
    let (context, _) = context();
    let later = QueuedBatch {
        unacknowledged: vec![0],
        ..batch("a", 1, &["1"])
    };
    let sent = [message("1", SENT_AT, &body_of(&later))];
    assert!(land(&context, &sent).await.is_empty());
    assert!(missing_after(&context, 0).await.is_empty());
    assert!(missing_after(&context, HALF_AN_HOUR).await.is_empty());
}

#[tokio::test]
async fn a_state_that_is_damaged_stops_the_landing_and_is_not_written_over() {
    let (context, store) = context();
    let key = LaneState::key(FIRST_LANE_PARTITION);
    store
        .put(&key, Bytes::from_static(b"{}"), "application/json")
        .await
        .unwrap();
    let payload = serde_json::json!({
        "Records": [message("1", SENT_AT, &body_of(&batch("a", 0, &["1"])))]
    });
    let budget = TimeBudget::lasting_for(Duration::from_secs(60));
    let failure = land_queue_batch(&payload.to_string(), &context, budget)
        .await
        .unwrap_err();
    assert!(failure.to_string().contains("docs/runbook.md"), "{failure}");
    assert_eq!(&store.get(&key).await.unwrap().body[..], b"{}");
}

#[tokio::test]
async fn a_message_that_cannot_be_read_stops_no_other() {
    let (context, store) = context();
    let packed = batch("a", 1, &["2"]).pack().unwrap();
    let missing = BatchReference::to_object("raw/_queue/a/gone.zst".to_owned(), &packed);
    let messages = [
        message("odd", SENT_AT, "Ada"),
        message("good", SENT_AT, &body_of(&batch("a", 0, &["1"]))),
        message(
            "gone",
            SENT_AT,
            &QueuedMessage::encode_reference(&missing).unwrap(),
        ),
    ];
    assert_eq!(land(&context, &messages).await, ["odd", "gone"]);
    assert_eq!(landed(&store, "a").await.len(), 1);
}

#[tokio::test]
async fn a_batch_in_the_raw_zone_lands_as_one_in_a_message() {
    let (context, store) = context();
    let packed = batch("a", 0, &["1", "2"]).pack().unwrap();
    let key = Chunk::queued_batch_key("a", "5f0c", 0);
    store
        .put(&key, packed.clone().into(), "application/zstd")
        .await
        .unwrap();
    let reference = QueuedMessage::encode_reference(&BatchReference::to_object(key, &packed));
    let messages = [message("1", SENT_AT, &reference.unwrap())];
    assert!(land(&context, &messages).await.is_empty());
    assert_eq!(landed(&store, "a").await.len(), 2);
}

#[tokio::test]
async fn more_than_memory_holds_is_appended_in_parts() {
    let (context, store) = context();
    let value = "x".repeat(PENDING_BYTES_MAX / 3 + 1);
    let messages: Vec<_> = (0..4)
        .map(|sequence| {
            let body = body_of(&batch("a", sequence, &[&value]));
            message(&sequence.to_string(), SENT_AT, &body)
        })
        .collect();
    assert!(land(&context, &messages).await.is_empty());
    assert_eq!(store.list("raw/a/", None).await.unwrap().len(), 2);
    assert_eq!(landed(&store, "a").await.len(), 4);
}

#[tokio::test]
async fn without_time_everything_is_delivered_again() {
    let (context, store) = context();
    let payload = serde_json::json!({
        "Records": [message("1", SENT_AT, &body_of(&batch("a", 0, &["1"])))]
    });
    let budget = TimeBudget::lasting_for(Duration::ZERO);
    let failures = land_queue_batch(&payload.to_string(), &context, budget)
        .await
        .unwrap();
    assert_eq!(failures.batch_item_failures.len(), 1);
    assert!(landed(&store, "a").await.is_empty());
}
