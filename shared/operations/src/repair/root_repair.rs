//! The root of a day, made again from the day's manifests.

use bytes::Bytes;
use lake::{Day, DayRoot, Sha256Digest, SnapshotManifest, manifest_key};
use store::ObjectStore;
use store::replacements::find_first_content;

use super::RepairRun;
use crate::error::OperationError;

impl RepairRun<'_> {
    /// Makes the root of a day again. Each manifest is named as it was before erasures replaced it:
    /// then the root is the one that was written when the day was merged.
    pub(super) async fn repair_root(&mut self, day: Day) -> Result<(), OperationError> {
        let key = DayRoot::key(day);
        let etag = self.layers.curated.find_etag_below(&key).await?;
        let root = match self.gather_root(day).await? {
            Ok(root) => root,
            Err(cause) => {
                self.notes.note_unrepaired(&key, cause);
                return Ok(());
            }
        };

        let body = Bytes::from(root.to_json()?);
        let layers = self.layers;
        layers.curated.put(&key, body, "application/json").await?;
        let document = (key.as_str(), etag.as_deref());
        let from = format!("the manifests of {day}");
        self.keep_document(&layers.curated, document, &from).await?;
        layers.forget_undecided();
        Ok(())
    }

    /// The root of the manifests that are there; why there is none when one of them is damaged.
    async fn gather_root(&self, day: Day) -> Result<Result<DayRoot, String>, OperationError> {
        let mut root = DayRoot {
            date: day.to_string(),
            ..DayRoot::default()
        };
        for table in self.lake.catalogue.stored_tables() {
            let key = manifest_key(&table.name, day);
            let Some(body) = self.read_document(&key).await? else {
                continue;
            };
            if SnapshotManifest::from_json(&body).is_err() {
                return Ok(Err(format!("it names {key}, which is damaged")));
            }
            let now = Sha256Digest::of_bytes(&body);
            let first = find_first_content(&*self.lake.curated, now).await?;
            root.manifests.insert(table.name.clone(), first);
        }
        if root.manifests.is_empty() {
            return Ok(Err("the day has no manifest".to_owned()));
        }
        Ok(Ok(root))
    }
}
