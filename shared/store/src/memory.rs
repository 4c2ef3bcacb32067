//! Object storage in memory, for unit tests.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;

use crate::{
    ListedObject, ObjectHead, ObjectMetadata, ObjectStore, StoreError, StoreErrorKind, StoredObject,
};

/// The entity tag of a content: as on S3, equal contents have equal tags.
fn hash_content(body: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    body.hash(&mut hasher);
    hasher.finish()
}

/// A bucket in memory.
#[derive(Debug, Default)]
pub struct MemoryStore {
    objects: Mutex<BTreeMap<String, (u64, Bytes, ObjectMetadata)>>,
}

impl MemoryStore {
    fn lock_objects(
        &self,
    ) -> std::sync::MutexGuard<'_, BTreeMap<String, (u64, Bytes, ObjectMetadata)>> {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes when `allowed` says so of the present entity tag.
    fn put_if(
        &self,
        key: &str,
        body: Bytes,
        metadata: ObjectMetadata,
        allowed: impl Fn(Option<u64>) -> bool,
    ) -> bool {
        let mut objects = self.lock_objects();
        let present = objects.get(key).map(|(tag, ..)| *tag);
        if !allowed(present) {
            return false;
        }
        objects.insert(key.to_owned(), (hash_content(&body), body, metadata));
        true
    }

    fn find_object(&self, key: &str, operation: &'static str) -> Result<StoredObject, StoreError> {
        let objects = self.lock_objects();
        let found = objects.get(key).map(|(tag, body, metadata)| StoredObject {
            body: body.clone(),
            etag: tag.to_string(),
            metadata: metadata.clone(),
        });
        let message = "there is no such object";
        found.ok_or_else(|| StoreError::new(StoreErrorKind::NotFound, operation, key, message))
    }
}

#[async_trait]
impl ObjectStore for MemoryStore {
    async fn get(&self, key: &str) -> Result<StoredObject, StoreError> {
        let object = self.find_object(key, "get")?;
        StoreError::check_object_size(key, object.body.len() as u64)?;
        Ok(object)
    }

    async fn head(&self, key: &str) -> Result<ObjectHead, StoreError> {
        let StoredObject {
            body,
            etag,
            metadata,
        } = self.find_object(key, "head")?;
        Ok(ObjectHead {
            size: body.len() as u64,
            etag,
            metadata,
        })
    }

    async fn put(&self, key: &str, body: Bytes, _content_type: &str) -> Result<(), StoreError> {
        self.put_if(key, body, ObjectMetadata::new(), |_| true);
        Ok(())
    }

    async fn put_if_absent(
        &self,
        key: &str,
        body: Bytes,
        metadata: ObjectMetadata,
    ) -> Result<bool, StoreError> {
        Ok(self.put_if(key, body, metadata, |present| present.is_none()))
    }

    async fn put_if_match(&self, key: &str, etag: &str, body: Bytes) -> Result<bool, StoreError> {
        self.replace_if_match(key, etag, body, ObjectMetadata::new())
            .await
    }

    async fn replace_if_match(
        &self,
        key: &str,
        etag: &str,
        body: Bytes,
        metadata: ObjectMetadata,
    ) -> Result<bool, StoreError> {
        Ok(self.put_if(key, body, metadata, |present| {
            present.is_some_and(|v| v.to_string() == etag)
        }))
    }

    async fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
    ) -> Result<Vec<ListedObject>, StoreError> {
        let objects = self.lock_objects();
        let wanted = objects.iter().filter(|(key, _)| {
            key.starts_with(prefix) && after.is_none_or(|after| key.as_str() > after)
        });
        Ok(wanted
            .map(|(key, (tag, body, _))| ListedObject {
                key: key.clone(),
                size: body.len() as u64,
                etag: tag.to_string(),
            })
            .collect())
    }

    async fn find_first(
        &self,
        prefix: &str,
        after: Option<&str>,
    ) -> Result<Option<ListedObject>, StoreError> {
        Ok(self.list(prefix, after).await?.into_iter().next())
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.lock_objects().remove(key);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use lake::Chunk;

    use super::*;
    use crate::{ObjectError, read_json_if_present, read_json_if_valid};

    #[tokio::test]
    async fn an_object_over_its_limit_is_named_and_never_read() {
        let store = MemoryStore::default();
        let chunk = Chunk {
            topic: "t".into(),
            epoch: 1,
            partition: 0,
            offset: 0,
        };
        let (document, raw) = ("curated/large.json", &chunk.raw_key());
        let body = Bytes::from(vec![0; (32 << 20) + 1]);
        store.put(document, body.clone(), "").await.unwrap();
        store.put(raw, body.clone(), "").await.unwrap();
        store
            .put("curated/rows.parquet", body.clone(), "")
            .await
            .unwrap();

        for key in [document, raw] {
            let error = store.get(key).await.unwrap_err();
            assert!(error.is_over_limit() && !error.is_not_found());
            let object = error.unreadable_object().unwrap();
            assert_eq!(object.object, key);
            let why = "the object has 33554433 bytes, over the limit of 33554432";
            assert_eq!(object.cause, why);
            assert!(store.get_if_within_limit(key).await.unwrap().is_none());
            assert_eq!(store.head(key).await.unwrap().size, body.len() as u64);
        }
        let rows = store.get_if_within_limit("curated/rows.parquet").await;
        assert_eq!(rows.unwrap().unwrap().body, body);

        let read = read_json_if_present::<Vec<u8>>(&store, document).await;
        let object = read.unwrap_err().unreadable_object().unwrap();
        assert_eq!(object.object, document);
        let valid: Option<Vec<u8>> = read_json_if_valid(&store, document).await.unwrap();
        assert_eq!(valid, None, "what can be computed again is computed again");
    }
}
