//! Backfill: which paths in a record of a file give the key, time and version of its event.

use crate::event_time::EventClock;
use crate::extension::BackfillDocument;
use crate::locator::ProblemLocator;
use crate::path::EventPath;
use crate::problem::Problem;

/// The paths in a record of a file from which its event is built.
#[derive(Debug)]
pub struct CompiledBackfill {
    pub(crate) event_type: String,
    pub(crate) key: Vec<EventPath>,
    /// When a record changed.
    pub(crate) clock: EventClock,
    pub(crate) version: Option<EventPath>,
}

impl CompiledBackfill {
    /// Compiles the contract's part `backfill`.
    pub(crate) fn compile(
        document: &BackfillDocument,
        locator: &ProblemLocator<'_>,
    ) -> Result<Self, Problem> {
        Ok(Self {
            event_type: document.event_type.clone(),
            key: locator.parse_paths(&document.key)?,
            clock: EventClock::compile(
                document.time.as_ref(),
                ("time_default", Some(&document.time_default)),
                locator,
            )?,
            version: locator.parse_optional_path(document.version.as_deref())?,
        })
    }
}
