//! Retention: which days are kept, and what nobody names any more. Mark and sweep: what a kept manifest names is never
//! deleted, whatever its age.

use std::collections::{BTreeMap, BTreeSet};

use contract::TableContract;
use futures_util::{StreamExt, TryStreamExt, stream};
use host::{Failure, FailureKind};
use lake::iceberg::IcebergDays;
use lake::{
    Day, SnapshotManifest, iceberg_prefix, manifest_key, parse_version_day, state_prefix,
    swept_days_key, table_prefix,
};
use serde::{Deserialize, Serialize};
use store::streams::list_manifest_days;
use store::{ListedObject, ObjectStore, StoreError};

use crate::context::Context;
use crate::iceberg::read_iceberg_days;
use crate::publish;

/// Requests at once.
const REQUESTS_AT_ONCE: usize = 16;

/// How many days are kept. The newest day and the newest that passed always are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RetentionPolicy {
    /// The newest days.
    pub daily: usize,
    /// The last day of each of the newest months.
    pub monthly: usize,
    /// The last day of each of the newest years.
    pub yearly: usize,
}

impl Default for RetentionPolicy {
    /// Five weeks of days, thirteen months to compare with the year before, seven years.
    fn default() -> Self {
        Self {
            daily: 35,
            monthly: 13,
            yearly: 7,
        }
    }
}

impl RetentionPolicy {
    /// The days that are kept of those that there are.
    ///
    /// ```
    /// let days: Vec<_> = (0..800).map(lake::Day).collect();
    /// let keep = snapshot_merge::Keep { daily: 3, monthly: 2, yearly: 2 };
    /// let kept: Vec<String> = keep.kept(&days).iter().map(ToString::to_string).collect();
    /// assert_eq!(kept, ["1971-12-31", "1972-02-29", "1972-03-08", "1972-03-09", "1972-03-10"]);
    /// ```
    #[must_use]
    pub fn retained_days(&self, days: &[Day]) -> BTreeSet<Day> {
        let newest_first: BTreeSet<Day> = days.iter().copied().collect();
        // The first characters of a date name its day, its month, its year.
        let last_of = |most: usize, characters: usize| {
            let mut periods: BTreeMap<String, Day> = BTreeMap::new();
            for day in &newest_first {
                periods.insert(day.to_string()[..characters].to_owned(), *day);
            }
            periods.into_values().rev().take(most).collect::<Vec<_>>()
        };
        let newest = newest_first.last().copied();
        let kept = [(self.daily, 10), (self.monthly, 7), (self.yearly, 4)];
        kept.into_iter()
            .flat_map(|(most, characters)| last_of(most, characters))
            .chain(newest)
            .collect()
    }
}

/// What a sweep of a table came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SweepResult {
    /// The table.
    pub table: String,
    /// Days that are kept.
    pub retained: usize,
    /// Days whose manifests are dropped.
    pub dropped: Vec<String>,
    /// Files that no kept manifest names.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Sweeps a table; with `dry_run`, only says what would be done.
///
/// # Errors
/// When the storage or the catalogue fails. What is done is right; the next sweep does the rest.
pub async fn sweep_table(
    table: &TableContract,
    keep: RetentionPolicy,
    dry_run: bool,
    context: &Context,
) -> Result<SweepResult, Failure> {
    let curated = &*context.curated;
    // The files are listed before the manifests are read: a file that a merge names meanwhile is not in the list, or it is
    // of the newest day, which is not swept.
    let files = list_shard_files(&table.name, curated).await?;
    let manifests = read_manifests(&table.name, curated).await?;
    let Some(newest) = manifests.keys().next_back().copied() else {
        return Ok(SweepResult::default());
    };
    let mut kept = keep.retained_days(&manifests.keys().copied().collect::<Vec<_>>());
    kept.extend(
        manifests
            .iter()
            .rev()
            .find(|(_, manifest)| manifest.passed)
            .map(|(day, _)| *day),
    );
    let dropped: Vec<Day> = manifests
        .keys()
        .filter(|day| !kept.contains(day))
        .copied()
        .collect();
    let named: BTreeSet<&str> = kept
        .iter()
        .filter_map(|day| manifests.get(day))
        .flat_map(referenced_keys)
        .collect();
    let garbage: Vec<&ListedObject> = files
        .iter()
        .filter(|file| is_garbage(&file.key, &named, newest))
        .collect();
    let swept = SweepResult {
        table: table.name.clone(),
        retained: kept.len(),
        dropped: dropped.iter().map(ToString::to_string).collect(),
        files: garbage.len() as u64,
        bytes: garbage.iter().map(|file| file.size).sum(),
    };
    if dry_run {
        return Ok(swept);
    }
    // Readers first lose sight of a day, then it loses its manifest, and only then its files.
    publish::withdraw_days(table, &dropped, context).await?;
    record_swept_days(&table.name, &swept.dropped, curated).await?;
    delete_objects(
        dropped.iter().map(|day| manifest_key(&table.name, *day)),
        curated,
    )
    .await?;
    publish::publish_iceberg_table(table, |_| false, context).await?;
    delete_objects(garbage.into_iter().map(|file| file.key.clone()), curated).await?;
    sweep_iceberg(&table.name, newest, curated).await?;
    Ok(swept)
}

