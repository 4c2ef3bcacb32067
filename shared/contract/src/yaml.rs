//! Reading a declared file: YAML into a type, or the place and the remedy.

use serde::de::DeserializeOwned;

use crate::fault::{Problem, Spot, explained, quoted};
use crate::file::File;

/// YAML as version 1.2 has it, and as editors check it: `n` and `No` are texts, not booleans.
pub(crate) fn parse<T: DeserializeOwned>(text: &str) -> Result<T, serde_saphyr::Error> {
    serde_saphyr::from_str_with_options(text, serde_saphyr::options! { strict_booleans: true })
}

/// Reads a file into a type. What was read before is not read again; only for the place of a fault is the text.
pub(crate) fn read<T: DeserializeOwned>(file: &File) -> Result<T, Problem> {
    if let Some(found) = file.value().and_then(|value| T::deserialize(value).ok()) {
        return Ok(found);
    }
    parse(file.text()).map_err(|error| {
        let place = error.location().map_or(Spot::FILE, |at| Spot {
            line: usize::try_from(at.line()).unwrap_or_default(),
            column: usize::try_from(at.column()).unwrap_or_default(),
        });
        Problem::error(&file.path, place, explained(&error.to_string()))
    })
}

/// Reads a value that stands under `below` in a file that was read before: the place is found by the name at fault.
pub(crate) fn read_value<T: DeserializeOwned>(
    file: &File,
    below: &str,
    value: serde_json::Value,
) -> Result<T, Problem> {
    serde_json::from_value(value).map_err(|error| {
        let message = error.to_string();
        let begins = Spot::of(file.text(), below, 1);
        let place =
            quoted(&message).map_or(begins, |name| Spot::of(file.text(), name, begins.line));
        Problem::error(
            &file.path,
            place,
            format!("`{below}`: {}", explained(&message)),
        )
    })
}
