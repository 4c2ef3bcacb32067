//! Parquet, with the same settings everywhere, so that the same rows give the same bytes.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use bytes::Bytes;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::arrow::{ArrowWriter, ProjectionMask};
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{
    BloomFilterPosition, EnabledStatistics, WriterProperties, WriterPropertiesBuilder,
};
use parquet::schema::types::ColumnPath;

use crate::LakeError;
use crate::batch_columns::text_column;
use crate::schema::UNIQUE_VALUE_COLUMNS;

/// The media type of a Parquet file.
pub const PARQUET_MEDIA_TYPE: &str = "application/vnd.apache.parquet";

/// Rows of a row group of a curated file: at about 150 bytes a row some 20 MB, so that a merge
/// holds little.
pub const ROW_GROUP_ROWS: usize = 128 * 1024;

/// Rows of a batch that is read: small enough for bounded memory, large enough for the kernels.
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
/// When the bytes are no Parquet file.
pub fn read_parquet(bytes: Bytes) -> Result<ParquetRecordBatchReader, LakeError> {
    Ok(ParquetRecordBatchReaderBuilder::try_new(bytes)?
        .with_batch_size(BATCH_ROWS)
        .build()?)
}

/// The batches of a file with only these columns of it.
///
/// # Errors
/// When the bytes are no Parquet file.
pub fn read_columns<'c>(
    bytes: Bytes,
    columns: impl IntoIterator<Item = &'c str>,
) -> Result<ParquetRecordBatchReader, LakeError> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(bytes)?;
    let mask = ProjectionMask::columns(builder.parquet_schema(), columns);
    Ok(builder
        .with_projection(mask)
        .with_batch_size(BATCH_ROWS)
        .build()?)
}

/// How many rows a file has. All of it is decoded: a file whose footer is whole may have damaged
/// pages.
///
/// # Errors
/// When the bytes are no Parquet file, or a part of it cannot be decoded.
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
    let mut keys = Vec::new();
    for batch in read_columns(bytes, ["pole_id", "source"])? {
        let batch = batch?;
        let ids = text_column(&batch, "a curated file", "pole_id")?;
        let sources = text_column(&batch, "a curated file", "source")?;

        keys.extend(
            (0..batch.num_rows()).map(|row| format!("{}/{}", ids.value(row), sources.value(row))),
        );
    }
    Ok(keys)
}
