//! How far one table is.

use contract::TableContract;
use futures_util::{StreamExt, TryStreamExt, stream};
use lake::{Day, ManifestShard, SnapshotManifest};
use serde::Serialize;
use store::streams;

use crate::error::OperationError;
use crate::lake_handle::LakeHandle;

/// Tables that are read at once.
const READS_AT_ONCE: usize = 16;

/// How far a table is.
#[derive(Clone, Debug, Serialize)]
pub struct TableStatus {
    /// The table.
    pub table: String,
    /// The newest day that was merged; none before the first.
    pub last_merged: Option<String>,
    /// The newest day that passed, which readers see.
    pub last_passing: Option<String>,
    /// Rows of the newest day.
    pub rows: u64,
    /// Bytes of the newest day's rows.
    pub bytes: u64,
    /// The version of the table's contract under which the newest day was merged.
    pub contract_merged: Option<String>,
    /// The version that the contracts of now have.
    pub contract_given: String,
    /// The newest day's manifest.
    #[serde(skip)]
    pub(super) newest: Option<SnapshotManifest>,
}

/// The tables that have a day, and those that a source fills.
pub(super) async fn read_tables(lake: &LakeHandle) -> Result<Vec<TableStatus>, OperationError> {
    let reads = lake
        .catalogue
        .stored_tables()
        .map(|table| read_table(lake, table));
    let mut tables: Vec<TableStatus> = stream::iter(reads)
        .buffered(READS_AT_ONCE)
        .try_collect()
        .await?;

    tables.retain(|table| {
        let is_filled = !lake.catalogue.topics_of_table(&table.table).is_empty();
        table.last_merged.is_some() || is_filled
    });
    Ok(tables)
}

async fn read_table(
    lake: &LakeHandle,
    table: &TableContract,
) -> Result<TableStatus, OperationError> {
    let mut days = streams::list_manifest_days(&table.name, &*lake.curated).await?;
    days.sort_unstable();
    let newest = match days.last() {
        Some(day) => read_noted_manifest(lake, &table.name, *day).await?,
        None => None,
    };
    let last_passing = match &newest {
        Some(manifest) if manifest.passed => Some(manifest.date.clone()),
        _ => find_passing_day(lake, &table.name, &days).await?,
    };

    let shards = newest.iter().flat_map(|manifest| &manifest.shards);
    Ok(TableStatus {
        table: table.name.clone(),
        last_merged: days.last().map(Day::to_string),
        last_passing,
        rows: newest.as_ref().map_or(0, |manifest| manifest.rows),
        bytes: shards.map(ManifestShard::bytes).sum(),
        contract_merged: newest
            .as_ref()
            .map(|manifest| manifest.contract_version.clone()),
        contract_given: table.version.clone(),
        newest,
    })
}

/// The newest day before the last one that passed.
async fn find_passing_day(
    lake: &LakeHandle,
    table: &str,
    days: &[Day],
) -> Result<Option<String>, OperationError> {
    for day in days.iter().rev().skip(1) {
        let manifest = read_noted_manifest(lake, table, *day).await?;
        if let Some(manifest) = manifest.filter(|manifest| manifest.passed) {
            return Ok(Some(manifest.date));
        }
    }
    Ok(None)
}

/// A table's manifest of a day; none when it cannot be read, which is noted.
async fn read_noted_manifest(
    lake: &LakeHandle,
    table: &str,
    day: Day,
) -> Result<Option<SnapshotManifest>, OperationError> {
    let manifest = streams::read_manifest(table, day, &*lake.curated).await;
    Ok(lake.unreadable.note(manifest)?.flatten())
}
