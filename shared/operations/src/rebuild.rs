//! Days built again, one after the other: from the refined zone, or from raw objects that are
//! transformed again first.

use std::collections::BTreeSet;

use async_trait::async_trait;
use contract::TableContract;
use lake::{Chunk, Day, Receipt};
use serde::Serialize;
use store::streams::{find_first_chunks, list_manifest_days, read_receipts};

use crate::error::OperationError;
use crate::lake_handle::LakeHandle;
use crate::tables::select_tables;

/// The functions' own code that a rebuild runs. One task runs it, so its futures need not be
/// `Send`.
#[async_trait(?Send)]
pub trait DayRebuilder {
    /// Transforms a raw object again under the contracts of today.
    ///
    /// # Errors
    /// As `pole-transform` fails.
    async fn retransform_chunk(&self, chunk: &Chunk) -> Result<(), OperationError>;

    /// Merges a day of these tables again, of all when no table is named; gives how many manifests
    /// changed.
    ///
    /// # Errors
    /// As `snapshot-merge` fails.
    async fn merge_day(&self, day: Day, tables: &[String]) -> Result<usize, OperationError>;
}

/// Which retained days are built again, and from what.
#[derive(Clone, Debug)]
pub struct RebuildRequest {
    /// The first day.
    pub from: Day,
    /// The last day; the newest day of any table when none is given.
    pub to: Option<Day>,
    /// The day that the clock shows: no later one has begun.
    pub today: Day,
    /// Only these tables; all of them when it is empty.
    pub tables: Vec<String>,
    /// Whether the days' raw objects are transformed again first.
    pub raw: bool,
}

/// How far a rebuild has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RebuildProgress {
    /// So many of the raw objects are transformed again.
    RawObjects {
        /// Done.
        done: usize,
        /// Of all.
        total: usize,
    },
    /// A day is merged again, and so many of the days are.
    Days {
        /// The day.
        day: Day,
        /// Done.
        done: usize,
        /// Of all.
        total: usize,
    },
}

/// What a rebuild did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RebuildOutcome {
    /// The first day, `YYYY-MM-DD`.
    pub from: String,
    /// The last day.
    pub to: String,
    /// The days that were merged again: those that some table has, the oldest first.
    pub days: Vec<String>,
    /// Raw objects that were transformed again.
    pub raw_objects: usize,
    /// Manifests that changed.
    pub manifests_written: usize,
    /// The newest day after the last one: it, and the days before it, are still built on what was
    /// there before.
    pub later_days_until: Option<String>,
}

/// Builds the days again, and reports each step to `progress`.
///
/// # Errors
/// When there is no such table, the days are not a range, the last one has not begun, no table has a
/// snapshot of any of them, the storage does not answer, or a function's own code fails. Days before that are built again already; the same request does the
/// rest.
pub async fn rebuild_days(
    lake: &LakeHandle,
    request: &RebuildRequest,
    rebuilder: &dyn DayRebuilder,
    progress: &(dyn Fn(RebuildProgress) + Send + Sync),
) -> Result<RebuildOutcome, OperationError> {
    let tables = select_tables(lake, &request.tables)?;
    let retained = list_retained_days(lake, &tables).await?;
    let newest = retained.last().copied();
    let from = request.from;
    let to = last_day(request, newest)?;
    let days = days_between(&retained, from, to)?;

    let mut raw_objects = 0;
    if request.raw {
        let chunks = list_chunks_of_days(lake, &tables, from, to).await?;
        raw_objects = chunks.len();
        retransform_chunks(&chunks, rebuilder, progress).await?;
    }
    let manifests_written = merge_days(&days, &request.tables, rebuilder, progress).await?;

    Ok(RebuildOutcome {
        from: from.to_string(),
        to: to.to_string(),
        days: days.iter().map(ToString::to_string).collect(),
        raw_objects,
        manifests_written,
        later_days_until: newest
            .filter(|newest| *newest > to)
            .map(|day| day.to_string()),
    })
}

