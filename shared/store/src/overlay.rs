//! A store over another one: what is written stays in a temporary folder of this machine, and the
//! store below is only read. So a function's own code can make objects again, and they are compared
//! with what was recorded before any of them is kept.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use tempfile::TempDir;

use crate::{
    ListedObject, ObjectHead, ObjectMetadata, ObjectStore, StoreError, StoreErrorKind, StoredObject,
};

/// The layer over a store.
pub struct OverlayStore {
    base: Arc<dyn ObjectStore>,
    /// For its owner alone; it is deleted with the layer.
    folder: TempDir,
    layer: Mutex<Layer>,
}

/// What the layer has of each key.
#[derive(Debug, Default)]
struct Layer {
    objects: BTreeMap<String, LayerObject>,
    /// What stays when the rest is forgotten.
    settled: BTreeMap<String, LayerObject>,
    /// Files that were written: the number of the next one, and of its entity tag.
    written: u64,
}

/// What the layer has of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
enum LayerObject {
    /// No object is there, whatever the store below has.
    Hidden,
    /// An object that was written here.
    Written(WrittenObject),
}

/// An object that was written into the layer.
#[derive(Clone, Debug, PartialEq, Eq)]
struct WrittenObject {
    file: PathBuf,
    size: u64,
    etag: String,
    metadata: ObjectMetadata,
}

impl WrittenObject {
    fn head(&self) -> ObjectHead {
        ObjectHead {
            size: self.size,
            etag: self.etag.clone(),
            metadata: self.metadata.clone(),
        }
    }

    fn read(&self, key: &str) -> Result<Bytes, StoreError> {
        std::fs::read(&self.file)
            .map(Bytes::from)
            .map_err(|error| StoreError::unreadable_file(key, &error))
    }

    fn read_range(&self, key: &str, range: &Range<u64>) -> Result<Bytes, StoreError> {
        if range.start > range.end || range.end > self.size {
            return Err(StoreError::truncated_object(key, range));
        }
        read_file_range(&self.file, range).map_err(|error| StoreError::unreadable_file(key, &error))
    }
}

fn read_file_range(file: &Path, range: &Range<u64>) -> std::io::Result<Bytes> {
    let length = usize::try_from(range.end - range.start).unwrap_or(usize::MAX);
    let mut part = vec![0; length];

    let mut file = File::open(file)?;
    file.seek(SeekFrom::Start(range.start))?;
    file.read_exact(&mut part)?;
    Ok(Bytes::from(part))
}

impl OverlayStore {
    /// An empty layer over `base`.
    ///
    /// # Errors
    /// When no temporary folder can be made.
    pub fn new(base: Arc<dyn ObjectStore>) -> std::io::Result<Self> {
        Ok(Self {
            base,
            folder: TempDir::new()?,
            layer: Mutex::default(),
        })
    }

    /// Lets no object be at this key, until one is written there.
    pub fn hide(&self, key: &str) {
        let hidden = LayerObject::Hidden;
        self.lock_layer().objects.insert(key.to_owned(), hidden);
    }

    /// Whether an object was written here.
    #[must_use]
    pub fn is_written(&self, key: &str) -> bool {
        matches!(self.find(key), Some(LayerObject::Written(_)))
    }

    /// Settles what the layer has of a key now: it stays when the rest is forgotten, whatever is
    /// written there meanwhile.
    pub fn settle(&self, key: &str) {
        let mut layer = self.lock_layer();
        if let Some(object) = layer.objects.get(key).cloned() {
            layer.settled.insert(key.to_owned(), object);
        }
    }

    /// Forgets everything that was written or hidden since it was settled.
    pub fn forget_unsettled(&self) {
        let mut layer = self.lock_layer();
        let settled = layer.settled.clone();
        let forgotten = std::mem::replace(&mut layer.objects, settled);
        for (key, object) in forgotten {
            if let LayerObject::Written(written) = &object
                && layer.settled.get(&key) != Some(&object)
            {
                // What cannot be deleted now goes with the folder.
                drop(std::fs::remove_file(&written.file));
            }
        }
    }

    /// Writes the object of the layer into the store below.
    ///
    /// # Errors
    /// When nothing was written at this key, or the store below refuses.
    pub async fn keep(&self, key: &str, content_type: &str) -> Result<(), StoreError> {
        let written = self.require_written(key)?;
        self.base.put_file(key, &written.file, content_type).await
    }

    /// Writes the object of the layer into the store below if the one there still has this entity
    /// tag, or if there still is none; says whether it did.
    ///
    /// # Errors
    /// When nothing was written at this key, or the store below refuses.
    pub async fn keep_if_match(&self, key: &str, etag: Option<&str>) -> Result<bool, StoreError> {
        let body = self.require_written(key)?.read(key)?;
        match etag {
            Some(etag) => self.base.put_if_match(key, etag, body).await,
            None => self.keep_if_absent(key, body).await,
        }
    }

