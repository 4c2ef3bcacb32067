//! The root of each day, written when the day's tables are merged.

use std::collections::BTreeSet;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use host::Failure;
use lake::{Day, DayRoot, Sha256Digest, manifest_key, parse_manifest_day};
use store::streams::list_manifest_days;

use crate::context::Context;

/// Manifests that are read at once.
const READS_AT_ONCE: usize = 16;

/// Writes the root of a day: the digests of the manifests that the day has now. A day without a
/// manifest has no root. Gives the root's digest.
///
/// # Errors
/// When the storage does not answer.
pub(crate) async fn write_day_root(
    day: Day,
    context: &Context,
) -> Result<Option<Sha256Digest>, Failure> {
    let curated = &*context.curated;
    let root = read_day_manifests(day, context).await?;
    let key = DayRoot::key(day);
    if root.manifests.is_empty() {
        curated.delete(&key).await?;
        return Ok(None);
    }

    let body = Bytes::from(root.to_json()?);
    let digest = Sha256Digest::of_bytes(&body);
    let stored = curated.get_if_within_limit(&key).await?;
    if stored.is_none_or(|stored| stored.body != body) {
        curated.put(&key, body, "application/json").await?;
    }
    Ok(Some(digest))
}

async fn read_day_manifests(day: Day, context: &Context) -> Result<DayRoot, Failure> {
    let tables: Vec<String> = context
        .catalogue
        .stored_tables()
        .map(|table| table.name.clone())
        .collect();
    let digests: Vec<Option<(String, Sha256Digest)>> = stream::iter(tables)
        .map(|table| async move {
            let key = manifest_key(&table, day);
            let object = context.curated.get_if_within_limit(&key).await?;
            let digest = object.map(|object| Sha256Digest::of_bytes(&object.body));
            Ok::<_, Failure>(digest.map(|digest| (table, digest)))
        })
        .buffered(READS_AT_ONCE)
        .try_collect()
        .await?;

    Ok(DayRoot {
        date: day.to_string(),
        manifests: digests.into_iter().flatten().collect(),
    })
}

/// Deletes the roots of days of which no table has a manifest any more.
///
/// # Errors
/// When the storage does not answer.
pub(crate) async fn delete_roots_of_dropped_days(context: &Context) -> Result<(), Failure> {
    let curated = &*context.curated;
    let mut retained = BTreeSet::new();
    for table in context.catalogue.stored_tables() {
        retained.extend(list_manifest_days(&table.name, curated).await?);
    }

    for entry in curated.list(DayRoot::prefix(), None).await? {
        let day = parse_manifest_day(&entry.key);
        if day.is_some_and(|day| !retained.contains(&day)) {
            curated.delete(&entry.key).await?;
        }
    }
    Ok(())
}
