//! An entity and the sources that know it, as a row.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, TimestampMicrosecondType};
use arrow_array::{
    Array, ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
    new_null_array,
};
use arrow_schema::{DataType, SchemaRef};
use lake::LakeError;

use crate::change_columns::{nanos_of_row, optional_nanos_column};
use crate::change_counts::RowChangeCounts;

/// The value of the column `source` in a row that the platform makes.
const PLATFORM_SOURCE: &str = "polelake";

/// The version of how the table is made.
const MAPPING_VERSION: &str = "1.0.0";

/// When a row's event happened and its position in the log: event time, its nanoseconds, ingestion
/// time, partition, offset. The greatest is the latest.
pub(crate) type EventOrder = (i64, i64, i64, i64, i64);

/// A batch and the index of a row in it.
type BatchRow<'r> = (&'r RecordBatch, usize);

/// An entity, while its rows are gathered.
#[derive(Default)]
pub(crate) struct GatheredEntity<'r> {
    /// Its row in the base.
    pub(crate) base_row: Option<BatchRow<'r>>,
    tables: BTreeSet<&'r str>,
    sources: BTreeSet<&'r str>,
    first_seen: Option<i64>,
    latest: Option<(EventOrder, BatchRow<'r>)>,
}

impl<'r> GatheredEntity<'r> {
    /// Adds a row of a table.
    pub(crate) fn add_table_row(
        &mut self,
        table: &'r str,
        source: &'r str,
        order: EventOrder,
        row: BatchRow<'r>,
    ) {
        self.tables.insert(table);
        self.sources.insert(source);
        let event_time = order.0;
        self.first_seen = Some(
            self.first_seen
                .map_or(event_time, |first| first.min(event_time)),
        );
        if self.latest.is_none_or(|(latest, _)| latest < order) {
            self.latest = Some((order, row));
        }
    }
}

/// The values of a row of `entity`. `last_seen` is its event time.
#[derive(Clone, Debug, PartialEq)]
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
}

/// Rows that wait to be written, and how they differ from those of the base.
pub(crate) struct EntityRows {
    schema: SchemaRef,
    version: String,
    batch_rows: usize,
    pending: VecDeque<EntityRow>,
    pub(crate) counts: RowChangeCounts,
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
            pending: VecDeque::new(),
            counts: RowChangeCounts::default(),
        }
    }

    /// Adds an entity; one that no source knows any more has no row.
    pub(crate) fn add_entity(&mut self, entity: &GatheredEntity<'_>) {
        let base = entity.base_row.map(EntityRow::read);
        let Some((order, latest)) = entity.latest else {
            self.counts.deleted += u64::from(base.is_some());
            return;
        };
        let row = EntityRow::from_entity(entity, base.as_ref(), order, latest);
        match &base {
            None => self.counts.inserted += 1,
            Some(base) => self.counts.updated += u64::from(*base != row),
        }
        self.pending.push_back(row);
    }

    /// A full batch, when so many rows are pending; with `all`, a batch of the remaining ones too.
    pub(crate) fn next_batch(&mut self, all: bool) -> Result<Option<RecordBatch>, LakeError> {
        let count = self.pending.len().min(self.batch_rows);
        if count == 0 || (count < self.batch_rows && !all) {
            return Ok(None);
        }
        let rows: Vec<EntityRow> = self.pending.drain(..count).collect();
        let columns = self
            .schema
            .fields()
            .iter()
            .map(|field| self.build_column(field.name(), field.data_type(), &rows))
            .collect();
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), columns)?;
        Ok(Some(batch))
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

impl EntityRow {
    /// The row of an entity, by its latest event.
    fn from_entity(
        entity: &GatheredEntity<'_>,
        base: Option<&Self>,
        (event_time, event_time_nanos, ingested_at, partition, offset): EventOrder,
        latest: BatchRow<'_>,
    ) -> Self {
        // The base says when the entity was first seen. A late event can move that to an earlier
        // time.
        let first_seen = base
            .map(|base| base.first_seen)
            .into_iter()
            .chain(entity.first_seen)
            .min();
        Self {
            id: text_value(latest, "pole_id"),
            event: text_value(latest, "source_event_id"),
            topic: text_value(latest, "topic"),
            partition,
            offset,
            event_time,
            event_time_nanos,
            ingested_at,
            first_seen: first_seen.unwrap_or(event_time),
            last_seen: event_time,
            tables: join_names(&entity.tables),
            sources: join_names(&entity.sources),
            source_count: entity.sources.len() as i64,
        }
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
        }
    }
}

fn join_names(names: &BTreeSet<&str>) -> String {
    names.iter().copied().collect::<Vec<_>>().join(",")
}
