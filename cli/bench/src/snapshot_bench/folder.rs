//! A bucket as a folder of files, for the benchmark: its peers read the same files, without a server in between.

use std::ops::Range;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use bytes::Bytes;
use store::{Entry, Head, Metadata, Object, ObjectStore, StoreError, StoreErrorKind};

use local_platform::s3::part;

/// A folder. One process writes to it, so that a condition and its write need no lock.
pub(super) struct Folder(pub(super) PathBuf);

fn failed(operation: &'static str, key: &str, error: &std::io::Error) -> StoreError {
    let kind = match error.kind() {
        std::io::ErrorKind::NotFound => StoreErrorKind::NotFound,
        _ => StoreErrorKind::Unavailable,
    };
    StoreError::new(kind, operation, key, error.to_string())
}

impl Folder {
    fn place(&self, key: &str) -> PathBuf {
        self.0.join(key)
    }

    fn make_room(&self, key: &str) -> Result<PathBuf, StoreError> {
        let path = self.place(key);
        let folder = path.parent().unwrap_or(&self.0);
        std::fs::create_dir_all(folder).map_err(|error| failed("put", key, &error))?;
        Ok(path)
    }

    fn gather(&self, folder: &Path, found: &mut Vec<Entry>) {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                self.gather(&path, found);
            } else if let Ok(key) = path.strip_prefix(&self.0) {
                let size = entry.metadata().map_or(0, |metadata| metadata.len());
                found.push(Entry {
                    key: key.to_string_lossy().into_owned(),
                    size,
                });
            }
        }
    }
}

#[async_trait]
impl ObjectStore for Folder {
    async fn get(&self, key: &str) -> Result<Object, StoreError> {
        let body = std::fs::read(self.place(key)).map_err(|error| failed("get", key, &error))?;
        Ok(Object {
            etag: body.len().to_string(),
            body: Bytes::from(body),
            metadata: Metadata::new(),
        })
    }

    async fn get_range(&self, key: &str, range: Range<u64>) -> Result<Bytes, StoreError> {
        let file =
            std::fs::File::open(self.place(key)).map_err(|error| failed("get", key, &error))?;
        part(file, range).map_err(|error| failed("get", key, &error))
    }

    async fn head(&self, key: &str) -> Result<Head, StoreError> {
        let found =
            std::fs::metadata(self.place(key)).map_err(|error| failed("head", key, &error))?;
        Ok(Head {
            size: found.len(),
            etag: found.len().to_string(),
            metadata: Metadata::new(),
        })
    }

    async fn put(&self, key: &str, body: Bytes, _content_type: &str) -> Result<(), StoreError> {
        std::fs::write(self.make_room(key)?, body).map_err(|error| failed("put", key, &error))
    }

    async fn put_file(
        &self,
        key: &str,
        file: &Path,
        _content_type: &str,
    ) -> Result<(), StoreError> {
        let path = self.make_room(key)?;
        // A second name for the file, where both lie on one disk: the peers write theirs once too.
        drop(std::fs::remove_file(&path));
        let linked =
            std::fs::hard_link(file, &path).or_else(|_| std::fs::copy(file, &path).map(drop));
        linked.map_err(|error| failed("put", key, &error))
    }

    async fn put_new(
        &self,
        key: &str,
        body: Bytes,
        _metadata: Metadata,
    ) -> Result<bool, StoreError> {
        if self.place(key).exists() {
            return Ok(false);
        }
        self.put(key, body, "").await.map(|()| true)
    }

    async fn put_over(&self, key: &str, _etag: &str, body: Bytes) -> Result<bool, StoreError> {
        if !self.place(key).exists() {
            return Ok(false);
        }
        self.put(key, body, "").await.map(|()| true)
    }

    async fn list(&self, prefix: &str, after: Option<&str>) -> Result<Vec<Entry>, StoreError> {
        let mut found = Vec::new();
        let folder = prefix.rsplit_once('/').map_or("", |(folder, _)| folder);
        self.gather(&self.place(folder), &mut found);
        found.retain(|entry| {
            entry.key.starts_with(prefix) && after.is_none_or(|after| entry.key.as_str() > after)
        });
        found.sort();
        Ok(found)
    }

    async fn first(&self, prefix: &str, after: Option<&str>) -> Result<Option<Entry>, StoreError> {
        Ok(self.list(prefix, after).await?.into_iter().next())
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        match std::fs::remove_file(self.place(key)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(failed("delete", key, &error))
            }
            _ => Ok(()),
        }
    }
}
