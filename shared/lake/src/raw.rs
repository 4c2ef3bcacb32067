//! Raw objects: Kafka records in Parquet, their keys and values untouched.

use std::sync::Arc;

use arrow_array::builder::{
    BinaryBuilder, Int32Builder, Int64Builder, StringBuilder, TimestampMillisecondBuilder,
};
use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, TimestampMillisecondType};
use arrow_array::{Array, RecordBatch};
use bytes::Bytes;
use parquet::file::metadata::KeyValue;

use crate::{Chunk, LakeError, file, schema};

/// A record to land.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawRecord<'r> {
    /// Its offset.
    pub offset: i64,
    /// Milliseconds since 1970.
    pub timestamp: i64,
    /// `CREATE_TIME` or `LOG_APPEND_TIME`, where the trigger says it.
    pub timestamp_type: Option<&'r str>,
    /// The key's bytes.
    pub key: Option<Bytes>,
    /// The value's bytes; none for a tombstone.
    pub value: Option<Bytes>,
    /// The headers as JSON: `[["name", "base64" | null], …]`, in their order, repeats kept.
    pub headers: Option<String>,
}

/// The bytes of the raw object of `chunk`. The same records give the same bytes.
///
/// # Errors
/// When Parquet refuses to write.
pub fn encode_raw(chunk: &Chunk, records: &[RawRecord<'_>], next: i64) -> Result<Bytes, LakeError> {
    let mut topic = StringBuilder::new();
    let mut partition = Int32Builder::with_capacity(records.len());
    let mut offset = Int64Builder::with_capacity(records.len());
    let mut timestamp =
        TimestampMillisecondBuilder::with_capacity(records.len()).with_timezone("UTC");
    let mut timestamp_type = StringBuilder::new();
    let bytes: usize = records
        .iter()
        .filter_map(|record| record.value.as_ref())
        .map(Bytes::len)
        .sum();
    let (mut key, mut value) = (
        BinaryBuilder::new(),
        BinaryBuilder::with_capacity(records.len(), bytes),
    );
    let mut headers = StringBuilder::new();
    for record in records {
        topic.append_value(&chunk.topic);
        partition.append_value(chunk.partition);
        offset.append_value(record.offset);
        timestamp.append_value(record.timestamp);
        timestamp_type.append_option(record.timestamp_type);
        key.append_option(record.key.as_ref());
        value.append_option(record.value.as_ref());
        headers.append_option(record.headers.as_ref());
    }
    let schema = schema::raw_schema();
    let batch = RecordBatch::try_new(
        Arc::clone(&schema),
        vec![
            Arc::new(topic.finish()),
            Arc::new(partition.finish()),
            Arc::new(offset.finish()),
            Arc::new(timestamp.finish()),
            Arc::new(timestamp_type.finish()),
            Arc::new(key.finish()),
            Arc::new(value.finish()),
            Arc::new(headers.finish()),
        ],
    )?;
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

    /// The record's timestamp in milliseconds since 1970.
    #[must_use]
    pub fn timestamp(&self, row: usize) -> i64 {
        self.0
            .column(3)
            .as_primitive::<TimestampMillisecondType>()
            .value(row)
    }

    /// Whose clock that is, where the trigger said it.
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
/// When the bytes are no raw object.
pub fn decode_raw(bytes: Bytes) -> Result<Vec<RawBatch>, LakeError> {
    let mut batches = Vec::new();
    for batch in file::read_parquet(bytes)? {
        let batch = batch?;
        if batch.schema().fields() != schema::raw_schema().fields() {
            return Err(LakeError::Unexpected(
                "the object does not have a raw object's columns".into(),
            ));
        }
        batches.push(RawBatch(batch));
    }
    Ok(batches)
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
                timestamp_type: Some("LOG_APPEND_TIME"),
                key: Some(Bytes::from_static(b"k")),
                value: Some(Bytes::from_static(&[0xff, 0x00])),
                headers: Some("[[\"a\",null]]".into()),
            },
            RawRecord {
                offset: 9,
                timestamp: 5,
                timestamp_type: None,
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
    }

    #[test]
    fn another_file_is_refused() {
        assert!(decode_raw(Bytes::from_static(b"PAR1 not")).is_err());
    }
}