fn store_failure(error: &StoreError) -> Failure {
    Failure::unavailable(error)
}

/// A file that no kept manifest names, of a day that no merge works on: every day before the newest is built, and if it is
/// built again it names its files anew.
fn is_garbage(key: &str, named: &BTreeSet<&str>, newest: Day) -> bool {
    !named.contains(key) && parse_version_day(key).is_some_and(|day| day < newest)
}

/// Every file that a manifest names.
pub(crate) fn referenced_keys(manifest: &SnapshotManifest) -> impl Iterator<Item = &str> {
    manifest.shards.iter().flat_map(|shard| {
        let keys = [
            Some(&shard.rows_key),
            shard.state_key.as_ref(),
            shard.profile_key.as_ref(),
        ];
        keys.into_iter().flatten().map(String::as_str)
    })
}

/// The files of a table's shards.
async fn list_shard_files(
    table: &str,
    curated: &dyn ObjectStore,
) -> Result<Vec<ListedObject>, Failure> {
    let mut files = Vec::new();
    for prefix in [table_prefix(table), state_prefix(table)] {
        files.extend(
            curated
                .list(&prefix, None)
                .await
                .map_err(|error| store_failure(&error))?,
        );
    }
    Ok(files)
}

/// The manifests of a table, by day.
pub(crate) async fn read_manifests(
    table: &str,
    curated: &dyn ObjectStore,
) -> Result<BTreeMap<Day, SnapshotManifest>, Failure> {
    let days = list_manifest_days(table, curated)
        .await
        .map_err(|error| store_failure(&error))?;
    let read = |day: Day| async move {
        let key = manifest_key(table, day);
        let object = curated
            .get(&key)
            .await
            .map_err(|error| store_failure(&error))?;
        let manifest = SnapshotManifest::from_json(&object.body);
        let damaged = |error| Failure::new(FailureKind::Corrupt, format!("{key}: {error}"));
        manifest.map(|manifest| (day, manifest)).map_err(damaged)
    };
    stream::iter(days)
        .map(read)
        .buffered(REQUESTS_AT_ONCE)
        .try_collect()
        .await
}

/// Adds days to the list of those that were dropped.
async fn record_swept_days(
    table: &str,
    dropped: &[String],
    curated: &dyn ObjectStore,
) -> Result<(), Failure> {
    if dropped.is_empty() {
        return Ok(());
    }
    let key = swept_days_key(table);
    let mut days: BTreeSet<String> = store::read_json_if_present(curated, &key)
        .await?
        .unwrap_or_default();
    days.extend(dropped.iter().cloned());
    let body = serde_json::to_vec(&days).map_err(|error| Failure::corrupt(&error))?;
    curated
        .put(&key, body.into(), "application/json")
        .await
        .map_err(|error| store_failure(&error))
}

async fn delete_objects(
    keys: impl Iterator<Item = String>,
    curated: &dyn ObjectStore,
) -> Result<(), Failure> {
    let delete = |key: String| async move { curated.delete(&key).await };
    let done: Result<Vec<()>, _> = stream::iter(keys)
        .map(delete)
        .buffered(REQUESTS_AT_ONCE)
        .try_collect()
        .await;
    done.map(drop).map_err(|error| store_failure(&error))
}

/// Deletes Iceberg files that the current metadata does not name. Those of the last two days stay: somebody may be reading
/// by them.
async fn sweep_iceberg(table: &str, newest: Day, curated: &dyn ObjectStore) -> Result<(), Failure> {
    let (_, days) = read_iceberg_days(table, curated).await?;
    let prefix = iceberg_prefix(table);
    let listed = curated
        .list(&prefix, None)
        .await
        .map_err(|error| store_failure(&error))?;
    let named = iceberg_file_names(&days);
    let stale = listed.into_iter().filter(|entry| {
        let name = entry.key.strip_prefix(&prefix).unwrap_or_default();
        let day = name
            .split_once('-')
            .and_then(|(number, _)| number.parse::<i32>().ok());
        !named.contains(name) && day.is_some_and(|day| day < newest.0 - 1)
    });
    delete_objects(stale.map(|entry| entry.key), curated).await
}

/// The names of the lists and manifests of the days.
fn iceberg_file_names(days: &IcebergDays) -> BTreeSet<String> {
    let name = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    let of = |day: &lake::iceberg::SnapshotEntry| {
        [Some(name(&day.manifest_list)), day.manifest_key().map(name)]
    };
    days.entries().flat_map(of).flatten().collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_newest_days_are_kept_and_no_more_than_asked(
            days in proptest::collection::btree_set(15_000..22_000i32, 1..300), daily in 0..40usize, monthly in 0..15usize, yearly in 0..8usize
        ) {
            let days: Vec<Day> = days.into_iter().map(Day).collect();
            let kept = RetentionPolicy { daily, monthly, yearly }.retained_days(&days);
            prop_assert!(kept.contains(days.last().unwrap()));
            prop_assert!(days.iter().rev().take(daily).all(|day| kept.contains(day)));
            prop_assert!(kept.len() <= (daily + monthly + yearly).max(1));
            prop_assert!(kept.iter().all(|day| days.contains(day)));
        }
    }
}
