//! Files that say one thing and hold another, and files that hold more than they seem to.

use std::sync::Arc;

use arrow_array::builder::{Int32Builder, ListBuilder};
use arrow_array::{Array, ArrayRef, Int32Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema};
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::properties::{WriterProperties, WriterPropertiesBuilder};
use parquet::file::reader::{FileReader, SerializedFileReader};
use proptest::prelude::*;

use super::BoundedBatches;
use crate::file::read_whole;
use crate::limits::{ParquetLimits, SUPPLIER_FILE, TABLE_FILE, WHOLE_FILE};

const MIB: usize = 1 << 20;

fn zstd() -> WriterPropertiesBuilder {
    WriterProperties::builder().set_compression(Compression::ZSTD(ZstdLevel::default()))
}

fn file_of(column: ArrayRef, properties: WriterPropertiesBuilder) -> Bytes {
    let field = Field::new("value", column.data_type().clone(), true);
    let schema = Arc::new(Schema::new(vec![field]));
    let batch = RecordBatch::try_new(Arc::clone(&schema), vec![column]).unwrap();
    let mut writer = ArrowWriter::try_new(Vec::new(), schema, Some(properties.build())).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap().into()
}

fn texts(rows: usize, bytes: usize) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(std::iter::repeat_n(
        "x".repeat(bytes),
        rows,
    )))
}

/// Rows, and the bytes of the largest batch.
fn read(file: &Bytes, limits: &ParquetLimits) -> Result<(usize, usize), String> {
    let batches = BoundedBatches::open(file.clone(), limits, None).map_err(|e| e.to_string())?;
    let (mut rows, mut largest) = (0, 0);
    for batch in batches {
        let batch = batch.map_err(|error| error.to_string())?;
        rows += batch.num_rows();
        largest = largest.max(batch.get_array_memory_size());
    }
    Ok((rows, largest))
}

#[track_caller]
fn assert_refused(file: &Bytes, limits: &ParquetLimits, why: &str) {
    let error = read(file, limits).unwrap_err();
    assert!(error.contains(why), "{error}");
}

/// Replaces a number in the header of the column's first page by one of as many bytes.
fn with_header_number(file: &Bytes, old: i32, new: i32) -> Bytes {
    let reader = SerializedFileReader::new(file.clone()).unwrap();
    let (start, _) = reader.metadata().row_group(0).column(0).byte_range();
    let start = usize::try_from(start).unwrap();
    let (old, new) = (zigzag(old), zigzag(new));
    assert_eq!(
        old.len(),
        new.len(),
        "the rest of the file must stay in its place"
    );
    let position = file[start..]
        .windows(old.len())
        .position(|bytes| bytes == old)
        .unwrap();
    let mut changed = file.to_vec();
    changed[start + position..start + position + old.len()].copy_from_slice(&new);
    changed.into()
}

