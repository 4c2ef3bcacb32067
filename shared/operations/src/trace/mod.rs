//! Where one event is: its record in the raw zone, what it became, and the first day that holds it.
//!
//! The index of the days' events says which raw objects may hold the event; where the index is
//! missing or old, their receipts do. Of those the refined objects are opened, and of each the
//! columns of event ids and offsets are decoded; of quarantine objects the ids of the refused
//! records; of raw objects with ignored records the headers. The newest come first, and the search
//! ends at the first match. Where there is none, it opens the objects of raw objects whose receipts
//! say nothing, and the headers of those that are not transformed. It gives counts and positions,
//! and no value of the event.

mod candidates;
mod chunk_candidate;
mod chunk_search;
mod description;
mod index_parts;
mod index_search;
mod known_chunks;
mod listing;
mod matching;
mod raw_search;

use futures_util::{StreamExt, TryStreamExt, stream};
use lake::Day;
use serde::Serialize;

use self::candidates::{SearchCandidate, list_undecided, source_of_topic};
use self::chunk_candidate::ChunkCandidate;
use self::chunk_search::{LeftoverChunks, search_chunks};
use self::index_search::IndexSearch;
use self::known_chunks::KnownChunks;
use self::matching::ObjectMatch;
use crate::error::OperationError;
use crate::lake_handle::LakeHandle;

/// Objects that are read at once.
const READS_AT_ONCE: usize = 16;

/// Which event is searched, and where.
#[derive(Clone, Debug, Default)]
pub struct EventQuery {
    /// The event's id, as `source_event_id` and the answers of the relay have it.
    pub event_id: String,
    /// Only this source.
    pub source: Option<String>,
    /// Only records of this day or later.
    pub from: Option<Day>,
    /// Only records of this day or earlier.
    pub to: Option<Day>,
}

impl EventQuery {
    fn covers_source(&self, name: &str) -> bool {
        self.source.as_ref().is_none_or(|source| source == name)
    }
}

/// What was searched.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SearchedParts {
    /// Raw objects of which the filter says whether they may hold the event.
    pub raw_objects_tested: usize,
    /// The oldest day of those.
    pub first_day_tested: Option<String>,
    /// The newest day of those.
    pub last_day_tested: Option<String>,
    /// Parts of the index that were read.
    pub index_parts: usize,
    /// Receipts that were read, because the index names their raw object or does not know them.
    pub receipts: usize,
    /// Refined objects that were opened.
    pub refined_objects: usize,
    /// Quarantine objects that were opened.
    pub quarantine_objects: usize,
    /// Raw objects that were opened: they have ignored records or are not transformed.
    pub raw_objects: usize,
    /// The same, of those that cannot be read or that the caller may not read.
    pub raw_objects_unreadable: usize,
    /// The oldest day of the refined and quarantine objects.
    pub first_day: Option<String>,
    /// The newest day of those.
    pub last_day: Option<String>,
}

/// Where an event is, or that it was not found.
#[derive(Clone, Debug, Serialize)]
pub struct EventTrace {
    /// The id that was searched.
    pub event_id: String,
    /// What was searched until it was found.
    pub searched: SearchedParts,
    /// The event; none when nothing that was searched has it.
    pub event: Option<TracedEvent>,
    /// Where the event probably is, when it is not found: raw objects whose filter has its id, and
    /// whose objects cannot be read. One in a thousand of the tested is named by chance.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub probable: Vec<ProbablePlace>,
}

/// A raw object that probably holds the event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProbablePlace {
    /// Its source.
    pub source: String,
    /// The topic.
    pub topic: String,
    /// The topic's epoch.
    pub epoch: u32,
    /// The partition; -1 holds redriven records.
    pub partition: i32,
    /// The first offset of the raw object.
    pub offset: i64,
    /// The offset behind its last.
    pub next: i64,
    /// The day of its first record; none where it has no record.
    pub day: Option<String>,
    /// The raw object.
    pub raw_object: String,
    /// Its receipt.
    pub receipt: String,
    /// The version of the contract under which it was read.
    pub contract_version: String,
    /// The version of the mapping.
    pub mapping_version: String,
    /// Objects of it that cannot be read.
    pub objects_unreadable: usize,
    /// Why the first of them cannot.
    pub cause: String,
}

impl ProbablePlace {
    fn of_candidate(
        lake: &LakeHandle,
        candidate: &ChunkCandidate,
        objects_unreadable: usize,
        cause: &str,
    ) -> Self {
        let ChunkCandidate { chunk, receipt, .. } = candidate;
        Self {
            source: source_of_topic(lake, &chunk.topic).to_owned(),
            topic: chunk.topic.clone(),
            epoch: chunk.epoch,
            partition: chunk.partition,
            offset: chunk.offset,
            next: receipt.next,
            day: candidate.day().map(|day| day.to_string()),
            raw_object: chunk.raw_key(),
            receipt: chunk.receipt_key(),
            contract_version: receipt.contract_version.clone(),
            mapping_version: receipt.mapping_version.clone(),
            objects_unreadable,
            cause: cause.to_owned(),
        }
    }
}

