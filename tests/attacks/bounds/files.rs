//! Files of some kB that hold hundreds of megabytes.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, BinaryArray, Int32Array, Int64Array, RecordBatch, StringArray,
    TimestampMillisecondArray,
};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::{WriterProperties, WriterPropertiesBuilder};

use super::{KEY, MIB, TOPIC};

/// A file's bytes, and the offset behind its last record.
pub(super) type RawFile = (Vec<u8>, i64);

pub(super) fn plain() -> WriterPropertiesBuilder {
    WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_dictionary_enabled(false)
}

/// A raw object with `batches` times `rows` records of the same value, and its offset behind the last.
pub(super) fn raw_file(
    batches: i64,
    rows: usize,
    value: &[u8],
    properties: WriterPropertiesBuilder,
) -> RawFile {
    let schema = lake::schema::raw_schema();
    let properties = Some(properties.build());
    let mut writer = ArrowWriter::try_new(Vec::new(), Arc::clone(&schema), properties).unwrap();
    let per_batch = i64::try_from(rows).unwrap();
    for batch in 0..batches {
        let offsets = batch * per_batch..(batch + 1) * per_batch;
        let texts = |text: &str| -> ArrayRef {
            Arc::new(StringArray::from_iter_values(std::iter::repeat_n(
                text, rows,
            )))
        };
        let values = std::iter::repeat_n(value, rows);
        let columns: Vec<ArrayRef> = vec![
            texts(TOPIC),
            Arc::new(Int32Array::from_value(0, rows)),
            Arc::new(Int64Array::from_iter_values(offsets)),
            Arc::new(
                TimestampMillisecondArray::from_value(1_772_438_400_000, rows).with_timezone("UTC"),
            ),
            texts("LOG_APPEND_TIME"),
            Arc::new(BinaryArray::from_iter_values(std::iter::repeat_n(
                KEY, rows,
            ))),
            Arc::new(BinaryArray::from_iter_values(values)),
            texts("[]"),
        ];
        let batch = RecordBatch::try_new(Arc::clone(&schema), columns).unwrap();
        writer.write(&batch).unwrap();
        writer.flush().unwrap();
    }
    (writer.into_inner().unwrap(), batches * per_batch)
}

/// A raw object whose first page of values says that it has 134 MB.
pub(super) fn lying_raw_file() -> RawFile {
    let value = vec![b'x'; 2 * MIB];
    let (mut bytes, next) = raw_file(1, 1, &value, plain());
    let honest = zigzag(u32::try_from(value.len() + 4 + 6).unwrap());
    let lying = zigzag((1 << 27) - 1);
    let position = bytes
        .windows(honest.len())
        .position(|part| part == honest)
        .unwrap();
    bytes[position..position + lying.len()].copy_from_slice(&lying);
    (bytes, next)
}

/// A number of four bytes, as headers have it.
fn zigzag(number: u32) -> [u8; 4] {
    let number = number * 2;
    [0, 7, 14, 21].map(|shift| {
        let more = if shift < 21 { 0x80 } else { 0 };
        (number >> shift & 0x7f) as u8 | more
    })
}
