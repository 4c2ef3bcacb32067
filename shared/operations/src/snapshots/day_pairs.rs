//! Two days side by side, table by table: which files they share, and which must be read to compare them.

use std::collections::BTreeSet;

use contract::TableContract;
use lake::{Day, ManifestShard, SnapshotManifest};
use serde::Serialize;

use super::days;
use crate::LakeHandle;
use crate::OperationError;

/// A table's two days.
#[derive(Debug)]
pub struct DayPair<'z> {
    /// The table.
    pub table: &'z TableContract,
    /// The day that is compared with.
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
pub struct DayPairs<'z> {
    /// Tables with both days.
    pub pairs: Vec<DayPair<'z>>,
    /// Tables with one of them.
    pub skipped: Vec<UnpairedTable>,
}

impl DayPairs<'_> {
    /// How much is read to compare them all, in bytes; what days share is not read.
    #[must_use]
    pub fn bytes_to_read(&self) -> u64 {
        self.pairs.iter().map(DayPair::unshared_bytes).sum()
    }
}

impl DayPair<'_> {
    /// The files that only one of the days has, in the order of their rows.
    ///
    /// A file of both holds the same rows on both. Without it each day is still sorted: shards are ranges of owners that
    /// do not meet, however many there are. So days of different shard counts need no rule of their own.
    pub(super) fn unshared_shards(&self) -> [Vec<ManifestShard>; 2] {
        let keys = |manifest: &SnapshotManifest| -> BTreeSet<String> {
            manifest
                .shards
                .iter()
                .map(|shard| shard.rows_key.clone())
                .collect()
        };
        let but = |manifest: &SnapshotManifest, other: &BTreeSet<String>| {
            let own = manifest
                .shards
                .iter()
                .filter(|shard| !other.contains(&shard.rows_key));
            let mut own: Vec<ManifestShard> = own.cloned().collect();
            own.sort_by_key(|shard| shard.shard);
            own
        };
        [
            but(&self.old, &keys(&self.new)),
            but(&self.new, &keys(&self.old)),
        ]
    }

    fn unshared_bytes(&self) -> u64 {
        self.unshared_shards()
            .iter()
            .flatten()
            .map(|shard| shard.bytes)
            .sum()
    }
}

/// The tables of two days: the one that is wanted, or all that have both.
///
/// # Errors
/// When there is no such table; when it lacks a day, or every table lacks one, with the nearest days that there are;
/// when the storage does not answer or a manifest is damaged.
pub async fn pair_days<'z>(
    zones: &'z LakeHandle,
    wanted: Option<&str>,
    from: Day,
    to: Day,
) -> Result<DayPairs<'z>, OperationError> {
    let tables = days::select_tables(zones, wanted)?;
    let mut kept = Vec::new();
    for table in &tables {
        kept.push(days::retained_days(zones, &table.name).await?);
    }
    let of = wanted.map_or_else(|| "the lake".to_owned(), |table| format!("`{table}`"));
    let all: BTreeSet<Day> = kept.iter().flatten().copied().collect();
    for day in [from, to] {
        if !all.contains(&day) {
            return Err(days::describe_absent_day(
                &of,
                day,
                &all.iter().copied().collect::<Vec<_>>(),
            )
            .into());
        }
    }
    let mut found = DayPairs {
        pairs: Vec::new(),
        skipped: Vec::new(),
    };
    for (table, kept) in tables.into_iter().zip(kept) {
        let absent: Vec<Day> = [from, to]
            .into_iter()
            .filter(|day| !kept.contains(day))
            .collect();
        match absent.as_slice() {
            [] => {
                let old = days::read_manifest(zones, &table.name, from).await?;
                let new = days::read_manifest(zones, &table.name, to).await?;
                found.pairs.push(DayPair { table, old, new });
            }
            [absent] if from != to => {
                found.skipped.push(UnpairedTable {
                    table: table.name.clone(),
                    absent: absent.to_string(),
                });
            }
            // It has neither: it says nothing of these days.
            _ => {}
        }
    }
    Ok(found)
}
