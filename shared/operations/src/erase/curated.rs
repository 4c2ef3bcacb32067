//! The seam to the curated zone: snapshots are the merge's own, and it knows how to take rows out of them.

use async_trait::async_trait;

use super::subjects::Subjects;
use crate::error::OperationError;

/// An object from which something was taken.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RedactedObject {
    /// Its key.
    pub key: String,
    /// Rows, or records, that are gone from it or were redacted.
    pub rows: u64,
}

/// What erases rows of the curated zone.
#[async_trait]
pub trait CuratedEraser: Send + Sync {
    /// Takes every row out of every kept version that names one of the subjects' ids or was made by one of their records
    /// ([`Subjects::is_about`]). Does it again without harm. With `dry_run` it says what would be done and writes nothing.
    ///
    /// # Errors
    /// When the storage does not answer or an object is damaged.
    async fn erase_rows(
        &self,
        subjects: &Subjects,
        dry_run: bool,
    ) -> Result<Vec<RedactedObject>, OperationError>;
}
