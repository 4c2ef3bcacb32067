//! A store that tells a test what was read of it and written to it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use store::{
    ListedObject, MemoryStore, ObjectHead, ObjectMetadata, ObjectStore, StoreError, StoredObject,
};

/// A bucket in memory, and what happened to it since the recorder stands before it.
#[derive(Default)]
pub(crate) struct StoreRecorder {
    inner: Arc<MemoryStore>,
    whole: Mutex<BTreeSet<String>>,
    parts: Mutex<BTreeMap<String, Vec<Range<u64>>>>,
    written: Mutex<Vec<String>>,
}

impl StoreRecorder {
    pub(crate) fn over(inner: &Arc<MemoryStore>) -> Arc<Self> {
        Arc::new(Self {
            inner: Arc::clone(inner),
            ..Self::default()
        })
    }

    /// The keys that were read as a whole.
    pub(crate) fn whole_reads(&self) -> BTreeSet<String> {
        self.whole.lock().unwrap().clone()
    }

    /// The parts of objects that were read since the last call, by key.
    pub(crate) fn take_partial_reads(&self) -> BTreeMap<String, Vec<Range<u64>>> {
        std::mem::take(&mut *self.parts.lock().unwrap())
    }

    /// The keys that were written, in order; `purged` stands before keys whose old versions went.
    pub(crate) fn written_keys(&self) -> Vec<String> {
        self.written.lock().unwrap().clone()
    }

    fn note_write(&self, key: &str) {
        self.written.lock().unwrap().push(key.to_owned());
    }
}

#[async_trait]
impl ObjectStore for StoreRecorder {
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
        self.note_write(key);
        self.inner.put(key, body, kind).await
    }
    async fn put_if_absent(
        &self,
        key: &str,
        body: Bytes,
        metadata: ObjectMetadata,
    ) -> Result<bool, StoreError> {
        self.note_write(key);
        self.inner.put_if_absent(key, body, metadata).await
    }
    async fn put_if_match(&self, key: &str, etag: &str, body: Bytes) -> Result<bool, StoreError> {
        self.note_write(key);
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
        self.note_write(key);
        self.inner.delete(key).await
    }
    async fn purge_versions(&self, key: &str) -> Result<u64, StoreError> {
        self.note_write(&format!("purged {key}"));
        self.inner.purge_versions(key).await
    }
}
