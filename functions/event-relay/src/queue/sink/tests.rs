use std::sync::Mutex;

use store::{MemoryQueue, MemoryStore};

use super::*;

/// A queue that answers as the script says, the next answer last, and is in order without one.
#[derive(Default)]
struct ScriptedQueue {
    inner: MemoryQueue,
    script: Mutex<Vec<StoreErrorKind>>,
}

#[async_trait]
impl MessageQueue for ScriptedQueue {
    async fn send_messages(&self, messages: Vec<OutgoingMessage>) -> Result<(), StoreError> {
        let failure = self.script.lock().unwrap().pop();
        if let Some(kind) = failure {
            return Err(StoreError::new(kind, "send", "events", "scripted"));
        }
        self.inner.send_messages(messages).await
    }
}

struct SinkUnderTest {
    queue: Arc<ScriptedQueue>,
    raw: Arc<MemoryStore>,
    sink: QueueSink,
}

fn sink_with(message_bytes_max: u32, script: Vec<StoreErrorKind>) -> SinkUnderTest {
    let queue = Arc::new(ScriptedQueue {
        inner: MemoryQueue::default(),
        script: Mutex::new(script),
    });
    let raw = Arc::new(MemoryStore::default());
    let sink = QueueSink::new(QueueSinkOptions {
        queue: Arc::clone(&queue) as Arc<dyn MessageQueue>,
        message_bytes_max,
        notice_delay: Duration::from_secs(900),
        raw: Arc::clone(&raw) as Arc<dyn ObjectStore>,
    });
    SinkUnderTest { queue, raw, sink }
}

fn record(topic: &str, value: impl Into<Vec<u8>>) -> OutgoingRecord {
    OutgoingRecord {
        topic: topic.to_owned(),
        key: Some("T-1".to_owned()),
        value: value.into(),
        headers: vec![("source", "tenure".to_owned())],
    }
}

/// The batches that the queue took, in the order of their topics and numbers.
async fn sent_batches(test: &SinkUnderTest) -> Vec<QueuedBatch> {
    let mut batches = Vec::new();
    for message in test.queue.inner.sent_messages() {
        batches.push(match QueuedMessage::decode(&message.body).unwrap() {
            QueuedMessage::Batch(batch) => batch,
            QueuedMessage::Reference(reference) => {
                let object = test.raw.get(&reference.object).await.unwrap();
                reference.unpack_object(&object.body).unwrap()
            }
            QueuedMessage::Notice(_) => continue,
        });
    }
    batches.sort_by(|a, b| (&a.topic, a.number.sequence).cmp(&(&b.topic, b.number.sequence)));
    batches
}

const SECONDS: Duration = Duration::from_secs(9);

#[tokio::test]
async fn a_request_is_one_message_for_each_topic() {
    let test = sink_with(100_000, Vec::new());
    let records = vec![record("a", "1"), record("b", "2"), record("a", "3")];
    let outcomes = test.sink.send_records(records, SECONDS).await;
    assert_eq!(outcomes, vec![Ok(()); 3]);

    let batches = sent_batches(&test).await;
    assert_eq!(batches.len(), 2);
    let values: Vec<_> = batches[0]
        .records
        .iter()
        .map(|record| &record.value[..])
        .collect();
    assert_eq!(
        (batches[0].topic.as_str(), values),
        ("a", vec![&b"1"[..], b"3"])
    );
    assert_eq!(batches[0].records[0].key.as_deref(), Some("T-1"));
    assert_eq!(batches[0].records[0].headers[0].1, "tenure");
}

#[tokio::test]
async fn what_no_message_takes_goes_by_reference_and_is_split() {
    let test = sink_with(1_000, Vec::new());
    // Bytes that zstd cannot pack: three values of which two fill a batch.
    let large = |seed| {
        let mut random = fastrand::Rng::with_seed(seed);
        let bytes = std::iter::repeat_with(move || random.u8(..));
        bytes.take(VALUE_BYTES_MAX / 2).collect::<Vec<u8>>()
    };
    let values = [large(1), large(2), large(3)];
    let records = values.clone().map(|value| record("a", value)).to_vec();
    let outcomes = test.sink.send_records(records, SECONDS).await;
    assert_eq!(outcomes, vec![Ok(()); 3]);

    let batches = sent_batches(&test).await;
    let counts: Vec<usize> = batches.iter().map(|batch| batch.records.len()).collect();
    assert_eq!(counts, [2, 1]);
    let sent = batches.iter().flat_map(|batch| &batch.records);
    assert!(sent.map(|record| &record.value).eq(&values));
    let sent = test.queue.inner.sent_messages();
    assert!(sent.iter().all(|message| message.body.len() < 1_000));
}

#[tokio::test]
async fn a_lost_answer_is_tried_again_under_the_same_number() {
    let test = sink_with(100_000, vec![StoreErrorKind::Unavailable; 2]);
    let outcomes = test
        .sink
        .send_records(vec![record("a", "1")], SECONDS)
        .await;
    assert_eq!(outcomes, vec![Ok(())]);
    let batches = sent_batches(&test).await;
    assert_eq!(batches[0].number.sequence, 0);
    assert!(batches[0].unacknowledged.is_empty());
}

#[tokio::test]
async fn a_batch_that_an_earlier_attempt_has_stored_is_not_stored_again() {
    let test = sink_with(10, vec![StoreErrorKind::Unavailable; 2]);
    let outcomes = test
        .sink
        .send_records(vec![record("a", "1")], SECONDS)
        .await;
    assert_eq!(outcomes, vec![Ok(())]);
    assert_eq!(sent_batches(&test).await[0].records[0].value, b"1");
}

#[tokio::test]
async fn a_later_message_tells_of_one_that_was_not_acknowledged() {
    let test = sink_with(100_000, vec![StoreErrorKind::Unavailable; 3]);
    let refused = test
        .sink
        .send_records(vec![record("a", "1")], SECONDS)
        .await;
    assert!(matches!(refused[..], [Err(SendError::Unavailable(_))]));

    let outcomes = test
        .sink
        .send_records(vec![record("a", "2")], SECONDS)
        .await;
    assert_eq!(outcomes, vec![Ok(())]);
    let batches = sent_batches(&test).await;
    assert_eq!(
        (batches[0].number.sequence, &batches[0].unacknowledged[..]),
        (1, &[0][..])
    );
}

#[tokio::test]
async fn a_missing_queue_is_not_tried_again() {
    let script = vec![StoreErrorKind::Unavailable, StoreErrorKind::NotFound];
    let test = sink_with(100_000, script);
    let refused = test
        .sink
        .send_records(vec![record("a", "1")], SECONDS)
        .await;
    assert_eq!(
        refused,
        vec![Err(SendError::QueueMissing("events".to_owned()))]
    );
}

#[tokio::test]
async fn each_message_has_a_notice_beside_it_that_comes_later() {
    let test = sink_with(100_000, Vec::new());
    test.sink
        .send_records(vec![record("a", "1")], SECONDS)
        .await;
    let sent = test.queue.inner.sent_messages();
    let delays: Vec<u64> = sent.iter().map(|message| message.delay.as_secs()).collect();
    assert_eq!(delays, [0, 900]);

    let Ok(QueuedMessage::Notice(notice)) = QueuedMessage::decode(&sent[1].body) else {
        panic!("the second message is no notice");
    };
    let number = &sent_batches(&test).await[0].number;
    assert_eq!((notice.topic.as_str(), &notice.acknowledged), ("a", number));
}
