//! A store that tells a test what was written to it.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use store::{
    ListedObject, MemoryStore, ObjectHead, ObjectMetadata, ObjectStore, StoreError, StoredObject,
};

/// A store that notes what is written to it.
pub(super) struct WriteRecorder {
    inner: Arc<MemoryStore>,
    written: Mutex<Vec<String>>,
}

impl WriteRecorder {
    pub(super) fn over(inner: &Arc<MemoryStore>) -> Arc<Self> {
        Arc::new(Self {
            inner: Arc::clone(inner),
            written: Mutex::default(),
        })
    }

    /// The keys that were written, in order; `purged` stands before keys whose old versions went.
    pub(super) fn written_keys(&self) -> Vec<String> {
        self.written.lock().unwrap().clone()
    }

    fn note(&self, key: &str) {
        self.written.lock().unwrap().push(key.to_owned());
    }
}

#[async_trait]
impl ObjectStore for WriteRecorder {
    async fn get(&self, key: &str) -> Result<StoredObject, StoreError> {
        self.inner.get(key).await
    }
    async fn head(&self, key: &str) -> Result<ObjectHead, StoreError> {
        self.inner.head(key).await
    }
    async fn put(&self, key: &str, body: Bytes, kind: &str) -> Result<(), StoreError> {
        self.note(key);
        self.inner.put(key, body, kind).await
    }
    async fn put_if_absent(
        &self,
        key: &str,
        body: Bytes,
        metadata: ObjectMetadata,
    ) -> Result<bool, StoreError> {
        self.note(key);
        self.inner.put_if_absent(key, body, metadata).await
    }
    async fn put_if_match(&self, key: &str, etag: &str, body: Bytes) -> Result<bool, StoreError> {
        self.note(key);
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
        self.note(key);
        self.inner.delete(key).await
    }
    async fn purge_versions(&self, key: &str) -> Result<u64, StoreError> {
        self.note(&format!("purged {key}"));
        self.inner.purge_versions(key).await
    }
}
