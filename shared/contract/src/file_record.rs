//! What the readers of files give and need: records, and the columns that a contract expects.

use serde_json::Value;

use crate::backfill::BackfillKeyPart;
use crate::dialect::FileDialect;
use crate::path::{EventPath, PathStep};
use crate::source::SourceContract;

/// A record of a file, with what the file says of it.
#[derive(Clone, Debug, PartialEq)]
pub struct FileRecord {
    /// The record; of one that was deleted, what was left of it.
    pub value: Value,
    /// Whether the file says that the record was deleted.
    pub is_deletion: bool,
    /// When it was changed, in microseconds since 1970, where the file says it beside the record.
    pub changed_micros: Option<i64>,
    /// Its row in a table's file, where the header and what stands before it count.
    pub row: Option<u64>,
}

impl From<Value> for FileRecord {
    fn from(value: Value) -> Self {
        Self {
            value,
            is_deletion: false,
            changed_micros: None,
            row: None,
        }
    }
}

/// A column that a file of the source has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileColumn {
    /// The declared field.
    pub name: String,
    /// Whether a file without it is refused.
    pub is_needed: bool,
}

impl SourceContract {
    /// How the source's files are written.
    #[must_use]
    pub fn file_dialect(&self) -> FileDialect {
        self.files.clone().unwrap_or_default()
    }

    /// The columns of the source's files: the fields of the record that a row of texts can fill.
    /// Where the contract says how files are written, they have all of them, for a column that
    /// went missing would empty its field in every row.
    #[must_use]
    pub fn file_columns(&self) -> Vec<FileColumn> {
        let dialect = self.file_dialect();
        let keys = self.record_key_fields();
        let mut columns = self.declared_record().scalar_fields();
        columns.retain(|(name, _)| !dialect.adds_field(name));
        columns
            .into_iter()
            .map(|(name, is_required)| {
                let is_expected = self.files.is_some() && !dialect.optional.contains(&name);
                let is_needed = is_required || is_expected || keys.contains(&name.as_str());
                FileColumn { name, is_needed }
            })
            .collect()
    }

    /// The fields of a record that hold the parts of its key.
    fn record_key_fields(&self) -> Vec<&str> {
        let paths: Vec<&EventPath> = match &self.backfill {
            Some(backfill) if !self.records_are_events() => {
                let parts = backfill.key.iter();
                parts.filter_map(BackfillKeyPart::path).collect()
            }
            _ => self.paths.key.iter().collect(),
        };
        paths.into_iter().filter_map(first_name).collect()
    }
}

/// The name that a path begins with.
fn first_name(path: &EventPath) -> Option<&str> {
    match path.plain_steps().0?.first()? {
        PathStep::Name(name) => Some(name),
        _ => None,
    }
}
