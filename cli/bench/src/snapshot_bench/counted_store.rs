//! A bucket whose requests are counted, and wait as long as those of S3 do.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use store::{ListedObject, ObjectHead, ObjectMetadata, ObjectStore, StoreError, StoredObject};

/// Entries of a page of a listing, which is one request.
const PAGE_ENTRIES: usize = 1_000;

/// A bucket that counts the requests that read.
pub(super) struct CountedStore {
    inner: Arc<dyn ObjectStore>,
    wait: Duration,
    requests: AtomicU64,
    bytes: AtomicU64,
}

impl CountedStore {
    pub(super) fn over(inner: Arc<dyn ObjectStore>, wait: Duration) -> Arc<Self> {
        Arc::new(Self {
            inner,
            wait,
            requests: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
        })
    }

    /// Requests so far.
    pub(super) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Bytes of the objects that were read.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    async fn count(&self, requests: usize) {
        let requests = requests.max(1) as u64;
        self.requests.fetch_add(requests, Ordering::Relaxed);
        // Pages follow each other: each is asked for by the end of the one before.
        for _ in 0..requests {
            tokio::time::sleep(self.wait).await;
        }
    }
}

#[async_trait]
impl ObjectStore for CountedStore {
    async fn get(&self, key: &str) -> Result<StoredObject, StoreError> {
        self.count(1).await;
        let object = self.inner.get(key).await?;
        self.bytes
            .fetch_add(object.body.len() as u64, Ordering::Relaxed);
        Ok(object)
    }

    async fn head(&self, key: &str) -> Result<ObjectHead, StoreError> {
        self.count(1).await;
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
        self.inner.put_if_absent(key, body, metadata).await
    }

    async fn put_if_match(&self, key: &str, etag: &str, body: Bytes) -> Result<bool, StoreError> {
        self.inner.put_if_match(key, etag, body).await
    }

    async fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
    ) -> Result<Vec<ListedObject>, StoreError> {
        let listed = self.inner.list(prefix, after).await?;
        self.count(listed.len().div_ceil(PAGE_ENTRIES)).await;
        Ok(listed)
    }

    async fn list_between(
        &self,
        prefix: &str,
        after: &str,
        before: &str,
    ) -> Result<Vec<ListedObject>, StoreError> {
        let listed = self.inner.list_between(prefix, after, before).await?;
        self.count(listed.len().div_ceil(PAGE_ENTRIES)).await;
        Ok(listed)
    }

    async fn find_first(
        &self,
        prefix: &str,
        after: Option<&str>,
    ) -> Result<Option<ListedObject>, StoreError> {
        self.count(1).await;
        self.inner.find_first(prefix, after).await
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.inner.delete(key).await
    }
}
