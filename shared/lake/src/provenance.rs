//! The provenance of a row as cells, in the order of [`pole::PROVENANCE`].

use std::borrow::Cow;

use contract::{Cell, CompiledMapping};

/// The provenance of a row: which record it belongs to, and which event stated it.
#[derive(Clone, Copy, Debug)]
pub struct RowProvenance<'p> {
    /// The row's id.
    pub pole_id: &'p str,
    /// The key of its record in its source.
    pub record_id: &'p str,
    /// The id of the record that it belongs to.
    pub owner_id: &'p str,
    /// The owner's set that it is part of.
    pub owner_set: Option<&'p str>,
    /// The event's id.
    pub event_id: &'p str,
    /// The record's version, where it ranks the row.
    pub version: Option<i64>,
    /// The event's time, in microseconds since 1970.
    pub event_time: i64,
    /// Nanoseconds of the event's time beyond the microsecond.
    pub event_time_nanos: i64,
    /// When the event was appended, in microseconds since 1970.
    pub appended: i64,
    /// The mapping that gives the row, with its source's contract.
    pub mapping: &'p CompiledMapping,
    /// The event's topic.
    pub topic: &'p str,
    /// Its partition.
    pub partition: i64,
    /// Its offset.
    pub offset: i64,
}

impl<'p> RowProvenance<'p> {
    /// The cells, in the order of the columns.
    #[must_use]
    pub fn to_cells(&self) -> [Cell<'p>; pole::PROVENANCE.len()] {
        let contract = &self.mapping.contract;
        [
            text_cell(self.pole_id),
            text_cell(&contract.name),
            text_cell(self.record_id),
            text_cell(self.owner_id),
            self.owner_set.map_or(Cell::Null, text_cell),
            text_cell(self.event_id),
            self.version.map_or(Cell::Null, Cell::Integer),
            Cell::Timestamp(self.event_time),
            Cell::Timestamp(self.appended),
            text_cell(&contract.version),
            text_cell(&self.mapping.version),
            text_cell(self.topic),
            Cell::Integer(self.partition),
            Cell::Integer(self.offset),
            nanos_cell(self.event_time_nanos),
        ]
    }
}

/// Most sources state no nanoseconds, and a column of nulls costs nothing.
fn nanos_cell(nanos: i64) -> Cell<'static> {
    match nanos {
        0 => Cell::Null,
        _ => Cell::Integer(nanos),
    }
}

fn text_cell(text: &str) -> Cell<'_> {
    Cell::Text(Cow::Borrowed(text))
}
