use std::sync::Arc;

use crate::{ListedObject, MemoryStore, ObjectHead, StoreError, StoreErrorKind, StoredObject};
use async_trait::async_trait;
use bytes::Bytes;
use lake::{LOG_APPEND_TIME, decode_raw};
use proptest::prelude::*;

use super::*;

fn record(offset: i64) -> RawRecord<'static> {
    RawRecord {
        offset,
        timestamp: 1_000 + offset,
        timestamp_type: Some(LOG_APPEND_TIME),
        landed_at: None,
        key: None,
        value: Some(Bytes::from(offset.to_string())),
        headers: None,
    }
}

fn records(offsets: impl Iterator<Item = i64>) -> Vec<RawRecord<'static>> {
    offsets.map(record).collect()
}

fn stream() -> Chunk {
    Chunk {
        topic: "t-1".into(),
        epoch: 1,
        partition: 0,
        offset: 0,
    }
}

/// Every offset in the store, in the order of the log, after checking that the log has no gap
/// between its objects.
async fn landed(store: &dyn ObjectStore) -> Vec<i64> {
    let (mut offsets, mut expected) = (Vec::new(), None);
    for entry in store.list("raw/t-1/", None).await.unwrap() {
        let chunk = Chunk::from_raw_key(&entry.key).unwrap();
        assert!(
            expected.is_none_or(|next| next == chunk.offset),
            "the raw log has a gap at {}",
            chunk.offset
        );
        let object = store.get(&entry.key).await.unwrap();
        expected = object.metadata["next"].parse::<i64>().ok();
        for batch in decode_raw(object.body).unwrap() {
            offsets.extend((0..batch.len()).map(|row| batch.offset(row)));
        }
    }
    offsets
}

/// A store that stores and then reports that it did not answer, whenever the script demands it.
struct Lossy {
    inner: MemoryStore,
    script: std::sync::Mutex<Vec<bool>>,
}

