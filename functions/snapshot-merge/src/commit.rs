//! The commit of a day: its manifest, written by a conditional PUT.

use bytes::Bytes;
use host::{Failure, FailureKind};
use lake::{Day, SnapshotManifest, manifest_key, manifest_prefix};
use store::{ObjectMetadata, ObjectStore, StoreError, StoredObject};

use crate::plan::MergePlan;

/// What a table's manifests say before its merge begins.
pub(crate) struct ManifestLookup {
    /// The newest manifest before the day: found by listing, never by counting days back.
    pub(crate) base: Option<SnapshotManifest>,
    /// The day's own manifest, when it was run before. It must be this one still when the merge commits.
    present: Option<StoredObject>,
    /// Whether a later day has a manifest: then this day's is part of its past and stays what it was.
    has_later_day: bool,
}

impl ManifestLookup {
    /// The day's manifest when a later day was built on it.
    pub(crate) fn sealed_manifest(&self) -> Result<Option<SnapshotManifest>, lake::LakeError> {
        let present = self.present.as_ref().filter(|_| self.has_later_day);
        present
            .map(|object| SnapshotManifest::from_json(&object.body))
            .transpose()
    }

    /// The entity tag of the day's own manifest.
    pub(crate) fn day_manifest_etag(&self) -> Option<String> {
        self.present.as_ref().map(|object| object.etag.clone())
    }
}

fn store_failure(error: &StoreError) -> Failure {
    Failure::unavailable(error)
}

/// Looks up the manifests, before anything else of the run is read.
pub(crate) async fn look_up_manifests(
    table: &str,
    day: Day,
    curated: &dyn ObjectStore,
) -> Result<ManifestLookup, Failure> {
    let today = manifest_key(table, day);
    let present = curated.get_if_present(&today).await?;
    let listed = curated
        .list(&manifest_prefix(table), None)
        .await
        .map_err(|error| store_failure(&error))?;
    let followed = listed.last().is_some_and(|last| last.key > today);
    let Some(before) = listed.into_iter().rfind(|entry| entry.key < today) else {
        return Ok(ManifestLookup {
            base: None,
            present,
            has_later_day: followed,
        });
    };
    let object = curated
        .get(&before.key)
        .await
        .map_err(|error| store_failure(&error))?;
    let base =
        SnapshotManifest::from_json(&object.body).map_err(|error| Failure::corrupt(&error))?;
    Ok(ManifestLookup {
        base: Some(base),
        present,
        has_later_day: followed,
    })
}

/// Writes the manifest; says whether it was new. The conditional PUT is the commit: of two runs at once the first one
/// wins, and the other finds that its own result is there, or stops, for it may have seen less.
pub(crate) async fn commit_manifest(
    manifest: &SnapshotManifest,
    plan: &MergePlan,
    curated: &dyn ObjectStore,
) -> Result<bool, Failure> {
    let day = Day::parse(&manifest.date)
        .ok_or_else(|| Failure::new(FailureKind::Corrupt, "a manifest without a day"))?;
    let key = manifest_key(&manifest.table, day);
    let body = Bytes::from(
        manifest
            .to_json()
            .map_err(|error| Failure::corrupt(&error))?,
    );
    let same = async || -> Result<bool, Failure> {
        let present = curated.get_if_present(&key).await?;
        Ok(present.is_some_and(|present| present.body == body))
    };
    if plan.present.is_some() && same().await? {
        return Ok(false);
    }
    check_base_unchanged(plan, curated).await?;
    let committed = match &plan.present {
        // The day was run before, and more of it has come since.
        Some(tag) => curated.put_if_match(&key, tag, body.clone()).await,
        None => {
            curated
                .put_if_absent(&key, body.clone(), ObjectMetadata::new())
                .await
        }
    };
    let committed = committed.map_err(|error| store_failure(&error))?;
    // A lost answer, repeated by the SDK, finds its own manifest in the way.
    if committed || same().await? {
        return Ok(committed);
    }
    let message = format!("another run committed {key} at the same time; the next run takes it up");
    Err(Failure::new(FailureKind::Unavailable, message))
}

/// The base must be what it was when the merge began: what only an older base named can be swept away.
async fn check_base_unchanged(plan: &MergePlan, curated: &dyn ObjectStore) -> Result<(), Failure> {
    let Some(base) = &plan.base else {
        return Ok(());
    };
    let day = Day::parse(&base.date).unwrap_or(Day(0));
    let now = curated.get(&manifest_key(&plan.table, day)).await;
    let now = now
        .ok()
        .and_then(|object| SnapshotManifest::from_json(&object.body).ok());
    if now.as_ref() == Some(base) {
        return Ok(());
    }
    let message = format!(
        "{day} of `{}` was built anew or dropped while {} was merged; run it again",
        plan.table, plan.date
    );
    Err(Failure::new(FailureKind::Unavailable, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merge_plan(known: &ManifestLookup) -> MergePlan {
        MergePlan {
            table: "person".into(),
            date: "2026-03-02".into(),
            base: None,
            present: known.day_manifest_etag(),
            committed_offsets: Vec::new(),
            shards: 1,
            unchanged: false,
            runs: Vec::new(),
        }
    }

    #[tokio::test]
    async fn of_two_runs_at_once_the_slower_one_stops() {
        let curated = store::MemoryStore::default();
        let day = Day::parse("2026-03-02").unwrap();
        let manifest = |rows| SnapshotManifest {
            table: "person".into(),
            date: day.to_string(),
            rows,
            ..SnapshotManifest::default()
        };
        let slow = merge_plan(&look_up_manifests("person", day, &curated).await.unwrap());
        let fast = merge_plan(&look_up_manifests("person", day, &curated).await.unwrap());
        assert!(
            commit_manifest(&manifest(2), &fast, &curated)
                .await
                .unwrap()
        );
        assert!(
            commit_manifest(&manifest(1), &slow, &curated)
                .await
                .is_err(),
            "the slower one saw less"
        );
        assert!(
            !commit_manifest(&manifest(2), &slow, &curated)
                .await
                .unwrap(),
            "the same result is no conflict"
        );
        let again = merge_plan(&look_up_manifests("person", day, &curated).await.unwrap());
        assert!(
            commit_manifest(&manifest(3), &again, &curated)
                .await
                .unwrap()
        );
        assert!(
            commit_manifest(&manifest(1), &again, &curated)
                .await
                .is_err()
        );
    }

    #[tokio::test]
    async fn a_base_that_was_built_anew_stops_the_commit() {
        let curated = store::MemoryStore::default();
        let (monday, tuesday) = (
            Day::parse("2026-03-02").unwrap(),
            Day::parse("2026-03-03").unwrap(),
        );
        let of = |day: Day, rows| SnapshotManifest {
            table: "person".into(),
            date: day.to_string(),
            rows,
            ..SnapshotManifest::default()
        };
        let first = merge_plan(&look_up_manifests("person", monday, &curated).await.unwrap());
        commit_manifest(&of(monday, 1), &first, &curated)
            .await
            .unwrap();
        let known = look_up_manifests("person", tuesday, &curated)
            .await
            .unwrap();
        let later = MergePlan {
            base: known.base.clone(),
            ..merge_plan(&known)
        };
        let again = merge_plan(&look_up_manifests("person", monday, &curated).await.unwrap());
        commit_manifest(&of(monday, 2), &again, &curated)
            .await
            .unwrap();
        assert!(
            commit_manifest(&of(tuesday, 3), &later, &curated)
                .await
                .is_err()
        );
    }
}
