//! The erasure's seam to the curated zone: rows are erased with the merge's own code.

use std::sync::Arc;

use async_trait::async_trait;
use operations::erase::{CuratedEraser, RedactedObject, StatementRedactor, Subjects};
use snapshot_merge::Context;
use snapshot_merge::erase::{ErasureSelector, erase_curated};
use store::UnreadableObjects;

use crate::error::CliError;

/// Erases rows of the curated zone with the merge's own code.
pub struct SnapshotEraser {
    /// The merge's context.
    pub merge: Context,
    /// What cannot be read is added here.
    pub unreadable: UnreadableObjects,
}

#[async_trait]
impl CuratedEraser for SnapshotEraser {
    async fn erase_rows(
        &self,
        subjects: &Subjects,
        statements: StatementRedactor,
        dry_run: bool,
    ) -> Result<Vec<RedactedObject>, CliError> {
        let selector = ErasureSelector {
            ids: subjects.ids.iter().map(ToString::to_string).collect(),
            records: subjects.records.clone(),
            statements: Some(Arc::new(move |text| statements.redact(text))),
        };
        let matched = erase_curated(&self.merge, &selector, dry_run, &self.unreadable).await?;

        let redacted = matched.into_iter().map(|object| RedactedObject {
            key: object.key,
            rows: object.rows,
        });
        Ok(redacted.collect())
    }
}
