//! Parquet, with the same settings everywhere, so that the same rows give the same bytes.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_array::types::Int64Type;
use arrow_schema::SchemaRef;
use bytes::Bytes;
use contract::TableContract;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{
    BloomFilterPosition, EnabledStatistics, WriterProperties, WriterPropertiesBuilder,
};
use parquet::schema::types::ColumnPath;

use crate::LakeError;
use crate::batch_columns::{primitive_column, text_column};
use crate::bounds::{BoundedBatches, collect_batches};
use crate::limits::{REFINED_DECODED_MAX, TABLE_FILE, WHOLE_FILE, WHOLE_FILE_DECODED_MAX};
use crate::schema::UNIQUE_VALUE_COLUMNS;

/// The media type of a Parquet file.
pub const PARQUET_MEDIA_TYPE: &str = "application/vnd.apache.parquet";

/// Rows of a row group of a curated file: at about 150 bytes a row some 20 MB, so that a merge
/// holds little.
pub const ROW_GROUP_ROWS: usize = 128 * 1024;

/// Rows of a batch that is read: small enough for bounded memory, large enough for the kernels.
/// Batches of large values have fewer.
pub const BATCH_ROWS: usize = 8 * 1024;

/// Settings that all files share. No time and no machine is in them.
fn base_properties() -> WriterPropertiesBuilder {
    let unique = UNIQUE_VALUE_COLUMNS
        .iter()
        .map(|name| ColumnPath::from(*name));
    let builder = WriterProperties::builder()
        .set_created_by("polelake".into())
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS));
    unique.fold(builder, |builder, path| {
        builder.set_column_dictionary_enabled(path, false)
    })
}

/// Settings of a refined increment.
#[must_use]
pub fn refined_properties() -> WriterProperties {
    // Increments are read once and in full: no reader would use statistics of their pages.
    base_properties()
        .set_statistics_enabled(EnabledStatistics::None)
        .build()
}

/// Settings of a raw object: values are new in every row and are not worth a dictionary or
/// statistics.
#[must_use]
pub fn raw_properties(metadata: Vec<KeyValue>) -> WriterProperties {
    let builder = base_properties()
        .set_key_value_metadata(Some(metadata))
        .set_statistics_enabled(EnabledStatistics::None)
        .set_column_encoding(ColumnPath::from("offset"), Encoding::DELTA_BINARY_PACKED)
        .set_column_dictionary_enabled(ColumnPath::from("timestamp"), false);

    ["key", "value", "headers"]
        .into_iter()
        .fold(builder, |builder, name| {
            builder.set_column_dictionary_enabled(ColumnPath::from(name), false)
        })
        .build()
}

/// Settings of a curated shard: statistics and page index for pruning, a bloom filter on the key.
/// The filters are stored with the indexes at the file's end, so that one fetch brings all that is
/// needed to copy a row group.
#[must_use]
pub fn curated_properties() -> WriterProperties {
    base_properties()
        .set_column_bloom_filter_enabled(ColumnPath::from("pole_id"), true)
        .set_bloom_filter_position(BloomFilterPosition::End)
        // Ids of events are in no order: their minimum and maximum would let a reader skip nothing.
        .set_column_statistics_enabled(ColumnPath::from("source_event_id"), EnabledStatistics::None)
        .build()
}

/// Settings of a table's files of rows. Only merges read those of a record table.
#[must_use]
pub fn stored_properties(table: &TableContract) -> WriterProperties {
    if table.holds_records() {
        sorted_properties()
    } else {
        curated_properties()
    }
}

/// Settings of what a merge keeps for itself, sorted by owner: statistics name only the owners of a
/// row group.
#[must_use]
pub fn sorted_properties() -> WriterProperties {
    base_properties()
        .set_statistics_enabled(EnabledStatistics::None)
        .set_column_statistics_enabled(ColumnPath::from("owner_id"), EnabledStatistics::Chunk)
        .build()
}

/// The bytes of a file with these batches.
///
/// # Errors
/// When the batches do not fit the schema.
pub fn write_parquet(
    schema: &SchemaRef,
    batches: &[RecordBatch],
    properties: WriterProperties,
) -> Result<Bytes, LakeError> {
    let mut writer = ArrowWriter::try_new(Vec::new(), Arc::clone(schema), Some(properties))?;
    for batch in batches {
        writer.write(batch)?;
    }
    Ok(Bytes::from(writer.into_inner()?))
}

