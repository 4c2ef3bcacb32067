//! Forgetting a person, or any record: in every zone and every kept version, and for every replay.
//!
//! `subject` finds out who is meant, `survey` looks at everything and changes nothing, `apply` writes what the survey
//! found: the list of who is forgotten first, so that no replay brings them back, then refined rows, quarantine and
//! receipts, then raw records, then the curated zone through the seam [`CuratedEraser`], and the erasure's own receipt last. A run
//! that broke off is finished by the next one (docs/adr/0020).

mod apply;
mod classify;
mod curated;
mod erasure_list;
mod erasure_receipt;
mod examine;
mod inventory;
mod outcome;
mod plan;
mod quarantine;
mod raw;
mod reconciliation;
mod redact;
mod refined;
mod row_ids;
mod search_terms;
mod subject;

use crate::LakeHandle;
use crate::OperationError;

pub use curated::{CuratedEraser, RedactedObject};
pub use outcome::{ErasureOutcome, ManualRedaction};
pub use redact::{Redaction, redact};
pub use subject::{RequestedSubject, Subjects};

/// Who is to be forgotten, and how far.
pub struct LakeErasureRequest {
    /// Who.
    pub subject: RequestedSubject,
    /// Whether a record that only mentions them, and cannot be mended, goes entirely.
    pub full_records: bool,
}

/// Says what an erasure would do, and writes nothing.
///
/// # Errors
/// When the storage does not answer or an object is damaged.
pub async fn dry_run(
    zones: &LakeHandle,
    request: &LakeErasureRequest,
    curated: &dyn CuratedEraser,
) -> Result<ErasureOutcome, OperationError> {
    Ok(plan::plan_erasure(zones, request, curated)
        .await?
        .planned_outcome())
}

/// Erases. `now` is the moment of the erasure, in microseconds since 1970: events up to it are suppressed from then on.
///
/// # Errors
/// When the storage does not answer, an object is damaged, or one was changed at the same moment. What was done until then
/// stays done, and the same command does the rest.
pub async fn erase_subjects(
    zones: &LakeHandle,
    request: &LakeErasureRequest,
    curated: &dyn CuratedEraser,
    now: i64,
) -> Result<ErasureOutcome, OperationError> {
    let survey = plan::plan_erasure(zones, request, curated).await?;
    if survey.is_empty() {
        return Ok(survey.planned_outcome());
    }
    apply::apply_plan(zones, &survey, curated, now).await
}
