//! Reads a declared file, or a value within it, into a type; a fault gets its line and its remedy.

use serde::de::DeserializeOwned;

use crate::file::{DeclaredFile, parse_yaml};
use crate::problem::{Location, Problem, explain_serde_error, first_quoted_name};

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
    let Some(location) = error.location() else {
        return Location::WHOLE_FILE;
    };
    Location {
        line: usize::try_from(location.line()).unwrap_or_default(),
        column: usize::try_from(location.column()).unwrap_or_default(),
    }
}

/// Reads the value of the member `below`, in a file that was read before. The line of a fault is
/// found by the faulty name.
pub(crate) fn read_value<T: DeserializeOwned>(
    file: &DeclaredFile,
    below: &str,
    value: serde_json::Value,
) -> Result<T, Problem> {
    serde_json::from_value(value).map_err(|error| {
        let message = error.to_string();
        let member = Location::find_word(file.text(), below, 1);
        let location = first_quoted_name(&message).map_or(member, |name| {
            Location::find_word(file.text(), name, member.line)
        });
        let why = explain_serde_error(&message);
        Problem::error(&file.path, location, format!("`{below}`: {why}"))
    })
}
