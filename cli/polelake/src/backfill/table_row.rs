//! A row of a table's file.

/// A row as it stands in the file.
pub(super) struct TableRow {
    /// Its number in the file, from 1.
    pub(super) number: u64,
    pub(super) cells: Vec<String>,
    /// The columns, from 1, in which a formula has failed.
    pub(super) failed_cells: Vec<usize>,
}

/// The rows of a file, each or why the file ends there.
pub(super) type TableRowIterator = Box<dyn Iterator<Item = Result<TableRow, String>> + Send>;
