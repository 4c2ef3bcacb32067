//! The commit of a day: its manifest, written by a conditional PUT.

use bytes::Bytes;
use host::{Failure, FailureKind};
use lake::{Day, SnapshotManifest, manifest_key};
use store::replacements::is_replaced_by;
use store::{ObjectMetadata, ObjectStore, StoreError};

use crate::plan::MergePlan;

/// Writes the manifest; returns whether it was new. The conditional PUT is the commit. Of two runs
/// at once the first one wins; the other one finds its own result in the store, or stops, because
/// it may have read less.
pub(crate) async fn commit_manifest(
    manifest: &SnapshotManifest,
    plan: &MergePlan,
    curated: &dyn ObjectStore,
) -> Result<bool, Failure> {
    let day = Day::parse(&manifest.date)
        .ok_or_else(|| Failure::new(FailureKind::Corrupt, "a manifest without a day"))?;
    let key = manifest_key(&manifest.table, day);
    let body = Bytes::from(manifest.to_json()?);
    if plan.present.is_some() && is_committed(&key, manifest, curated).await? {
        return Ok(false);
    }

    check_base_unchanged(plan, curated).await?;
    let committed = put_manifest(&key, &body, plan, curated).await?;
    // When the SDK repeats a PUT whose answer was lost, it finds its own manifest in the way.
    if committed || is_stored(&key, &body, curated).await? {
        return Ok(committed);
    }
    let message = format!("another run committed {key} at the same time; the next run takes it up");
    Err(Failure::new(FailureKind::Unavailable, message))
}

/// Whether the stored manifest says the same. One that was built before an erasure names the base,
/// and the snapshots that it was made from, as they were then, and stays: later days are built on
/// it. So does one of a polelake that did not name those snapshots.
async fn is_committed(
    key: &str,
    manifest: &SnapshotManifest,
    curated: &dyn ObjectStore,
) -> Result<bool, StoreError> {
    let Some(object) = curated.get_if_within_limit(key).await? else {
        return Ok(false);
    };
    let Ok(stored) = SnapshotManifest::from_json(&object.body) else {
        return Ok(false);
    };
    let same_past = SnapshotManifest {
        base_sha256: manifest.base_sha256,
        made_from: manifest.made_from.clone(),
        ..stored.clone()
    };
    if same_past != *manifest || !is_made_from_same(&stored, manifest, curated).await? {
        return Ok(false);
    }
    match stored.base_sha256.zip(manifest.base_sha256) {
        Some((recorded, found)) => is_replaced_by(curated, recorded, found).await,
        None => Ok(stored.base_sha256 == manifest.base_sha256),
    }
}

/// Whether the snapshots that the stored manifest was made from are those of today, but for
/// erasures since.
async fn is_made_from_same(
    stored: &SnapshotManifest,
    manifest: &SnapshotManifest,
    curated: &dyn ObjectStore,
) -> Result<bool, StoreError> {
    if stored.made_from.is_empty() {
        return Ok(true);
    }
    if !stored.made_from.keys().eq(manifest.made_from.keys()) {
        return Ok(false);
    }
    for (recorded, found) in stored.made_from.values().zip(manifest.made_from.values()) {
        if !is_replaced_by(curated, *recorded, *found).await? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether the object at `key` has this content.
async fn is_stored(key: &str, body: &Bytes, store: &dyn ObjectStore) -> Result<bool, StoreError> {
    let present = store.get_if_within_limit(key).await?;
    Ok(present.is_some_and(|present| present.body == *body))
}

/// Writes the manifest unless another run wrote it since the plan; returns whether it did.
async fn put_manifest(
    key: &str,
    body: &Bytes,
    plan: &MergePlan,
    curated: &dyn ObjectStore,
) -> Result<bool, StoreError> {
    match &plan.present {
        // The day was merged before, and more of it has come since.
        Some(etag) => curated.put_if_match(key, etag, body.clone()).await,
        None => {
            curated
                .put_if_absent(key, body.clone(), ObjectMetadata::new())
                .await
        }
    }
}

/// The base must be the same as when the merge began: a sweep may delete files that only an older
/// base named.
async fn check_base_unchanged(plan: &MergePlan, curated: &dyn ObjectStore) -> Result<(), Failure> {
    let Some(base) = &plan.base else {
        return Ok(());
    };
    let day = Day::parse(&base.date).unwrap_or(Day(0));
    let stored = curated.get(&manifest_key(&plan.table, day)).await;
    let stored = stored
        .ok()
        .and_then(|object| SnapshotManifest::from_json(&object.body).ok());
    if stored.as_ref() == Some(base) {
        return Ok(());
    }
    let message = format!(
        "{day} of `{}` was built again or dropped while {} was merged; run it again",
        plan.table, plan.date
    );
    Err(Failure::new(FailureKind::Unavailable, message))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::manifest_lookup::{ManifestLookup, look_up_manifests};

    fn merge_plan(known: &ManifestLookup) -> MergePlan {
        MergePlan {
            table: "person".into(),
            date: "2026-03-02".into(),
            base: None,
            base_sha256: None,
            present: known.day_manifest_etag(),
            committed_offsets: Vec::new(),
            shards: 1,
            unchanged: false,
            runs: Vec::new(),
            records: Vec::new(),
            made_from: BTreeMap::new(),
        }
    }

    fn manifest(day: Day, rows: u64) -> SnapshotManifest {
        SnapshotManifest {
            table: "person".into(),
            date: day.to_string(),
            rows,
            ..SnapshotManifest::default()
        }
    }

    async fn plan_day(day: Day, curated: &dyn ObjectStore) -> MergePlan {
        merge_plan(&look_up_manifests("person", day, curated).await.unwrap())
    }

    #[tokio::test]
    async fn of_two_runs_at_once_the_slower_one_stops() {
        let curated = store::MemoryStore::default();
        let day = Day::parse("2026-03-02").unwrap();
        let slow = plan_day(day, &curated).await;
        let fast = plan_day(day, &curated).await;
        assert!(
            commit_manifest(&manifest(day, 2), &fast, &curated)
                .await
                .unwrap()
        );
        assert!(
            commit_manifest(&manifest(day, 1), &slow, &curated)
                .await
                .is_err(),
            "the slower one saw less"
        );
        assert!(
            !commit_manifest(&manifest(day, 2), &slow, &curated)
                .await
                .unwrap(),
            "the same result is no conflict"
        );
        let again = plan_day(day, &curated).await;
        assert!(
            commit_manifest(&manifest(day, 3), &again, &curated)
                .await
                .unwrap()
        );
        assert!(
            commit_manifest(&manifest(day, 1), &again, &curated)
                .await
                .is_err()
        );
    }

    #[tokio::test]
    async fn a_base_that_was_built_again_stops_the_commit() {
        let curated = store::MemoryStore::default();
        let monday = Day::parse("2026-03-02").unwrap();
        let tuesday = Day::parse("2026-03-03").unwrap();
        let first = plan_day(monday, &curated).await;
        commit_manifest(&manifest(monday, 1), &first, &curated)
            .await
            .unwrap();

        let known = look_up_manifests("person", tuesday, &curated)
            .await
            .unwrap();
        let later = MergePlan {
            base: known.base.clone(),
            ..merge_plan(&known)
        };
        let again = plan_day(monday, &curated).await;
        commit_manifest(&manifest(monday, 2), &again, &curated)
            .await
            .unwrap();
        assert!(
            commit_manifest(&manifest(tuesday, 3), &later, &curated)
                .await
                .is_err()
        );
    }
}
