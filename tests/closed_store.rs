//! A bucket of which a caller may read some objects alone, as IAM's policies say it.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use store::{
    ListedObject, MemoryStore, ObjectHead, ObjectMetadata, ObjectStore, StoreError, StoreErrorKind,
    StoredObject,
};

/// A bucket, and what a caller may do.
pub(crate) struct ClosedStore {
    pub(crate) inner: Arc<MemoryStore>,
    /// The beginnings of the keys that may be read.
    pub(crate) readable: &'static [&'static str],
    /// The beginnings of the prefixes that may be listed.
    pub(crate) listable: &'static [&'static str],
    /// The beginnings of the keys that may not be written; all others may.
    pub(crate) unwritable: &'static [&'static str],
}

fn denied(operation: &'static str, key: &str) -> StoreError {
    StoreError::new(
        StoreErrorKind::Refused,
        operation,
        key,
        "Access Denied by a policy",
    )
}

impl ClosedStore {
    /// All rights but that to write below a prefix.
    pub(crate) fn without_writes(
        inner: &Arc<MemoryStore>,
        unwritable: &'static [&'static str],
    ) -> Arc<Self> {
        Arc::new(Self {
            inner: Arc::clone(inner),
            readable: &[""],
            listable: &[""],
            unwritable,
        })
    }

    fn check(
        &self,
        operation: &'static str,
        key: &str,
        allowed: &[&str],
    ) -> Result<(), StoreError> {
        let is_allowed = allowed.iter().any(|begin| key.starts_with(begin));
        is_allowed
            .then_some(())
            .ok_or_else(|| denied(operation, key))
    }

    fn check_write(&self, key: &str) -> Result<(), StoreError> {
        let is_closed = self.unwritable.iter().any(|begin| key.starts_with(begin));
        (!is_closed).then_some(()).ok_or_else(|| denied("put", key))
    }
}

#[async_trait]
impl ObjectStore for ClosedStore {
    async fn get(&self, key: &str) -> Result<StoredObject, StoreError> {
        self.check("get", key, self.readable)?;
        self.inner.get(key).await
    }
    async fn head(&self, key: &str) -> Result<ObjectHead, StoreError> {
        self.check("head", key, self.readable)?;
        self.inner.head(key).await
    }
    async fn put(&self, key: &str, body: Bytes, kind: &str) -> Result<(), StoreError> {
        self.check_write(key)?;
        self.inner.put(key, body, kind).await
    }
    async fn put_if_absent(
        &self,
        key: &str,
        body: Bytes,
        metadata: ObjectMetadata,
    ) -> Result<bool, StoreError> {
        self.check_write(key)?;
        self.inner.put_if_absent(key, body, metadata).await
    }
    async fn put_if_match(&self, key: &str, etag: &str, body: Bytes) -> Result<bool, StoreError> {
        self.check_write(key)?;
        self.inner.put_if_match(key, etag, body).await
    }
    async fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
    ) -> Result<Vec<ListedObject>, StoreError> {
        self.check("list", prefix, self.listable)?;
        self.inner.list(prefix, after).await
    }
    async fn find_first(
        &self,
        prefix: &str,
        after: Option<&str>,
    ) -> Result<Option<ListedObject>, StoreError> {
        self.check("list", prefix, self.listable)?;
        self.inner.find_first(prefix, after).await
    }
    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.inner.delete(key).await
    }
}