fn zigzag(number: i32) -> Vec<u8> {
    let mut rest = number.cast_unsigned() << 1;
    let mut bytes = Vec::new();
    while rest > 0x7f {
        bytes.push((rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    bytes.push(rest as u8);
    bytes
}

#[test]
fn a_page_over_the_limit_is_refused_before_it_is_decompressed() {
    let plain = || zstd().set_dictionary_enabled(false);
    let large = file_of(texts(3, 40 * MIB), plain());
    assert!(large.len() < 30_000);
    assert_refused(&large, &TABLE_FILE, "column `value`: a page has 41943");
    assert_refused(&large, &SUPPLIER_FILE, "over the limit of 16777216");
    let many = file_of(texts(40, 2 * MIB), plain());
    assert_refused(&many, &WHOLE_FILE, "the pages up to here have");
    assert_eq!(read(&many, &TABLE_FILE).unwrap().0, 40);
}

#[test]
fn a_value_that_is_repeated_by_a_dictionary_gives_small_batches() {
    let file = file_of(texts(8_192, MIB / 16), zstd());
    assert!(file.len() < 10_000);
    let (rows, largest) = read(&file, &TABLE_FILE).unwrap();
    assert!(
        rows == 8_192 && largest <= 10 * MIB,
        "{rows} rows, {largest} bytes"
    );
    let (rows, largest) = read(&file, &SUPPLIER_FILE).unwrap();
    assert!(
        rows == 8_192 && largest <= 40 * MIB,
        "{rows} rows, {largest} bytes"
    );
    let error = read_whole(file).unwrap_err().to_string();
    assert!(error.contains("the rows up to here take"), "{error}");
}

#[test]
fn values_that_begin_like_the_one_before_give_small_batches() {
    let properties = zstd()
        .set_dictionary_enabled(false)
        .set_encoding(Encoding::DELTA_BYTE_ARRAY)
        .set_data_page_size_limit(1 << 30)
        .set_write_batch_size(8_192);
    let file = file_of(texts(2_000, MIB / 4), properties);
    assert!(file.len() < 10_000);
    let (rows, largest) = read(&file, &SUPPLIER_FILE).unwrap();
    assert!(
        rows == 2_000 && largest <= 40 * MIB,
        "{rows} rows, {largest} bytes"
    );
}

#[test]
fn runs_of_rows_and_lists_over_the_limit_are_refused() {
    let rows: ArrayRef = Arc::new(Int32Array::new_null(2 * MIB));
    let properties = || zstd().set_max_row_group_row_count(Some(1 << 30));
    let file = file_of(Arc::clone(&rows), properties());
    assert!(file.len() < 20_000);
    assert_refused(
        &file,
        &TABLE_FILE,
        "a row group has 2097152 rows, over the limit",
    );
    assert_refused(
        &file,
        &WHOLE_FILE,
        "a row group has 2097152 rows, over the limit",
    );
    assert_eq!(read(&file, &SUPPLIER_FILE).unwrap().0, 2 * MIB);

    let mut list = ListBuilder::new(Int32Builder::new());
    list.values().append_value_n(7, 4 * MIB);
    list.append(true);
    let file = file_of(Arc::new(list.finish()), properties());
    assert!(file.len() < 20_000);
    assert_refused(&file, &SUPPLIER_FILE, "bytes at once");
}

#[test]
fn a_header_that_lies_is_noticed() {
    // The size: 2 MiB are said to be 128 MiB.
    let plain = zstd().set_dictionary_enabled(false);
    let file = file_of(texts(1, 2 * MIB), plain);
    let stated = 2 * MIB as i32 + 4 + 6;
    let lying = with_header_number(&file, stated, (1 << 27) - 1);
    assert_refused(
        &lying,
        &TABLE_FILE,
        "a page has 134217727 bytes after decompression",
    );
    let lying = with_header_number(&file, stated, stated - 5);
    read(&lying, &TABLE_FILE).unwrap_err();

    // The values of a dictionary: memory is allocated by their number.
    let numbers: ArrayRef = Arc::new(Int32Array::from_iter_values(0..5_000));
    let file = file_of(numbers, zstd());
    let lying = with_header_number(&file, 5_000, 8_000);
    assert_refused(&lying, &TABLE_FILE, "fewer values than it says");
}

#[test]
fn footers_over_the_limits_are_refused() {
    let no_file = Bytes::from_static(b"PAR1 not");
    assert_refused(&no_file, &TABLE_FILE, "does not end as a Parquet file");
    let mut long = file_of(texts(1, 1), zstd()).to_vec();
    let end = long.len() - 8;
    long[end..end + 4].copy_from_slice(&u32::MAX.to_le_bytes());
    assert_refused(
        &long.into(),
        &TABLE_FILE,
        "the footer has 4294967295 bytes, over the limit",
    );

    let fields: Vec<Field> = (0..2_049)
        .map(|number| Field::new(format!("c{number}"), DataType::Int32, true))
        .collect();
    let schema = Arc::new(Schema::new(fields));
    let writer = ArrowWriter::try_new(Vec::new(), schema, None).unwrap();
    let wide = Bytes::from(writer.into_inner().unwrap());
    assert_refused(
        &wide,
        &TABLE_FILE,
        "the file has 2049 columns, over the limit of 2048",
    );
    assert_eq!(read(&wide, &SUPPLIER_FILE).unwrap().0, 0);

    let deep = (0..40).fold(DataType::Int32, |inner, _| {
        DataType::Struct(vec![Field::new("s", inner, true)].into())
    });
    let schema = Arc::new(Schema::new(vec![Field::new("value", deep, true)]));
    let writer = ArrowWriter::try_new(Vec::new(), schema, None).unwrap();
    let deep = Bytes::from(writer.into_inner().unwrap());
    assert_refused(&deep, &SUPPLIER_FILE, "the schema is nested 33 deep");
}

#[test]
fn fixed_values_count_for_rows_that_lack_them() {
    let field = Field::new("value", DataType::FixedSizeBinary(15 << 20), true);
    let schema = Arc::new(Schema::new(vec![field]));
    let column = arrow_array::new_null_array(schema.field(0).data_type(), 4);
    let batch = RecordBatch::try_new(Arc::clone(&schema), vec![column]).unwrap();
    let mut writer = ArrowWriter::try_new(Vec::new(), schema, Some(zstd().build())).unwrap();
    (0..512).for_each(|_| writer.write(&batch).unwrap());
    let file = Bytes::from(writer.into_inner().unwrap());
    let (rows, largest) = read(&file, &SUPPLIER_FILE).unwrap();
    assert!(
        rows == 2_048 && largest <= 40 * MIB,
        "{rows} rows, {largest} bytes"
    );
}

proptest! {
    #[test]
    fn a_damaged_file_is_an_error_and_no_end_of_the_function(
        position in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        cut in any::<prop::sample::Index>(),
    ) {
        let values = (0..2_000).map(|number| (number % 7 > 0).then(|| format!("value {number}")));
        let column: ArrayRef = Arc::new(StringArray::from_iter(values));
        let file = file_of(column, zstd());
        let mut changed = file.to_vec();
        let index = position.index(changed.len());
        changed[index] = byte;
        drop(read(&changed.into(), &TABLE_FILE));
        drop(read(&file.slice(cut.index(file.len())..), &TABLE_FILE));
    }
}
