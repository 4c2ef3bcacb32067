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

use crate::batch_columns::{text_column, typed_column};
use crate::change_columns::{nanos_of_row, optional_nanos_column};

/// The value of the column `source` in a row that the platform makes.
const PLATFORM_SOURCE: &str = "polelake";

/// The version of how the table is made.
const MAPPING_VERSION: &str = "1.0.0";

/// When a row's event happened and its position in the log: event time, its nanoseconds, ingestion
/// time, partition, offset. The greatest is the latest.
type EventOrder = (i64, i64, i64, i64, i64);

/// A batch and the index of a row in it.
type BatchRow<'r> = (&'r RecordBatch, usize);

/// The columns of a table's batch that say which entity each row is of, and when its event
/// happened.
pub(crate) struct EntityColumns<'b> {
    ids: &'b StringArray,
    owners: &'b StringArray,
    sources: &'b StringArray,
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

/// An entity, while its rows are gathered.
#[derive(Default)]
pub(crate) struct GatheredEntity<'r> {
    tables: Vec<&'r str>,
    sources: Vec<&'r str>,
    first_seen: Option<i64>,
    latest: Option<(EventOrder, BatchRow<'r>)>,
}

impl<'r> GatheredEntity<'r> {
    /// Adds a row of a table. `columns` are those of its batch.
    pub(crate) fn add_table_row(
        &mut self,
        table: &'r str,
        columns: &EntityColumns<'r>,
        row: BatchRow<'r>,
    ) {
        self.tables.push(table);
        self.sources.push(columns.sources.value(row.1));
        let order = columns.event_order(row.1);
        let first_seen = self.first_seen.into_iter().chain([order.0]).min();
        self.first_seen = first_seen;
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

    /// Adds the row of an entity; gives its index in the batch. None when the base's row says the
    /// same: that one stays, with the contract's version that it was made under.
    pub(crate) fn add_entity(
        &mut self,
        entity: &GatheredEntity<'_>,
        base: Option<BatchRow<'_>>,
    ) -> Option<usize> {
        let (order, latest) = entity.latest?;
        let base = base.map(EntityRow::read);
        let row = EntityRow::from_entity(entity, base.as_ref(), order, latest);
        if base.as_ref() == Some(&row) {
            return None;
        }
        self.pending.push(row);
        Some(self.pending.len() - 1)
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
        let sources = distinct_names(&entity.sources);
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
            tables: distinct_names(&entity.tables).join(","),
            sources: sources.join(","),
            source_count: sources.len() as i64,
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

/// The names in their order, each once.
fn distinct_names<'n>(names: &[&'n str]) -> Vec<&'n str> {
    let mut names = names.to_vec();
    names.sort_unstable();
    names.dedup();
    names
}
