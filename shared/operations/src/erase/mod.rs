//! Erases a person, or any record: in every zone and every kept version, and for every replay.
//!
//! `subject_search` finds the subjects. `plan` examines every object and changes nothing. `apply`
//! writes what the plan found: the list of erased subjects first, so that no replay brings them
//! back, then refined rows, quarantine and receipts, then raw records, then the curated zone
//! through the seam [`CuratedEraser`], and the erasure's own receipt last. When a run breaks off,
//! the next one finishes it (docs/adr/0020). An object that cannot be read stops nothing: it is
//! named in the outcome, and the erasure stays unfinished until a run finds none.

mod apply;
mod classify;
mod curated;
mod erasure_list;
mod erasure_receipt;
mod erasure_zone;
mod examine;
mod free_text;
mod free_text_request;
mod inventory;
mod mention_matcher;
mod outcome;
mod plan;
mod quarantine;
mod raw;
mod reconciliation;
mod redact;
mod refined;
mod request;
mod row_files;
mod row_ids;
mod search_terms;
mod statement_redactor;
mod subject_search;
mod subjects;

use crate::error::OperationError;
use crate::lake_handle::LakeHandle;

pub use curated::{CuratedEraser, RedactedObject};
pub use free_text::{CandidateReason, TextCandidate};
pub use free_text_request::FreeTextRequest;
pub use mention_matcher::MentionMatcher;
pub use outcome::{ErasureOutcome, FreeTextOutcome, ManualRedaction};
pub use redact::{MentionGrain, Redaction, redact};
pub use request::{LakeErasureRequest, MentionPolicy, RequestedSubject};
pub use statement_redactor::StatementRedactor;
pub use subjects::Subjects;

/// Says what an erasure would do, and writes nothing.
///
/// # Errors
/// When the storage does not answer.
pub async fn dry_run(
    lake: &LakeHandle,
    request: &LakeErasureRequest,
    curated: &dyn CuratedEraser,
) -> Result<ErasureOutcome, OperationError> {
    let plan = plan::plan_erasure(lake, request, curated).await?;

    Ok(plan.planned_outcome())
}

/// Erases. `now` is the moment of the erasure, in microseconds since 1970: from then on events up
/// to it are suppressed.
///
/// # Errors
/// When the storage does not answer, the erasure list cannot be read, or another writer changed an
/// object at the same moment. What was done until then stays done, and the same command does the
/// rest.
pub async fn erase_subjects(
    lake: &LakeHandle,
    request: &LakeErasureRequest,
    curated: &dyn CuratedEraser,
    now: i64,
) -> Result<ErasureOutcome, OperationError> {
    let plan = plan::plan_erasure(lake, request, curated).await?;
    if plan.is_empty() {
        let mut outcome = plan.planned_outcome();
        // The receipt of the earlier erasure does not say that free text was searched since.
        if let Some(earlier) = plan.earlier.filter(|_| plan.free_text.searched) {
            outcome.receipt =
                erasure_receipt::write_erasure_receipt(lake, earlier, now, &outcome).await?;
        }
        return Ok(outcome);
    }

    apply::apply_plan(lake, &plan, curated, now).await
}
