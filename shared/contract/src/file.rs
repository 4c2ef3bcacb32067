//! A declared file, and all of them in one: what travels with the functions.

use std::sync::OnceLock;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Catalogue;
use crate::problem::Problem;
use crate::yaml;

/// A declared file: its path below `contracts/`, with `/`, and its text.
#[derive(Clone, Debug)]
pub struct DeclaredFile {
    /// The path.
    pub path: String,
    text: String,
    /// What the text says, read once; none where it is no YAML.
    value: OnceLock<Option<Value>>,
}

/// A file within a pack.
#[derive(Serialize, Deserialize)]
struct PackedFile {
    path: String,
    text: String,
    value: Value,
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

    /// Its text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What the text says; none where it is no YAML.
    pub(crate) fn parsed_value(&self) -> Option<&Value> {
        self.value
            .get_or_init(|| yaml::parse_yaml(&self.text).ok())
            .as_ref()
    }
}

/// All files in one JSON document, when they compile: reading it takes a fifth of reading the YAML again, and a broken file
/// is in no pack. Gives what they compile to as well.
///
/// # Errors
/// Every problem found.
pub fn pack_files(files: &[DeclaredFile]) -> Result<(String, Catalogue), Vec<Problem>> {
    let catalogue = Catalogue::compile(files)?;
    let packed = |file: &DeclaredFile| {
        let value = file.parsed_value().cloned().unwrap_or_default();
        PackedFile {
            path: file.path.clone(),
            text: file.text.clone(),
            value,
        }
    };
    let packed: Vec<PackedFile> = files.iter().map(packed).collect();
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
pub fn unpack_files(text: &str) -> Result<Vec<DeclaredFile>, String> {
    let packed: Vec<PackedFile> = serde_json::from_str(text).map_err(|error| {
        format!(
            "not a pack of contracts: line {}, column {}",
            error.line(),
            error.column()
        )
    })?;
    let file = |PackedFile { path, text, value }: PackedFile| DeclaredFile {
        path,
        text,
        value: OnceLock::from(Some(value)),
    };
    Ok(packed.into_iter().map(file).collect())
}
