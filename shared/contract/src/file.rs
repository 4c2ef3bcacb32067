//! A declared file: a path below `contracts/` and its text.

use std::sync::OnceLock;

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::place::{DocumentPlace, SpannedValue};
use crate::problem::Location;

/// A declared file: its path below `contracts/`, with `/`, and its text.
#[derive(Clone, Debug)]
pub struct DeclaredFile {
    /// The path.
    pub path: String,
    text: String,
    /// The text's value, parsed once; none where the text is no YAML.
    value: OnceLock<Option<Value>>,
    /// The text's value with where each part of it stands, parsed once, when a problem asks for it.
    spanned: OnceLock<Option<SpannedValue>>,
}

impl DeclaredFile {
    /// A file of this path and text.
    #[must_use]
    pub fn new(path: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            text: text.into(),
            value: OnceLock::new(),
            spanned: OnceLock::new(),
        }
    }

    /// A file whose YAML was parsed when it was packed.
    pub(crate) fn from_parsed(path: String, text: String, value: Value) -> Self {
        Self {
            path,
            text,
            value: OnceLock::from(Some(value)),
            spanned: OnceLock::new(),
        }
    }

    /// Its text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Where a place is; the whole file where the text is no YAML.
    pub(crate) fn locate(&self, place: &DocumentPlace) -> Location {
        let spanned = self.spanned.get_or_init(|| parse_yaml(&self.text).ok());
        spanned
            .as_ref()
            .map_or(Location::WHOLE_FILE, |root| root.locate(place))
    }

    /// The text's value; none where the text is no YAML.
    pub(crate) fn parsed_value(&self) -> Option<&Value> {
        self.value
            .get_or_init(|| parse_yaml(&self.text).ok())
            .as_ref()
    }
}

/// YAML as version 1.2 has it, and as editors check it: `n` and `No` are texts, not booleans.
pub(crate) fn parse_yaml<T: DeserializeOwned>(text: &str) -> Result<T, serde_saphyr::Error> {
    serde_saphyr::from_str_with_options(text, serde_saphyr::options! { strict_booleans: true })
}

/// The same; an error comes with the path to what does not fit, which is empty where the text is no
/// YAML.
pub(crate) fn parse_yaml_with_path<T: DeserializeOwned>(
    text: &str,
) -> Result<T, Box<(serde_path_to_error::Path, serde_saphyr::Error)>> {
    let mut track = serde_path_to_error::Track::new();
    let options = serde_saphyr::options! { strict_booleans: true };
    let read = serde_saphyr::with_deserializer_from_str_with_options(text, options, |parser| {
        T::deserialize(serde_path_to_error::Deserializer::new(parser, &mut track))
    });
    read.map_err(|error| Box::new((track.path(), error)))
}
