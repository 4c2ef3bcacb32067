//! A run that breaks off anywhere is finished by the next one.

use std::sync::Arc;

use async_trait::async_trait;
use operations::LakeHandle;
use operations::erase::{LakeErasureRequest, MentionPolicy, RequestedSubject, erase_subjects};
use store::{MemoryStore, ObjectStore};

use super::people::{
    Elsewhere, assert_reconciled, by_key, lake, noon, pole_id, receipt, traces, zones,
};

/// A store that fails from a number of writes on, as a run that is killed does.
struct DyingZone {
    inner: Arc<MemoryStore>,
    left: std::sync::atomic::AtomicI64,
}

impl DyingZone {
    fn strikes(&self) -> Result<(), store::StoreError> {
        use std::sync::atomic::Ordering;
        if self.left.fetch_sub(1, Ordering::SeqCst) > 0 {
            return Ok(());
        }
        Err(store::StoreError::new(
            store::StoreErrorKind::Unavailable,
            "put",
            "key",
            "killed",
        ))
    }
}

#[async_trait]
impl ObjectStore for DyingZone {
    async fn get(&self, key: &str) -> Result<store::StoredObject, store::StoreError> {
        self.inner.get(key).await
    }

    async fn head(&self, key: &str) -> Result<store::ObjectHead, store::StoreError> {
        self.inner.head(key).await
    }

    async fn put(
        &self,
        key: &str,
        body: bytes::Bytes,
        kind: &str,
    ) -> Result<(), store::StoreError> {
        self.strikes()?;
        self.inner.put(key, body, kind).await
    }

    async fn put_if_absent(
        &self,
        key: &str,
        body: bytes::Bytes,
        metadata: store::ObjectMetadata,
    ) -> Result<bool, store::StoreError> {
        self.strikes()?;
        self.inner.put_if_absent(key, body, metadata).await
    }

    async fn put_if_match(
        &self,
        key: &str,
        etag: &str,
        body: bytes::Bytes,
    ) -> Result<bool, store::StoreError> {
        self.strikes()?;
        self.inner.put_if_match(key, etag, body).await
    }

    async fn replace_if_match(
        &self,
        key: &str,
        etag: &str,
        body: bytes::Bytes,
        metadata: store::ObjectMetadata,
    ) -> Result<bool, store::StoreError> {
        self.strikes()?;
        self.inner.replace_if_match(key, etag, body, metadata).await
    }

    async fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
    ) -> Result<Vec<store::ListedObject>, store::StoreError> {
        self.inner.list(prefix, after).await
    }

    async fn find_first(
        &self,
        prefix: &str,
        after: Option<&str>,
    ) -> Result<Option<store::ListedObject>, store::StoreError> {
        self.inner.find_first(prefix, after).await
    }

    async fn delete(&self, key: &str) -> Result<(), store::StoreError> {
        self.inner.delete(key).await
    }
}

#[tokio::test]
async fn a_run_that_breaks_off_anywhere_is_finished_by_the_next() {
    // The refined zone's writes are cut short, then the raw zone's, then the receipt's.
    for (zone, by_id) in [(0, true), (0, false), (1, true), (1, false), (2, true)] {
        for left in 0.. {
            let mut limits = [1_000; 3];
            limits[zone] = left;
            if !breaks_off(limits, by_id).await {
                assert!(left > 0, "zone {zone} is written");
                break;
            }
        }
    }
}

/// Runs an erasure with so many writes of each zone, and then a whole one; says whether the first
/// broke off.
async fn breaks_off(limits: [i64; 3], by_id: bool) -> bool {
    let days = lake().await;
    let request = || LakeErasureRequest {
        subject: if by_id {
            RequestedSubject::PoleId(pole_id())
        } else {
            by_key().subject
        },
        mentions: MentionPolicy::RedactObject,
        free_text: None,
    };
    let dying = |inner: &Arc<MemoryStore>, left: i64| -> Arc<dyn ObjectStore> {
        Arc::new(DyingZone {
            inner: Arc::clone(inner),
            left: left.into(),
        })
    };
    let [refined, raw, curated] = limits;
    let broken = LakeHandle::from_stores(
        dying(&days.raw, raw),
        dying(&days.refined, refined),
        dying(&days.curated, curated),
        Arc::clone(&days.catalogue),
    )
    .with_identity_key(pole::IdentityKey::for_tests());
    let died = erase_subjects(&broken, &request(), &Elsewhere, noon())
        .await
        .is_err();
    let done = erase_subjects(&zones(&days), &request(), &Elsewhere, noon())
        .await
        .unwrap();
    assert_eq!(
        traces(&days).await,
        [] as [String; 0],
        "after {limits:?} writes"
    );
    assert_reconciled(&days).await;
    let first = receipt(&days, "housing-person", 0, 0).await;
    assert_eq!(
        (first.refined, first.erased),
        (1, 3),
        "after {limits:?} writes"
    );
    assert_eq!(done.found_nothing(), !died);
    died
}
