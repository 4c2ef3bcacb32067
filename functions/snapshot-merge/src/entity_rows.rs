//! An entity and the sources that know it, as a row.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, TimestampMicrosecondType};
use arrow_array::{
    Array, ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
    new_null_array,
};
use arrow_schema::{DataType, SchemaRef};
use lake::LakeError;
use lake::schema::STATEMENT_COLUMN;

use crate::change_columns::{nanos_of_row, optional_nanos_column};
use crate::entity_sightings::{EntitySightings, Sighting};
use crate::gathered_entity::{BatchRow, EventOrder, GatheredEntity, shown_sighting};

/// The value of the column `source` in a row that the platform makes.
const PLATFORM_SOURCE: &str = "polelake";

/// The version of how the table is made.
const MAPPING_VERSION: &str = "1.0.0";

/// The values of a row of `entity`. `last_seen` is its event time.
#[derive(Clone, Debug, Default, PartialEq)]
struct EntityRow {
    id: String,
    event: String,
    topic: String,
    partition: i64,
    offset: i64,
    event_time: i64,
    event_time_nanos: i64,
    ingested_at: i64,
    first_seen: i64,
    last_seen: i64,
    tables: String,
    sources: String,
    source_count: i64,
    /// When its sources stated it; readers do not see it.
    sightings: String,
}

/// How a row of `entity` differs from the base's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EntityChange {
    /// Not at all: the base's stays, with the contract's version that it was made under.
    None,
    /// Only in what is remembered of the entity. The row is at this index of the batch.
    Remembered(usize),
    /// In what readers see. The row is at this index of the batch.
    Visible(usize),
}

/// New rows, which wait to be made a batch.
pub(crate) struct EntityRows {
    schema: SchemaRef,
    version: String,
    batch_rows: usize,
    pending: Vec<EntityRow>,
}

fn text_value((batch, row): BatchRow<'_>, name: &str) -> String {
    batch
        .column_by_name(name)
        .and_then(|column| column.as_string_opt::<i32>())
        .filter(|column| column.is_valid(row))
        .map(|column| column.value(row).to_owned())
        .unwrap_or_default()
}

fn integer_value((batch, row): BatchRow<'_>, name: &str) -> i64 {
    batch
        .column_by_name(name)
        .and_then(|column| column.as_primitive_opt::<Int64Type>())
        .map(|column| column.value(row))
        .unwrap_or_default()
}

fn timestamp_value((batch, row): BatchRow<'_>, name: &str) -> i64 {
    batch
        .column_by_name(name)
        .and_then(|column| column.as_primitive_opt::<TimestampMicrosecondType>())
        .map(|column| column.value(row))
        .unwrap_or_default()
}

impl EntityRows {
    /// `batch_rows` are the rows of a full batch.
    pub(crate) fn new(schema: &SchemaRef, version: &str, batch_rows: usize) -> Self {
        Self {
            schema: Arc::clone(schema),
            version: version.to_owned(),
            batch_rows,
            pending: Vec::new(),
        }
    }

    /// Adds the row of an entity that tables have rows of.
    ///
    /// # Errors
    /// When what is remembered cannot be written.
    pub(crate) fn add_entity(
        &mut self,
        entity: &GatheredEntity<'_>,
        base: Option<BatchRow<'_>>,
    ) -> Result<EntityChange, LakeError> {
        let Some((order, latest)) = entity.latest else {
            return Ok(EntityChange::None);
        };
        let row = EntityRow::from_entity(entity, order, latest)?;
        Ok(self.add_changed(row, base))
    }

    /// Adds the base's row of an entity again, with what is known of it now.
    ///
    /// # Errors
    /// When what is remembered cannot be written.
    pub(crate) fn add_restated(
        &mut self,
        base: BatchRow<'_>,
        sightings: &EntitySightings,
    ) -> Result<EntityChange, LakeError> {
        let (first_seen, text) = restate_entity(base, sightings)?;
        let row = EntityRow {
            first_seen,
            sightings: text,
            ..EntityRow::read(base)
        };
        Ok(self.add_changed(row, Some(base)))
    }

