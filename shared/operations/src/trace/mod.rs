//! Where one event is: its record in the raw zone, what it became, and the first day that holds it.
//!
//! The event is searched, not looked up: the refined objects of the days are read, the newest
//! first, and of each the columns of event ids and offsets are decoded; of quarantine objects the
//! ids of the refused records; then the headers of raw objects with ignored records, and of those
//! that are not transformed. The search ends at the first match. It gives counts and positions, and
//! no value of the event.

mod candidates;
mod description;
mod matching;
mod raw_search;

use futures_util::{StreamExt, TryStreamExt, stream};
use lake::Day;
use serde::Serialize;

use self::candidates::{SearchCandidate, list_candidates};
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
    /// Refined objects.
    pub refined_objects: usize,
    /// Quarantine objects.
    pub quarantine_objects: usize,
    /// Raw objects that have ignored records or are not transformed.
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
    let candidates = list_candidates(lake, query).await?;
    let mut trace = EventTrace {
        event_id: query.event_id.clone(),
        searched: SearchedParts::default(),
        event: None,
    };

    let reads = candidates.iter().map(|candidate| async move {
        let found = matching::match_candidate(lake, candidate, &query.event_id).await?;
        Ok::<_, OperationError>((candidate, found))
    });
    let mut searched = stream::iter(reads).buffered(READS_AT_ONCE);
    while let Some((candidate, found)) = searched.try_next().await? {
        trace.searched.add_candidate(candidate);
        let Some(found) = found else { continue };
        trace.event = description::describe_event(lake, candidate, found, &query.event_id).await?;
        if trace.event.is_some() {
            return Ok(trace);
        }
    }
    trace.event = raw_search::find_unrefined_event(lake, query, &mut trace.searched).await?;
    Ok(trace)
}

impl SearchedParts {
    /// Adds an object; the newest comes first.
    fn add_candidate(&mut self, candidate: &SearchCandidate) {
        match candidate.table {
            Some(_) => self.refined_objects += 1,
            None => self.quarantine_objects += 1,
        }
        let day = candidate.day.to_string();
        self.last_day.get_or_insert_with(|| day.clone());
        self.first_day = Some(day);
    }
}
