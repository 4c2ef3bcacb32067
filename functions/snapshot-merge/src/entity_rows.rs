//! A thing and the sources that know it, as a row.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, TimestampMicrosecondType};
use arrow_array::{
    Array, ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
    new_null_array,
};
use arrow_schema::SchemaRef;
use lake::LakeError;

use crate::shard_merge::RowChangeCounts;

/// What stands in the column `source` of a row that the platform makes.
const PLATFORM_SOURCE: &str = "polelake";

/// The version of how the table is made.
const MAPPING_VERSION: &str = "1.0.0";

/// When a row's event happened and where it stands in the log: the greatest is the latest.
type EventOrder = (i64, i64, i64, i64);

/// Where a row lies.
type BatchRow<'r> = (&'r RecordBatch, usize);

/// A thing, while its rows are gathered.
#[derive(Default)]
pub(crate) struct GatheredEntity<'r> {
    /// Its row of yesterday.
    pub(crate) base_row: Option<BatchRow<'r>>,
    tables: BTreeSet<&'r str>,
    sources: BTreeSet<&'r str>,
    first: Option<i64>,
    latest: Option<(EventOrder, BatchRow<'r>)>,
}

impl<'r> GatheredEntity<'r> {
    /// Adds a row of a table.
    pub(crate) fn add_table_row(
        &mut self,
        table: &'r str,
        source: &'r str,
        at: EventOrder,
        row: BatchRow<'r>,
    ) {
        self.tables.insert(table);
        self.sources.insert(source);
        self.first = Some(self.first.map_or(at.0, |first| first.min(at.0)));
        if self.latest.is_none_or(|(latest, _)| latest < at) {
            self.latest = Some((at, row));
        }
    }
}

/// A row, put together.
#[derive(Clone, Debug, PartialEq)]
struct EntityRow {
    id: String,
    event: String,
    topic: String,
    numbers: [i64; 2],
    times: [i64; 4],
    tables: String,
    sources: String,
    count: i64,
}

/// Rows that wait to be written, and what became of those of yesterday.
pub(crate) struct EntityRows {
    schema: SchemaRef,
    version: String,
    batch_rows: usize,
    pending: VecDeque<EntityRow>,
    pub(crate) counts: RowChangeCounts,
}

fn text_value(row: BatchRow<'_>, name: &str) -> String {
    let column = row
        .0
        .column_by_name(name)
        .and_then(|column| column.as_string_opt::<i32>());
    column
        .filter(|column| column.is_valid(row.1))
        .map(|column| column.value(row.1).to_owned())
        .unwrap_or_default()
}

fn integer_value(row: BatchRow<'_>, name: &str) -> i64 {
    let column = row
        .0
        .column_by_name(name)
        .and_then(|column| column.as_primitive_opt::<Int64Type>());
    column.map(|column| column.value(row.1)).unwrap_or_default()
}

fn timestamp_value(row: BatchRow<'_>, name: &str) -> i64 {
    let column = row
        .0
        .column_by_name(name)
        .and_then(|column| column.as_primitive_opt::<TimestampMicrosecondType>());
    column.map(|column| column.value(row.1)).unwrap_or_default()
}

impl EntityRows {
    pub(crate) fn new(schema: &SchemaRef, version: &str, full: usize) -> Self {
        let (schema, version) = (Arc::clone(schema), version.to_owned());
        Self {
            schema,
            version,
            batch_rows: full,
            pending: VecDeque::new(),
            counts: RowChangeCounts::default(),
        }
    }

    /// Adds a thing; one that no source knows any more has no row.
    pub(crate) fn add_entity(&mut self, entity: &GatheredEntity<'_>) {
        let before = entity.base_row.map(read_base_row);
        let Some((at, row)) = entity.latest else {
            self.counts.deleted += u64::from(before.is_some());
            return;
        };
        let joined = |names: &BTreeSet<&str>| names.iter().copied().collect::<Vec<_>>().join(",");
        // It was first seen when yesterday says, or earlier: late events tell of earlier times.
        let seen_before = before.as_ref().map(|before| before.times[2]);
        let first = seen_before
            .into_iter()
            .chain(entity.first)
            .min()
            .unwrap_or(at.0);
        let made = EntityRow {
            id: text_value(row, "pole_id"),
            event: text_value(row, "source_event_id"),
            topic: text_value(row, "topic"),
            numbers: [
                integer_value(row, "partition"),
                integer_value(row, "offset"),
            ],
            times: [at.0, at.1, first, at.0],
            tables: joined(&entity.tables),
            sources: joined(&entity.sources),
            count: entity.sources.len() as i64,
        };
        match &before {
            None => self.counts.inserted += 1,
            Some(before) => self.counts.updated += u64::from(*before != made),
        }
        self.pending.push_back(made);
    }

    /// A full batch, when there are so many rows; with `all`, what is left of them.
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
            .map(|field| self.build_column(field.name(), field.data_type(), &rows));
        Ok(Some(RecordBatch::try_new(
            Arc::clone(&self.schema),
            columns.collect(),
        )?))
    }

    fn build_column(
        &self,
        name: &str,
        kind: &arrow_schema::DataType,
        rows: &[EntityRow],
    ) -> ArrayRef {
        let texts = |of: &dyn Fn(&EntityRow) -> &str| -> ArrayRef {
            Arc::new(StringArray::from_iter_values(rows.iter().map(of)))
        };
        let numbers = |of: &dyn Fn(&EntityRow) -> i64| -> ArrayRef {
            Arc::new(Int64Array::from_iter_values(rows.iter().map(of)))
        };
        let same = |text: &str| -> ArrayRef {
            Arc::new(StringArray::from_iter_values(rows.iter().map(|_| text)))
        };
        let moments = |which: usize| -> ArrayRef {
            let times = rows.iter().map(|row| row.times[which]);
            Arc::new(TimestampMicrosecondArray::from_iter_values(times).with_timezone("UTC"))
        };
        match name {
            "pole_id" | "owner_id" | "source_record_id" => texts(&|row| &row.id),
            "source" => same(PLATFORM_SOURCE),
            "source_event_id" => texts(&|row| &row.event),
            "event_time" => moments(0),
            "ingested_at" => moments(1),
            "contract_version" => same(&self.version),
            "mapping_version" => same(MAPPING_VERSION),
            "topic" => texts(&|row| &row.topic),
            "partition" => numbers(&|row| row.numbers[0]),
            "offset" => numbers(&|row| row.numbers[1]),
            "tables" => texts(&|row| &row.tables),
            "sources" => texts(&|row| &row.sources),
            "source_count" => numbers(&|row| row.count),
            "first_seen" => moments(2),
            "last_seen" => moments(3),
            _ => new_null_array(kind, rows.len()),
        }
    }
}

/// A row of yesterday.
fn read_base_row(row: BatchRow<'_>) -> EntityRow {
    EntityRow {
        id: text_value(row, "pole_id"),
        event: text_value(row, "source_event_id"),
        topic: text_value(row, "topic"),
        numbers: [
            integer_value(row, "partition"),
            integer_value(row, "offset"),
        ],
        times: ["event_time", "ingested_at", "first_seen", "last_seen"]
            .map(|name| timestamp_value(row, name)),
        tables: text_value(row, "tables"),
        sources: text_value(row, "sources"),
        count: integer_value(row, "source_count"),
    }
}