    /// Adds a row that holds only the id of an entity without rows; gives its index in the batch,
    /// and the text of what is remembered.
    ///
    /// # Errors
    /// When what is remembered cannot be written.
    pub(crate) fn add_deleted(
        &mut self,
        id: &str,
        sightings: &EntitySightings,
    ) -> Result<(usize, String), LakeError> {
        let row = EntityRow {
            id: id.to_owned(),
            ..EntityRow::default()
        };
        let text = sightings.to_text(&row.sighting())?;
        Ok((self.add_row(row), text))
    }

    fn add_changed(&mut self, row: EntityRow, base: Option<BatchRow<'_>>) -> EntityChange {
        let Some(known) = base.map(EntityRow::read) else {
            return EntityChange::Visible(self.add_row(row));
        };
        if known == row {
            return EntityChange::None;
        }

        let is_visible = !known.is_seen_as(&row);
        let index = self.add_row(row);
        if is_visible {
            EntityChange::Visible(index)
        } else {
            EntityChange::Remembered(index)
        }
    }

    fn add_row(&mut self, row: EntityRow) -> usize {
        self.pending.push(row);
        self.pending.len() - 1
    }

    /// Whether there are as many rows as a full batch has.
    pub(crate) fn is_full(&self) -> bool {
        self.pending.len() >= self.batch_rows
    }

    /// A batch of the rows that were added since the one before.
    pub(crate) fn take_batch(&mut self) -> Result<RecordBatch, LakeError> {
        let rows = std::mem::take(&mut self.pending);
        let columns = self
            .schema
            .fields()
            .iter()
            .map(|field| self.build_column(field.name(), field.data_type(), &rows))
            .collect();
        Ok(RecordBatch::try_new(Arc::clone(&self.schema), columns)?)
    }

    fn build_column(&self, name: &str, kind: &DataType, rows: &[EntityRow]) -> ArrayRef {
        match name {
            "pole_id" | "owner_id" | "source_record_id" => text_array(rows, |row| &row.id),
            "source" => text_array(rows, |_| PLATFORM_SOURCE),
            "source_event_id" => text_array(rows, |row| &row.event),
            "event_time" => timestamp_array(rows, |row| row.event_time),
            "event_time_nanos" => nanos_array(rows),
            "ingested_at" => timestamp_array(rows, |row| row.ingested_at),
            "contract_version" => text_array(rows, |_| &self.version),
            "mapping_version" => text_array(rows, |_| MAPPING_VERSION),
            "topic" => text_array(rows, |row| &row.topic),
            "partition" => integer_array(rows, |row| row.partition),
            "offset" => integer_array(rows, |row| row.offset),
            "tables" => text_array(rows, |row| &row.tables),
            "sources" => text_array(rows, |row| &row.sources),
            "source_count" => integer_array(rows, |row| row.source_count),
            "first_seen" => timestamp_array(rows, |row| row.first_seen),
            "last_seen" => timestamp_array(rows, |row| row.last_seen),
            STATEMENT_COLUMN => text_array(rows, |row| &row.sightings),
            _ => new_null_array(kind, rows.len()),
        }
    }
}

fn text_array<'r>(rows: &'r [EntityRow], value: impl Fn(&'r EntityRow) -> &'r str) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(rows.iter().map(value)))
}

fn integer_array(rows: &[EntityRow], value: impl Fn(&EntityRow) -> i64) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(rows.iter().map(value)))
}

/// Null where there are none.
fn nanos_array(rows: &[EntityRow]) -> ArrayRef {
    let nanos = rows.iter().map(|row| row.event_time_nanos);
    Arc::new(Int64Array::from_iter(
        nanos.map(|nanos| (nanos != 0).then_some(nanos)),
    ))
}

fn timestamp_array(rows: &[EntityRow], value: impl Fn(&EntityRow) -> i64) -> ArrayRef {
    let times = rows.iter().map(value);
    Arc::new(TimestampMicrosecondArray::from_iter_values(times).with_timezone("UTC"))
}

/// The least date at which one of the sources first saw an entity.
fn first_seen_by<'s>(
    sources: impl Iterator<Item = &'s str>,
    sightings: &EntitySightings,
) -> Option<i64> {
    sources
        .filter_map(|source| sightings.first_seen(source))
        .min()
}

