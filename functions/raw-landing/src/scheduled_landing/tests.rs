use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use lake::Chunk;
use store::{MemoryStore, ObjectStore, StoreErrorKind};
use trigger::{MessageNumber, QueuedBatch, QueuedMessage, QueuedRecord};

use super::*;
use crate::queue_batch::count_missing_messages;

/// A queue that gives its messages in order, ten at a time.
#[derive(Default)]
struct ListedQueue {
    waiting: Mutex<VecDeque<DeliveredMessage>>,
    deleted: Mutex<Vec<String>>,
    receives: Mutex<usize>,
    /// The receive that fails, counted from 0.
    failing: Option<usize>,
}

impl ListedQueue {
    fn new(messages: Vec<DeliveredMessage>) -> Self {
        Self {
            waiting: Mutex::new(messages.into()),
            ..Self::default()
        }
    }

    fn deleted(&self) -> Vec<String> {
        let mut deleted = self.deleted.lock().unwrap().clone();
        deleted.sort();
        deleted
    }
}

#[async_trait]
impl MessageReceiver for ListedQueue {
    async fn receive_messages(&self, _wait: Duration) -> Result<Vec<DeliveredMessage>, StoreError> {
        let mut receives = self.receives.lock().unwrap();
        *receives += 1;
        if self.failing == Some(*receives - 1) {
            let kind = StoreErrorKind::Unavailable;
            return Err(StoreError::new(kind, "receive", "events", "it is down"));
        }
        let mut waiting = self.waiting.lock().unwrap();
        let count = waiting.len().min(SQS_BATCH_MESSAGES_MAX);
        Ok(waiting.drain(..count).collect())
    }

    async fn delete_messages(&self, receipts: &[&str]) -> Result<(), StoreError> {
        assert!(receipts.len() <= SQS_BATCH_MESSAGES_MAX);
        let receipts = receipts.iter().map(|receipt| (*receipt).to_owned());
        self.deleted.lock().unwrap().extend(receipts);
        Ok(())
    }
}

fn message(sequence: u64, sent_at: i64) -> DeliveredMessage {
    let batch = QueuedBatch {
        topic: "a".to_owned(),
        number: MessageNumber {
            sandbox: "5f0c".to_owned(),
            sequence,
        },
        unacknowledged: Vec::new(),
        records: vec![QueuedRecord {
            key: Some("T-1".to_owned()),
            headers: Vec::new(),
            value: format!("{sequence}").into_bytes(),
        }],
    };
    DeliveredMessage {
        id: format!("{sequence:04}"),
        receipt: format!("receipt {sequence:04}"),
        body: QueuedMessage::encode_batch(&batch.pack().unwrap()),
        sent_at: Some(sent_at),
    }
}

fn messages(count: u64) -> Vec<DeliveredMessage> {
    (0..count).map(|number| message(number, 1_000)).collect()
}

fn context(queue: &Arc<ListedQueue>) -> (Context, Arc<MemoryStore>) {
    let store = Arc::new(MemoryStore::default());
    let context = Context::new(Arc::clone(&store) as Arc<dyn ObjectStore>, 1);
    (context.with_events_queue(Arc::clone(queue) as _), store)
}

async fn empty(context: &Context) -> Result<(), Failure> {
    empty_queue(context, TimeBudget::lasting_for(Duration::from_secs(60))).await
}

/// The records of each raw object.
async fn landed(store: &MemoryStore) -> Vec<usize> {
    let mut sizes = Vec::new();
    for entry in store
        .list(&Chunk::topic_raw_prefix("a"), None)
        .await
        .unwrap()
    {
        let object = store.get(&entry.key).await.unwrap();
        let batches = lake::decode_raw(object.body).unwrap();
        sizes.push(batches.iter().map(lake::RawBatch::len).sum());
    }
    sizes
}

#[tokio::test]
async fn all_that_waits_is_one_object_and_is_deleted() {
    let queue = Arc::new(ListedQueue::new(messages(137)));
    let (context, store) = context(&queue);
    empty(&context).await.unwrap();

    assert_eq!(landed(&store).await, [137]);
    let wanted: Vec<String> = (0..137)
        .map(|number| format!("receipt {number:04}"))
        .collect();
    assert_eq!(queue.deleted(), wanted);
    let now = host::now_micros() / 1_000;
    assert_eq!(count_missing_messages(&context, now).await.unwrap(), 0);
}

#[tokio::test]
async fn an_empty_queue_costs_one_receive_and_no_request_to_storage() {
    let queue = Arc::new(ListedQueue::default());
    let (context, store) = context(&queue);
    empty(&context).await.unwrap();

    assert_eq!(*queue.receives.lock().unwrap(), 1);
    assert!(store.list("", None).await.unwrap().is_empty());
}

#[tokio::test]
async fn messages_that_come_meanwhile_do_not_keep_an_invocation() {
    let mut sent = messages(3);
    let later = host::now_micros() / 1_000 + 3_600_000;
    sent.extend((3..500).map(|number| message(number, later)));
    let queue = Arc::new(ListedQueue::new(sent));
    let (context, store) = context(&queue);
    empty(&context).await.unwrap();

    // The first wave is mostly new: the rest is the next invocation's.
    assert_eq!(landed(&store).await, [10]);
    assert_eq!(queue.waiting.lock().unwrap().len(), 490);
}

#[tokio::test]
async fn what_cannot_be_read_stays_and_the_others_land() {
    let mut sent = messages(3);
    sent[1].body = "no message of the relay".to_owned();
    let queue = Arc::new(ListedQueue::new(sent));
    let (context, store) = context(&queue);
    empty(&context).await.unwrap();

    assert_eq!(landed(&store).await, [2]);
    assert_eq!(queue.deleted(), ["receipt 0000", "receipt 0002"]);
}

#[tokio::test]
async fn what_was_received_before_a_failure_lands_and_the_failure_is_told() {
    let mut queue = ListedQueue::new(messages(40));
    queue.failing = Some(1);
    let queue = Arc::new(queue);
    let (context, store) = context(&queue);
    let failure = empty(&context).await.unwrap_err();

    assert!(failure.to_string().contains("it is down"), "{failure}");
    let landed: usize = landed(&store).await.into_iter().sum();
    assert_eq!(landed, queue.deleted().len());
    assert!(landed >= 10, "{landed}");
}

#[tokio::test]
async fn a_repeat_within_a_round_lands_once_and_both_are_deleted() {
    let mut again = message(0, 1_000);
    again.receipt = "receipt again".to_owned();
    let queue = Arc::new(ListedQueue::new(vec![message(0, 1_000), again]));
    let (context, store) = context(&queue);
    empty(&context).await.unwrap();

    assert_eq!(landed(&store).await, [1]);
    assert_eq!(queue.deleted(), ["receipt 0000", "receipt again"]);
}

#[tokio::test]
async fn without_a_queue_the_order_is_refused_by_the_settings_name() {
    let context = Context::new(Arc::new(MemoryStore::default()), 1);
    let failure = empty(&context).await.unwrap_err();
    assert!(
        failure.to_string().contains("EVENTS_QUEUE_URL"),
        "{failure}"
    );
}
