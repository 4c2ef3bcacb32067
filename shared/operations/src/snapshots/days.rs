//! Which days a table has, and what their manifests say.

use contract::TableContract;
use futures_util::{StreamExt, TryStreamExt, stream};
use lake::{Day, SnapshotManifest, iceberg_hint_key};
use serde::Serialize;
use store::streams;

use super::reader_snippets::{ReaderSnippet, reader_snippets};
use crate::error::OperationError;
use crate::lake_handle::LakeHandle;
use crate::tables::select_tables;

/// Manifests that are read at once.
const READS_AT_ONCE: usize = 16;

/// A table's day in one line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SnapshotSummary {
    /// The table.
    pub table: String,
    /// The day, `YYYY-MM-DD`.
    pub date: String,
    /// The day on which it was built; none for a first one.
    pub base: Option<String>,
    /// The version of the table's contract.
    pub contract_version: String,
    /// Rows that readers see.
    pub rows: u64,
    /// Rows that the base does not have.
    pub inserted: u64,
    /// Rows that differ from the base.
    pub updated: u64,
    /// Rows that only the base has.
    pub deleted: u64,
    /// Shards.
    pub shards: usize,
    /// Shards whose file is also one of the retained day before.
    pub shared: usize,
    /// Bytes of all shards' rows.
    pub bytes: u64,
    /// Whether no blocking rule failed; a day that did not pass is held back from readers.
    pub passed: bool,
}

/// A table's day with everything that a reader of it needs.
#[derive(Clone, Debug, Serialize)]
pub struct SnapshotView {
    /// The manifest.
    pub manifest: SnapshotManifest,
    /// How other engines read exactly the day's files.
    pub reading: Vec<ReaderSnippet>,
    /// Where Iceberg's metadata is; none when no day of the table has passed yet.
    pub iceberg_hint: Option<String>,
}

/// The days of which a table has a manifest, the oldest first.
///
/// # Errors
/// When the storage does not answer.
pub async fn retained_days(lake: &LakeHandle, table: &str) -> Result<Vec<Day>, OperationError> {
    Ok(streams::list_manifest_days(table, &*lake.curated).await?)
}

/// A table's manifest of a day.
///
/// # Errors
/// When there is none, with the nearest days that there are; when the storage does not answer; when
/// it is damaged.
pub async fn read_manifest(
    lake: &LakeHandle,
    table: &str,
    day: Day,
) -> Result<SnapshotManifest, OperationError> {
    if let Some(manifest) = streams::read_manifest(table, day, &*lake.curated).await? {
        return Ok(manifest);
    }

    let days = retained_days(lake, table).await?;
    Err(describe_absent_day(&format!("`{table}`"), day, &days).into())
}

/// A table's day, as an operator looks at it.
///
/// # Errors
/// When there is no such table or day; when the storage does not answer; when the manifest is
/// damaged.
pub async fn view_snapshot(
    lake: &LakeHandle,
    table: &str,
    day: Day,
) -> Result<SnapshotView, OperationError> {
    select_tables(lake, &[table])?;
    let manifest = read_manifest(lake, table, day).await?;
    let shards = manifest.shards.iter();
    let keys: Vec<&str> = shards.map(|shard| shard.rows_file.key.as_str()).collect();
    let reading = reader_snippets(&lake.curated_root, &keys);

    let hint = iceberg_hint_key(table);
    let has_hint = lake.curated.object_exists(&hint).await?;
    Ok(SnapshotView {
        manifest,
        reading,
        iceberg_hint: has_hint.then(|| format!("{}/{hint}", lake.curated_root)),
    })
}

/// The manifests that the named tables have of a day; those of all tables when no name is given.
///
/// # Errors
/// When there is no such table, or none of them has the day; when the storage does not answer; when
/// a manifest is damaged.
pub async fn read_manifests_of_day<'l>(
    lake: &'l LakeHandle,
    names: &[String],
    day: Day,
) -> Result<Vec<(&'l TableContract, SnapshotManifest)>, OperationError> {
    let mut manifests = Vec::new();
    for table in select_tables(lake, names)? {
        let manifest = streams::read_manifest(&table.name, day, &*lake.curated).await?;
        manifests.extend(manifest.map(|manifest| (table, manifest)));
    }

    if manifests.is_empty() {
        let why =
            format!("no table has a snapshot of {day}; `polelake snapshot ls` lists the days");
        return Err(why.into());
    }
    Ok(manifests)
}

