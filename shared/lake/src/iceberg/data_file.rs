//! A file of a day, as its Iceberg manifest names it.

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
}
