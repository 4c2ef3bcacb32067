//! Two days side by side, table by table: which files they share, and which must be read to compare
//! them.

use std::collections::BTreeSet;
use std::sync::Arc;

use contract::TableContract;
use lake::{Day, ManifestShard, SnapshotManifest};
use serde::Serialize;
use store::ObjectStore;

use super::days;
use super::diff::merge_join;
use super::diff_counter::{DiffCounter, TableDiff};
use super::row_differences::DiffDisplay;
use super::stream::SnapshotRowStream;
use crate::error::OperationError;
use crate::lake_handle::LakeHandle;
use crate::tables::select_tables;

/// A table's two days.
#[derive(Debug)]
pub struct DayPair<'l> {
    /// The table.
    pub table: &'l TableContract,
    /// The day that the other one is compared with.
    pub old: SnapshotManifest,
    /// The day that is compared.
    pub new: SnapshotManifest,
}

/// A table that has only one of the days, and is not compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UnpairedTable {
    /// The table.
    pub table: String,
    /// The day that it does not have.
    pub absent: String,
}

/// The tables that are compared, and those that cannot be.
#[derive(Debug)]
pub struct DayPairs<'l> {
    /// Tables with both days.
    pub pairs: Vec<DayPair<'l>>,
    /// Tables with one of them.
    pub skipped: Vec<UnpairedTable>,
}

impl DayPairs<'_> {
    /// How many bytes are read to compare all tables; files that both days share are not read.
    #[must_use]
    pub fn bytes_to_read(&self) -> u64 {
        self.pairs.iter().map(DayPair::unshared_bytes).sum()
    }

    /// Compares the days of every table. Calls `progress` with the table and the number of bytes
    /// that were just read.
    ///
    /// # Errors
    /// When the storage does not answer, or a file is damaged; the error names it.
    pub async fn compare_days(
        &self,
        curated: &Arc<dyn ObjectStore>,
        show: DiffDisplay,
        progress: &(dyn Fn(&str, u64) + Sync),
    ) -> Result<Vec<TableDiff>, OperationError> {
        let mut tables = Vec::new();
        for pair in &self.pairs {
            let name = pair.table.name.as_str();
            let diff = pair
                .compare_days(curated, show, &|bytes| progress(name, bytes))
                .await?;
            tables.push(diff);
        }
        Ok(tables)
    }
}

impl DayPair<'_> {
    /// Compares the days. Shards that are the same file on both are not read. Calls `progress` with
    /// the number of bytes that were just read.
    ///
    /// # Errors
    /// When the storage does not answer, or a file is damaged; the error names it.
    pub async fn compare_days(
        &self,
        curated: &Arc<dyn ObjectStore>,
        show: DiffDisplay,
        progress: &(dyn Fn(u64) + Sync),
    ) -> Result<TableDiff, OperationError> {
        let [old, new] = self.unshared_shards();
        let shards_read = old.len() + new.len();
        let old = SnapshotRowStream::new(curated, old, progress);
        let new = SnapshotRowStream::new(curated, new, progress);

        let mut counter = DiffCounter::new(self.table, show);
        merge_join(old, new, &mut counter).await?;
        Ok(TableDiff {
            rows_before: self.old.rows,
            rows_after: self.new.rows,
            shards_shared: days::count_shared_shards(&self.old, &self.new),
            shards_read,
            ..counter.into_table_diff()
        })
    }

    /// The files that only one of the days has, in the order of their rows.
    ///
    /// A file of both holds the same rows on both. Without it each day is still sorted: shards are
    /// ranges of owners that do not overlap, however many there are. So days of different shard
    /// counts need no rule of their own.
    fn unshared_shards(&self) -> [Vec<ManifestShard>; 2] {
        [
            shards_without(&self.old, &self.new),
            shards_without(&self.new, &self.old),
        ]
    }

    fn unshared_bytes(&self) -> u64 {
        let shards = self.unshared_shards();
        shards.iter().flatten().map(ManifestShard::bytes).sum()
    }
}

/// The shards of a manifest whose files the other one does not have, in their order.
fn shards_without(manifest: &SnapshotManifest, other: &SnapshotManifest) -> Vec<ManifestShard> {
    let shared: BTreeSet<&str> = other
        .shards
        .iter()
        .map(|shard| shard.rows_file.key.as_str())
        .collect();

    let mut own: Vec<ManifestShard> = manifest
        .shards
        .iter()
        .filter(|shard| !shared.contains(shard.rows_file.key.as_str()))
        .cloned()
        .collect();
    own.sort_by_key(|shard| shard.shard);
    own
}

/// The tables of two days: the one that is wanted, or all that have both.
///
/// # Errors
/// When there is no such table; when it lacks a day, or every table lacks one, with the nearest
/// days that there are; when the storage does not answer or a manifest is damaged.
pub async fn pair_days<'l>(
    lake: &'l LakeHandle,
    wanted: Option<&str>,
    from: Day,
    to: Day,
) -> Result<DayPairs<'l>, OperationError> {
    let mut tables = Vec::new();
    for table in select_tables(lake, wanted.as_slice())? {
        let retained = days::retained_days(lake, &table.name).await?;
        tables.push((table, retained));
    }
    let owner = wanted.map_or_else(|| "the lake".to_owned(), |table| format!("`{table}`"));
    let retained = tables.iter().flat_map(|(_, days)| days).copied();
    check_days_present(&owner, &retained.collect(), [from, to])?;

    let mut pairs = Vec::new();
    let mut skipped = Vec::new();
    for (table, retained) in tables {
        match (retained.contains(&from), retained.contains(&to)) {
            (true, true) => {
                let old = days::read_manifest(lake, &table.name, from).await?;
                let new = days::read_manifest(lake, &table.name, to).await?;
                pairs.push(DayPair { table, old, new });
            }
            (true, false) => skipped.push(unpaired_table(table, to)),
            (false, true) => skipped.push(unpaired_table(table, from)),
            // The table has neither day, so there is nothing to say of it.
            (false, false) => {}
        }
    }
    Ok(DayPairs { pairs, skipped })
}

fn unpaired_table(table: &TableContract, absent: Day) -> UnpairedTable {
    UnpairedTable {
        table: table.name.clone(),
        absent: absent.to_string(),
    }
}

/// Checks that some table has each of the days.
fn check_days_present(
    owner: &str,
    retained: &BTreeSet<Day>,
    wanted: [Day; 2],
) -> Result<(), OperationError> {
    for day in wanted {
        if !retained.contains(&day) {
            let known: Vec<Day> = retained.iter().copied().collect();
            return Err(days::describe_absent_day(owner, day, &known).into());
        }
    }
    Ok(())
}
