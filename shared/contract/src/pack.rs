//! A pack: every declared file in one JSON document, which travels with the functions.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::catalogue::Catalogue;
use crate::file::DeclaredFile;
use crate::problem::Problem;

/// A file within a pack.
#[derive(Serialize, Deserialize)]
struct PackedFile {
    path: String,
    text: String,
    value: Value,
}

impl PackedFile {
    /// A declared file that is valid YAML, ready to be written into a pack.
    fn from_file(file: &DeclaredFile) -> Self {
        Self {
            path: file.path.clone(),
            text: file.text().to_owned(),
            value: file.parsed_value().cloned().unwrap_or_default(),
        }
    }
}

/// All files in one JSON document, and the catalogue that they compile to. Reading the document
/// takes a fifth of the time of reading the YAML again, and no broken file is in a pack.
///
/// # Errors
/// Every problem found.
pub fn pack_files(files: &[DeclaredFile]) -> Result<(String, Catalogue), Vec<Problem>> {
    let catalogue = Catalogue::compile(files)?;
    let packed: Vec<PackedFile> = files.iter().map(PackedFile::from_file).collect();

    // The files are plain texts and values: JSON's writer refuses none of them.
    let document = serde_json::to_string(&packed).unwrap_or_default();
    Ok((document, catalogue))
}

/// The files of a pack, with their YAML parsed.
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
    Ok(packed
        .into_iter()
        .map(|packed| DeclaredFile::from_parsed(packed.path, packed.text, packed.value))
        .collect())
}
