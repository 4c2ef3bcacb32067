//! Events that a backfill sends together, with the places of their records in the file.

use std::fmt;

use event_relay::file_places::{FilePlaces, PlaceUnit};

use super::record::BackfillRecord;

/// The place of a record in its file, as a person finds it there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ShownPlace {
    /// What is counted.
    pub(crate) unit: PlaceUnit,
    /// Its number.
    pub(crate) number: u64,
}

impl ShownPlace {
    /// The place of a record as the reader of its file counts rows; otherwise its number.
    pub(crate) fn of_record(record: &BackfillRecord, number: u64) -> Self {
        let row = record.as_ref().ok().and_then(|record| record.row);
        Self {
            unit: row.map_or(PlaceUnit::Record, |_| PlaceUnit::Row),
            number: row.unwrap_or(number),
        }
    }
}

impl fmt::Display for ShownPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.unit.label(), self.number)
    }
}

/// Events that are not sent yet.
#[derive(Debug)]
pub(crate) struct BackfillBatch {
    /// The file's name; none of an API's records.
    file: Option<String>,
    /// The events.
    pub(crate) events: Vec<Vec<u8>>,
    places: Vec<ShownPlace>,
}

impl BackfillBatch {
    /// An empty batch of records of a file, or of an API.
    pub(crate) fn new(file: Option<&str>) -> Self {
        Self {
            file: file.map(str::to_owned),
            events: Vec::new(),
            places: Vec::new(),
        }
    }

    /// Adds the event of a record.
    pub(crate) fn add(&mut self, event: Vec<u8>, place: ShownPlace) {
        self.events.push(event);
        self.places.push(place);
    }

    /// Bytes of all events.
    pub(crate) fn byte_count(&self) -> usize {
        self.events.iter().map(Vec::len).sum()
    }

    /// The places of the events; none of an API's records, and of a file whose readers count both
    /// rows and records.
    pub(crate) fn file_places(&self) -> Option<FilePlaces> {
        let name = self.file.as_deref()?;
        let unit = self.places.first()?.unit;
        let numbers: Vec<u64> = self
            .places
            .iter()
            .filter(|place| place.unit == unit)
            .map(|place| place.number)
            .collect();
        (numbers.len() == self.events.len()).then(|| FilePlaces::new(name, unit, numbers))
    }

    /// Where the record of an event stands, by the event's index in the batch.
    pub(crate) fn describe_place(&self, index: usize) -> Option<String> {
        let place = self.places.get(index)?;
        Some(match &self.file {
            Some(file) => format!("{file} {place}"),
            None => place.to_string(),
        })
    }

    /// Makes the batch empty.
    pub(crate) fn clear(&mut self) {
        self.events.clear();
        self.places.clear();
    }
}
