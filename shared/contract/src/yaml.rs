//! Reads a declared file, or a value within it, into a type; a fault gets its line and its remedy.

use serde::de::DeserializeOwned;
use serde_path_to_error::Segment;

use crate::file::{DeclaredFile, parse_yaml};
use crate::place::DocumentPlace;
use crate::problem::{Location, Problem, explain_serde_error};

/// Reads a file into a type. The file's YAML was parsed before; its text is parsed again only to
/// find the line of a fault.
pub(crate) fn read_document<T: DeserializeOwned>(file: &DeclaredFile) -> Result<T, Problem> {
    if let Some(document) = file
        .parsed_value()
        .and_then(|value| T::deserialize(value).ok())
    {
        return Ok(document);
    }
    parse_yaml(file.text()).map_err(|error| {
        let message = explain_serde_error(&error.to_string());
        Problem::error(&file.path, error_location(&error), message)
    })
}

fn error_location(error: &serde_saphyr::Error) -> Location {
    error
        .location()
        .map_or(Location::WHOLE_FILE, Location::from_parser)
}

/// Reads a value that was read before at a place of the file; `what` names it in an error. A fault
/// is located by the path to it.
pub(crate) fn read_value<T: DeserializeOwned>(
    file: &DeclaredFile,
    (what, place): (&str, &DocumentPlace),
    value: serde_json::Value,
) -> Result<T, Problem> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let below = place_of_path(error.path());
        let message = error.inner().to_string();
        let why = explain_serde_error(&message);
        let place = place.clone().join(below).quoted_in(&message);
        Problem::error(&file.path, file.locate(&place), format!("`{what}`: {why}"))
    })
}

/// The place of a path that led to an error.
fn place_of_path(path: &serde_path_to_error::Path) -> DocumentPlace {
    let mut place = DocumentPlace::root();
    for segment in path {
        place = match segment {
            Segment::Seq { index } => place.item(*index),
            Segment::Map { key } => place.name(key),
            Segment::Enum { variant } => place.name(variant),
            Segment::Unknown => return place,
        };
    }
    place
}