/// The batches of a file, decoded one at a time.
///
/// # Errors
/// When the bytes are no Parquet file, or its footer is over a limit.
pub fn read_parquet(bytes: Bytes) -> Result<BoundedBatches<Bytes>, LakeError> {
    BoundedBatches::open(bytes, &TABLE_FILE, None)
}

/// The batches of a file with only these columns of it.
///
/// # Errors
/// When the bytes are no Parquet file, or its footer is over a limit.
pub fn read_columns<'c>(
    bytes: Bytes,
    columns: impl IntoIterator<Item = &'c str>,
) -> Result<BoundedBatches<Bytes>, LakeError> {
    let columns: Vec<&str> = columns.into_iter().collect();
    BoundedBatches::open(bytes, &TABLE_FILE, Some(&columns))
}

/// All batches of a raw or quarantine object, or of a day's measures, which are held whole.
///
/// # Errors
/// When the bytes are no Parquet file, or it is over a limit.
pub(crate) fn read_whole(bytes: Bytes) -> Result<Vec<RecordBatch>, LakeError> {
    let batches = BoundedBatches::open(bytes, &WHOLE_FILE, None)?;
    collect_batches(batches, WHOLE_FILE_DECODED_MAX)
}

/// All batches of a refined object.
///
/// # Errors
/// When the bytes are no Parquet file, or it is over a limit.
pub fn read_refined(bytes: Bytes) -> Result<Vec<RecordBatch>, LakeError> {
    collect_batches(read_parquet(bytes)?, REFINED_DECODED_MAX)
}

/// How many rows a file has. All of it is decoded: a file whose footer is whole may have damaged
/// pages.
///
/// # Errors
/// When the bytes are no Parquet file, or a part of it cannot be decoded or is over a limit.
pub fn decode_all(bytes: Bytes) -> Result<u64, LakeError> {
    let mut rows = 0;
    for batch in read_parquet(bytes)? {
        rows += batch?.num_rows() as u64;
    }
    Ok(rows)
}

/// The keys of a curated file's rows, `pole_id/source` each. No other column is decoded.
///
/// # Errors
/// When the bytes are no curated file.
pub fn read_row_keys(bytes: Bytes) -> Result<Vec<String>, LakeError> {
    read_joined_columns(bytes, ["pole_id", "source"])
}

/// The keys of the statements of a file of records, `owner_id/owner_set/source_event_id` each. No
/// other column is decoded.
///
/// # Errors
/// When the bytes are no file of records.
pub fn read_statement_keys(bytes: Bytes) -> Result<Vec<String>, LakeError> {
    read_joined_columns(bytes, ["owner_id", "owner_set", "source_event_id"])
}

/// The offset of each row of an event in a refined object. No other column than those of event ids
/// and offsets is decoded.
///
/// # Errors
/// When the bytes are no refined object.
pub fn read_event_offsets(bytes: Bytes, event_id: &str) -> Result<Vec<i64>, LakeError> {
    let file = "a refined object";
    let mut found = Vec::new();
    for batch in read_columns(bytes, ["source_event_id", "offset"])? {
        let batch = batch?;
        let ids = text_column(&batch, file, "source_event_id")?;
        let offsets = primitive_column::<Int64Type>(&batch, file, "offset")?;
        let rows = (0..batch.num_rows()).filter(|row| ids.value(*row) == event_id);
        found.extend(rows.map(|row| offsets.value(row)));
    }
    Ok(found)
}

/// The values of text columns, those of a row joined by slashes.
fn read_joined_columns<const COLUMNS: usize>(
    bytes: Bytes,
    names: [&str; COLUMNS],
) -> Result<Vec<String>, LakeError> {
    let mut joined = Vec::new();
    for batch in read_columns(bytes, names)? {
        let batch = batch?;
        let mut columns = Vec::with_capacity(COLUMNS);
        for name in names {
            columns.push(text_column(&batch, "a curated file", name)?);
        }
        joined.extend((0..batch.num_rows()).map(|row| {
            let values: Vec<&str> = columns.iter().map(|column| column.value(row)).collect();
            values.join("/")
        }));
    }
    Ok(joined)
}
