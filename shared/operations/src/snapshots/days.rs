//! Which days a table has, and what their manifests say.

use contract::TableContract;
use futures_util::{StreamExt, TryStreamExt, stream};
use lake::{Day, Manifest};
use serde::Serialize;

use crate::Failed;
use crate::Zones;

/// Manifests that are read at once.
const READS_AT_ONCE: usize = 16;

/// A table's day in one line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Summary {
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
pub fn tables<'z>(
    zones: &'z Zones,
    wanted: Option<&str>,
) -> Result<Vec<&'z TableContract>, Failed> {
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
pub async fn kept(zones: &Zones, table: &str) -> Result<Vec<Day>, Failed> {
    Ok(store::streams::kept_days(table, &*zones.curated).await?)
}

/// A table's manifest of a day.
///
/// # Errors
/// When there is none, with the nearest days that there are; when the storage does not answer; when it is damaged.
pub async fn manifest(zones: &Zones, table: &str, day: Day) -> Result<Manifest, Failed> {
    match store::streams::manifest(table, day, &*zones.curated).await? {
        Some(manifest) => Ok(manifest),
        None => Err(absent(&format!("`{table}`"), day, &kept(zones, table).await?).into()),
    }
}

/// That a day is not there, and which are: `days` are in their order.
pub(super) fn absent(of: &str, day: Day, days: &[Day]) -> String {
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
pub async fn list(zones: &Zones, table: &str) -> Result<Vec<Summary>, Failed> {
    let read =
        |day: Day| async move { store::streams::manifest(table, day, &*zones.curated).await };
    let manifests: Vec<Option<Manifest>> = stream::iter(kept(zones, table).await?)
        .map(read)
        .buffered(READS_AT_ONCE)
        .try_collect()
        .await?;
    // One that went since it was listed is no kept day any more.
    let manifests: Vec<Manifest> = manifests.into_iter().flatten().collect();
    let before = std::iter::once(None).chain(manifests.iter().map(Some));
    Ok(manifests
        .iter()
        .zip(before)
        .map(|(manifest, before)| summary(manifest, before))
        .collect())
}

fn summary(manifest: &Manifest, before: Option<&Manifest>) -> Summary {
    Summary {
        table: manifest.table.clone(),
        date: manifest.date.clone(),
        base: manifest.base.clone(),
        contract_version: manifest.contract_version.clone(),
        rows: manifest.rows,
        inserted: manifest.inserted,
        updated: manifest.updated,
        deleted: manifest.deleted,
        shards: manifest.shards.len(),
        shared: before.map_or(0, |before| shared(before, manifest)),
        bytes: manifest.shards.iter().map(|shard| shard.bytes).sum(),
        passed: manifest.passed,
    }
}

/// How many shards of a day have the very file of another.
pub(super) fn shared(before: &Manifest, manifest: &Manifest) -> usize {
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
        let told = |day| absent("`person`", Day(day), &days);
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
        assert!(absent("`person`", Day(1), &[]).contains("run-day 1970-01-02"));
    }
}