/// What the base's row of an entity remembers. A row from before sightings were remembered says
/// only when the entity was first seen.
///
/// # Errors
/// When the text is not what a merge writes.
pub(crate) fn remembered_sightings(row: BatchRow<'_>) -> Result<EntitySightings, LakeError> {
    let known = EntityRow::read(row);
    if !known.sightings.is_empty() {
        let sightings = EntitySightings::parse(&known.sightings, &known.sighting());
        return sightings.map_err(LakeError::from);
    }

    let first = (known.first_seen, 0, known.first_seen, 0, 0);
    let mut sightings = EntitySightings::default();
    for source in known.sources.split(',').filter(|source| !source.is_empty()) {
        sightings.add(source, shown_sighting(first, ""));
    }
    Ok(sightings)
}

/// When an entity was first seen, in microseconds, by what is known of it now, and the text of
/// that. `row` is its row.
///
/// # Errors
/// When what is remembered cannot be written.
pub(crate) fn restate_entity(
    row: BatchRow<'_>,
    sightings: &EntitySightings,
) -> Result<(i64, String), LakeError> {
    let known = EntityRow::read(row);
    let first_seen = first_seen_by(known.sources.split(','), sightings);
    let first_seen = first_seen.unwrap_or(known.last_seen).min(known.last_seen);
    Ok((first_seen, sightings.to_text(&known.sighting())?))
}

impl EntityRow {
    /// The row of an entity, by its latest event.
    fn from_entity(
        entity: &GatheredEntity<'_>,
        order: EventOrder,
        latest: BatchRow<'_>,
    ) -> Result<Self, LakeError> {
        let (event_time, event_time_nanos, ingested_at, partition, offset) = order;
        let sources = distinct_names(&entity.sources);
        let first_seen = first_seen_by(sources.iter().copied(), &entity.sightings);
        let mut row = Self {
            id: text_value(latest, "pole_id"),
            event: text_value(latest, "source_event_id"),
            topic: text_value(latest, "topic"),
            partition,
            offset,
            event_time,
            event_time_nanos,
            ingested_at,
            first_seen: first_seen.unwrap_or(event_time).min(event_time),
            last_seen: event_time,
            tables: distinct_names(&entity.tables).join(","),
            sources: sources.join(","),
            source_count: sources.len() as i64,
            sightings: String::new(),
        };
        row.sightings = entity.sightings.to_text(&row.sighting())?;
        Ok(row)
    }

    /// The sighting that the row shows.
    fn sighting(&self) -> Sighting {
        let order = (
            self.event_time,
            self.event_time_nanos,
            self.ingested_at,
            self.partition,
            self.offset,
        );
        shown_sighting(order, &self.event)
    }

    /// Whether readers see the same in another row.
    fn is_seen_as(&self, other: &Self) -> bool {
        let unremembered = |row: &Self| Self {
            sightings: String::new(),
            ..row.clone()
        };
        unremembered(self) == unremembered(other)
    }

    /// Reads a row of the base.
    fn read(row: BatchRow<'_>) -> Self {
        Self {
            id: text_value(row, "pole_id"),
            event: text_value(row, "source_event_id"),
            topic: text_value(row, "topic"),
            partition: integer_value(row, "partition"),
            offset: integer_value(row, "offset"),
            event_time: timestamp_value(row, "event_time"),
            event_time_nanos: nanos_of_row(optional_nanos_column(row.0), row.1),
            ingested_at: timestamp_value(row, "ingested_at"),
            first_seen: timestamp_value(row, "first_seen"),
            last_seen: timestamp_value(row, "last_seen"),
            tables: text_value(row, "tables"),
            sources: text_value(row, "sources"),
            source_count: integer_value(row, "source_count"),
            sightings: text_value(row, STATEMENT_COLUMN),
        }
    }
}

/// The names in their order, each once.
fn distinct_names<'n>(names: &[&'n str]) -> Vec<&'n str> {
    let mut names = names.to_vec();
    names.sort_unstable();
    names.dedup();
    names
}
