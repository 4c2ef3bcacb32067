//! Guards of the system, broken on purpose: the suite must notice each of them.

use std::sync::Arc;
use std::time::Duration;

use arrow_array::BooleanArray;
use arrow_array::cast::AsArray;
use async_trait::async_trait;
use bytes::Bytes;
use contract::Transport;
use event_relay::kafka::{EventSink, OutgoingRecord, SendError};
use store::{ListedObject, ObjectHead, ObjectMetadata, ObjectStore, StoreError, StoredObject};

/// A guard that is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Guard {
    /// Raw objects are written without `If-None-Match`.
    IfNoneMatch,
    /// A 412 is taken for success.
    PreconditionFailed,
    /// The relay answers before Kafka has acknowledged.
    AckBeforeProduce,
    /// The merge forgets what was deleted.
    Tombstone,
    /// The partial answers of the transform, and of the landing of a queue, are taken for success.
    PartialAnswer,
    /// The queue loses messages that it acknowledged.
    QueueLosesMessages,
    /// What a lane has landed is not stored.
    LaneState,
    /// A scheduled landing deletes messages as it receives them.
    DeleteOnReceipt,
}

impl Guard {
    const ALL: [(&str, Self); 8] = [
        ("if-none-match", Self::IfNoneMatch),
        ("precondition-failed", Self::PreconditionFailed),
        ("ack-before-produce", Self::AckBeforeProduce),
        ("tombstone", Self::Tombstone),
        ("partial-answer", Self::PartialAnswer),
        ("queue-loses-messages", Self::QueueLosesMessages),
        ("lane-state", Self::LaneState),
        ("delete-on-receipt", Self::DeleteOnReceipt),
    ];

    /// The guards that a transport has, with their names.
    pub(crate) fn all_of(transport: Transport) -> impl Iterator<Item = (&'static str, Self)> {
        let all = Self::ALL.into_iter();
        all.filter(move |(_, guard)| transport == Transport::Queue || !guard.is_of_queue())
    }

    /// Whether only a queue has it.
    fn is_of_queue(self) -> bool {
        let of_queue = [
            Self::QueueLosesMessages,
            Self::LaneState,
            Self::DeleteOnReceipt,
        ];
        of_queue.contains(&self)
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|(known, _)| *known == name)
            .map(|(_, guard)| guard)
    }
}

/// A store whose guards may be broken.
pub(crate) struct GuardedStore {
    pub(crate) inner: Arc<dyn ObjectStore>,
    pub(crate) broken: Option<Guard>,
}

#[async_trait]
impl ObjectStore for GuardedStore {
    async fn get(&self, key: &str) -> Result<StoredObject, StoreError> {
        let object = self.inner.get(key).await?;
        if self.broken == Some(Guard::Tombstone)
            && ["curated/_state/", "curated/_records/"]
                .iter()
                .any(|kept| key.starts_with(kept))
            && key.ends_with(".parquet")
        {
            return Ok(StoredObject {
                body: without_tombstones(object.body),
                ..object
            });
        }
        Ok(object)
    }

    async fn head(&self, key: &str) -> Result<ObjectHead, StoreError> {
        let head = self.inner.head(key).await?;
        Ok(ObjectHead {
            size: self.get(key).await?.body.len() as u64,
            ..head
        })
    }

    async fn put(&self, key: &str, body: Bytes, content_type: &str) -> Result<(), StoreError> {
        self.inner.put(key, body, content_type).await
    }

    async fn put_if_absent(
        &self,
        key: &str,
        body: Bytes,
        metadata: ObjectMetadata,
    ) -> Result<bool, StoreError> {
        match self.broken {
            Some(Guard::IfNoneMatch) => {
                self.inner.delete(key).await?;
                self.inner.put_if_absent(key, body, metadata).await
            }
            Some(Guard::PreconditionFailed) => self
                .inner
                .put_if_absent(key, body, metadata)
                .await
                .map(|_| true),
            _ => self.inner.put_if_absent(key, body, metadata).await,
        }
    }

    async fn put_if_match(&self, key: &str, etag: &str, body: Bytes) -> Result<bool, StoreError> {
        if self.broken == Some(Guard::LaneState) && key.starts_with(lake::LaneState::PREFIX) {
            return Ok(true);
        }
        self.inner.put_if_match(key, etag, body).await
    }

    async fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
    ) -> Result<Vec<ListedObject>, StoreError> {
        self.inner.list(prefix, after).await
    }

    async fn find_first(
        &self,
        prefix: &str,
        after: Option<&str>,
    ) -> Result<Option<ListedObject>, StoreError> {
        self.inner.find_first(prefix, after).await
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.inner.delete(key).await
    }
}

fn without_tombstones(state: Bytes) -> Bytes {
    let batches: Vec<_> = lake::file::read_parquet(state.clone())
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let Some(schema) = batches.first().map(arrow_array::RecordBatch::schema) else {
        return state;
    };
    let kept: Vec<_> = batches
        .iter()
        .map(|batch| {
            let ops = batch
                .column_by_name(lake::schema::OPERATION_COLUMN)
                .unwrap()
                .as_string::<i32>();
            let live: BooleanArray = ops
                .iter()
                .map(|op| Some(!matches!(op, Some("d" | "D"))))
                .collect();
            arrow_select::filter::filter_record_batch(batch, &live).unwrap()
        })
        .collect();
    lake::file::write_parquet(&schema, &kept, lake::file::sorted_properties()).unwrap()
}

/// A sink that answers at once and sends when it likes.
pub(crate) struct EagerSink(pub(crate) Arc<dyn EventSink>);

#[async_trait]
impl EventSink for EagerSink {
    async fn send_records(
        &self,
        records: Vec<OutgoingRecord>,
        within: Duration,
    ) -> Vec<Result<(), SendError>> {
        let (count, inner) = (records.len(), Arc::clone(&self.0));
        tokio::spawn(async move { inner.send_records(records, within).await });
        vec![Ok(()); count]
    }
}