    async fn keep_if_absent(&self, key: &str, body: Bytes) -> Result<bool, StoreError> {
        let metadata = ObjectMetadata::new();
        if self.base.put_if_absent(key, body.clone(), metadata).await? {
            return Ok(true);
        }
        match self.base.get_if_present(key).await? {
            Some(present) => Ok(present.body == body),
            // A store can list an object whose content it has lost.
            None => {
                self.base.put(key, body, "application/json").await?;
                Ok(true)
            }
        }
    }

    /// Deletes the object of the store below.
    ///
    /// # Errors
    /// The service's failure.
    pub async fn delete_below(&self, key: &str) -> Result<(), StoreError> {
        self.base.delete(key).await
    }

    /// The object of the store below; none where there is none, or where it is over its limit.
    ///
    /// # Errors
    /// The service's failure.
    pub async fn read_below(&self, key: &str) -> Result<Option<StoredObject>, StoreError> {
        self.base.get_if_within_limit(key).await
    }

    /// The entity tag of the object of the store below; none where there is none.
    ///
    /// # Errors
    /// The service's failure.
    pub async fn find_etag_below(&self, key: &str) -> Result<Option<String>, StoreError> {
        match self.base.head(key).await {
            Ok(head) => Ok(Some(head.etag)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn require_written(&self, key: &str) -> Result<WrittenObject, StoreError> {
        match self.find(key) {
            Some(LayerObject::Written(written)) => Ok(written),
            _ => Err(missing_object("keep", key)),
        }
    }

    fn lock_layer(&self) -> MutexGuard<'_, Layer> {
        self.layer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, key: &str) -> Option<LayerObject> {
        self.lock_layer().objects.get(key).cloned()
    }

    /// Whether the layer has something else to say of a key than the store below.
    fn covers(&self, key: &str) -> bool {
        self.lock_layer().objects.contains_key(key)
    }

    /// Writes a file that `fill` makes, as the object of a key.
    fn write(
        &self,
        layer: &mut Layer,
        key: &str,
        metadata: ObjectMetadata,
        fill: impl FnOnce(&Path) -> std::io::Result<u64>,
    ) -> Result<(), StoreError> {
        layer.written += 1;
        let file = self.folder.path().join(layer.written.to_string());
        let size = fill(&file).map_err(|error| StoreError::unwritable_file(key, &error))?;

        let written = WrittenObject {
            file,
            size,
            etag: format!("overlay-{}", layer.written),
            metadata,
        };
        let object = LayerObject::Written(written);
        layer.objects.insert(key.to_owned(), object);
        Ok(())
    }

    /// Writes an object when `allowed` says so of the present entity tag; says whether it did.
    async fn write_if(
        &self,
        key: &str,
        body: &Bytes,
        metadata: ObjectMetadata,
        allowed: impl Fn(Option<&str>) -> bool + Send,
    ) -> Result<bool, StoreError> {
        let below = self.find_etag_below(key).await?;

        let mut layer = self.lock_layer();
        let present = match layer.objects.get(key) {
            None => below.as_deref(),
            Some(LayerObject::Hidden) => None,
            Some(LayerObject::Written(written)) => Some(written.etag.as_str()),
        };
        if !allowed(present) {
            return Ok(false);
        }
        self.write(&mut layer, key, metadata, |file| write_body(file, body))?;
        Ok(true)
    }

    /// The objects of the layer that a listing has.
    fn list_written(&self, prefix: &str, after: Option<&str>) -> Vec<ListedObject> {
        let layer = self.lock_layer();
        let within = layer.objects.iter().filter(|(key, _)| {
            key.starts_with(prefix) && after.is_none_or(|after| key.as_str() > after)
        });
        let listed = within.filter_map(|(key, object)| match object {
            LayerObject::Hidden => None,
            LayerObject::Written(written) => Some(ListedObject {
                key: key.clone(),
                size: written.size,
                etag: written.etag.clone(),
            }),
        });
        listed.collect()
    }
}

fn write_body(file: &Path, body: &Bytes) -> std::io::Result<u64> {
    std::fs::write(file, body)?;
    Ok(body.len() as u64)
}

fn missing_object(operation: &'static str, key: &str) -> StoreError {
    let message = "there is no such object";
    StoreError::new(StoreErrorKind::NotFound, operation, key, message)
}

#[async_trait]
impl ObjectStore for OverlayStore {
    async fn get(&self, key: &str) -> Result<StoredObject, StoreError> {
        match self.find(key) {
            None => self.base.get(key).await,
            Some(LayerObject::Hidden) => Err(missing_object("get", key)),
            Some(LayerObject::Written(written)) => {
                StoreError::check_object_size(key, written.size)?;
                Ok(StoredObject {
                    body: written.read(key)?,
                    etag: written.etag,
                    metadata: written.metadata,
                })
            }
        }
    }

    async fn get_range(&self, key: &str, range: Range<u64>) -> Result<Bytes, StoreError> {
        match self.find(key) {
            None => self.base.get_range(key, range).await,
            Some(LayerObject::Hidden) => Err(missing_object("get", key)),
            Some(LayerObject::Written(written)) => written.read_range(key, &range),
        }
    }

    async fn head(&self, key: &str) -> Result<ObjectHead, StoreError> {
        match self.find(key) {
            None => self.base.head(key).await,
            Some(LayerObject::Hidden) => Err(missing_object("head", key)),
            Some(LayerObject::Written(written)) => Ok(written.head()),
        }
    }

    async fn put(&self, key: &str, body: Bytes, _content_type: &str) -> Result<(), StoreError> {
        let mut layer = self.lock_layer();
        self.write(&mut layer, key, ObjectMetadata::new(), |file| {
            write_body(file, &body)
        })
    }

    async fn put_file(
        &self,
        key: &str,
        file: &Path,
        _content_type: &str,
    ) -> Result<(), StoreError> {
        let mut layer = self.lock_layer();
        self.write(&mut layer, key, ObjectMetadata::new(), |target| {
            std::fs::copy(file, target)
        })
    }

    async fn put_if_absent(
        &self,
        key: &str,
        body: Bytes,
        metadata: ObjectMetadata,
    ) -> Result<bool, StoreError> {
        self.write_if(key, &body, metadata, |present| present.is_none())
            .await
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
        self.write_if(key, &body, metadata, |present| present == Some(etag))
            .await
    }

    async fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
    ) -> Result<Vec<ListedObject>, StoreError> {
        let mut listed = self.base.list(prefix, after).await?;
        listed.retain(|entry| !self.covers(&entry.key));
        listed.extend(self.list_written(prefix, after));
        listed.sort();
        Ok(listed)
    }

    async fn find_first(
        &self,
        prefix: &str,
        after: Option<&str>,
    ) -> Result<Option<ListedObject>, StoreError> {
        let mut below = self.base.find_first(prefix, after).await?;
        while let Some(covered) = below.as_ref().filter(|entry| self.covers(&entry.key)) {
            below = self.base.find_first(prefix, Some(&covered.key)).await?;
        }
        let written = self.list_written(prefix, after).into_iter().next();
        Ok(below.into_iter().chain(written).min())
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.hide(key);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MemoryStore;
    use crate::conformance::check_object_store;

    async fn store_with(objects: &[(&str, &'static [u8])]) -> Arc<MemoryStore> {
        let store = Arc::new(MemoryStore::default());
        for (key, body) in objects {
            let put = store.put(key, Bytes::from_static(body), "").await;
            put.unwrap();
        }
        store
    }

    async fn listed_keys(store: &OverlayStore) -> Vec<String> {
        let listed = store.list("", None).await.unwrap();
        listed.into_iter().map(|entry| entry.key).collect()
    }

    #[tokio::test]
    async fn an_overlay_keeps_every_promise_of_a_store() {
        let below = store_with(&[]).await;
        let overlay = OverlayStore::new(Arc::clone(&below) as _).unwrap();
        check_object_store(Arc::new(overlay)).await.unwrap();
        assert_eq!(below.list("", None).await.unwrap(), [], "nothing went down");
    }

    #[tokio::test]
    async fn what_is_written_stays_above_until_it_is_kept() {
        let below = store_with(&[("a", b"1"), ("b", b"2"), ("c", b"3")]).await;
        let overlay = OverlayStore::new(Arc::clone(&below) as _).unwrap();
        overlay.hide("a");
        overlay
            .put("b", Bytes::from_static(b"22"), "")
            .await
            .unwrap();
        overlay
            .put("d", Bytes::from_static(b"4"), "")
            .await
            .unwrap();

        assert_eq!(listed_keys(&overlay).await, ["b", "c", "d"]);
        let first = overlay.find_first("", None).await.unwrap().unwrap();
        assert_eq!((first.key.as_str(), first.size), ("b", 2));
        assert!(overlay.get("a").await.unwrap_err().is_not_found());
        assert_eq!(overlay.get("b").await.unwrap().body, "22");
        assert_eq!(below.get("b").await.unwrap().body, "2");

        overlay.keep("d", "").await.unwrap();
        assert_eq!(below.get("d").await.unwrap().body, "4");
        assert!(
            overlay.keep("c", "").await.is_err(),
            "it was not written here"
        );

        overlay.settle("d");
        overlay
            .put("d", Bytes::from_static(b"later"), "")
            .await
            .unwrap();
        overlay.forget_unsettled();
        assert!(overlay.is_written("d") && !overlay.is_written("b"));
        assert_eq!(overlay.get("d").await.unwrap().body, "4");
        assert_eq!(listed_keys(&overlay).await, ["a", "b", "c", "d"]);
    }
}
