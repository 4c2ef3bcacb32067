//! Retention: which days are retained, and which files no manifest names any more. Mark and sweep:
//! a file that a retained manifest names is never deleted, whatever its age.

use std::collections::{BTreeMap, BTreeSet};

use contract::TableContract;
use futures_util::{StreamExt, TryStreamExt, stream};
use host::Failure;
use lake::iceberg::{IcebergDays, SnapshotEntry};
use lake::{
    Day, SnapshotManifest, SweptDays, iceberg_prefix, manifest_key, parse_version_day,
    state_prefix, table_prefix,
};
use serde::{Deserialize, Serialize};
use store::streams::list_manifest_days;
use store::{ListedObject, ObjectError, ObjectStore, StoreError, UnreadableObject};

use crate::context::Context;
use crate::iceberg::read_iceberg_days;
use crate::manifest_lookup::read_manifest_at;
use crate::publish;

/// Requests at once.
const REQUESTS_AT_ONCE: usize = 16;

/// How many days are retained. The newest day and the newest that passed always are.
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
    /// The days that are retained out of `days`.
    ///
    /// ```
    /// let days: Vec<_> = (0..800).map(lake::Day).collect();
    /// let policy = snapshot_merge::RetentionPolicy { daily: 3, monthly: 2, yearly: 2 };
    /// let retained = policy.retained_days(&days);
    /// let retained: Vec<String> = retained.iter().map(ToString::to_string).collect();
    /// let expected = ["1971-12-31", "1972-02-29", "1972-03-08", "1972-03-09", "1972-03-10"];
    /// assert_eq!(retained, expected);
    /// ```
    #[must_use]
    pub fn retained_days(&self, days: &[Day]) -> BTreeSet<Day> {
        let days: BTreeSet<Day> = days.iter().copied().collect();
        // The first 10, 7 and 4 characters of a date name its day, its month, its year.
        let mut retained = BTreeSet::new();
        for (count, characters) in [(self.daily, 10), (self.monthly, 7), (self.yearly, 4)] {
            retained.extend(last_days_of_periods(&days, count, characters));
        }
        retained.extend(days.last());
        retained
    }
}

/// The last day of each of the newest `count` periods; the first `characters` of a date name its
/// period.
fn last_days_of_periods(days: &BTreeSet<Day>, count: usize, characters: usize) -> Vec<Day> {
    let mut periods: BTreeMap<String, Day> = BTreeMap::new();
    for day in days {
        let mut period = day.to_string();
        period.truncate(characters);
        periods.insert(period, *day);
    }
    periods.into_values().rev().take(count).collect()
}

/// The result of a table's sweep.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SweepResult {
    /// The table.
    pub table: String,
    /// Days that are retained.
    pub retained: usize,
    /// Days whose manifests are dropped.
    pub dropped: Vec<String>,
    /// Files that no retained manifest names.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// The days and files that a sweep removes.
struct SweepPlan {
    newest: Day,
    retained: usize,
    /// The days that earlier sweeps dropped.
    swept_before: BTreeSet<String>,
    dropped: Vec<Day>,
    garbage: Vec<ListedObject>,
}

/// The manifests of a table by day, each alone: one that cannot be read hides no other.
pub(crate) type ManifestReadings = BTreeMap<Day, Result<SnapshotManifest, UnreadableObject>>;

/// Sweeps a table; with `dry_run`, only reports what would be removed. None when the table has no
/// days.
///
/// # Errors
/// When the storage or the catalogue fails. The removed days and files stay removed; the next sweep
/// removes the others.
pub async fn sweep_table(
    table: &TableContract,
    policy: RetentionPolicy,
    dry_run: bool,
    context: &Context,
) -> Result<Option<SweepResult>, Failure> {
    let Some(plan) = plan_sweep(&table.name, policy, &*context.curated).await? else {
        return Ok(None);
    };
    let result = SweepResult {
        table: table.name.clone(),
        retained: plan.retained,
        dropped: plan.dropped.iter().map(ToString::to_string).collect(),
        files: plan.garbage.len() as u64,
        bytes: plan.garbage.iter().map(|file| file.size).sum(),
    };
    if !dry_run {
        execute_sweep(table, plan, &result.dropped, context).await?;
    }
    Ok(Some(result))
}

