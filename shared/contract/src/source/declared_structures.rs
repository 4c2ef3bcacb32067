//! What a source's contract declares an event, and the record within it, to be.

use crate::extension::{Envelope, SourceExtension};
use crate::fetch::FETCHED_MEMBER;
use crate::odcs::{Property, SchemaObject};
use crate::structure::DeclaredStructure;

/// The declared structures of a source.
pub(super) struct DeclaredStructures {
    /// What an event is declared to be.
    pub(super) event: DeclaredStructure,
    /// What the record within it is declared to be, where an object of its own describes it.
    pub(super) record: Option<DeclaredStructure>,
}

impl DeclaredStructures {
    /// The structures that the objects of a contract's schema declare.
    pub(super) fn of(schema: &[SchemaObject], extension: &SourceExtension) -> Self {
        let record = extension.record.as_deref();
        let mut structures = Self {
            event: event_structure(schema, record, extension.fetch.is_some()),
            record: record_structure(schema, record),
        };
        if extension.envelope == Envelope::Csv {
            structures.event.accept_texts();
            structures
                .record
                .iter_mut()
                .for_each(DeclaredStructure::accept_texts);
        }
        structures
    }

    /// Whether any field is read with a declared leniency.
    pub(super) fn are_lenient(&self) -> bool {
        let mut all = self.record.iter().chain([&self.event]);
        all.any(DeclaredStructure::has_leniency)
    }
}

/// The declared structure of the event: the first object of the schema that does not describe the
/// record.
fn event_structure(
    schema: &[SchemaObject],
    record: Option<&str>,
    fetches: bool,
) -> DeclaredStructure {
    let event = schema
        .iter()
        .find(|object| record.is_none_or(|name| object.name != name));
    let mut properties = event
        .map(|event| event.properties.clone())
        .unwrap_or_default();

    if fetches {
        // The relay adds this member beside the state that it fetched.
        properties.push(Property {
            name: FETCHED_MEMBER.to_owned(),
            logical_type: Some("object".into()),
            ..Property::default()
        });
    }
    structure_of(&properties)
}

/// The declared structure of the record, where an object of the schema describes it.
fn record_structure(schema: &[SchemaObject], record: Option<&str>) -> Option<DeclaredStructure> {
    let name = record?;
    let object = schema.iter().find(|object| object.name == name)?;
    Some(structure_of(&object.properties))
}

/// An object without declared fields is opaque: it does not mean that it has none.
fn structure_of(properties: &[Property]) -> DeclaredStructure {
    if properties.is_empty() {
        DeclaredStructure::OpaqueObject
    } else {
        DeclaredStructure::from_properties(properties)
    }
}
