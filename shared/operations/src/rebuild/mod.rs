//! Days built again, one after the other: from the refined zone, or from raw objects that are
//! transformed again first.

mod chunk_days;

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use contract::TableContract;
use host::Failure;
use lake::{Chunk, Day, DeclaredLoss, Sha256Digest};
use serde::Serialize;
use store::streams::{find_stream_starts, list_manifest_days, read_each_receipt};
use store::{ObjectError, UnreadableObject};

use self::chunk_days::{BlockedDays, ChunkOfDays, chunks_of_stream};
use crate::declared_losses::{DeclaredLosses, is_raw_object_whole};
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
    async fn retransform_chunk(&self, chunk: &Chunk) -> Result<(), Failure>;

    /// Merges a day of these tables again, of all when no table is named.
    ///
    /// # Errors
    /// As `snapshot-merge` fails when it can merge no table.
    async fn merge_day(&self, day: Day, tables: &[String]) -> Result<RebuiltDay, Failure>;

    /// Writes the Iceberg metadata of all days of a table into the lake again, and of `lost` those
    /// that showed the days up to an earlier one.
    ///
    /// # Errors
    /// As `snapshot-merge` fails when it cannot publish a table.
    async fn publish_iceberg(&self, table: &str, lost: &BTreeSet<String>) -> Result<(), Failure>;
}

/// What the merge of a day did.
#[derive(Clone, Debug, Default)]
pub struct RebuiltDay {
    /// How many manifests changed.
    pub manifests_written: usize,
    /// The digest of the day's root now; none of a day without a manifest.
    pub root: Option<Sha256Digest>,
    /// The tables that were not merged, by name, each with the reason.
    pub failures: Vec<(String, Failure)>,
    /// The tables that are merged and of which something derived failed, such as what readers of
    /// Iceberg see.
    pub derived_failures: Vec<(String, Failure)>,
}

/// A table's day that was not built again. It stays as it was.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct SkippedDay {
    /// The table.
    pub table: String,
    /// The day, `YYYY-MM-DD`.
    pub date: String,
    /// The object that the day needs and that cannot be read.
    pub object: String,
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
    /// The digest of each day's root now, by day: it replaces the one that was kept.
    pub roots: BTreeMap<String, Sha256Digest>,
    /// The newest day after the last one: it, and the days before it, are still built on what was
    /// there before.
    pub later_days_until: Option<String>,
    /// Raw objects that are declared lost: the days keep the rows that their records became.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub declared_lost: Vec<DeclaredLoss>,
    /// Days that were not built again, by table.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub skipped: Vec<SkippedDay>,
    /// Objects that could not be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unreadable: Vec<UnreadableObject>,
}

impl RebuildOutcome {
    /// Whether every day was built again from everything.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.skipped.is_empty() && self.unreadable.is_empty()
    }
}

/// Builds the days again, and reports each step to `progress`. An object that cannot be read keeps
/// the days of the tables that need it as they were, and no other.
///
/// # Errors
/// When there is no such table, the days are not a range, the last one has not begun, no table has
/// a snapshot of any of them, the storage does not answer, or a function's own code fails for
/// another reason than an object. Days before that are built again already; the same request does
/// the rest.
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
    let mut run = RebuildRun {
        lake,
        request,
        rebuilder,
        progress,
        blocked: BlockedDays::default(),
        losses: DeclaredLosses::default(),
        passed: Vec::new(),
        skipped: BTreeSet::new(),
        roots: BTreeMap::new(),
    };

    let mut raw_objects = 0;
    if request.raw {
        run.losses = DeclaredLosses::read(lake).await?;
        let chunks = list_chunks_of_days(lake, &tables, from, to).await?;
        raw_objects = run.retransform_chunks(&chunks).await?;
    }
    let manifests_written = run.merge_days(&days).await?;

    Ok(RebuildOutcome {
        from: from.to_string(),
        to: to.to_string(),
        days: days.iter().map(ToString::to_string).collect(),
        raw_objects,
        manifests_written,
        roots: run.roots,
        later_days_until: newest
            .filter(|newest| *newest > to)
            .map(|day| day.to_string()),
        declared_lost: run.passed,
        skipped: run.skipped.into_iter().collect(),
        unreadable: lake.unreadable.take(),
    })
}

/// A rebuild that runs.
struct RebuildRun<'r> {
    lake: &'r LakeHandle,
    request: &'r RebuildRequest,
    rebuilder: &'r dyn DayRebuilder,
    progress: &'r (dyn Fn(RebuildProgress) + Send + Sync),
    blocked: BlockedDays,
    losses: DeclaredLosses,
    /// The declared losses that the rebuild went over.
    passed: Vec<DeclaredLoss>,
    skipped: BTreeSet<SkippedDay>,
    roots: BTreeMap<String, Sha256Digest>,
}

