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

use crate::merge::Counts;

/// What stands in the column `source` of a row that the platform makes.
const SOURCE: &str = "polelake";

/// The version of how the table is made.
const MADE_BY: &str = "1.0.0";

/// When a row's event happened and where it stands in the log: the greatest is the latest.
type At = (i64, i64, i64, i64);

/// Where a row lies.
type Row<'r> = (&'r RecordBatch, usize);

/// A thing, while its rows are gathered.
#[derive(Default)]
pub(crate) struct Entity<'r> {
    /// Its row of yesterday.
    pub(crate) before: Option<Row<'r>>,
    tables: BTreeSet<&'r str>,
    sources: BTreeSet<&'r str>,
    first: Option<i64>,
    latest: Option<(At, Row<'r>)>,
}

impl<'r> Entity<'r> {
    /// Adds a row of a table.
    pub(crate) fn add(&mut self, table: &'r str, source: &'r str, at: At, row: Row<'r>) {
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
struct Made {
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
pub(crate) struct Rows {
    schema: SchemaRef,
    version: String,
    full: usize,
    made: VecDeque<Made>,
    pub(crate) counts: Counts,
}

fn text(row: Row<'_>, name: &str) -> String {
    let column = row
        .0
        .column_by_name(name)
        .and_then(|column| column.as_string_opt::<i32>());
    column
        .filter(|column| column.is_valid(row.1))
        .map(|column| column.value(row.1).to_owned())
        .unwrap_or_default()
}

fn number(row: Row<'_>, name: &str) -> i64 {
    let column = row
        .0
        .column_by_name(name)
        .and_then(|column| column.as_primitive_opt::<Int64Type>());
    column.map(|column| column.value(row.1)).unwrap_or_default()
}

fn moment(row: Row<'_>, name: &str) -> i64 {
    let column = row
        .0
        .column_by_name(name)
        .and_then(|column| column.as_primitive_opt::<TimestampMicrosecondType>());
    column.map(|column| column.value(row.1)).unwrap_or_default()
}

impl Rows {
    pub(crate) fn new(schema: &SchemaRef, version: &str, full: usize) -> Self {
        let (schema, version) = (Arc::clone(schema), version.to_owned());
        Self {
            schema,
            version,
            full,
            made: VecDeque::new(),
            counts: Counts::default(),
        }
    }

    /// Adds a thing; one that no source knows any more has no row.
    pub(crate) fn add(&mut self, entity: &Entity<'_>) {
        let before = entity.before.map(made_before);
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
        let made = Made {
            id: text(row, "pole_id"),
            event: text(row, "source_event_id"),
            topic: text(row, "topic"),
            numbers: [number(row, "partition"), number(row, "offset")],
            times: [at.0, at.1, first, at.0],
            tables: joined(&entity.tables),
            sources: joined(&entity.sources),
            count: entity.sources.len() as i64,
        };
        match &before {
            None => self.counts.inserted += 1,
            Some(before) => self.counts.updated += u64::from(*before != made),
        }
        self.made.push_back(made);
    }

    /// A full batch, when there are so many rows; with `all`, what is left of them.
    pub(crate) fn batch(&mut self, all: bool) -> Result<Option<RecordBatch>, LakeError> {
        let count = self.made.len().min(self.full);
        if count == 0 || (count < self.full && !all) {
            return Ok(None);
        }
        let rows: Vec<Made> = self.made.drain(..count).collect();
        let columns = self
            .schema
            .fields()
            .iter()
            .map(|field| self.column(field.name(), field.data_type(), &rows));
        Ok(Some(RecordBatch::try_new(
            Arc::clone(&self.schema),
            columns.collect(),
        )?))
    }

    fn column(&self, name: &str, kind: &arrow_schema::DataType, rows: &[Made]) -> ArrayRef {
        let texts = |of: &dyn Fn(&Made) -> &str| -> ArrayRef {
            Arc::new(StringArray::from_iter_values(rows.iter().map(of)))
        };
        let numbers = |of: &dyn Fn(&Made) -> i64| -> ArrayRef {
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
            "source" => same(SOURCE),
            "source_event_id" => texts(&|row| &row.event),
            "event_time" => moments(0),
            "ingested_at" => moments(1),
            "contract_version" => same(&self.version),
            "mapping_version" => same(MADE_BY),
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
fn made_before(row: Row<'_>) -> Made {
    Made {
        id: text(row, "pole_id"),
        event: text(row, "source_event_id"),
        topic: text(row, "topic"),
        numbers: [number(row, "partition"), number(row, "offset")],
        times: ["event_time", "ingested_at", "first_seen", "last_seen"]
            .map(|name| moment(row, name)),
        tables: text(row, "tables"),
        sources: text(row, "sources"),
        count: number(row, "source_count"),
    }
}
