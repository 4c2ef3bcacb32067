//! What every reader of records gives.

use std::fmt;

use contract::{FileColumn, FileDialect, FileRecord, SourceContract};

/// Why a record, or a whole file, cannot be read: its place, what was found, and what would help.
/// It never holds a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordFault {
    /// The reason.
    pub why: String,
    /// Whether it is the file that does not fit, and not one of its records: nothing of it is sent
    /// then.
    pub is_of_file: bool,
}

impl RecordFault {
    /// A fault of one record: those behind it can be read.
    pub(super) fn of_record(why: impl Into<String>) -> Self {
        Self {
            why: why.into(),
            is_of_file: false,
        }
    }

    /// A fault of the whole file.
    pub(super) fn of_file(why: impl Into<String>) -> Self {
        Self {
            why: why.into(),
            is_of_file: true,
        }
    }
}

impl fmt::Display for RecordFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

/// A record, or why it cannot be read.
pub type BackfillRecord = Result<FileRecord, RecordFault>;

/// The records of a file, in their order.
pub(super) type RecordIterator = Box<dyn Iterator<Item = BackfillRecord> + Send>;

/// How a file is to be read.
#[derive(Clone, Debug, Default)]
pub struct FileExpectation {
    /// How it is written.
    pub dialect: FileDialect,
    /// The columns that it has; none where nothing is declared yet.
    pub columns: Vec<FileColumn>,
}

impl FileExpectation {
    /// What a contract says of its source's files.
    #[must_use]
    pub fn of_contract(contract: &SourceContract) -> Self {
        Self {
            dialect: contract.file_dialect(),
            columns: contract.file_columns(),
        }
    }
}
