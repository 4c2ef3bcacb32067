//! What the tables' rows and the day's sightings tell of one entity.

use arrow_array::{Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use lake::LakeError;
use pole::{LogPosition, Precedence};

use crate::batch_columns::{text_column, typed_column};
use crate::change_columns::{nanos_of_row, optional_nanos_column};
use crate::entity_sightings::{EntitySightings, Sighting, hash_event};

/// When a row's event happened and its position in the log: event time, its nanoseconds, ingestion
/// time, partition, offset. The greatest is the latest.
pub(crate) type EventOrder = (i64, i64, i64, i64, i64);

/// A batch and the index of a row in it.
pub(crate) type BatchRow<'r> = (&'r RecordBatch, usize);

/// The columns of a table's batch that say which entity each row is of, and when its event
/// happened.
pub(crate) struct EntityColumns<'b> {
    ids: &'b StringArray,
    owners: &'b StringArray,
    sources: &'b StringArray,
    events: &'b StringArray,
    event_times: &'b TimestampMicrosecondArray,
    event_time_nanos: Option<&'b Int64Array>,
    ingested_at: &'b TimestampMicrosecondArray,
    partitions: &'b Int64Array,
    offsets: &'b Int64Array,
}

impl<'b> EntityColumns<'b> {
    pub(crate) fn from_batch(batch: &'b RecordBatch) -> Result<Self, LakeError> {
        Ok(Self {
            ids: text_column(batch, "pole_id")?,
            owners: text_column(batch, "owner_id")?,
            sources: text_column(batch, "source")?,
            events: text_column(batch, "source_event_id")?,
            event_times: typed_column(batch, "event_time")?,
            event_time_nanos: optional_nanos_column(batch),
            ingested_at: typed_column(batch, "ingested_at")?,
            partitions: typed_column(batch, "partition")?,
            offsets: typed_column(batch, "offset")?,
        })
    }

    /// The rows that are entities. Rows that belong to another record, such as the notices of a
    /// tenancy, are not.
    pub(crate) fn entity_rows(&self) -> impl Iterator<Item = usize> {
        (0..self.ids.len()).filter(|row| self.ids.value(*row) == self.owners.value(*row))
    }

    /// The id of a row.
    pub(crate) fn id(&self, row: usize) -> &'b str {
        self.ids.value(row)
    }

    /// The sighting that a row shows. Its version and its record's key are not read.
    fn sighting(&self, row: usize) -> Sighting {
        shown_sighting(self.event_order(row), self.events.value(row))
    }

    fn event_order(&self, row: usize) -> EventOrder {
        (
            self.event_times.value(row),
            nanos_of_row(self.event_time_nanos, row),
            self.ingested_at.value(row),
            self.partitions.value(row),
            self.offsets.value(row),
        )
    }
}

/// The sighting that a row shows, without its version and its record's key.
pub(crate) fn shown_sighting(order: EventOrder, event: &str) -> Sighting {
    let (event_time, event_time_nanos, appended, partition, offset) = order;
    Sighting {
        precedence: Precedence {
            version: None,
            event_time,
            event_time_nanos,
            position: LogPosition {
                appended,
                partition,
                offset,
            },
        },
        event: hash_event(event),
        record: 0,
        is_deletion: false,
    }
}

/// An entity, while what tells of it is gathered.
#[derive(Default)]
pub(crate) struct GatheredEntity<'r> {
    pub(crate) tables: Vec<&'r str>,
    pub(crate) sources: Vec<&'r str>,
    /// The row of the latest event.
    pub(crate) latest: Option<(EventOrder, BatchRow<'r>)>,
    shown: Vec<(&'r str, Sighting)>,
    /// What is remembered of it, and what today's events state.
    pub(crate) sightings: EntitySightings,
}

impl<'r> GatheredEntity<'r> {
    /// Adds a row of a table. `columns` are those of its batch.
    pub(crate) fn add_table_row(
        &mut self,
        table: &'r str,
        columns: &EntityColumns<'r>,
        row: BatchRow<'r>,
    ) {
        let source = columns.sources.value(row.1);
        self.tables.push(table);
        self.sources.push(source);
        self.shown.push((source, columns.sighting(row.1)));
        let order = columns.event_order(row.1);
        if self.latest.is_none_or(|(latest, _)| latest < order) {
            self.latest = Some((order, row));
        }
    }

    /// Whether some table has a row of it.
    pub(crate) fn has_rows(&self) -> bool {
        self.latest.is_some()
    }

    /// Joins what is known, once all of it is gathered.
    pub(crate) fn join_sightings(&mut self) {
        for (source, sighting) in &self.shown {
            self.sightings.add_shown(source, *sighting);
        }
        self.sightings.reduce();
    }
}
