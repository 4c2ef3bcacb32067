//! Files of some kB that hold hundreds of megabytes.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, BinaryArray, Int32Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::{WriterProperties, WriterPropertiesBuilder};

use super::{MIB, TOPIC};
use crate::attacks::damage::KEY;

/// A file's bytes, and the offset behind its last record.
pub(super) type RawFile = (Vec<u8>, i64);

/// Pages of values as they are.
pub(super) fn plain() -> WriterPropertiesBuilder {
    WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_dictionary_enabled(false)
}

/// Every value once, however large it is.
pub(super) fn dictionary() -> WriterPropertiesBuilder {
    plain()
        .set_dictionary_enabled(true)
        .set_dictionary_page_size_limit(usize::MAX)
}

/// A raw object with so many records of the same value.
pub(super) fn raw_file(records: i64, value: &[u8], properties: WriterPropertiesBuilder) -> RawFile {
    let schema = lake::schema::raw_schema();
    let properties = Some(properties.build());
    let mut writer = ArrowWriter::try_new(Vec::new(), Arc::clone(&schema), properties).unwrap();
    for offset in 0..records {
        let text = |text: &str| -> ArrayRef { Arc::new(StringArray::from(vec![text])) };
        let appended = TimestampMicrosecondArray::from(vec![1_772_438_400_000_000]);
        let columns: Vec<ArrayRef> = vec![
            text(TOPIC),
            Arc::new(Int32Array::from(vec![0])),
            Arc::new(Int64Array::from(vec![offset])),
            Arc::new(appended.clone().with_timezone("UTC")),
            text("LOG_APPEND_TIME"),
            Arc::new(BinaryArray::from(vec![KEY.as_bytes()])),
            Arc::new(BinaryArray::from(vec![value])),
            text("[]"),
            Arc::new(appended.with_timezone("UTC")),
        ];
        let batch = RecordBatch::try_new(Arc::clone(&schema), columns).unwrap();
        writer.write(&batch).unwrap();
    }
    (writer.into_inner().unwrap(), records)
}

/// A Parquet file of 2 kB with one value of 20 MiB.
pub(in crate::attacks) fn large_page_file() -> Vec<u8> {
    raw_file(1, &vec![b'x'; 20 * MIB], plain()).0
}

/// A raw object whose page of values says that it has 134 MB.
pub(super) fn lying_raw_file() -> RawFile {
    let value = vec![b'x'; 2 * MIB];
    let (mut bytes, next) = raw_file(1, &value, plain());
    let honest = header_number(u32::try_from(value.len() + 4 + 6).unwrap());
    let lying = header_number((1 << 27) - 1);
    let position = bytes.windows(4).position(|part| part == honest).unwrap();
    bytes[position..position + 4].copy_from_slice(&lying);
    (bytes, next)
}

/// A number of four bytes, as headers have it.
fn header_number(number: u32) -> [u8; 4] {
    let number = number * 2;
    [0, 7, 14, 21].map(|shift| {
        let more = if shift < 21 { 0x80 } else { 0 };
        (number >> shift & 0x7f) as u8 | more
    })
}

/// A supplier's file with the same text in every row.
pub(super) fn supplier_file(rows: usize, text: &str) -> Vec<u8> {
    let schema = RecordBatch::try_from_iter(supplier_row(0, text)).unwrap();
    let properties = Some(dictionary().build());
    let mut writer = ArrowWriter::try_new(Vec::new(), schema.schema(), properties).unwrap();
    for row in 0..rows {
        let row = RecordBatch::try_from_iter(supplier_row(row, text)).unwrap();
        writer.write(&row).unwrap();
    }
    writer.into_inner().unwrap()
}

fn supplier_row(row: usize, text: &str) -> [(&'static str, ArrayRef); 2] {
    let id = StringArray::from(vec![format!("p{row}")]);
    let surname = StringArray::from(vec![text]);
    [("id", Arc::new(id)), ("surname", Arc::new(surname))]
}