#[async_trait]
impl ObjectStore for Lossy {
    async fn get(&self, key: &str) -> Result<StoredObject, StoreError> {
        self.inner.get(key).await
    }
    async fn head(&self, key: &str) -> Result<ObjectHead, StoreError> {
        self.inner.head(key).await
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
        let stored = self.inner.put_if_absent(key, body, metadata).await?;
        if self.script.lock().unwrap().pop().unwrap_or(false) {
            return Err(StoreError::new(
                StoreErrorKind::Unavailable,
                "put",
                key,
                "the answer was lost",
            ));
        }
        Ok(stored)
    }
    async fn put_if_match(&self, key: &str, etag: &str, body: Bytes) -> Result<bool, StoreError> {
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

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap()
}

proptest! {
    /// Whatever the batches, overlaps, cold starts and lost answers: every offset once, in order,
    /// no gap.
    #[test]
    fn exactly_once(
        cuts in proptest::collection::vec((1..9i64, 0..6i64, any::<bool>()), 1..30),
        script in proptest::collection::vec(any::<bool>(), 0..30),
        gap in 2..7i64,
    ) {
        runtime().block_on(async {
            let store = Lossy {
                inner: MemoryStore::default(), script: std::sync::Mutex::new(script)
            };
            let (mut ends, mut done) = (LogEndCache::default(), 0i64);
            for (length, overlap, cold) in cuts {
                if cold {
                    ends = LogEndCache::default();
                }
                let from = (done - overlap).max(0);
                let offsets = (from..done + length).filter(|offset| offset % gap != 1);
                let batch = records(offsets);
                // Lambda sends the batch again until it is taken.
                while land_records(&store, &ends, &stream(), &batch).await.is_err() {}
                done += length;
            }
            let expected: Vec<i64> = (0..done).filter(|offset| offset % gap != 1).collect();
            prop_assert_eq!(landed(&store).await, expected);
            Ok(())
        })?;
    }
}

#[tokio::test]
async fn zombies_at_once_do_not_overlap() {
    let store = Arc::new(MemoryStore::default());
    let mut writers = Vec::new();
    for writer in 0..8i64 {
        let store = Arc::clone(&store);
        writers.push(tokio::spawn(async move {
            // Each sandbox has its own idea of where the log ends, and cuts its batches
            // differently.
            let ends = LogEndCache::default();
            for start in (0..200).step_by(usize::try_from(7 + writer).unwrap()) {
                let batch = records(start..(start + 7 + writer).min(200));
                land_records(&*store, &ends, &stream(), &batch)
                    .await
                    .unwrap();
                tokio::task::yield_now().await;
            }
        }));
    }
    for writer in writers {
        writer.await.unwrap();
    }
    assert_eq!(landed(&*store).await, (0..200).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_foreign_object_stops_the_stream() {
    let store = MemoryStore::default();
    let key = Chunk {
        offset: 5,
        ..stream()
    }
    .raw_key();
    store
        .put(&key, Bytes::from_static(b"?"), "text/plain")
        .await
        .unwrap();
    let error = land_records(&store, &LogEndCache::default(), &stream(), &records(5..7))
        .await
        .unwrap_err();
    assert!(matches!(error, RawLogError::ForeignObject(found) if found == key));
}

#[tokio::test]
async fn a_recreated_topic_is_noticed() {
    let (store, ends) = (MemoryStore::default(), LogEndCache::default());
    land_records(&store, &ends, &stream(), &records(0..10))
        .await
        .unwrap();
    let mut newer = records(0..3);
    newer
        .iter_mut()
        .for_each(|record| record.timestamp += 1_000_000);
    let error = land_records(&store, &ends, &stream(), &newer)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("raise TOPIC_EPOCH"), "{error}");
    let repeats = land_records(&store, &ends, &stream(), &records(0..10))
        .await
        .unwrap();
    assert_eq!(
        repeats,
        LandingCounts {
            repeats: 10,
            ..LandingCounts::default()
        }
    );
}

#[tokio::test]
async fn a_producers_timestamp_of_2099_does_not_hide_a_recreated_topic() {
    let (store, ends) = (MemoryStore::default(), LogEndCache::default());
    let stamped_by_producer = RawRecord {
        timestamp: 4_070_908_800_000,
        timestamp_type: Some("CREATE_TIME"),
        landed_at: Some(2_000),
        ..record(0)
    };
    let landed = land_records(&store, &ends, &stream(), &[stamped_by_producer]).await;
    assert_eq!(landed.unwrap().dated_by_landing, 1);

    let newer = RawRecord {
        timestamp: 2_001,
        ..record(0)
    };
    let error = land_records(&store, &ends, &stream(), &[newer]).await;
    assert!(matches!(error, Err(RawLogError::TopicRecreated { .. })));
}

#[tokio::test]
async fn a_cold_start_notices_a_recreated_topic_by_the_metadata_of_the_last_object() {
    let store = MemoryStore::default();
    land_records(&store, &LogEndCache::default(), &stream(), &records(0..10))
        .await
        .unwrap();
    let mut newer = records(0..3);
    newer
        .iter_mut()
        .for_each(|record| record.timestamp += 1_000_000);
    let error = land_records(&store, &LogEndCache::default(), &stream(), &newer)
        .await
        .unwrap_err();
    assert!(
        matches!(error, RawLogError::TopicRecreated { offset: 0, .. }),
        "{error}"
    );
}

#[tokio::test]
async fn a_cold_start_finds_the_end_behind_the_hint() {
    let store = MemoryStore::default();
    let ends = LogEndCache::default();
    for offset in 0..i64::from(HINT_EVERY) * 2 + 3 {
        land_records(&store, &ends, &stream(), &records(offset..offset + 1))
            .await
            .unwrap();
    }
    assert!(store.get(&stream().log_end_hint_key()).await.is_ok());
    let end = find_log_end(&store, &stream()).await.unwrap().unwrap();
    assert_eq!(end.next, i64::from(HINT_EVERY) * 2 + 3);
}

#[tokio::test]
async fn what_is_before_the_beginning_is_not_swallowed() {
    let store = MemoryStore::default();
    land_records(&store, &LogEndCache::default(), &stream(), &records(50..60))
        .await
        .unwrap();
    // The topic is now read from its start.
    let error = land_records(&store, &LogEndCache::default(), &stream(), &records(0..20))
        .await
        .unwrap_err();
    assert!(
        matches!(error, RawLogError::BeforeLogStart { offset: 0, .. }),
        "{error}"
    );
}

#[tokio::test]
async fn a_quiet_stream_goes_on_where_it_was_when_its_objects_have_expired() {
    let store = MemoryStore::default();
    for round in 0..3 {
        // Each landing by a sandbox of its own.
        land_records(
            &store,
            &LogEndCache::default(),
            &stream(),
            &records(round * 10..round * 10 + 10),
        )
        .await
        .unwrap();
    }
    for entry in store.list("raw/t-1/", None).await.unwrap() {
        store.delete(&entry.key).await.unwrap();
    }
    let landed = land_records(&store, &LogEndCache::default(), &stream(), &records(25..40))
        .await
        .unwrap();
    assert_eq!((landed.records, landed.repeats), (10, 5));
    let appended = Chunk {
        partition: -1,
        ..stream()
    };
    assert_eq!(append_cold(&store, &appended, 3).await, 0);
    store
        .delete(
            &Chunk {
                partition: -1,
                ..stream()
            }
            .raw_key(),
        )
        .await
        .unwrap();
    assert_eq!(append_cold(&store, &appended, 3).await, 3);
}

/// Appends as a sandbox that knows nothing of the log.
async fn append_cold(store: &dyn ObjectStore, stream: &Chunk, count: i64) -> i64 {
    let appended = append_records(store, stream, records(0..count)).await;
    appended.unwrap().offset
}

#[tokio::test]
async fn appends_of_two_sandboxes_follow_each_other() {
    let store = MemoryStore::default();
    let mut ends = [None, None];
    let mut conflicts = 0;
    for round in 0..20 {
        let end = &mut ends[usize::try_from(round % 2).unwrap()];
        let own = records(round * 3..round * 3 + 3);
        let appended = append_behind(&store, &stream(), *end, own).await.unwrap();
        conflicts += appended.conflicts;
        *end = Some(appended.end);
    }
    assert_eq!(landed(&store).await, (0..60).collect::<Vec<_>>());
    // Each but the first finds the name taken that it had expected, once.
    assert_eq!(conflicts, 18);
}

#[tokio::test]
async fn an_append_whose_answer_was_lost_is_found_by_the_next_sandbox() {
    let store = Lossy {
        inner: MemoryStore::default(),
        script: std::sync::Mutex::new(vec![true]),
    };
    let lost = append_records(&store, &stream(), records(0..3)).await;
    assert!(matches!(lost, Err(RawLogError::Store(_))));
    assert_eq!(append_cold(&store, &stream(), 2).await, 3);
    assert_eq!(landed(&store).await, (0..5).collect::<Vec<_>>());
}

/// A store whose listings and hints are those of before anything was landed.
struct OutOfDate(MemoryStore);

#[async_trait]
impl ObjectStore for OutOfDate {
    async fn get(&self, key: &str) -> Result<StoredObject, StoreError> {
        Err(StoreError::new(
            StoreErrorKind::NotFound,
            "get",
            key,
            "not yet",
        ))
    }
    async fn head(&self, key: &str) -> Result<ObjectHead, StoreError> {
        self.0.head(key).await
    }
    async fn put(&self, key: &str, body: Bytes, content_type: &str) -> Result<(), StoreError> {
        self.0.put(key, body, content_type).await
    }
    async fn put_if_absent(
        &self,
        key: &str,
        body: Bytes,
        metadata: ObjectMetadata,
    ) -> Result<bool, StoreError> {
        self.0.put_if_absent(key, body, metadata).await
    }
    async fn put_if_match(&self, key: &str, etag: &str, body: Bytes) -> Result<bool, StoreError> {
        self.0.put_if_match(key, etag, body).await
    }
    async fn list(&self, _: &str, _: Option<&str>) -> Result<Vec<ListedObject>, StoreError> {
        Ok(Vec::new())
    }
    async fn find_first(
        &self,
        prefix: &str,
        after: Option<&str>,
    ) -> Result<Option<ListedObject>, StoreError> {
        self.0.find_first(prefix, after).await
    }
    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.0.delete(key).await
    }
}

#[tokio::test]
async fn a_listing_that_is_out_of_date_begins_no_second_log() {
    let store = OutOfDate(MemoryStore::default());
    land_records(&store, &LogEndCache::default(), &stream(), &records(0..6))
        .await
        .unwrap();
    // A cold start that is shown nothing, with a batch from the middle.
    let error = land_records(&store, &LogEndCache::default(), &stream(), &records(3..9))
        .await
        .unwrap_err();
    assert!(matches!(error, RawLogError::StaleListing(_)), "{error}");
    let landed = landed(&store.0).await;
    assert_eq!(landed, (0..6).collect::<Vec<_>>());
    // When the answers are right again, the batch goes where it belongs.
    land_records(&store.0, &LogEndCache::default(), &stream(), &records(3..9))
        .await
        .unwrap();
    assert_eq!(self::landed(&store.0).await, (0..9).collect::<Vec<_>>());
}
