//! The seam to the curated zone: snapshots are the merge's own, and its code removes rows from
//! them.

use async_trait::async_trait;

use super::statement_redactor::StatementRedactor;
use super::subjects::Subjects;
use crate::error::OperationError;

/// An object from which an erasure removed rows or records.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RedactedObject {
    /// Its key.
    pub key: String,
    /// Rows or records that were removed or redacted.
    pub rows: u64,
}

/// Erases rows of the curated zone.
#[async_trait]
pub trait CuratedEraser: Send + Sync {
    /// Removes from every retained version every row that names one of the subjects' ids, or that
    /// one of their records made ([`Subjects::is_about`]), and redacts the statements of other
    /// records that mention them. A second call does no harm. With `dry_run` it says what it would
    /// remove and writes nothing.
    ///
    /// # Errors
    /// When the storage does not answer or an object is damaged.
    async fn erase_rows(
        &self,
        subjects: &Subjects,
        statements: StatementRedactor,
        dry_run: bool,
    ) -> Result<Vec<RedactedObject>, OperationError>;
}
