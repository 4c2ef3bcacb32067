//! A declared file, and all of them in one: what travels with the functions.

use std::sync::OnceLock;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Catalogue;
use crate::fault::Problem;
use crate::yaml;

/// A declared file: its path below `contracts/`, with `/`, and its text.
#[derive(Clone, Debug)]
pub struct File {
    /// The path.
    pub path: String,
    text: String,
    /// What the text says, read once; none where it is no YAML.
    value: OnceLock<Option<Value>>,
}

/// A file within a pack.
#[derive(Serialize, Deserialize)]
struct Packed {
    path: String,
    text: String,
    value: Value,
}

impl File {
    /// A file of this path and text.
    #[must_use]
    pub fn new(path: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            text: text.into(),
            value: OnceLock::new(),
        }
    }

    /// Its text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What the text says; none where it is no YAML.
    pub(crate) fn value(&self) -> Option<&Value> {
        self.value
            .get_or_init(|| yaml::parse(&self.text).ok())
            .as_ref()
    }
}

/// All files in one JSON document, when they compile: reading it takes a fifth of reading the YAML again, and a broken file
/// is in no pack. Gives what they compile to as well.
///
/// # Errors
/// Every problem found.
pub fn pack(files: &[File]) -> Result<(String, Catalogue), Vec<Problem>> {
    let catalogue = Catalogue::compile(files)?;
    let packed = |file: &File| {
        let value = file.value().cloned().unwrap_or_default();
        Packed {
            path: file.path.clone(),
            text: file.text.clone(),
            value,
        }
    };
    let packed: Vec<Packed> = files.iter().map(packed).collect();
    // Plain structures of texts and values: JSON's writer refuses none of them.
    Ok((
        serde_json::to_string(&packed).unwrap_or_default(),
        catalogue,
    ))
}

/// The files of a pack.
///
/// # Errors
/// When the text is no pack.
pub fn unpack(text: &str) -> Result<Vec<File>, String> {
    let packed: Vec<Packed> = serde_json::from_str(text).map_err(|error| {
        format!(
            "not a pack of contracts: line {}, column {}",
            error.line(),
            error.column()
        )
    })?;
    let file = |Packed { path, text, value }: Packed| File {
        path,
        text,
        value: OnceLock::from(Some(value)),
    };
    Ok(packed.into_iter().map(file).collect())
}
