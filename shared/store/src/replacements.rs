//! What erasures replaced, as records in the curated zone.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use lake::{LakeError, Replacement, Sha256Digest};
use thiserror::Error;

use crate::{ObjectMetadata, ObjectStore, StoreError};

/// Why a replacement could not be recorded.
#[derive(Debug, Error)]
pub enum ReplacementError {
    /// The storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// JSON's writer refused.
    #[error(transparent)]
    Lake(#[from] LakeError),
}

/// Records that an object is about to be replaced. The record comes first: when the run breaks off
/// behind the replacement, the new content is still known to be an erasure's.
///
/// # Errors
/// When the storage does not answer.
pub async fn record_replacement(
    curated: &dyn ObjectStore,
    replacement: &Replacement,
) -> Result<(), ReplacementError> {
    let body = Bytes::from(replacement.to_json()?);
    curated
        .put_if_absent(&replacement.key(), body, ObjectMetadata::new())
        .await?;
    Ok(())
}

/// Whether content that was recorded as `recorded` is `found` since, by one erasure or by several.
///
/// # Errors
/// When the storage does not answer.
pub async fn is_replaced_by(
    curated: &dyn ObjectStore,
    recorded: Sha256Digest,
    found: Sha256Digest,
) -> Result<bool, StoreError> {
    let mut known = BTreeSet::from([recorded]);
    let mut next = vec![recorded];
    while let Some(digest) = next.pop() {
        if digest == found {
            return Ok(true);
        }
        let prefix = Replacement::prefix_of_content(&digest);
        for entry in curated.list(&prefix, None).await? {
            let contents = Replacement::parse_key(&entry.key);
            let after = contents.map(|(_, after)| after);
            next.extend(after.filter(|after| known.insert(*after)));
        }
    }
    Ok(false)
}

/// Whether an erasure replaced this content: then nothing holds it any more, and whoever wrote it
/// again would bring an erased person back.
///
/// # Errors
/// When the storage does not answer.
pub async fn is_replaced_since(
    curated: &dyn ObjectStore,
    content: Sha256Digest,
) -> Result<bool, StoreError> {
    let prefix = Replacement::prefix_of_content(&content);
    Ok(curated.find_first(&prefix, None).await?.is_some())
}

/// The content that erasures, one after the other, made this content of; the content itself when
/// none made it.
///
/// # Errors
/// When the storage does not answer.
pub async fn find_first_content(
    curated: &dyn ObjectStore,
    content: Sha256Digest,
) -> Result<Sha256Digest, StoreError> {
    let listed = curated.list(Replacement::prefix(), None).await?;
    let contents = listed
        .iter()
        .filter_map(|entry| Replacement::parse_key(&entry.key));
    let before: BTreeMap<Sha256Digest, Sha256Digest> =
        contents.map(|(before, after)| (after, before)).collect();

    let mut known = BTreeSet::from([content]);
    let mut first = content;
    while let Some(earlier) = before.get(&first).filter(|earlier| known.insert(**earlier)) {
        first = *earlier;
    }
    Ok(first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MemoryStore;

    #[tokio::test]
    async fn content_is_followed_through_several_erasures_and_no_further() {
        let store = MemoryStore::default();
        let digest = |text: &str| Sha256Digest::of_bytes(text.as_bytes());
        for (before, after) in [("a", "b"), ("b", "c"), ("c", "a"), ("x", "y")] {
            let replacement = Replacement {
                object: "k".into(),
                before: digest(before),
                after: digest(after),
            };
            record_replacement(&store, &replacement).await.unwrap();
            record_replacement(&store, &replacement).await.unwrap();
        }
        for (recorded, found, expected) in [
            ("a", "a", true),
            ("a", "c", true),
            ("q", "q", true),
            ("a", "y", false),
            ("c", "x", false),
        ] {
            let replaced = is_replaced_by(&store, digest(recorded), digest(found)).await;
            assert_eq!(replaced.unwrap(), expected, "{recorded} {found}");
        }
    }
}
