//! The manifests that a merge of a day begins with: the day's own, and the newest one before it.

use host::Failure;
use lake::{Day, LakeError, Sha256Digest, SnapshotManifest, manifest_key, manifest_prefix};
use store::{ObjectStore, StoredObject};

/// What a table's manifests say before its merge begins.
pub(crate) struct ManifestLookup {
    /// The newest manifest before the day: found by listing, never by counting days back.
    pub(crate) base: Option<SnapshotManifest>,
    /// The SHA-256 of that manifest as it is stored.
    pub(crate) base_sha256: Option<Sha256Digest>,
    /// The key of the day's own manifest.
    key: String,
    /// The day's own manifest, when the day was merged before. It must be the same when the merge
    /// commits.
    present: Option<StoredObject>,
    /// Whether a later day has a manifest. Then this day is part of that day's past and must not
    /// change.
    has_later_day: bool,
}

impl ManifestLookup {
    /// The day's manifest when a later day was built on it.
    pub(crate) fn sealed_manifest(&self) -> Result<Option<SnapshotManifest>, Failure> {
        match &self.present {
            Some(object) if self.has_later_day => parse_manifest(&self.key, object).map(Some),
            _ => Ok(None),
        }
    }

    /// Whether the table has a snapshot of the day or of an earlier one.
    pub(crate) fn has_day_or_base(&self) -> bool {
        self.present.is_some() || self.base.is_some()
    }

    /// The day's manifest when no later day was built on it, and when it can be read: a damaged one
    /// is written again. One that another version of polelake wrote is not.
    pub(crate) fn replaceable_manifest(&self) -> Result<Option<SnapshotManifest>, Failure> {
        let Some(object) = self.present.as_ref().filter(|_| !self.has_later_day) else {
            return Ok(None);
        };

        match SnapshotManifest::from_json(&object.body) {
            Ok(manifest) => Ok(Some(manifest)),
            Err(error @ LakeError::Format { .. }) => {
                Err(Failure::damaged_object(&self.key, &error))
            }
            Err(_) => Ok(None),
        }
    }

    /// The entity tag of the day's own manifest.
    pub(crate) fn day_manifest_etag(&self) -> Option<String> {
        self.present.as_ref().map(|object| object.etag.clone())
    }
}

/// Looks up the manifests, before anything else of the run is read.
pub(crate) async fn look_up_manifests(
    table: &str,
    day: Day,
    curated: &dyn ObjectStore,
) -> Result<ManifestLookup, Failure> {
    let key = manifest_key(table, day);
    let present = curated.get_if_present(&key).await?;

    let listed = curated.list(&manifest_prefix(table), None).await?;
    let has_later_day = listed.last().is_some_and(|last| last.key > key);
    let before = listed.into_iter().rfind(|entry| entry.key < key);
    let (base, base_sha256) = match before {
        Some(before) => {
            let object = curated.get(&before.key).await?;
            let base = parse_manifest(&before.key, &object)?;
            (Some(base), Some(Sha256Digest::of_bytes(&object.body)))
        }
        None => (None, None),
    };
    Ok(ManifestLookup {
        base,
        base_sha256,
        key,
        present,
        has_later_day,
    })
}

/// The manifest at a key that a listing gave.
pub(crate) async fn read_manifest_at(
    key: &str,
    curated: &dyn ObjectStore,
) -> Result<SnapshotManifest, Failure> {
    let object = curated.get(key).await?;
    parse_manifest(key, &object)
}

fn parse_manifest(key: &str, object: &StoredObject) -> Result<SnapshotManifest, Failure> {
    SnapshotManifest::from_json(&object.body).map_err(|error| Failure::damaged_object(key, &error))
}
