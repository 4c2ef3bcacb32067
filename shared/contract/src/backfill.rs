//! Backfill: which paths in a record of a file give the key, time and version of its event.

use crate::event_time::{ClockMembers, EventClock};
use crate::extension::BackfillDocument;
use crate::locator::ProblemLocator;
use crate::path::EventPath;
use crate::problem::Problem;

/// The paths in a record of a file from which its event is built.
#[derive(Debug)]
pub struct CompiledBackfill {
    pub(crate) event_type: String,
    /// The event type of a record that a file says to be deleted.
    pub(crate) delete_event_type: Option<String>,
    pub(crate) key: Vec<BackfillKeyPart>,
    /// When a record changed.
    pub(crate) clock: EventClock,
    pub(crate) version: Option<EventPath>,
}

/// What is a part of the key of a record of a file.
#[derive(Debug)]
pub(crate) enum BackfillKeyPart {
    /// A value of the record.
    Path(EventPath),
    /// The record's row in its file, for rows that have no key of their own.
    RowNumber,
    /// The file's name: rows of several files are then different records.
    FileName,
}

impl BackfillKeyPart {
    fn parse(text: &str, locator: &ProblemLocator<'_>) -> Result<Self, Problem> {
        match text {
            "row-number" => Ok(Self::RowNumber),
            "file-name" => Ok(Self::FileName),
            path => locator.parse_path(path).map(Self::Path),
        }
    }

    /// The path, where the part is a value of the record.
    pub(crate) fn path(&self) -> Option<&EventPath> {
        match self {
            Self::Path(path) => Some(path),
            Self::RowNumber | Self::FileName => None,
        }
    }
}

/// The place of a record in a file.
#[derive(Clone, Copy, Debug)]
pub struct FilePlace<'f> {
    /// What tells the file's content from any other: its digest.
    pub digest: &'f str,
    /// The file's name, without its folder.
    pub name: &'f str,
    /// The record's number in the file, from 1.
    pub row: u64,
}

impl CompiledBackfill {
    /// Compiles the contract's part `backfill`.
    pub(crate) fn compile(
        document: &BackfillDocument,
        locator: &ProblemLocator<'_>,
    ) -> Result<Self, Problem> {
        Ok(Self {
            event_type: document.event_type.clone(),
            delete_event_type: document.delete_event_type.clone(),
            key: document
                .key
                .iter()
                .map(|text| BackfillKeyPart::parse(text, locator))
                .collect::<Result<_, _>>()?,
            clock: EventClock::compile(
                document.time.as_ref(),
                Some(&document.time_default),
                &ClockMembers::BACKFILL,
                locator,
            )?,
            version: locator.parse_optional_path(document.version.as_deref())?,
        })
    }
}