/// The last of the days before one and the first behind it, as far as there are any. The days are in
/// their order.
pub(crate) fn nearest_days(day: Day, days: &[Day]) -> Vec<String> {
    let before = days.iter().rev().find(|known| **known < day);
    let after = days.iter().find(|known| **known > day);
    before
        .into_iter()
        .chain(after)
        .map(Day::to_string)
        .collect()
}

/// That a day is absent, and which days are nearest to it: `days` are in their order.
pub(super) fn describe_absent_day(owner: &str, day: Day, days: &[Day]) -> String {
    let nearest = nearest_days(day, days);
    if nearest.is_empty() {
        return format!(
            "{owner} has no snapshot of {day}, nor of any other day; `polelake run-day {day}` \
             makes it"
        );
    }
    format!(
        "{owner} has no snapshot of {day}; nearest to it: {}. `polelake snapshot ls` lists all \
         days",
        nearest.join(" and ")
    )
}

/// The retained days of the named tables, of all tables when no name is given; the oldest day of
/// each table first.
///
/// # Errors
/// When there is no such table; when the storage does not answer; when a manifest is damaged.
pub async fn list_table_snapshots(
    lake: &LakeHandle,
    names: &[impl AsRef<str>],
) -> Result<Vec<SnapshotSummary>, OperationError> {
    let mut snapshots = Vec::new();
    for table in select_tables(lake, names)? {
        snapshots.extend(list_snapshots(lake, &table.name).await?);
    }
    Ok(snapshots)
}

/// The retained days of a table, the oldest first.
///
/// # Errors
/// When the storage does not answer, or a manifest is damaged.
pub async fn list_snapshots(
    lake: &LakeHandle,
    table: &str,
) -> Result<Vec<SnapshotSummary>, OperationError> {
    let days = retained_days(lake, table).await?;
    let manifests: Vec<Option<SnapshotManifest>> = stream::iter(days)
        .map(|day| async move { streams::read_manifest(table, day, &*lake.curated).await })
        .buffered(READS_AT_ONCE)
        .try_collect()
        .await?;

    // A day that was deleted since it was listed is not retained.
    let manifests: Vec<SnapshotManifest> = manifests.into_iter().flatten().collect();
    let before = std::iter::once(None).chain(manifests.iter().map(Some));
    Ok(manifests
        .iter()
        .zip(before)
        .map(|(manifest, before)| summarise_manifest(manifest, before))
        .collect())
}

fn summarise_manifest(
    manifest: &SnapshotManifest,
    before: Option<&SnapshotManifest>,
) -> SnapshotSummary {
    SnapshotSummary {
        table: manifest.table.clone(),
        date: manifest.date.clone(),
        base: manifest.base.clone(),
        contract_version: manifest.contract_version.clone(),
        rows: manifest.rows,
        inserted: manifest.inserted,
        updated: manifest.updated,
        deleted: manifest.deleted,
        shards: manifest.shards.len(),
        shared: before.map_or(0, |before| count_shared_shards(before, manifest)),
        bytes: manifest.shards.iter().map(lake::ManifestShard::bytes).sum(),
        passed: manifest.passed,
    }
}

/// How many shards of a day are the same file as one of another day.
pub(super) fn count_shared_shards(before: &SnapshotManifest, manifest: &SnapshotManifest) -> usize {
    let shared = manifest.shards.iter().filter(|shard| {
        let mut known = before.shards.iter();
        known.any(|known| known.rows_file.key == shard.rows_file.key)
    });
    shared.count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_absent_day_names_its_neighbours() {
        let days = [3, 5, 9].map(Day);
        let told = |day| describe_absent_day("`person`", Day(day), &days);
        assert!(told(6).contains("1970-01-06 and 1970-01-10"), "{}", told(6));
        assert!(
            told(1).contains("nearest to it: 1970-01-04."),
            "{}",
            told(1)
        );
        assert!(
            told(20).contains("nearest to it: 1970-01-10."),
            "{}",
            told(20)
        );
        assert!(describe_absent_day("`person`", Day(1), &[]).contains("run-day 1970-01-02"));
    }
}
