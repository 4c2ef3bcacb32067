//! A store that tells a test what was read of it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use store::{
    ListedObject, MemoryStore, ObjectHead, ObjectMetadata, ObjectStore, StoreError, StoredObject,
};

/// A bucket that remembers which keys were read, and how.
#[derive(Default)]
pub(super) struct ReadRecorder {
    pub(super) inner: Arc<MemoryStore>,
    pub(super) whole: Mutex<BTreeSet<String>>,
    pub(super) parts: Mutex<BTreeMap<String, Vec<Range<u64>>>>,
}

#[async_trait]
impl ObjectStore for ReadRecorder {
    async fn get(&self, key: &str) -> Result<StoredObject, StoreError> {
        self.whole.lock().unwrap().insert(key.to_owned());
        self.inner.get(key).await
    }
    async fn get_range(&self, key: &str, range: Range<u64>) -> Result<Bytes, StoreError> {
        self.parts
            .lock()
            .unwrap()
            .entry(key.to_owned())
            .or_default()
            .push(range.clone());
        self.inner.get_range(key, range).await
    }
    async fn head(&self, key: &str) -> Result<ObjectHead, StoreError> {
        self.inner.head(key).await
    }
    async fn put(&self, key: &str, body: Bytes, kind: &str) -> Result<(), StoreError> {
        self.inner.put(key, body, kind).await
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
