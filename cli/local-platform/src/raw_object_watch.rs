//! New raw objects of an external S3, found by listing: what S3's notification does
//! where none is set up.
//!
//! The objects of a stream are written in the order of their names, so that listing after the last
//! one misses none. An object is told before its position is kept: a crash between the two tells it
//! twice, and the transform leaves what has a receipt.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use lake::Chunk;
use serde_json::json;
use store::ObjectStore;
use store::streams::find_first_chunks;
use tokio::sync::{Mutex, Notify};

use super::listing_positions::ListingPositions;
use super::queue::LocalQueue;

/// How often is looked for objects of which no landing of this platform tells: of a redrive, or of
/// another platform.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// The file of the positions.
const POSITIONS_FILE: &str = "raw-listing.json";

/// Tells the queue of raw objects.
pub(crate) struct RawObjectWatch {
    raw: Arc<dyn ObjectStore>,
    bucket: String,
    topics: Vec<String>,
    queue: Arc<LocalQueue>,
    positions: Mutex<ListingPositions>,
    landed: Arc<Notify>,
}

impl RawObjectWatch {
    /// A watch of these topics' objects, with its positions in `folder`; `landed` is told when a
    /// landing has written some.
    ///
    /// # Errors
    /// When the file of the positions is damaged.
    pub(crate) fn open(
        folder: &Path,
        (raw, bucket): (Arc<dyn ObjectStore>, String),
        topics: Vec<String>,
        queue: Arc<LocalQueue>,
        landed: Arc<Notify>,
    ) -> io::Result<Self> {
        Ok(Self {
            raw,
            bucket,
            topics,
            queue,
            positions: Mutex::new(ListingPositions::open(&folder.join(POSITIONS_FILE))?),
            landed,
        })
    }

    /// Looks until the platform ends.
    pub(crate) async fn run(self: Arc<Self>) {
        loop {
            if let Err(error) = self.tell_new_objects().await {
                tracing::warn!(%error, "the raw objects cannot be listed");
            }
            drop(tokio::time::timeout(LOOK_EVERY, self.landed.notified()).await);
        }
    }

    /// Tells the queue of every raw object that it was not told of.
    ///
    /// # Errors
    /// When the S3 does not answer, or the queue cannot be written.
    pub(crate) async fn tell_new_objects(&self) -> io::Result<()> {
        let mut positions = self.positions.lock().await;
        for topic in &self.topics {
            self.tell_of_topic(topic, &mut positions).await?;
        }
        Ok(())
    }

    async fn tell_of_topic(&self, topic: &str, positions: &mut ListingPositions) -> io::Result<()> {
        let streams = find_first_chunks(topic, &*self.raw).await;
        for stream in streams.map_err(io::Error::other)? {
            self.tell_of_stream(&stream.raw_prefix(), positions).await?;
        }
        Ok(())
    }

    async fn tell_of_stream(
        &self,
        stream: &str,
        positions: &mut ListingPositions,
    ) -> io::Result<()> {
        let listed = self.raw.list(stream, positions.last_of(stream)).await;
        let objects = listed.map_err(io::Error::other)?.into_iter();
        let keys: Vec<String> = objects
            .map(|object| object.key)
            .filter(|key| Chunk::from_raw_key(key).is_some())
            .collect();
        for key in &keys {
            self.queue.send_message(notification(&self.bucket, key))?;
        }
        match keys.last() {
            Some(last) => positions.advance(stream, last),
            None => Ok(()),
        }
    }
}

/// S3's notification of an object, as it comes from a queue.
pub(crate) fn notification(bucket: &str, key: &str) -> String {
    // Keys are form-encoded in notifications; of these characters, polelake's keys contain only
    // `=`.
    let key = key
        .replace('%', "%25")
        .replace('=', "%3D")
        .replace('+', "%2B")
        .replace(' ', "+");
    let record = json!({
        "eventVersion": "2.6",
        "eventSource": "aws:s3",
        "eventName": "ObjectCreated:Put",
        "s3": {"bucket": {"name": bucket}, "object": {"key": key}},
    });
    json!({"Records": [record]}).to_string()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use store::MemoryStore;

    use super::*;

    struct Watched {
        folder: tempfile::TempDir,
        raw: Arc<MemoryStore>,
    }

    impl Watched {
        fn new() -> Self {
            Self {
                folder: tempfile::tempdir().unwrap(),
                raw: Arc::default(),
            }
        }

        async fn put(&self, topic: &str, partition: i32, offset: i64) {
            let chunk = Chunk {
                topic: topic.to_owned(),
                epoch: 1,
                partition,
                offset,
            };
            self.put_key(&chunk.raw_key()).await;
        }

        async fn put_key(&self, key: &str) {
            self.raw.put(key, Bytes::new(), "x").await.unwrap();
        }

        /// How many messages a platform that starts now is told.
        async fn looks(&self, times: usize) -> usize {
            let queue = LocalQueue::open(&self.folder.path().join("queues"), "raw", Arc::default())
                .unwrap();
            let queue = Arc::new(queue);
            let before = queue.pending_count();
            let raw: Arc<dyn ObjectStore> = self.raw.clone();
            let watch = RawObjectWatch::open(
                self.folder.path(),
                (raw, "lake-raw".to_owned()),
                vec!["a".to_owned(), "b".to_owned()],
                Arc::clone(&queue),
                Arc::default(),
            );
            let watch = watch.unwrap();
            for _ in 0..times {
                watch.tell_new_objects().await.unwrap();
            }
            queue.pending_count() - before
        }
    }

    #[tokio::test]
    async fn every_object_of_every_stream_is_told_once_whatever_lies_between() {
        let watched = Watched::new();
        for partition in [0, 1, 10, -1] {
            watched.put("a", partition, 0).await;
            watched.put("a", partition, 90).await;
        }
        watched.put("ab", 0, 0).await;
        watched.put_key("raw/_log/a/epoch=1/partition=0.json").await;
        watched.put_key("raw/a/notes.txt").await;
        assert_eq!(watched.looks(2).await, 8);

        // The next start goes on behind them, in an old stream and in a new one.
        assert_eq!(watched.looks(1).await, 0);
        watched.put("a", 1, 100).await;
        watched.put("b", 0, 0).await;
        assert_eq!(watched.looks(3).await, 2);
    }

    #[tokio::test]
    async fn a_lost_position_tells_again_and_skips_nothing() {
        let watched = Watched::new();
        watched.put("a", 0, 0).await;
        assert_eq!(watched.looks(1).await, 1);
        std::fs::remove_file(watched.folder.path().join(POSITIONS_FILE)).unwrap();
        watched.put("a", 0, 7).await;
        assert_eq!(watched.looks(1).await, 2);
    }

    #[test]
    fn a_notification_encodes_the_key_as_a_form_does() {
        let text = notification("raw", "raw/a/epoch=1/x+y z%.parquet");
        assert!(
            text.contains("raw/a/epoch%3D1/x%2By+z%25.parquet"),
            "{text}"
        );
    }
}
