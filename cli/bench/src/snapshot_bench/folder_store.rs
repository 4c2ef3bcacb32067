//! A bucket as a folder of files, for the benchmark: its peers read the same files, without a
//! server in between.

use std::ops::Range;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use bytes::Bytes;
use store::{
    ListedObject, ObjectHead, ObjectMetadata, ObjectStore, StoreError, StoreErrorKind, StoredObject,
};

use local_platform::s3::read_file_range;

/// A bucket as a folder. Only one process writes to it, so a condition and its write need no lock.
pub(super) struct FolderStore(pub(super) PathBuf);

fn store_error(operation: &'static str, key: &str, error: &std::io::Error) -> StoreError {
    let kind = match error.kind() {
        std::io::ErrorKind::NotFound => StoreErrorKind::NotFound,
        _ => StoreErrorKind::Unavailable,
    };
    StoreError::new(kind, operation, key, error.to_string())
}

impl FolderStore {
    fn key_path(&self, key: &str) -> PathBuf {
        self.0.join(key)
    }

    fn create_parent(&self, key: &str) -> Result<PathBuf, StoreError> {
        let path = self.key_path(key);
        let folder = path.parent().unwrap_or(&self.0);
        std::fs::create_dir_all(folder).map_err(|error| store_error("put", key, &error))?;
        Ok(path)
    }

    fn collect_entries(&self, folder: &Path, found: &mut Vec<ListedObject>) {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                self.collect_entries(&path, found);
            } else if let Ok(key) = path.strip_prefix(&self.0) {
                let size = entry.metadata().map_or(0, |metadata| metadata.len());
                found.push(ListedObject {
                    key: key.to_string_lossy().into_owned(),
                    size,
                    etag: size.to_string(),
                });
            }
        }
    }
}

#[async_trait]
impl ObjectStore for FolderStore {
    async fn get(&self, key: &str) -> Result<StoredObject, StoreError> {
        let body =
            std::fs::read(self.key_path(key)).map_err(|error| store_error("get", key, &error))?;
        Ok(StoredObject {
            etag: body.len().to_string(),
            body: Bytes::from(body),
            metadata: ObjectMetadata::new(),
        })
    }

    async fn get_range(&self, key: &str, range: Range<u64>) -> Result<Bytes, StoreError> {
        let file = std::fs::File::open(self.key_path(key))
            .map_err(|error| store_error("get", key, &error))?;
        read_file_range(file, range).map_err(|error| store_error("get", key, &error))
    }

    async fn head(&self, key: &str) -> Result<ObjectHead, StoreError> {
        let found = std::fs::metadata(self.key_path(key))
            .map_err(|error| store_error("head", key, &error))?;
        Ok(ObjectHead {
            size: found.len(),
            etag: found.len().to_string(),
            metadata: ObjectMetadata::new(),
        })
    }

    async fn put(&self, key: &str, body: Bytes, _content_type: &str) -> Result<(), StoreError> {
        std::fs::write(self.create_parent(key)?, body)
            .map_err(|error| store_error("put", key, &error))
    }

    async fn put_file(
        &self,
        key: &str,
        file: &Path,
        _content_type: &str,
    ) -> Result<(), StoreError> {
        let path = self.create_parent(key)?;
        // A second name for the file, where both are on one disk: the peers write theirs once too.
        drop(std::fs::remove_file(&path));
        let linked =
            std::fs::hard_link(file, &path).or_else(|_| std::fs::copy(file, &path).map(drop));
        linked.map_err(|error| store_error("put", key, &error))
    }

    async fn put_if_absent(
        &self,
        key: &str,
        body: Bytes,
        _metadata: ObjectMetadata,
    ) -> Result<bool, StoreError> {
        if self.key_path(key).exists() {
            return Ok(false);
        }
        self.put(key, body, "").await.map(|()| true)
    }

    async fn put_if_match(&self, key: &str, _etag: &str, body: Bytes) -> Result<bool, StoreError> {
        if !self.key_path(key).exists() {
            return Ok(false);
        }
        self.put(key, body, "").await.map(|()| true)
    }

    async fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
    ) -> Result<Vec<ListedObject>, StoreError> {
        let mut found = Vec::new();
        let folder = prefix.rsplit_once('/').map_or("", |(folder, _)| folder);
        self.collect_entries(&self.key_path(folder), &mut found);
        found.retain(|entry| {
            entry.key.starts_with(prefix) && after.is_none_or(|after| entry.key.as_str() > after)
        });
        found.sort();
        Ok(found)
    }

    async fn find_first(
        &self,
        prefix: &str,
        after: Option<&str>,
    ) -> Result<Option<ListedObject>, StoreError> {
        Ok(self.list(prefix, after).await?.into_iter().next())
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        match std::fs::remove_file(self.key_path(key)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(store_error("delete", key, &error))
            }
            _ => Ok(()),
        }
    }
}
