//! Backfill: where a record of a file says what its event must say.

use crate::extension::BackfillDocument;
use crate::locator::ProblemLocator;
use crate::path::EventPath;
use crate::problem::Problem;

/// Where a record says what its event must say.
#[derive(Debug)]
pub struct CompiledBackfill {
    pub(crate) event_type: String,
    pub(crate) key: Vec<EventPath>,
    pub(crate) time: Option<EventPath>,
    pub(crate) time_default: i64,
    pub(crate) version: Option<EventPath>,
}

impl CompiledBackfill {
    pub(crate) fn compile(
        document: BackfillDocument,
        written: &ProblemLocator<'_>,
    ) -> Result<Self, Problem> {
        let path = |text: &Option<String>| {
            text.as_deref()
                .map(|text| written.parse_path(text))
                .transpose()
        };
        Ok(Self {
            key: written.parse_paths(&document.key)?,
            time: path(&document.time)?,
            time_default: written
                .parse_instant("time_default", Some(&document.time_default))?
                .unwrap_or_default(),
            version: path(&document.version)?,
            event_type: document.event_type,
        })
    }
}
