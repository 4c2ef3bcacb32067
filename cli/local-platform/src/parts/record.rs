//! The record of a folder's parts. Its offsets, positions and keys belong to them.

use std::io;
use std::path::Path;

use super::ExternalParts;
use crate::file_error::{damaged_file, name_path};
use crate::private_files::replace_private_file;

/// The name of the record in the platform's folder; a folder without one has embedded parts.
const PARTS_FILE: &str = "parts.json";

/// What an embedded S3 and an embedded broker keep their state in.
const EMBEDDED_FOLDERS: [&str; 2] = ["s3", "kafka"];

/// The external parts of a folder; none where all are embedded, or the folder is new.
///
/// # Errors
/// When the record cannot be read.
pub fn read_parts(folder: &Path) -> io::Result<Option<ExternalParts>> {
    let file = folder.join(PARTS_FILE);
    match std::fs::read(&file) {
        Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|error| {
            let next =
                "restore a copy of it: it names the Kafka, the S3 and the Glue of the folder";
            damaged_file(&file, error, next)
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(name_path(&file, &error)),
    }
}

/// The parts of a start: those that are asked for in a new folder, and its own in a used one.
///
/// # Errors
/// When a used folder has other parts than those that are asked for.
pub fn settle_parts(folder: &Path, asked: &ExternalParts) -> io::Result<ExternalParts> {
    let recorded = read_parts(folder)?;
    // A key alone is no use: it is put into a new folder to go on with the lake of an S3.
    let is_used =
        recorded.is_some() || EMBEDDED_FOLDERS.iter().any(|one| folder.join(one).is_dir());
    let own = recorded.unwrap_or_default();
    if asked.is_embedded() || own == *asked {
        return Ok(own);
    }
    if !is_used {
        return Ok(asked.clone());
    }

    let message = format!(
        "{} has {}, and a folder keeps its parts: its offsets and positions belong to them. Leave \
         the options of parts out, or give another --dir for {}",
        folder.display(),
        own.describe(),
        asked.describe()
    );
    Err(io::Error::new(io::ErrorKind::InvalidInput, message))
}

/// Records the parts of a folder; embedded ones need no record.
///
/// # Errors
/// When the file system refuses.
pub fn write_parts(folder: &Path, parts: &ExternalParts) -> io::Result<()> {
    if parts.is_embedded() {
        return Ok(());
    }
    replace_private_file(&folder.join(PARTS_FILE), &serde_json::to_vec(parts)?)
}
