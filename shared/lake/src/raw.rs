//! Raw objects: Kafka records in Parquet, their keys and values untouched.

use std::sync::Arc;

use arrow_array::builder::{
    BinaryBuilder, Int32Builder, Int64Builder, StringBuilder, TimestampMicrosecondBuilder,
};
use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, ArrayRef, RecordBatch};
use bytes::Bytes;
use parquet::file::metadata::KeyValue;

use crate::batch_columns::{primitive_column, text_column};
use crate::{Chunk, LakeError, file, schema};

/// The type of timestamps that the log itself gives.
pub const LOG_APPEND_TIME: &str = "LOG_APPEND_TIME";

/// A record to land.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawRecord<'r> {
    /// Its offset.
    pub offset: i64,
    /// Milliseconds since 1970.
    pub timestamp: i64,
    /// `CREATE_TIME` or `LOG_APPEND_TIME`, where the trigger says it.
    pub timestamp_type: Option<&'r str>,
    /// When it was stored, in milliseconds since 1970; none where that was not kept.
    pub landed_at: Option<i64>,
    /// The key's bytes.
    pub key: Option<Bytes>,
    /// The value's bytes; none for a tombstone.
    pub value: Option<Bytes>,
    /// The headers as JSON: `[["name", "base64" | null], …]`, in their order, repeats kept.
    pub headers: Option<String>,
}

impl RawRecord<'_> {
    /// When the record came, in milliseconds since 1970: its timestamp where the log gave it, and
    /// otherwise when it was stored. A producer can give any timestamp, one of the year 2099 too.
    #[must_use]
    pub fn arrived_at(&self) -> i64 {
        arrival(self.timestamp, self.timestamp_type, self.landed_at)
    }

    /// Whether the log itself gave the timestamp.
    #[must_use]
    pub fn has_append_time(&self) -> bool {
        self.timestamp_type == Some(LOG_APPEND_TIME)
    }
}

fn arrival(timestamp: i64, timestamp_type: Option<&str>, landed_at: Option<i64>) -> i64 {
    match timestamp_type {
        Some(LOG_APPEND_TIME) => timestamp,
        _ => landed_at.unwrap_or(timestamp),
    }
}

/// Milliseconds as microseconds. A producer can give any number: one behind the year 294,000 becomes
/// the last that can be counted.
fn to_micros(millis: i64) -> i64 {
    millis.saturating_mul(1_000)
}

/// The columns of a raw object under construction.
struct RawColumns {
    topic: StringBuilder,
    partition: Int32Builder,
    offset: Int64Builder,
    timestamp: TimestampMicrosecondBuilder,
    timestamp_type: StringBuilder,
    key: BinaryBuilder,
    value: BinaryBuilder,
    headers: StringBuilder,
    landed_at: TimestampMicrosecondBuilder,
}

