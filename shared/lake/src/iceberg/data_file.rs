//! A file of a day, as its Iceberg manifest names it.

use std::collections::BTreeMap;

/// A Parquet file of a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataFile {
    /// Its full key.
    pub key: String,
    /// Rows in it.
    pub rows: u64,
    /// Bytes of it.
    pub bytes: u64,
    /// The minimum and the maximum `owner_id` in it, or wider bounds of them, where known: readers
    /// skip files by them.
    pub owners: Option<(String, String)>,
    /// What planners know of its columns, by field id; empty where nothing is known.
    pub columns: BTreeMap<i32, ColumnCounts>,
}

/// What planners know of a column of a file. Bounds are not among it: those of a personal column
/// are people's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ColumnCounts {
    /// Bytes of the column in the file, compressed.
    pub bytes: u64,
    /// Rows without a value, where that was measured.
    pub nulls: Option<u64>,
}
