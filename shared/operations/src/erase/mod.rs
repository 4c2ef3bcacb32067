//! Forgetting a person, or any record: in every zone and every kept version, and for every replay.
//!
//! `subject` finds out who is meant, `survey` looks at everything and changes nothing, `apply` writes what the survey
//! found: the list of who is forgotten first, so that no replay brings them back, then refined rows, quarantine and
//! receipts, then raw records, then the curated zone through the seam [`Curated`], and the erasure's own receipt last. A run
//! that broke off is finished by the next one (docs/adr/0020).

mod apply;
mod books;
mod curated;
mod examine;
mod ids;
mod inventory;
mod judge;
mod list;
mod needles;
mod outcome;
mod quarantine;
mod raw;
mod receipt;
mod redact;
mod refined;
mod subject;
mod survey;

use crate::Failed;
use crate::Zones;

pub use curated::{Curated, Touched};
pub use outcome::{ByHand, Outcome};
pub use redact::{Redaction, redact};
pub use subject::{Subjects, Wanted};

/// Who is to be forgotten, and how far.
pub struct Request {
    /// Who.
    pub wanted: Wanted,
    /// Whether a record that only mentions them, and cannot be mended, goes entirely.
    pub whole_records: bool,
}

/// Says what an erasure would do, and writes nothing.
///
/// # Errors
/// When the storage does not answer or an object is damaged.
pub async fn dry_run(
    zones: &Zones,
    request: &Request,
    curated: &dyn Curated,
) -> Result<Outcome, Failed> {
    Ok(survey::survey(zones, request, curated).await?.outcome())
}

/// Erases. `now` is the moment of the erasure, in microseconds since 1970: events up to it are suppressed from then on.
///
/// # Errors
/// When the storage does not answer, an object is damaged, or one was changed at the same moment. What was done until then
/// stays done, and the same command does the rest.
pub async fn erase(
    zones: &Zones,
    request: &Request,
    curated: &dyn Curated,
    now: i64,
) -> Result<Outcome, Failed> {
    let survey = survey::survey(zones, request, curated).await?;
    if survey.is_nothing() {
        return Ok(survey.outcome());
    }
    apply::apply(zones, &survey, curated, now).await
}
