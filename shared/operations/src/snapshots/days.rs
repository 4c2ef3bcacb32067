//! Which days a table has, and what their manifests say.

use contract::TableContract;
use futures_util::{StreamExt, TryStreamExt, stream};
use lake::{Day, SnapshotManifest};
use serde::Serialize;

use crate::LakeHandle;
use crate::OperationError;

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
    /// Rows that are new since the base.
    pub inserted: u64,
    /// Rows that differ from the base.
    pub updated: u64,
    /// Rows of the base that are gone.
    pub deleted: u64,
    /// Shards.
    pub shards: usize,
    /// Shards whose file is also one of the kept day before.
    pub shared: usize,
    /// Bytes of all shards' rows.
    pub bytes: u64,
    /// Whether no blocking rule failed; a day that did not pass is held back from readers.
    pub passed: bool,
}

/// The table of that name, or every table without one.
///
/// # Errors
/// When no contract describes it; the error names those that there are.
pub fn select_tables<'z>(
    zones: &'z LakeHandle,
    wanted: Option<&str>,
) -> Result<Vec<&'z TableContract>, OperationError> {
    let all = &zones.catalogue.tables;
    let found: Vec<_> = all
        .iter()
        .filter(|table| wanted.is_none_or(|wanted| table.name == wanted))
        .collect();
    if let (true, Some(wanted)) = (found.is_empty(), wanted) {
        let names: Vec<&str> = all.iter().map(|table| table.name.as_str()).collect();
        return Err(format!(
            "there is no table `{wanted}`; there are {}",
            names.join(", ")
        )
        .into());
    }
    Ok(found)
}

/// The days of which a table has a manifest, the oldest first.
///
/// # Errors
/// When the storage does not answer.
pub async fn retained_days(zones: &LakeHandle, table: &str) -> Result<Vec<Day>, OperationError> {
    Ok(store::streams::list_manifest_days(table, &*zones.curated).await?)
}

/// A table's manifest of a day.
///
/// # Errors
/// When there is none, with the nearest days that there are; when the storage does not answer; when it is damaged.
pub async fn read_manifest(
    zones: &LakeHandle,
    table: &str,
    day: Day,
) -> Result<SnapshotManifest, OperationError> {
    match store::streams::read_manifest(table, day, &*zones.curated).await? {
        Some(manifest) => Ok(manifest),
        None => Err(describe_absent_day(
            &format!("`{table}`"),
            day,
            &retained_days(zones, table).await?,
        )
        .into()),
    }
}

/// That a day is not there, and which are: `days` are in their order.
pub(super) fn describe_absent_day(of: &str, day: Day, days: &[Day]) -> String {
    let before = days.iter().rev().find(|kept| **kept < day);
    let after = days.iter().find(|kept| **kept > day);
    let nearest: Vec<String> = before
        .into_iter()
        .chain(after)
        .map(Day::to_string)
        .collect();
    if nearest.is_empty() {
        return format!(
            "{of} has no snapshot of {day}, nor of any other day; `polelake run-day {day}` makes it"
        );
    }
    format!(
        "{of} has no snapshot of {day}; nearest to it: {}. `polelake snapshot ls` lists all days",
        nearest.join(" and ")
    )
}

/// The kept days of a table, the oldest first.
///
/// # Errors
/// When the storage does not answer, or a manifest is damaged.
pub async fn list_snapshots(
    zones: &LakeHandle,
    table: &str,
) -> Result<Vec<SnapshotSummary>, OperationError> {
    let read =
        |day: Day| async move { store::streams::read_manifest(table, day, &*zones.curated).await };
    let manifests: Vec<Option<SnapshotManifest>> = stream::iter(retained_days(zones, table).await?)
        .map(read)
        .buffered(READS_AT_ONCE)
        .try_collect()
        .await?;
    // One that went since it was listed is no kept day any more.
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
        bytes: manifest.shards.iter().map(|shard| shard.bytes).sum(),
        passed: manifest.passed,
    }
}

/// How many shards of a day have the very file of another.
pub(super) fn count_shared_shards(before: &SnapshotManifest, manifest: &SnapshotManifest) -> usize {
    let known = |key: &str| before.shards.iter().any(|shard| shard.rows_key == key);
    manifest
        .shards
        .iter()
        .filter(|shard| known(&shard.rows_key))
        .count()
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
