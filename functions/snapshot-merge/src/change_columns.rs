//! The columns of a batch that say which change each row states.

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use lake::{LakeError, schema};
use pole::{LogPosition, Precedence, RowOperation};

use crate::batch_columns::{count_owners_before, typed_column};
use crate::resolve::{ChangeOrigin, ChangeRecord, RowRef};

/// The columns of a batch that say which change each row states.
pub(crate) struct ChangeColumns<'b> {
    pole_id: &'b StringArray,
    owner_id: &'b StringArray,
    source: &'b StringArray,
    owner_set: &'b StringArray,
    event_id: &'b StringArray,
    version: &'b Int64Array,
    event_time: &'b TimestampMicrosecondArray,
    /// None in files from before the column.
    event_time_nanos: Option<&'b Int64Array>,
    ingested_at: &'b TimestampMicrosecondArray,
    partition: &'b Int64Array,
    offset: &'b Int64Array,
    op: Option<&'b StringArray>,
    changed_columns: Option<&'b StringArray>,
    statements: Option<&'b StringArray>,
    record_id: &'b StringArray,
    topic: &'b StringArray,
}

/// A change with its owner.
pub(crate) type OwnedChange<'w> = (&'w str, ChangeRecord<'w>);

/// The columns of a window's batches, each with its index among the merge's sources.
#[derive(Default)]
pub(crate) struct ChangeParts<'b>(Vec<(usize, ChangeColumns<'b>)>);

impl<'b> ChangeParts<'b> {
    pub(crate) fn add(&mut self, source: usize, columns: ChangeColumns<'b>) {
        self.0.push((source, columns));
    }

    /// The batches in their order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (usize, &ChangeColumns<'b>)> {
        self.0.iter().map(|(source, columns)| (*source, columns))
    }

    /// The place in the log of the event that a row states.
    pub(crate) fn event_place(&self, (source, row): RowRef) -> Option<EventPlace<'b>> {
        let (_, columns) = self.0.iter().find(|(known, _)| *known == source)?;
        Some(columns.event_place(row))
    }
}

/// The place in the log of the event that a row states, and the key of its record.
pub(crate) struct EventPlace<'b> {
    pub(crate) record_id: &'b str,
    pub(crate) topic: &'b str,
    pub(crate) appended: i64,
    pub(crate) partition: i64,
    pub(crate) offset: i64,
}

impl<'b> ChangeColumns<'b> {
    /// The columns of a batch of the curated or the refined schema.
    pub(crate) fn from_batch(batch: &'b RecordBatch) -> Result<Self, LakeError> {
        Ok(Self {
            pole_id: typed_column(batch, "pole_id")?,
            owner_id: typed_column(batch, "owner_id")?,
            source: typed_column(batch, "source")?,
            owner_set: typed_column(batch, "owner_set")?,
            event_id: typed_column(batch, "source_event_id")?,
            version: typed_column(batch, "entity_version")?,
            event_time: typed_column(batch, "event_time")?,
            event_time_nanos: optional_nanos_column(batch),
            ingested_at: typed_column(batch, "ingested_at")?,
            partition: typed_column(batch, "partition")?,
            offset: typed_column(batch, "offset")?,
            op: optional_text_column(batch, schema::OPERATION_COLUMN),
            changed_columns: optional_text_column(batch, schema::CHANGED_COLUMNS_COLUMN),
            statements: optional_text_column(batch, schema::STATEMENT_COLUMN),
            record_id: typed_column(batch, "source_record_id")?,
            topic: typed_column(batch, "topic")?,
        })
    }

    /// The owner of a row.
    pub(crate) fn owner_id(&self, row: usize) -> &'b str {
        self.owner_id.value(row)
    }

    /// The change that a row states. `batch` is the index of its batch among the merge's sources.
    pub(crate) fn change_record(
        &self,
        batch: usize,
        row: usize,
        origin: ChangeOrigin,
    ) -> ChangeRecord<'b> {
        let op = self
            .op
            .and_then(|codes| valid_text(codes, row))
            .and_then(RowOperation::from_code)
            .unwrap_or(RowOperation::Upsert);
        ChangeRecord {
            pole_id: self.pole_id.value(row),
            source: self.source.value(row),
            set: valid_text(self.owner_set, row),
            op,
            event_id: self.event_id.value(row),
            precedence: self.precedence(row),
            changed_columns: self
                .changed_columns
                .and_then(|names| valid_text(names, row)),
            statement: self.statements.and_then(|texts| valid_text(texts, row)),
            row_ref: (batch, row),
            origin,
        }
    }

    /// The same, with its owner.
    pub(crate) fn owned_change(
        &self,
        batch: usize,
        row: usize,
        origin: ChangeOrigin,
    ) -> OwnedChange<'b> {
        (self.owner_id(row), self.change_record(batch, row, origin))
    }

    /// The rows of these owners. Rows and owners are sorted.
    pub(crate) fn rows_of_owners(&self, owners: &[&str]) -> Vec<usize> {
        let mut rows = Vec::new();
        let mut from = 0;
        for owner in owners {
            let rest = self.owner_id.slice(from, self.owner_id.len() - from);
            from += count_owners_before(&rest, owner);
            while from < self.owner_id.len() && self.owner_id.value(from) == *owner {
                rows.push(from);
                from += 1;
            }
        }
        rows
    }

    /// The place in the log of the event that a row states, and the key of its record.
    pub(crate) fn event_place(&self, row: usize) -> EventPlace<'b> {
        EventPlace {
            record_id: self.record_id.value(row),
            topic: self.topic.value(row),
            appended: self.ingested_at.value(row),
            partition: self.partition.value(row),
            offset: self.offset.value(row),
        }
    }

    fn precedence(&self, row: usize) -> Precedence {
        let position = LogPosition {
            appended: self.ingested_at.value(row),
            partition: self.partition.value(row),
            offset: self.offset.value(row),
        };
        Precedence {
            version: self.version.is_valid(row).then(|| self.version.value(row)),
            event_time: self.event_time.value(row),
            event_time_nanos: nanos_of_row(self.event_time_nanos, row),
            position,
        }
    }
}

/// The nanoseconds of event times beyond the microsecond; none in files from before the column.
pub(crate) fn optional_nanos_column(batch: &RecordBatch) -> Option<&Int64Array> {
    batch
        .column_by_name("event_time_nanos")?
        .as_primitive_opt::<Int64Type>()
}

/// The nanoseconds of a row: null stands for none.
pub(crate) fn nanos_of_row(column: Option<&Int64Array>, row: usize) -> i64 {
    column
        .filter(|column| column.is_valid(row))
        .map_or(0, |column| column.value(row))
}

fn optional_text_column<'b>(batch: &'b RecordBatch, name: &str) -> Option<&'b StringArray> {
    batch.column_by_name(name)?.as_string_opt::<i32>()
}

fn valid_text(column: &StringArray, row: usize) -> Option<&str> {
    column.is_valid(row).then(|| column.value(row))
}
