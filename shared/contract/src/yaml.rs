//! Reads a declared file, or a value within it, into a type; a fault gets its line and its remedy.

use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_path_to_error::{Path, Segment};

use crate::file::{DeclaredFile, parse_yaml, parse_yaml_with_path};
use crate::parser_message::explain_misfit;
use crate::place::DocumentPlace;
use crate::problem::{Location, Problem};

/// Reads a file into a type. The file's YAML was parsed before; its text is parsed again only to
/// find the line of a fault.
pub(crate) fn read_document<T: DeserializeOwned>(file: &DeclaredFile) -> Result<T, Problem> {
    if let Some(document) = file
        .parsed_value()
        .and_then(|value| T::deserialize(value).ok())
    {
        return Ok(document);
    }
    // A text that is a number for YAML, such as the version 1.0, is read by its type alone.
    if let Ok(document) = parse_yaml(file.text()) {
        return Ok(document);
    }
    parse_yaml_with_path(file.text()).map_err(|fault| {
        let (path, error) = *fault;
        let root = file.parsed_value();
        let (place, name, found) = describe_path(&path, root);
        let message = error.without_snippet().to_string();
        let why = explain_misfit(&message, &name, found);
        let is_typed = root.is_some() && !name.is_empty();
        let location = match is_typed {
            true => file.locate(&place.quoted_in(&message)),
            false => error_location(&error),
        };
        Problem::error(&file.path, location, why)
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
    value: &Value,
) -> Result<T, Problem> {
    let read = serde_path_to_error::deserialize(value);
    read.map_err(|error| {
        let (below, name, found) = describe_path(error.path(), Some(value));
        let message = error.inner().to_string();
        let why = explain_misfit(&message, &name, found);
        let place = place.clone().join(below).quoted_in(&message);
        Problem::error(&file.path, file.locate(&place), format!("`{what}`: {why}"))
    })
}

/// The place of a path that led to an error, the path as text, and the value there.
pub(crate) fn describe_path<'v>(
    path: &Path,
    root: Option<&'v Value>,
) -> (DocumentPlace, String, Option<&'v Value>) {
    let mut place = DocumentPlace::root();
    let mut found = root;
    let mut name = String::new();
    for segment in path {
        let step = match segment {
            Segment::Seq { index } => {
                place = place.item(*index);
                found = found.and_then(|value| value.get(*index));
                name.push_str(&format!("[{index}]"));
                continue;
            }
            Segment::Map { key } => key,
            Segment::Enum { variant } => variant,
            Segment::Unknown => return (place, name, None),
        };
        place = place.name(step);
        found = found.and_then(|value| value.get(step));
        if !name.is_empty() {
            name.push('.');
        }
        name.push_str(step);
    }
    (place, name, found)
}