impl RebuildRun<'_> {
    /// Transforms the raw objects again; gives how many. The days of one that cannot be read are
    /// blocked: they would mix the rows of two mappings. One that is declared lost stays what it
    /// became.
    async fn retransform_chunks(
        &mut self,
        chunks: &[ChunkOfDays],
    ) -> Result<usize, OperationError> {
        let total = chunks.len();
        let mut transformed = 0;
        for (index, chunk) in chunks.iter().enumerate() {
            if !self.passes_loss(&chunk.chunk).await? {
                transformed += usize::from(self.retransform(chunk).await?);
            }
            let done = index + 1;
            (self.progress)(RebuildProgress::RawObjects { done, total });
        }
        Ok(transformed)
    }

    /// Transforms a raw object again; whether it could be read.
    async fn retransform(&mut self, chunk: &ChunkOfDays) -> Result<bool, Failure> {
        let result = self.rebuilder.retransform_chunk(&chunk.chunk).await;
        let Err(failure) = result else {
            return Ok(true);
        };
        let object = failure.unreadable_object().ok_or(failure)?;
        self.blocked.block(self.lake, chunk, &object.object);
        self.lake.unreadable.add(object);
        Ok(false)
    }

    /// Whether a raw object is declared lost, and is. Its rows were made under the contracts of
    /// then; the receipt names those that are left, and its merge reads them by their digests.
    async fn passes_loss(&mut self, chunk: &Chunk) -> Result<bool, OperationError> {
        let Some(loss) = self.losses.find(chunk) else {
            return Ok(false);
        };
        let Some(receipt) = self.lake.read_receipt(chunk).await? else {
            return Ok(false);
        };
        if receipt.next != loss.next
            || is_raw_object_whole(self.lake, chunk, Some(&receipt)).await?
        {
            return Ok(false);
        }
        self.passed.push(loss.clone());
        Ok(true)
    }

    /// Merges every day; gives how many manifests changed.
    async fn merge_days(&mut self, days: &[Day]) -> Result<usize, Failure> {
        let total = days.len();
        let mut written = 0;
        for (index, day) in days.iter().copied().enumerate() {
            written += self.merge_day(day).await?;
            let done = index + 1;
            (self.progress)(RebuildProgress::Days { day, done, total });
        }
        Ok(written)
    }

    /// Merges a day of the tables that are not blocked; gives how many manifests changed.
    async fn merge_day(&mut self, day: Day) -> Result<usize, Failure> {
        let blocked = self.blocked.of_day(day);
        if blocked.is_empty() {
            return self.merge_tables(day, &self.request.tables).await;
        }

        let mut tables = Vec::new();
        for table in select_tables(self.lake, &self.request.tables).unwrap_or_default() {
            match blocked.get(table.name.as_str()) {
                Some(object) => self.skip(&table.name, day, object),
                None => tables.push(table.name.clone()),
            }
        }
        if tables.is_empty() {
            return Ok(0);
        }
        self.merge_tables(day, &tables).await
    }

    async fn merge_tables(&mut self, day: Day, tables: &[String]) -> Result<usize, Failure> {
        let merged = self.rebuilder.merge_day(day, tables).await?;
        self.roots
            .extend(merged.root.map(|root| (day.to_string(), root)));
        // A day is built again for its readers: they must not be left with what it was before.
        let failures = merged.failures.into_iter().chain(merged.derived_failures);
        for (table, failure) in failures {
            let object = failure.unreadable_object().ok_or(failure)?;
            self.skip(&table, day, &object.object);
            self.lake.unreadable.add(object);
        }
        Ok(merged.manifests_written)
    }

    fn skip(&mut self, table: &str, day: Day, object: &str) {
        self.skipped.insert(SkippedDay {
            table: table.to_owned(),
            date: day.to_string(),
            object: object.to_owned(),
        });
    }
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
fn days_between(retained: &BTreeSet<Day>, from: Day, to: Day) -> Result<Vec<Day>, OperationError> {
    let days: Vec<Day> = retained.range(from..=to).copied().collect();
    if !days.is_empty() {
        return Ok(days);
    }
    let why = format!(
        "no table has a snapshot from {from} to {to}; `polelake snapshot ls` lists the days, and \
         `polelake run-day {to}` merges one for the first time"
    );
    Err(why.into())
}

/// The transformed raw objects of the topics that fill the tables, with records of the days.
async fn list_chunks_of_days(
    lake: &LakeHandle,
    tables: &[&TableContract],
    from: Day,
    to: Day,
) -> Result<Vec<ChunkOfDays>, OperationError> {
    let mut chunks = Vec::new();
    for topic in list_source_topics(lake, tables) {
        for first in find_stream_starts(&topic, &*lake.raw, &*lake.refined).await? {
            let readings = read_each_receipt(&first, &*lake.refined).await?;
            let of_stream = chunks_of_stream(&first, &readings);
            chunks.extend(of_stream.filter(|chunk| chunk.has_records_within(from, to)));
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