/// The last day of a request, when it is not before the first one.
fn last_day(request: &RebuildRequest, newest: Option<Day>) -> Result<Day, OperationError> {
    let from = request.from;
    let to = request
        .to
        .or(newest)
        .ok_or("there is no snapshot yet; name the last day with --to")?;

    if to < from {
        return Err(format!("the last day, {to}, is before the first, {from}").into());
    }
    let last_begun = newest.unwrap_or(request.today).max(request.today);
    if to > last_begun {
        let why = format!(
            "{to} has not begun: the newest day is {last_begun}; name it, or leave out --to"
        );
        return Err(why.into());
    }
    Ok(to)
}

/// The days of which any of the tables has a snapshot, the oldest first.
async fn list_retained_days(
    lake: &LakeHandle,
    tables: &[&TableContract],
) -> Result<BTreeSet<Day>, OperationError> {
    let mut retained = BTreeSet::new();
    for table in tables {
        retained.extend(list_manifest_days(&table.name, &*lake.curated).await?);
    }
    Ok(retained)
}

/// The retained days of a range. Days that are not retained are not made: a snapshot for every
/// calendar day would be far more than there are data for.
fn days_between(
    retained: &BTreeSet<Day>,
    from: Day,
    to: Day,
) -> Result<Vec<Day>, OperationError> {
    let days: Vec<Day> = retained.range(from..=to).copied().collect();
    if !days.is_empty() {
        return Ok(days);
    }
    let why = format!(
        "no table has a snapshot from {from} to {to}; `polelake snapshot ls` lists the days, and `polelake run-day {to}` merges one for the first time"
    );
    Err(why.into())
}

async fn retransform_chunks(
    chunks: &[Chunk],
    rebuilder: &dyn DayRebuilder,
    progress: &(dyn Fn(RebuildProgress) + Send + Sync),
) -> Result<(), OperationError> {
    let total = chunks.len();
    for (index, chunk) in chunks.iter().enumerate() {
        rebuilder.retransform_chunk(chunk).await?;
        let done = index + 1;
        progress(RebuildProgress::RawObjects { done, total });
    }
    Ok(())
}

/// Merges every day; gives how many manifests changed.
async fn merge_days(
    days: &[Day],
    tables: &[String],
    rebuilder: &dyn DayRebuilder,
    progress: &(dyn Fn(RebuildProgress) + Send + Sync),
) -> Result<usize, OperationError> {
    let total = days.len();
    let mut written = 0;
    for (index, day) in days.iter().copied().enumerate() {
        written += rebuilder.merge_day(day, tables).await?;
        let done = index + 1;
        progress(RebuildProgress::Days { day, done, total });
    }
    Ok(written)
}

/// The transformed raw objects of the topics that fill the tables, with records of the days.
async fn list_chunks_of_days(
    lake: &LakeHandle,
    tables: &[&TableContract],
    from: Day,
    to: Day,
) -> Result<Vec<Chunk>, OperationError> {
    let mut chunks = Vec::new();
    for topic in list_source_topics(lake, tables) {
        for first in find_first_chunks(&topic, &*lake.raw).await? {
            let receipts = read_receipts(&first, &*lake.refined).await?;
            let of_days = receipts
                .into_iter()
                .filter(|receipt| has_records_within(receipt, from, to));
            chunks.extend(of_days.map(|receipt| Chunk {
                offset: receipt.offset,
                ..first.clone()
            }));
        }
    }
    Ok(chunks)
}

/// The topics that fill the tables, each once.
fn list_source_topics(lake: &LakeHandle, tables: &[&TableContract]) -> Vec<String> {
    let mut topics: Vec<String> = tables
        .iter()
        .flat_map(|table| lake.catalogue.topics_of_table(&table.name))
        .map(str::to_owned)
        .collect();
    topics.sort();
    topics.dedup();
    topics
}

/// Whether a raw object holds records of the days.
fn has_records_within(receipt: &Receipt, from: Day, to: Day) -> bool {
    let days: Vec<Day> = receipt
        .days
        .iter()
        .filter_map(|start| Day::parse(&start.date))
        .collect();
    let begins_in_time = days.iter().min().is_some_and(|first| *first <= to);
    let ends_in_time = days.iter().max().is_some_and(|last| *last >= from);
    begins_in_time && ends_in_time
}
