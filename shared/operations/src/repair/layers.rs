//! The layers over the zones, into which the functions' own code writes during a repair.

use std::sync::Arc;

use lake::Chunk;
use lake::file::PARQUET_MEDIA_TYPE;
use store::{ObjectStore, OverlayStore, StoreError, UnreadableObjects};

use crate::error::OperationError;
use crate::lake_handle::LakeHandle;

/// The layers over the refined and the curated zone. The raw zone has none: nothing makes a raw
/// object again.
pub struct RepairLayers {
    /// Over the refined zone.
    pub refined: Arc<OverlayStore>,
    /// Over the curated zone.
    pub curated: Arc<OverlayStore>,
}

impl RepairLayers {
    /// Empty layers over the zones of a lake.
    ///
    /// # Errors
    /// When no temporary folder can be made.
    pub fn over(lake: &LakeHandle) -> std::io::Result<Self> {
        Ok(Self {
            refined: Arc::new(OverlayStore::new(Arc::clone(&lake.refined))?),
            curated: Arc::new(OverlayStore::new(Arc::clone(&lake.curated))?),
        })
    }

    /// The lake as it is with the layers.
    pub(super) fn view_of(&self, lake: &LakeHandle) -> LakeHandle {
        LakeHandle {
            raw: Arc::clone(&lake.raw),
            refined: Arc::clone(&self.refined) as Arc<dyn ObjectStore>,
            curated: Arc::clone(&self.curated) as Arc<dyn ObjectStore>,
            site: lake.site.clone(),
            catalogue: Arc::clone(&lake.catalogue),
            identity_key: lake.identity_key.clone(),
            curated_root: lake.curated_root.clone(),
            kafka: lake.kafka.clone(),
            unreadable: UnreadableObjects::default(),
            stage: lake.stage.clone(),
        }
    }

    /// Forgets what is in the layers and is not decided.
    pub(super) fn forget_undecided(&self) {
        self.refined.forget_unsettled();
        self.curated.forget_unsettled();
    }

    /// Decides for the object of a layer: it stays, and goes into the zone below unless nothing is
    /// to be written.
    pub(super) async fn keep(
        &self,
        layer: &OverlayStore,
        key: &str,
        dry_run: bool,
    ) -> Result<(), StoreError> {
        layer.settle(key);
        if dry_run {
            return Ok(());
        }
        layer.keep(key, media_type_of(key)).await
    }

    /// The same for a document that another run may write meanwhile: it goes into the zone below
    /// only when the one there still has this entity tag. Says whether it stays.
    pub(super) async fn keep_document(
        &self,
        layer: &OverlayStore,
        (key, etag): (&str, Option<&str>),
        dry_run: bool,
    ) -> Result<bool, StoreError> {
        let is_kept = dry_run || layer.keep_if_match(key, etag).await?;
        if is_kept {
            layer.settle(key);
        }
        Ok(is_kept)
    }

    /// Decides that an object is deleted.
    pub(super) async fn delete(
        &self,
        lake: &LakeHandle,
        key: &str,
        dry_run: bool,
    ) -> Result<(), OperationError> {
        if key.starts_with(Chunk::RAW_PREFIX) {
            if !dry_run {
                lake.raw.delete(key).await?;
            }
            return Ok(());
        }

        let layer = if is_refined(key) {
            &self.refined
        } else {
            &self.curated
        };
        layer.hide(key);
        layer.settle(key);
        if !dry_run {
            layer.delete_below(key).await?;
        }
        Ok(())
    }
}

/// Whether a key is one of the refined zone.
fn is_refined(key: &str) -> bool {
    key.starts_with(Chunk::REFINED_PREFIX) || key.starts_with(Chunk::QUARANTINE_PREFIX)
}

fn media_type_of(key: &str) -> &'static str {
    if key.ends_with(".parquet") {
        PARQUET_MEDIA_TYPE
    } else {
        "application/json"
    }
}
