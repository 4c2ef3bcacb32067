//! The days that are kept of each table, and how many rows each has by its manifest.

use contract::TableContract;
use futures_util::{StreamExt, TryStreamExt, stream};
use lake::Day;
use operations::LakeHandle;
use operations::snapshots::days;
use operations::tables::select_tables;

use crate::error::CliError;

/// Tables whose manifests are read at once.
const TABLES_AT_ONCE: usize = 8;

/// Which of the kept days are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChosenDays {
    /// So many of the newest.
    Newest(usize),
    /// Every one.
    All,
}

/// A table that has days, as the catalogue names it.
#[derive(Clone, Debug)]
pub(crate) struct KeptTable {
    pub(crate) name: String,
    /// Glue's database.
    pub(crate) database: String,
    /// The days that are counted, the oldest first.
    pub(crate) days: Vec<KeptDay>,
    /// The newest day that passed, which `<table>` shows.
    pub(crate) newest: Option<KeptDay>,
}

/// A day of a table, by its manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeptDay {
    pub(crate) day: Day,
    /// The rows that readers see: none of a day that is held back.
    pub(crate) rows: u64,
    /// Whether readers see it.
    pub(crate) passed: bool,
}

/// The tables of these names that have a day; those of all when no name is given. Record tables are
/// left out: no reader sees them.
///
/// # Errors
/// When there is no such table, when none has a day, or when a manifest cannot be read.
pub(crate) async fn read_kept_tables(
    lake: &LakeHandle,
    names: &[String],
    database_prefix: &str,
    chosen: ChosenDays,
) -> Result<Vec<KeptTable>, CliError> {
    let contracts = select_tables(lake, names)?.into_iter();
    let reads: Vec<_> = contracts
        .filter(|table| !table.holds_records())
        .map(|table| read_kept_table(lake, table, database_prefix, chosen))
        .collect();
    let mut tables: Vec<KeptTable> = stream::iter(reads)
        .buffered(TABLES_AT_ONCE)
        .try_collect()
        .await?;

    tables.retain(|table| !table.days.is_empty());
    if tables.is_empty() {
        let why = "no table has a snapshot, so that there is nothing to count; `polelake run-day \
                   DATE` makes those of a day on the local platform, snapshot-merge on AWS";
        return Err(why.into());
    }
    Ok(tables)
}

async fn read_kept_table(
    lake: &LakeHandle,
    table: &TableContract,
    database_prefix: &str,
    chosen: ChosenDays,
) -> Result<KeptTable, CliError> {
    let kept = days::retained_days(lake, &table.name).await?;
    let count = match chosen {
        ChosenDays::Newest(count) => count.min(kept.len()),
        ChosenDays::All => kept.len(),
    };
    let (older, counted) = kept.split_at(kept.len() - count);

    let mut days = Vec::new();
    for day in counted {
        days.push(read_kept_day(lake, &table.name, *day).await?);
    }
    let newest = match days.iter().rev().find(|day| day.passed) {
        Some(newest) => Some(newest.clone()),
        None => find_passed_day(lake, &table.name, older).await?,
    };
    Ok(KeptTable {
        name: table.name.clone(),
        database: lake::database_name(database_prefix, "curated", &table.domain),
        days,
        newest,
    })
}

/// The last of these days that passed.
async fn find_passed_day(
    lake: &LakeHandle,
    table: &str,
    days: &[Day],
) -> Result<Option<KeptDay>, CliError> {
    for day in days.iter().rev() {
        let kept = read_kept_day(lake, table, *day).await?;
        if kept.passed {
            return Ok(Some(kept));
        }
    }
    Ok(None)
}

async fn read_kept_day(lake: &LakeHandle, table: &str, day: Day) -> Result<KeptDay, CliError> {
    let manifest = days::read_manifest(lake, table, day).await?;
    Ok(KeptDay {
        day,
        rows: if manifest.passed { manifest.rows } else { 0 },
        passed: manifest.passed,
    })
}
