//! The days of raw objects, and the days that a rebuild must leave alone because one of their raw
//! objects cannot be read.

use std::collections::BTreeMap;

use lake::{Chunk, Day, Receipt};
use store::streams::ReceiptReading;

use crate::lake_handle::LakeHandle;

/// A raw object, and the days of its records as far as they are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ChunkOfDays {
    pub(super) chunk: Chunk,
    first: Option<Day>,
    last: Option<Day>,
}

impl ChunkOfDays {
    /// Whether it holds records of the days, or may hold some.
    pub(super) fn has_records_within(&self, from: Day, to: Day) -> bool {
        self.first.is_none_or(|first| first <= to) && self.last.is_none_or(|last| last >= from)
    }
}

/// The raw objects of a stream, by its receipts. Where a receipt cannot be read its neighbours
/// bound the days: a rebuild from raw objects writes that receipt again.
pub(super) fn chunks_of_stream<'r>(
    first: &'r Chunk,
    readings: &'r [ReceiptReading],
) -> impl Iterator<Item = ChunkOfDays> + 'r {
    readings
        .iter()
        .enumerate()
        .filter_map(move |(index, reading)| {
            let (from, to) = match &reading.receipt {
                Ok(receipt) => {
                    let (from, to) = receipt_days(receipt)?;
                    (Some(from), Some(to))
                }
                Err(_) => neighbour_days(readings, index),
            };
            Some(ChunkOfDays {
                chunk: Chunk {
                    offset: reading.offset,
                    ..first.clone()
                },
                first: from,
                last: to,
            })
        })
}

/// The last day before a receipt, and the first day behind it.
fn neighbour_days(readings: &[ReceiptReading], index: usize) -> (Option<Day>, Option<Day>) {
    let (before, behind) = readings.split_at(index);
    let days = |reading: &ReceiptReading| reading.readable().and_then(receipt_days);

    let last_before = before.iter().rev().find_map(days).map(|(_, last)| last);
    let first_behind = behind.iter().find_map(days).map(|(first, _)| first);
    (last_before, first_behind)
}

/// The first and the last day of a raw object's records; none when it has none.
fn receipt_days(receipt: &Receipt) -> Option<(Day, Day)> {
    let days = receipt
        .days
        .iter()
        .filter_map(|start| Day::parse(&start.date));

    Some((days.clone().min()?, days.max()?))
}

/// The days of tables that a rebuild leaves as they are, each with the object because of which.
#[derive(Default)]
pub(super) struct BlockedDays(Vec<BlockedChunk>);

struct BlockedChunk {
    days: ChunkOfDays,
    tables: Vec<String>,
    object: String,
}

impl BlockedDays {
    /// Blocks the days of a raw object in every table that its topic fills.
    pub(super) fn block(&mut self, lake: &LakeHandle, days: &ChunkOfDays, object: &str) {
        let tables = lake.catalogue.tables_of_topic(&days.chunk.topic);
        self.0.push(BlockedChunk {
            days: days.clone(),
            tables: tables.into_iter().map(str::to_owned).collect(),
            object: object.to_owned(),
        });
    }

    /// The tables that are blocked on a day, each with the object because of which.
    pub(super) fn of_day(&self, day: Day) -> BTreeMap<String, String> {
        let mut blocked = BTreeMap::new();
        for chunk in &self.0 {
            if !chunk.days.has_records_within(day, day) {
                continue;
            }
            for table in &chunk.tables {
                blocked.insert(table.clone(), chunk.object.clone());
            }
        }
        blocked
    }
}
