//! A declared file: a path below `contracts/` and its text.

use std::sync::OnceLock;

use serde::de::DeserializeOwned;
use serde_json::Value;

/// A declared file: its path below `contracts/`, with `/`, and its text.
#[derive(Clone, Debug)]
pub struct DeclaredFile {
    /// The path.
    pub path: String,
    text: String,
    /// The text's value, parsed once; none where the text is no YAML.
    value: OnceLock<Option<Value>>,
}

impl DeclaredFile {
    /// A file of this path and text.
    #[must_use]
    pub fn new(path: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            text: text.into(),
            value: OnceLock::new(),
        }
    }

    /// A file whose YAML was parsed when it was packed.
    pub(crate) fn from_parsed(path: String, text: String, value: Value) -> Self {
        Self {
            path,
            text,
            value: OnceLock::from(Some(value)),
        }
    }

    /// Its text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
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
