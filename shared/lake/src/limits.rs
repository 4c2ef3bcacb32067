//! How much is read of what others wrote. A file of 3 kB can hold 1.5 GB of values, and the
//! functions have 512 MB: every size is known, and refused, before memory is allocated for it.

use crate::{Chunk, EventIndexPart, LakeError};

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

/// Bytes of a value: of a record, a line, a field or a cell. The largest event has as many.
pub const VALUE_BYTES_MAX: usize = contract::EVENT_BYTES_MAX;

/// Columns of a CSV file.
pub const CSV_COLUMNS_MAX: usize = 10_000;

/// Bytes of the texts that the cells of a workbook share, which are held at once.
pub const WORKBOOK_TEXTS_BYTES_MAX: u64 = 64 * MIB;

/// Bytes of an answer of this platform: Lambda gives 6 MB at most.
pub const ANSWER_BYTES_MAX: usize = 16 << 20;
/// Bytes of an API's page.
pub const API_PAGE_BYTES_MAX: usize = 16 << 20;
/// Records of an API's page.
pub const API_PAGE_RECORDS_MAX: usize = 100_000;

/// Bytes of a raw object, as it is stored. Lambda delivers 6 MB of records at most.
pub const RAW_OBJECT_BYTES_MAX: u64 = 32 * MIB;

/// Bytes that the rows of a raw or quarantine object take in memory.
pub(crate) const WHOLE_FILE_DECODED_MAX: u64 = 64 * MIB;

/// Bytes that the rows of a refined object take in memory: what the transform held when it wrote
/// them.
pub const REFINED_DECODED_MAX: u64 = 192 * MIB;

/// Bytes of a JSON document or an Iceberg manifest. The largest, the list of erased people, has
/// some 100 bytes for each.
pub const DOCUMENT_BYTES_MAX: u64 = 32 * MIB;

/// Bytes of every other object that is fetched in one piece: a shard's file has at most 512 MB.
pub const TABLE_OBJECT_BYTES_MAX: u64 = 1024 * MIB;

/// Bytes of page indexes and bloom filters at the end of a curated file: a row group has some 1.1
/// MB of them.
pub(crate) const FILE_TAIL_BYTES_MAX: u64 = 128 * MIB;

/// Bytes of all page indexes of a file: decoded they take 24 bytes for one.
pub(crate) const PAGE_INDEX_BYTES_MAX: u64 = 8 * MIB;

/// How the keys of documents end.
const DOCUMENT_ENDINGS: [&str; 3] = [".json", ".avro", ".txt"];

/// The largest object that is read from `key`.
#[must_use]
pub fn object_bytes_max(key: &str) -> u64 {
    if Chunk::from_raw_key(key).is_some() {
        RAW_OBJECT_BYTES_MAX
    } else if key.starts_with(EventIndexPart::prefix()) {
        EventIndexPart::BYTES_MAX
    } else if DOCUMENT_ENDINGS.iter().any(|ending| key.ends_with(ending)) {
        DOCUMENT_BYTES_MAX
    } else {
        TABLE_OBJECT_BYTES_MAX
    }
}

/// Refuses a document before it is parsed: JSON's parser takes some ten times a document's bytes.
///
/// # Errors
/// When it has more than [`DOCUMENT_BYTES_MAX`].
pub fn check_document_size(bytes: &[u8]) -> Result<(), LakeError> {
    check_limit(
        "the document has",
        bytes.len() as u64,
        DOCUMENT_BYTES_MAX,
        "bytes",
    )
}

/// Bounds of a Parquet file. All bytes are those after decompression.
#[derive(Clone, Copy, Debug)]
pub struct ParquetLimits {
    /// Bytes of the footer, as they are stored. Decoded, a column chunk of 22 bytes takes 500.
    pub footer_bytes: u64,
    /// Columns, those within lists and structs included.
    pub columns: u64,
    /// Rows of a row group.
    pub group_rows: u64,
    /// Rows of the file.
    pub file_rows: u64,
    /// Bytes of all pages.
    pub file_bytes: u64,
    /// Bytes of a page, a dictionary included. No value is larger.
    pub page_bytes: u64,
    /// Bytes that a row group's columns hold at once: a page and a dictionary of each column, and
    /// all values of columns within lists, for one row may have all of them.
    pub held_bytes: u64,
    /// Bytes of a batch of decoded rows.
    pub batch_bytes: u64,
    /// Rows of a batch.
    pub batch_rows: u64,
    /// What a value takes beside its own bytes.
    pub value_overhead: u64,
}

/// Bounds of refined, quarantine and curated files, whose batches are read one after the other.
pub const TABLE_FILE: ParquetLimits = ParquetLimits {
    footer_bytes: 4 * MIB,
    columns: 2_048,
    group_rows: MIB,
    file_rows: 1_000 * MIB,
    file_bytes: 1_024 * 1_024 * MIB,
    page_bytes: 16 * MIB,
    held_bytes: 128 * MIB,
    batch_bytes: 4 * MIB,
    batch_rows: 8 * KIB,
    value_overhead: 16,
};

/// Bounds of files that are held whole: raw and quarantine objects have the records of one Lambda
/// payload, 6 MB.
pub const WHOLE_FILE: ParquetLimits = ParquetLimits {
    group_rows: 128 * KIB,
    file_rows: 128 * KIB,
    file_bytes: 32 * MIB,
    held_bytes: 64 * MIB,
    ..TABLE_FILE
};

/// Bounds of a supplier's file. Its rows become JSON, which takes several times the bytes.
pub const SUPPLIER_FILE: ParquetLimits = ParquetLimits {
    footer_bytes: 8 * MIB,
    columns: 10_000,
    group_rows: 64 * MIB,
    file_rows: u64::MAX,
    file_bytes: u64::MAX,
    page_bytes: 16 * MIB,
    held_bytes: 128 * MIB,
    batch_bytes: 16 * MIB,
    batch_rows: KIB,
    value_overhead: 128,
};

/// Refuses what is over its limit. `what` ends with `has` or the like: the numbers and `unit`
/// follow.
pub(crate) fn check_limit(what: &str, found: u64, limit: u64, unit: &str) -> Result<(), LakeError> {
    if found <= limit {
        return Ok(());
    }
    Err(LakeError::OverLimit(format!(
        "{what} {found} {unit}, over the limit of {limit}"
    )))
}
