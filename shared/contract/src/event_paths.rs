//! Where an event of a source holds what every event has: id, type, version, key and record. Its
//! time is in `event_time`.

use crate::extension::{EnvelopeDefaults, SourceExtension};
use crate::locator::ProblemLocator;
use crate::path::EventPath;
use crate::problem::Problem;

/// The paths of a source's events, and the values of events that lack one.
#[derive(Debug)]
pub(crate) struct EventPaths {
    /// The parts of the record's key.
    pub(crate) key: Vec<EventPath>,
    /// The event's id. None where the platform derives the id from the event's bytes.
    pub(crate) id: Option<EventPath>,
    /// The event's type.
    pub(crate) event_type: Option<EventPath>,
    /// The type of an event that names none.
    pub(crate) event_type_default: Option<String>,
    /// The record's version.
    pub(crate) version: Option<EventPath>,
    /// The record: the first of these paths that holds a value.
    pub(crate) body: Vec<EventPath>,
    /// The record of a deletion, where the source writes it to another member.
    pub(crate) delete_body: Vec<EventPath>,
    /// The record's full state, which the relay or a backfill adds.
    pub(crate) state: Option<EventPath>,
}

impl EventPaths {
    /// Compiles the paths of a source; the envelope gives those that the contract leaves out.
    pub(crate) fn compile(
        extension: &SourceExtension,
        locator: &ProblemLocator<'_>,
    ) -> Result<Self, Problem> {
        let defaults = EnvelopeDefaults::for_envelope(extension.envelope);
        let parse = |text: Option<&str>| locator.parse_optional_path(text);

        Ok(Self {
            state: parse(extension.state.as_deref())?,
            key: locator.parse_paths(&extension.key)?,
            id: parse(extension.event_id.as_deref().or(defaults.id))?,
            event_type: parse(extension.event_type.as_deref().or(defaults.kind))?,
            event_type_default: default_event_type(extension),
            version: parse(extension.version.as_deref())?,
            body: if extension.body.is_empty() {
                vec![locator.parse_path(defaults.body)?]
            } else {
                locator.parse_paths(&extension.body)?
            },
            delete_body: locator.parse_paths(&extension.delete_body)?,
        })
    }

    /// Every path, for checks against the declared structure.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &EventPath> {
        let optional = [&self.id, &self.event_type, &self.version, &self.state];
        let records = self.body.iter().chain(&self.delete_body);
        self.key
            .iter()
            .chain(records)
            .chain(optional.into_iter().flatten())
    }

    /// The paths that lead to a record, in all forms that an event can carry it.
    pub(crate) fn records(&self) -> impl Iterator<Item = &EventPath> {
        self.state.iter().chain(&self.body).chain(&self.delete_body)
    }
}

/// The type of an event that names none: the declared default, or the only type that there is.
fn default_event_type(extension: &SourceExtension) -> Option<String> {
    let declared = extension.event_type_default.clone();
    let only_type = extension
        .events
        .keys()
        .next()
        .filter(|_| extension.events.len() == 1);
    declared.or_else(|| only_type.cloned())
}
