//! The objects that may hold an event, the newest first, and those whose raw objects have no receipt
//! that says whether they do.

use std::cmp::Reverse;

use contract::CompiledMapping;
use futures_util::{StreamExt, TryStreamExt, stream};
use lake::{Chunk, Day, REDRIVE_PARTITION};

use super::known_chunks::KnownChunks;
use super::listing::allow_refused;
use super::{EventQuery, READS_AT_ONCE};
use crate::error::OperationError;
use crate::lake_handle::LakeHandle;

/// An object that may hold the event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SearchCandidate {
    /// The day of the first record of its raw object.
    pub(super) day: Day,
    /// The table, of refined rows; none of refused records.
    pub(super) table: Option<String>,
    /// Its raw object.
    pub(super) chunk: Chunk,
    /// Its key.
    pub(super) key: String,
}

impl SearchCandidate {
    /// The order of the search: the newest day first, of a day the rows before the refused records,
    /// and of those the redriven ones first, so that a redriven record is found as what it became.
    pub(super) fn search_order(&self) -> (Reverse<Day>, bool, bool, Reverse<i64>, String) {
        (
            Reverse(self.day),
            self.table.is_none(),
            self.chunk.partition != REDRIVE_PARTITION,
            Reverse(self.chunk.offset),
            self.key.clone(),
        )
    }
}

/// The objects of the query's days and source whose raw objects are not decided yet. None of those
/// that the caller may not list.
pub(super) async fn list_undecided(
    lake: &LakeHandle,
    query: &EventQuery,
    known: &KnownChunks,
) -> Result<Vec<SearchCandidate>, OperationError> {
    let topics: Vec<&str> = lake
        .catalogue
        .mappings
        .iter()
        .map(|mapping| mapping.contract.as_ref())
        .filter(|contract| query.covers_source(&contract.name))
        .map(|contract| contract.topic.as_str())
        .collect();

    let tables = lake.catalogue.stored_tables().map(|table| &table.name);
    let filled = tables.filter(|table| is_filled_by(lake, table, &topics));
    let listings = filled.map(|table| list_refined(lake, table));
    let listed: Vec<Vec<SearchCandidate>> = stream::iter(listings)
        .buffered(READS_AT_ONCE)
        .try_collect()
        .await?;
    let mut candidates = listed.concat();
    candidates.extend(list_quarantine(lake).await?);

    candidates.retain(|candidate| {
        topics.contains(&candidate.chunk.topic.as_str())
            && is_within(query, candidate.day)
            && !known.is_decided(&candidate.chunk)
    });
    candidates.sort_by_cached_key(SearchCandidate::search_order);
    Ok(candidates)
}

fn is_filled_by(lake: &LakeHandle, table: &str, topics: &[&str]) -> bool {
    let filling = lake.catalogue.topics_of_table(table);
    filling.iter().any(|topic| topics.contains(topic))
}

/// Whether an object may hold records of the query's days. Its day is that of its first record: one
/// that spans midnight has records of the next day too.
pub(super) fn is_within(query: &EventQuery, day: Day) -> bool {
    query.from.is_none_or(|from| day.next() >= from) && query.to.is_none_or(|to| day <= to)
}

async fn list_refined(
    lake: &LakeHandle,
    table: &str,
) -> Result<Vec<SearchCandidate>, OperationError> {
    let prefix = Chunk::refined_prefix(table);
    let listed = allow_refused(lake.refined.list(&prefix, None).await)?;
    let found = listed.into_iter().filter_map(|entry| {
        Some(SearchCandidate {
            day: Chunk::day_of_dated_key(&entry.key)?,
            table: Some(table.to_owned()),
            chunk: Chunk::from_refined_key(table, &entry.key)?,
            key: entry.key,
        })
    });
    Ok(found.collect())
}

async fn list_quarantine(lake: &LakeHandle) -> Result<Vec<SearchCandidate>, OperationError> {
    let listed = lake.refined.list(Chunk::QUARANTINE_PREFIX, None).await;
    let listed = allow_refused(listed)?;
    let found = listed.into_iter().filter_map(|entry| {
        Some(SearchCandidate {
            day: Chunk::day_of_dated_key(&entry.key)?,
            table: None,
            chunk: Chunk::from_quarantine_key(&entry.key)?,
            key: entry.key,
        })
    });
    Ok(found.collect())
}

/// The source of a topic.
pub(super) fn source_of_topic<'l>(lake: &'l LakeHandle, topic: &str) -> &'l str {
    let mapping: Option<&CompiledMapping> = lake.catalogue.mapping_of_topic(topic);
    mapping.map_or("-", |mapping| mapping.contract.name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_of_the_day_before_may_hold_records_of_the_first_day() {
        let query = EventQuery {
            from: Some(Day(10)),
            to: Some(Day(11)),
            ..EventQuery::default()
        };
        let within = |day| is_within(&query, Day(day));
        assert_eq!(
            [8, 9, 10, 11, 12].map(within),
            [false, true, true, true, false]
        );
    }

    #[test]
    fn rows_of_a_day_come_before_its_refused_records() {
        let candidate = |day, table: Option<&str>, offset| SearchCandidate {
            day: Day(day),
            table: table.map(str::to_owned),
            chunk: Chunk {
                topic: "t".into(),
                epoch: 1,
                partition: 0,
                offset,
            },
            key: String::new(),
        };
        let expected = [
            candidate(2, Some("person"), 9),
            candidate(2, Some("person"), 4),
            candidate(2, None, 9),
            candidate(1, Some("person"), 1),
        ];
        let mut sorted = expected.to_vec();
        sorted.reverse();
        sorted.sort_by_cached_key(SearchCandidate::search_order);
        assert_eq!(sorted, expected);
    }
}
