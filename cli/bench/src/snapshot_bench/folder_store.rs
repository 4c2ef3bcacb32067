//! A bucket as a folder of files, for the benchmark: its peers read the same files, without a
//! server in between.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use store::{
    ListedObject, ObjectHead, ObjectMetadata, ObjectStore, StoreError, StoreErrorKind, StoredObject,
};

use local_platform::s3::read_file_range;

/// Bytes that this process has read and written in all folders.
static READ_BYTES: AtomicU64 = AtomicU64::new(0);
static WRITTEN_BYTES: AtomicU64 = AtomicU64::new(0);

/// Bytes that this process has read and written in the stores of folders so far.
pub(crate) fn transferred_bytes() -> (u64, u64) {
    (
        READ_BYTES.load(Ordering::Relaxed),
        WRITTEN_BYTES.load(Ordering::Relaxed),
    )
}

/// A bucket as a folder. Only one process writes to it, so a condition and its write need no lock.
/// The metadata of objects is in a folder beside it.
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
        create_parent_folder(&path).map_err(|error| store_error("put", key, &error))?;
        Ok(path)
    }

    fn metadata_path(&self, key: &str) -> PathBuf {
        self.0.with_extension("metadata").join(key)
    }

    fn read_metadata(&self, key: &str) -> ObjectMetadata {
        let text = std::fs::read(self.metadata_path(key)).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    fn write_metadata(&self, key: &str, metadata: &ObjectMetadata) -> Result<(), StoreError> {
        let path = self.metadata_path(key);
        let written = create_parent_folder(&path)
            .and_then(|()| Ok(serde_json::to_vec(metadata)?))
            .and_then(|text| std::fs::write(&path, text));
        written.map_err(|error| store_error("put", key, &error))
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

fn create_parent_folder(path: &Path) -> std::io::Result<()> {
    path.parent().map_or(Ok(()), std::fs::create_dir_all)
}

#[async_trait]
impl ObjectStore for FolderStore {
    async fn get(&self, key: &str) -> Result<StoredObject, StoreError> {
        let body =
            std::fs::read(self.key_path(key)).map_err(|error| store_error("get", key, &error))?;
        READ_BYTES.fetch_add(body.len() as u64, Ordering::Relaxed);
        Ok(StoredObject {
            etag: body.len().to_string(),
            body: Bytes::from(body),
            metadata: self.read_metadata(key),
        })
    }

    async fn get_range(&self, key: &str, range: Range<u64>) -> Result<Bytes, StoreError> {
        let file = std::fs::File::open(self.key_path(key))
            .map_err(|error| store_error("get", key, &error))?;
        READ_BYTES.fetch_add(range.end - range.start, Ordering::Relaxed);
        read_file_range(file, range).map_err(|error| store_error("get", key, &error))
    }

    async fn head(&self, key: &str) -> Result<ObjectHead, StoreError> {
        let found = std::fs::metadata(self.key_path(key))
            .map_err(|error| store_error("head", key, &error))?;
        Ok(ObjectHead {
            size: found.len(),
            etag: found.len().to_string(),
            metadata: self.read_metadata(key),
        })
    }

    async fn put(&self, key: &str, body: Bytes, _content_type: &str) -> Result<(), StoreError> {
        WRITTEN_BYTES.fetch_add(body.len() as u64, Ordering::Relaxed);
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
        let bytes = std::fs::metadata(file).map_or(0, |metadata| metadata.len());
        WRITTEN_BYTES.fetch_add(bytes, Ordering::Relaxed);
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
        metadata: ObjectMetadata,
    ) -> Result<bool, StoreError> {
        if self.key_path(key).exists() {
            return Ok(false);
        }
        if !metadata.is_empty() {
            self.write_metadata(key, &metadata)?;
        }
        self.put(key, body, "").await.map(|()| true)
    }

    async fn put_if_match(&self, key: &str, _etag: &str, body: Bytes) -> Result<bool, StoreError> {
        if !self.key_path(key).exists() {
            return Ok(false);
        }
        self.put(key, body, "").await.map(|()| true)
    }

    async fn replace_if_match(
        &self,
        key: &str,
        etag: &str,
        body: Bytes,
        metadata: ObjectMetadata,
    ) -> Result<bool, StoreError> {
        self.write_metadata(key, &metadata)?;
        self.put_if_match(key, etag, body).await
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