/// What a sweep of a table removes; none when the table has no manifest.
async fn plan_sweep(
    table: &str,
    policy: RetentionPolicy,
    curated: &dyn ObjectStore,
) -> Result<Option<SweepPlan>, Failure> {
    // The files are listed before the manifests are read: a file that a merge names meanwhile is
    // not in the list, or it is of the newest day, which is not swept.
    let files = list_shard_files(table, curated).await?;
    let manifests = read_each_manifest(table, curated).await?;
    let days: Vec<Day> = manifests.keys().copied().collect();
    let Some(newest) = days.last().copied() else {
        return Ok(None);
    };

    let mut retained = policy.retained_days(&days);
    retained.extend(find_newest_passing(&manifests)?);
    let mut named = BTreeSet::new();
    for day in &retained {
        named.extend(referenced_keys(require_manifest(&manifests, *day)?));
    }

    let mut garbage = files;
    garbage.retain(|file| is_garbage(&file.key, &named, newest));
    Ok(Some(SweepPlan {
        newest,
        retained: retained.len(),
        swept_before: read_swept_days(table, curated).await?,
        dropped: days
            .into_iter()
            .filter(|day| !retained.contains(day))
            .collect(),
        garbage,
    }))
}

/// The newest day that passed. A manifest on the way there that cannot be read might be of that
/// day.
fn find_newest_passing(manifests: &ManifestReadings) -> Result<Option<Day>, UnreadableObject> {
    for day in manifests.keys().rev() {
        if require_manifest(manifests, *day)?.passed {
            return Ok(Some(*day));
        }
    }
    Ok(None)
}

/// The manifest of a day. Without it, it is unknown which files the day needs, and no file of
/// the table may be deleted.
fn require_manifest(
    manifests: &ManifestReadings,
    day: Day,
) -> Result<&SnapshotManifest, UnreadableObject> {
    manifests[&day].as_ref().map_err(UnreadableObject::clone)
}

/// Removes days and files: a day first leaves the catalogue, then it loses its manifest, and only
/// then its files.
async fn execute_sweep(
    table: &TableContract,
    plan: SweepPlan,
    dropped: &[String],
    context: &Context,
) -> Result<(), Failure> {
    let curated = &*context.curated;
    publish::withdraw_days(table, &plan.dropped, context).await?;
    record_swept_days(&table.name, plan.swept_before, dropped, curated).await?;
    let manifests = plan
        .dropped
        .iter()
        .map(|day| manifest_key(&table.name, *day));
    delete_objects(manifests, curated).await?;

    publish::publish_iceberg_table(table, |_| false, context).await?;
    delete_objects(plan.garbage.into_iter().map(|file| file.key), curated).await?;
    sweep_iceberg(&table.name, plan.newest, curated).await
}

/// Whether a file is named by no retained manifest and is of a day that no merge works on. Every
/// day before the newest is built; if it is built again, its files get new names.
fn is_garbage(key: &str, named: &BTreeSet<&str>, newest: Day) -> bool {
    !named.contains(key) && parse_version_day(key).is_some_and(|day| day < newest)
}

/// Every file that a manifest names.
pub(crate) fn referenced_keys(manifest: &SnapshotManifest) -> impl Iterator<Item = &str> {
    manifest.shards.iter().flat_map(|shard| {
        let keys = [
            Some(&shard.rows_file.key),
            shard.state_file.as_ref().map(|file| &file.key),
            shard.profile.as_ref().map(|object| &object.key),
        ];
        keys.into_iter().flatten().map(String::as_str)
    })
}

