//! Reading a declared file: YAML into a type, or the place and the remedy.

use serde::de::DeserializeOwned;

use crate::file::{DeclaredFile, parse_yaml};
use crate::problem::{Location, Problem, explain_serde_error, first_quoted_name};

/// Reads a file into a type. What was read before is not read again; only for the place of a fault is the text.
pub(crate) fn read_document<T: DeserializeOwned>(file: &DeclaredFile) -> Result<T, Problem> {
    if let Some(found) = file
        .parsed_value()
        .and_then(|value| T::deserialize(value).ok())
    {
        return Ok(found);
    }
    parse_yaml(file.text()).map_err(|error| {
        let place = error
            .location()
            .map_or(Location::WHOLE_FILE, |at| Location {
                line: usize::try_from(at.line()).unwrap_or_default(),
                column: usize::try_from(at.column()).unwrap_or_default(),
            });
        Problem::error(&file.path, place, explain_serde_error(&error.to_string()))
    })
}

/// Reads a value that stands under `below` in a file that was read before: the place is found by the name at fault.
pub(crate) fn read_value<T: DeserializeOwned>(
    file: &DeclaredFile,
    below: &str,
    value: serde_json::Value,
) -> Result<T, Problem> {
    serde_json::from_value(value).map_err(|error| {
        let message = error.to_string();
        let begins = Location::find_word(file.text(), below, 1);
        let place = first_quoted_name(&message).map_or(begins, |name| {
            Location::find_word(file.text(), name, begins.line)
        });
        Problem::error(
            &file.path,
            place,
            format!("`{below}`: {}", explain_serde_error(&message)),
        )
    })
}