impl RawColumns {
    /// Empty columns with room for the records: values are most of a raw object's bytes.
    fn with_capacity_for(records: &[RawRecord<'_>]) -> Self {
        let values = records.iter().filter_map(|record| record.value.as_ref());
        let value_bytes = values.map(Bytes::len).sum();
        Self {
            topic: StringBuilder::new(),
            partition: Int32Builder::with_capacity(records.len()),
            offset: Int64Builder::with_capacity(records.len()),
            timestamp: TimestampMicrosecondBuilder::with_capacity(records.len())
                .with_timezone("UTC"),
            timestamp_type: StringBuilder::new(),
            key: BinaryBuilder::new(),
            value: BinaryBuilder::with_capacity(records.len(), value_bytes),
            headers: StringBuilder::new(),
            landed_at: TimestampMicrosecondBuilder::with_capacity(records.len())
                .with_timezone("UTC"),
        }
    }

    fn append_record(&mut self, chunk: &Chunk, record: &RawRecord<'_>) {
        self.topic.append_value(&chunk.topic);
        self.partition.append_value(chunk.partition);
        self.offset.append_value(record.offset);
        self.timestamp.append_value(to_micros(record.timestamp));
        self.timestamp_type.append_option(record.timestamp_type);
        self.key.append_option(record.key.as_ref());
        self.value.append_option(record.value.as_ref());
        self.headers.append_option(record.headers.as_ref());
        self.landed_at
            .append_option(record.landed_at.map(to_micros));
    }

    /// The columns in the order of [`schema::raw_schema`].
    fn finish(mut self) -> Vec<ArrayRef> {
        vec![
            Arc::new(self.topic.finish()),
            Arc::new(self.partition.finish()),
            Arc::new(self.offset.finish()),
            Arc::new(self.timestamp.finish()),
            Arc::new(self.timestamp_type.finish()),
            Arc::new(self.key.finish()),
            Arc::new(self.value.finish()),
            Arc::new(self.headers.finish()),
            Arc::new(self.landed_at.finish()),
        ]
    }
}

/// The bytes of the raw object of `chunk`. The same records give the same bytes.
///
/// # Errors
/// When Parquet refuses to write.
pub fn encode_raw(chunk: &Chunk, records: &[RawRecord<'_>], next: i64) -> Result<Bytes, LakeError> {
    let mut columns = RawColumns::with_capacity_for(records);
    for record in records {
        columns.append_record(chunk, record);
    }

    let schema = schema::raw_schema();
    let batch = RecordBatch::try_new(Arc::clone(&schema), columns.finish())?;
    let footer = vec![KeyValue::new("next".into(), next.to_string())];
    file::write_parquet(&schema, &[batch], file::raw_properties(footer))
}

/// A part of a raw object, as columns.
#[derive(Clone, Debug)]
pub struct RawBatch(RecordBatch);

impl RawBatch {
    /// How many records it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.num_rows()
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The record's offset.
    #[must_use]
    pub fn offset(&self, row: usize) -> i64 {
        self.0.column(2).as_primitive::<Int64Type>().value(row)
    }

    /// When the record came, as [`RawRecord::arrived_at`] tells it.
    #[must_use]
    pub fn arrived_at(&self, row: usize) -> i64 {
        let timestamp_type = self.timestamp_type(row);
        arrival(self.timestamp(row), timestamp_type, self.landed_at(row))
    }

    /// When the record was stored, in milliseconds since 1970; none where that was not kept.
    #[must_use]
    pub fn landed_at(&self, row: usize) -> Option<i64> {
        let times = self.0.columns().get(8)?;
        let times = times.as_primitive::<TimestampMicrosecondType>();
        times.is_valid(row).then(|| times.value(row) / 1_000)
    }

    /// The record's timestamp in milliseconds since 1970.
    #[must_use]
    pub fn timestamp(&self, row: usize) -> i64 {
        let times = self.0.column(3).as_primitive::<TimestampMicrosecondType>();
        times.value(row) / 1_000
    }

    /// Which clock that is, where the trigger said it.
    #[must_use]
    pub fn timestamp_type(&self, row: usize) -> Option<&str> {
        let types = self.0.column(4).as_string::<i32>();
        types.is_valid(row).then(|| types.value(row))
    }

    /// The record's key.
    #[must_use]
    pub fn key(&self, row: usize) -> Option<&[u8]> {
        let keys = self.0.column(5).as_binary::<i32>();
        keys.is_valid(row).then(|| keys.value(row))
    }

    /// The record's value; none for a tombstone.
    #[must_use]
    pub fn value(&self, row: usize) -> Option<&[u8]> {
        let values = self.0.column(6).as_binary::<i32>();
        values.is_valid(row).then(|| values.value(row))
    }

    /// The record's headers as JSON.
    #[must_use]
    pub fn headers(&self, row: usize) -> Option<&str> {
        let headers = self.0.column(7).as_string::<i32>();
        headers.is_valid(row).then(|| headers.value(row))
    }
}

/// The parts of a raw object.
///
/// # Errors
/// When the bytes are no raw object, or are over a limit of [`crate::limits`].
pub fn decode_raw(bytes: Bytes) -> Result<Vec<RawBatch>, LakeError> {
    let mut batches = Vec::new();
    for batch in file::read_whole(bytes)? {
        // Objects of earlier builds do not keep when they were stored.
        let schema = schema::raw_schema();
        let with_landing = schema.fields();
        let without_landing = &with_landing[..with_landing.len() - 1];
        let fields = batch.schema_ref().fields();
        if fields != with_landing && **fields != *without_landing {
            return Err(LakeError::Unexpected(
                "the object does not have a raw object's columns".into(),
            ));
        }
        batches.push(RawBatch(batch));
    }
    Ok(batches)
}

/// The offset and the headers of each record of a raw object. No key and no value is decoded.
///
/// # Errors
/// As [`decode_raw`].
pub fn read_raw_headers(bytes: Bytes) -> Result<Vec<(i64, Option<String>)>, LakeError> {
    let kind = "a raw object";
    let mut records = Vec::new();
    for batch in file::read_columns(bytes, ["offset", "headers"])? {
        let batch = batch?;
        let offsets = primitive_column::<Int64Type>(&batch, kind, "offset")?;
        let headers = text_column(&batch, kind, "headers")?;
        records.extend((0..batch.num_rows()).map(|row| {
            let of_record = headers.is_valid(row).then(|| headers.value(row).to_owned());
            (offsets.value(row), of_record)
        }));
    }
    Ok(records)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_raw_object_gives_back_what_was_put_in_and_is_the_same_every_time() {
        let chunk = Chunk {
            topic: "t".into(),
            epoch: 1,
            partition: 3,
            offset: 7,
        };
        let records = [
            RawRecord {
                offset: 7,
                timestamp: 1_700_000_000_000,
                timestamp_type: Some(LOG_APPEND_TIME),
                landed_at: Some(1_700_000_000_900),
                key: Some(Bytes::from_static(b"k")),
                value: Some(Bytes::from_static(&[0xff, 0x00])),
                headers: Some("[[\"a\",null]]".into()),
            },
            RawRecord {
                offset: 9,
                timestamp: 5,
                timestamp_type: None,
                landed_at: None,
                key: None,
                value: None,
                headers: None,
            },
        ];
        let bytes = encode_raw(&chunk, &records, 10).unwrap();
        assert_eq!(bytes, encode_raw(&chunk, &records, 10).unwrap());
        let batches = decode_raw(bytes).unwrap();
        assert_eq!(batches.len(), 1);
        let batch = &batches[0];
        assert_eq!((batch.offset(0), batch.offset(1)), (7, 9));
        assert_eq!(batch.value(0), Some([0xff, 0x00].as_slice()));
        assert_eq!(
            (batch.key(1), batch.value(1), batch.headers(1)),
            (None, None, None)
        );
        assert_eq!(batch.timestamp(0), 1_700_000_000_000);
        let headers = read_raw_headers(encode_raw(&chunk, &records, 10).unwrap()).unwrap();
        assert_eq!(headers, [(7, records[0].headers.clone()), (9, None)]);
    }

    fn arrival_of(timestamp_type: Option<&str>, landed_at: Option<i64>) -> i64 {
        let chunk = Chunk {
            topic: "t".into(),
            epoch: 1,
            partition: 3,
            offset: 0,
        };
        let record = RawRecord {
            offset: 0,
            timestamp: 4_070_908_800_000,
            timestamp_type,
            landed_at,
            key: None,
            value: None,
            headers: None,
        };
        let arrived = record.arrived_at();
        let batches = decode_raw(encode_raw(&chunk, &[record], 1).unwrap()).unwrap();
        assert_eq!(batches[0].arrived_at(0), arrived);
        arrived
    }

    #[test]
    fn a_time_that_the_log_did_not_give_is_that_of_the_landing() {
        let (stamped, stored) = (4_070_908_800_000, 1_772_438_400_000);
        assert_eq!(arrival_of(Some(LOG_APPEND_TIME), Some(stored)), stamped);
        assert_eq!(arrival_of(Some("CREATE_TIME"), Some(stored)), stored);
        assert_eq!(arrival_of(None, Some(stored)), stored);
        assert_eq!(arrival_of(Some("CREATE_TIME"), None), stamped);
    }

    #[test]
    fn an_object_that_does_not_keep_when_it_landed_is_read() {
        let schema = schema::raw_schema();
        let columns: Vec<usize> = (0..schema.fields().len() - 1).collect();
        let schema = Arc::new(schema.project(&columns).unwrap());
        let body = file::write_parquet(
            &schema,
            &[RecordBatch::new_empty(Arc::clone(&schema))],
            file::raw_properties(Vec::new()),
        );
        assert!(decode_raw(body.unwrap()).is_ok());
    }

    #[test]
    fn another_file_is_refused() {
        assert!(decode_raw(Bytes::from_static(b"PAR1 not")).is_err());
    }
}