/// The files of a table's shards.
pub(crate) async fn list_shard_files(
    table: &str,
    curated: &dyn ObjectStore,
) -> Result<Vec<ListedObject>, StoreError> {
    let mut files = curated.list(&table_prefix(table), None).await?;
    files.extend(curated.list(&state_prefix(table), None).await?);
    Ok(files)
}

/// The manifests of a table, by day.
pub(crate) async fn read_each_manifest(
    table: &str,
    curated: &dyn ObjectStore,
) -> Result<ManifestReadings, Failure> {
    let days = list_manifest_days(table, curated).await?;
    stream::iter(days)
        .map(|day| async move {
            let manifest = match read_manifest_at(&manifest_key(table, day), curated).await {
                Ok(manifest) => Ok(manifest),
                Err(failure) => Err(failure.unreadable_object().ok_or(failure)?),
            };
            Ok((day, manifest))
        })
        .buffered(REQUESTS_AT_ONCE)
        .try_collect()
        .await
}

/// The days that earlier sweeps dropped.
pub(crate) async fn read_swept_days(
    table: &str,
    curated: &dyn ObjectStore,
) -> Result<BTreeSet<String>, Failure> {
    let key = SweptDays::key(table);
    let Some(object) = curated.get_if_present(&key).await? else {
        return Ok(BTreeSet::new());
    };
    let swept = SweptDays::from_json(&object.body);
    Ok(swept
        .map_err(|error| Failure::damaged_object(&key, &error))?
        .days)
}

/// Adds days to the list of those that were dropped.
pub(crate) async fn record_swept_days(
    table: &str,
    mut days: BTreeSet<String>,
    dropped: &[String],
    curated: &dyn ObjectStore,
) -> Result<(), Failure> {
    if dropped.is_empty() {
        return Ok(());
    }
    days.extend(dropped.iter().cloned());
    let body = SweptDays { days }.to_json()?;
    curated
        .put(&SweptDays::key(table), body.into(), "application/json")
        .await?;
    Ok(())
}

pub(crate) async fn delete_objects(
    keys: impl Iterator<Item = String>,
    curated: &dyn ObjectStore,
) -> Result<(), StoreError> {
    stream::iter(keys)
        .map(|key| async move { curated.delete(&key).await })
        .buffered(REQUESTS_AT_ONCE)
        .try_collect()
        .await
}

/// Deletes Iceberg files that the current metadata does not name. Those of the last two days are
/// kept, because a query may still read by them.
async fn sweep_iceberg(table: &str, newest: Day, curated: &dyn ObjectStore) -> Result<(), Failure> {
    let (_, days) = read_iceberg_days(table, curated).await?;
    let named = iceberg_file_names(&days);
    let prefix = iceberg_prefix(table);
    let mut stale = curated.list(&prefix, None).await?;
    stale.retain(|entry| {
        let name = entry.key.strip_prefix(&prefix).unwrap_or_default();
        !named.contains(name) && iceberg_file_day(name).is_some_and(|day| day < newest.0 - 1)
    });
    delete_objects(stale.into_iter().map(|entry| entry.key), curated).await?;
    Ok(())
}

/// The day that an Iceberg file's name begins with, as a number.
fn iceberg_file_day(name: &str) -> Option<i32> {
    let (day, _) = name.split_once('-')?;
    day.parse().ok()
}

/// The names of the lists and manifests of the days.
fn iceberg_file_names(days: &IcebergDays) -> BTreeSet<&str> {
    days.entries().flat_map(iceberg_names_of_day).collect()
}

fn iceberg_names_of_day(entry: &SnapshotEntry) -> impl Iterator<Item = &str> {
    [Some(&entry.manifest_list[..]), entry.manifest_key()]
        .into_iter()
        .flatten()
        .map(|path| path.rsplit('/').next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_newest_days_are_kept_and_no_more_than_asked(
            days in proptest::collection::btree_set(15_000..22_000i32, 1..300), daily in 0..40usize,
            monthly in 0..15usize, yearly in 0..8usize
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
