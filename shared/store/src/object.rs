//! The port to object storage: what the functions need of S3, no more.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use async_trait::async_trait;
use bytes::Bytes;

use crate::{StoreError, StoreErrorKind};

/// An object's user metadata.
pub type ObjectMetadata = BTreeMap<String, String>;

/// An object with its content.
#[derive(Clone, Debug)]
pub struct StoredObject {
    /// The content.
    pub body: Bytes,
    /// The entity tag, for [`ObjectStore::put_if_match`].
    pub etag: String,
    /// The user metadata.
    pub metadata: ObjectMetadata,
}

/// An object without its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectHead {
    /// Bytes.
    pub size: u64,
    /// The entity tag.
    pub etag: String,
    /// The user metadata.
    pub metadata: ObjectMetadata,
}

/// An object in a listing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ListedObject {
    /// The key.
    pub key: String,
    /// Bytes.
    pub size: u64,
    /// The entity tag, as [`StoredObject::etag`] has it: another one when the object was written
    /// again with other content.
    pub etag: String,
}

/// One bucket.
#[async_trait]
pub trait ObjectStore: Send + Sync {
    /// The object at `key`.
    ///
    /// # Errors
    /// Not found, or the service's failure.
    async fn get(&self, key: &str) -> Result<StoredObject, StoreError>;

    /// The object at `key`; none where there is no such object.
    ///
    /// # Errors
    /// The service's failure.
    async fn get_if_present(&self, key: &str) -> Result<Option<StoredObject>, StoreError> {
        match self.get(key).await {
            Ok(object) => Ok(Some(object)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The object at `key`; none where there is no such object, or where it is over its limit. This
    /// is for objects that are written again, or done without, when they cannot be read.
    ///
    /// # Errors
    /// The service's failure.
    async fn get_if_within_limit(&self, key: &str) -> Result<Option<StoredObject>, StoreError> {
        match self.get(key).await {
            Ok(object) => Ok(Some(object)),
            Err(error) if error.is_not_found() || error.is_over_limit() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A part of the object at `key`, by its bytes.
    ///
    /// # Errors
    /// Not found, or the service's failure, or the object ends before the part does.
    async fn get_range(&self, key: &str, range: Range<u64>) -> Result<Bytes, StoreError> {
        let body = self.get(key).await?.body;
        let start = usize::try_from(range.start).unwrap_or(usize::MAX);
        let end = usize::try_from(range.end).unwrap_or(usize::MAX);
        if start > end || end > body.len() {
            return Err(StoreError::truncated_object(key, &range));
        }
        Ok(body.slice(start..end))
    }

    /// The object at `key`, without its content.
    ///
    /// # Errors
    /// Not found, or the service's failure.
    async fn head(&self, key: &str) -> Result<ObjectHead, StoreError>;

    /// Writes the object, whatever was there.
    ///
    /// # Errors
    /// The service's failure.
    async fn put(&self, key: &str, body: Bytes, content_type: &str) -> Result<(), StoreError>;

    /// Writes a file of this machine as the object, whatever was there, without holding it in
    /// memory.
    ///
    /// # Errors
    /// The service's failure, or the file cannot be read.
    async fn put_file(&self, key: &str, file: &Path, content_type: &str) -> Result<(), StoreError> {
        let body = std::fs::read(file).map_err(|error| StoreError::unreadable_file(key, &error))?;
        self.put(key, Bytes::from(body), content_type).await
    }

    /// Writes the object if there is none; says whether it did. One of several writers at once
    /// wins.
    ///
    /// A false answer is not proof of another writer: when an answer is lost and the SDK repeats
    /// the request, the first one's own object is in the way.
    ///
    /// # Errors
    /// The service's failure.
    async fn put_if_absent(
        &self,
        key: &str,
        body: Bytes,
        metadata: ObjectMetadata,
    ) -> Result<bool, StoreError>;

    /// Writes the object if its entity tag is still `etag`; says whether it did.
    ///
    /// # Errors
    /// The service's failure.
    async fn put_if_match(&self, key: &str, etag: &str, body: Bytes) -> Result<bool, StoreError>;

    /// Writes the object with this metadata if its entity tag is still `etag`; says whether it did.
    ///
    /// # Errors
    /// The service's failure. A store that cannot do it refuses: metadata must not be lost
    /// silently.
    async fn replace_if_match(
        &self,
        key: &str,
        _etag: &str,
        _body: Bytes,
        _metadata: ObjectMetadata,
    ) -> Result<bool, StoreError> {
        Err(StoreError::new(
            StoreErrorKind::Refused,
            "replace",
            key,
            "this store cannot replace an object and keep its metadata",
        ))
    }

    /// Deletes for good every version of the object that is not the present one, and every marker
    /// of a deletion; says how many. Stores without versions have none.
    ///
    /// # Errors
    /// The service's failure, such as a missing right to see or to delete versions.
    async fn purge_versions(&self, _key: &str) -> Result<u64, StoreError> {
        Ok(0)
    }

    /// Every object whose key begins with `prefix` and comes after `after`, in the order of keys.
    ///
    /// # Errors
    /// The service's failure.
    async fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
    ) -> Result<Vec<ListedObject>, StoreError>;

    /// The objects whose key begins with `prefix`, comes after `after` and before `before`.
    ///
    /// # Errors
    /// The service's failure.
    async fn list_between(
        &self,
        prefix: &str,
        after: &str,
        before: &str,
    ) -> Result<Vec<ListedObject>, StoreError> {
        let mut listed = self.list(prefix, Some(after)).await?;
        listed.retain(|entry| entry.key.as_str() < before);
        Ok(listed)
    }

    /// The first object whose key begins with `prefix` and comes after `after`.
    ///
    /// # Errors
    /// The service's failure.
    async fn find_first(
        &self,
        prefix: &str,
        after: Option<&str>,
    ) -> Result<Option<ListedObject>, StoreError>;

    /// Whether there is an object at `key`.
    ///
    /// # Errors
    /// The service's failure.
    async fn object_exists(&self, key: &str) -> Result<bool, StoreError> {
        match self.head(key).await {
            Ok(_) => Ok(true),
            Err(error) if error.is_not_found() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Deletes the object; no error when it does not exist.
    ///
    /// # Errors
    /// The service's failure.
    async fn delete(&self, key: &str) -> Result<(), StoreError>;
}
