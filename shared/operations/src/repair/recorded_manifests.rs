//! Which manifest a day of a table had, as others recorded it: the day's root, and the manifests
//! that were built on it.

use lake::{Day, DayRoot, Sha256Digest, SnapshotManifest, manifest_prefix};
use store::replacements::{is_replaced_by, is_replaced_since};

use crate::error::OperationError;
use crate::lake_handle::LakeHandle;

/// Checks that a manifest that was made again is the one that was recorded, or what an erasure made
/// of that; gives why it is not.
pub(super) async fn check_made_manifest(
    lake: &LakeHandle,
    day: Day,
    recorded: &[Sha256Digest],
    made: &[u8],
) -> Result<Result<(), String>, OperationError> {
    let made = Sha256Digest::of_bytes(made);
    if recorded.is_empty() {
        let why = format!(
            "nothing records which manifest it was: no root of {day}, and no later day; build the \
             day again with `polelake rebuild --from {day}`"
        );
        return Ok(Err(why));
    }

    if is_replaced_since(&*lake.curated, made).await? {
        return Ok(Err("an erasure has replaced it since".to_owned()));
    }
    for digest in recorded {
        if is_replaced_by(&*lake.curated, *digest, made).await? {
            return Ok(Ok(()));
        }
    }
    Ok(Err(format!(
        "the merge of the day gives another manifest today than was recorded: repair with the \
         contracts of then (--contracts), or build it and the later days again with `polelake \
         rebuild --from {day}`"
    )))
}

/// The digests under which the manifest was recorded. They are read before the day is merged again,
/// because that merge writes a root of its own.
pub(super) async fn read_recorded_digests(
    lake: &LakeHandle,
    table: &str,
    day: Day,
) -> Result<Vec<Sha256Digest>, OperationError> {
    let mut recorded = Vec::new();
    let root = lake.curated.get_if_within_limit(&DayRoot::key(day)).await?;
    let root = root.and_then(|object| DayRoot::from_json(&object.body).ok());
    let root = root.filter(|root| root.date == day.to_string());
    recorded.extend(root.and_then(|root| root.manifests.get(table).copied()));

    let date = day.to_string();
    for entry in lake.curated.list(&manifest_prefix(table), None).await? {
        let object = lake.curated.get_if_within_limit(&entry.key).await?;
        let manifest = object.and_then(|object| SnapshotManifest::from_json(&object.body).ok());
        let built_on_day = manifest.filter(|later| later.base.as_ref() == Some(&date));
        recorded.extend(built_on_day.and_then(|later| later.base_sha256));
    }
    Ok(recorded)
}
