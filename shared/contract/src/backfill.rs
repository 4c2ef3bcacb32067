//! Backfill: which paths in a record of a file give the key, time and version of its event.

use crate::extension::BackfillDocument;
use crate::locator::ProblemLocator;
use crate::path::EventPath;
use crate::problem::Problem;

/// The paths in a record of a file from which its event is built.
#[derive(Debug)]
pub struct CompiledBackfill {
    pub(crate) event_type: String,
    pub(crate) key: Vec<EventPath>,
    pub(crate) time: Option<EventPath>,
    /// When a record changed that has no time, in microseconds since 1970.
    pub(crate) time_default: i64,
    pub(crate) version: Option<EventPath>,
}

impl CompiledBackfill {
    /// Compiles the contract's part `backfill`.
    pub(crate) fn compile(
        document: &BackfillDocument,
        locator: &ProblemLocator<'_>,
    ) -> Result<Self, Problem> {
        let time_default = locator.parse_instant("time_default", Some(&document.time_default))?;

        Ok(Self {
            event_type: document.event_type.clone(),
            key: locator.parse_paths(&document.key)?,
            time: locator.parse_optional_path(document.time.as_deref())?,
            time_default: time_default.unwrap_or_default(),
            version: locator.parse_optional_path(document.version.as_deref())?,
        })
    }
}