/// An event that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TracedEvent {
    /// Its source.
    pub source: String,
    /// The topic that accepted it.
    pub topic: String,
    /// The topic's epoch.
    pub epoch: u32,
    /// The partition; -1 when it was redriven.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
    /// The raw object that holds its record.
    pub raw_object: String,
    /// Whether that object is there.
    pub raw_object_exists: bool,
    /// The document that declares the raw object lost; none where it is not declared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub declared_lost: Option<String>,
    /// The receipt of the raw object; none when there is none.
    pub receipt: Option<String>,
    /// The version of the contract under which it was read; none without a receipt.
    pub contract_version: Option<String>,
    /// The version of the mapping.
    pub mapping_version: Option<String>,
    /// What it became.
    #[serde(flatten)]
    pub fate: EventFate,
}

/// What an event became.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase", tag = "fate")]
pub enum EventFate {
    /// It gave rows.
    Refined {
        /// The tables with rows of it.
        tables: Vec<TracedTable>,
    },
    /// The contract declares its type as one to ignore.
    Ignored {
        /// Whether records of its raw object were left out because they are about an erased person:
        /// it may be one of them.
        may_be_erased: bool,
    },
    /// It landed, and is not transformed yet.
    Waiting,
    /// It was refused.
    Quarantined {
        /// The quarantine object.
        object: String,
        /// The rule that it broke.
        rule: String,
        /// The path in the event.
        path: String,
        /// What was expected.
        reason: String,
    },
}

/// A table with rows of the event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TracedTable {
    /// The table.
    pub table: String,
    /// The refined object.
    pub object: String,
    /// Rows of the event in it.
    pub rows: usize,
    /// Whether they are what the event states of its record: the source sends patches, and the
    /// merge makes the rows of its tables of all that the record's events state.
    pub states_record: bool,
    /// The first retained day whose snapshot has committed the event; none before it is merged.
    pub first_day: Option<String>,
}

/// Searches an event.
///
/// # Errors
/// When there is no such source, or the storage does not answer. Objects that cannot be read are
/// noted, and the search goes on without them.
pub async fn trace_event(
    lake: &LakeHandle,
    query: &EventQuery,
) -> Result<EventTrace, OperationError> {
    if let Some(source) = &query.source {
        lake.catalogue.require_mapping_of_source(source)?;
    }
    let mut searched = SearchedParts::default();
    let mut leftover = LeftoverChunks::default();
    let mut search = IndexSearch::open(lake, query, &mut searched).await?;
    let mut event = None;
    while event.is_none()
        && let Some(chunks) = search.next_batch(&mut searched).await?
    {
        event = search_chunks(lake, query, chunks, &mut searched, &mut leftover).await?;
    }

    if event.is_none() {
        event = search_undecided(lake, query, &search.known, &mut searched).await?;
    }
    if event.is_none() {
        let ignored = std::mem::take(&mut leftover.ignored);
        let known = &search.known;
        event =
            raw_search::find_unrefined_event(lake, query, known, ignored, &mut searched).await?;
    }
    Ok(EventTrace {
        event_id: query.event_id.clone(),
        searched,
        probable: match event {
            Some(_) => Vec::new(),
            None => leftover.probable,
        },
        event,
    })
}

/// Opens the objects of raw objects whose receipts are missing or cannot be read.
async fn search_undecided(
    lake: &LakeHandle,
    query: &EventQuery,
    known: &KnownChunks,
    searched: &mut SearchedParts,
) -> Result<Option<TracedEvent>, OperationError> {
    let candidates = list_undecided(lake, query, known).await?;
    let reads = candidates.iter().map(|candidate| async move {
        let found = matching::match_candidate(lake, candidate, &query.event_id, false).await?;
        Ok::<_, OperationError>((candidate, found))
    });

    let mut matches = stream::iter(reads).buffered(READS_AT_ONCE);
    while let Some((candidate, found)) = matches.try_next().await? {
        searched.add_candidate(candidate);
        let ObjectMatch::Found(found) = found else {
            continue;
        };
        let event = description::describe_event(lake, candidate, found, &query.event_id).await?;
        if event.is_some() {
            return Ok(event);
        }
    }
    Ok(None)
}

impl SearchedParts {
    /// Adds an object that was opened.
    fn add_candidate(&mut self, candidate: &SearchCandidate) {
        match candidate.table {
            Some(_) => self.refined_objects += 1,
            None => self.quarantine_objects += 1,
        }
        extend_days(&mut self.first_day, &mut self.last_day, candidate.day);
    }

    /// Adds a raw object that was tested, with the day of its first record.
    fn add_tested(&mut self, day: Option<Day>) {
        self.raw_objects_tested += 1;
        if let Some(day) = day {
            extend_days(&mut self.first_day_tested, &mut self.last_day_tested, day);
        }
    }
}

/// Extends a range of days by another. Dates sort as their texts do.
fn extend_days(first: &mut Option<String>, last: &mut Option<String>, day: Day) {
    let date = day.to_string();
    if first.as_ref().is_none_or(|first| *first > date) {
        *first = Some(date.clone());
    }
    if last.as_ref().is_none_or(|last| *last < date) {
        *last = Some(date);
    }
}
