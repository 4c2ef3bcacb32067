//! Files that a person names: an error has the file and what to do about it. The operating system
//! names none.

use std::fs::{self, File};
use std::io::{Error, ErrorKind};
use std::path::Path;

use crate::error::CliError;

/// Opens a file to be read.
pub(crate) fn open_file(path: &Path) -> Result<File, CliError> {
    let file = File::open(path).map_err(|error| unreadable_file(path, &error))?;
    let is_folder = file.metadata().is_ok_and(|about| about.is_dir());
    match is_folder {
        true => Err(unreadable_file(path, &ErrorKind::IsADirectory.into()).into()),
        false => Ok(file),
    }
}

/// Writes a file, whatever was there.
pub(crate) fn write_file(path: &Path, content: impl AsRef<[u8]>) -> Result<(), CliError> {
    fs::write(path, content).map_err(|error| unwritable_file(path, &error).into())
}

/// Creates a folder and those above it that do not exist.
pub(crate) fn create_folder(path: &Path) -> Result<(), CliError> {
    fs::create_dir_all(path).map_err(|error| unwritable_file(path, &error).into())
}

/// Why a file cannot be read, and what to do.
pub(crate) fn unreadable_file(path: &Path, error: &Error) -> String {
    let path = path.display();
    match error.kind() {
        ErrorKind::NotFound => {
            let here = std::env::current_dir().unwrap_or_default();
            format!(
                "there is no {path}, seen from {}; check the path",
                here.display()
            )
        }
        ErrorKind::IsADirectory => format!("{path} is a folder; name a file in it"),
        ErrorKind::PermissionDenied => {
            format!("{path} may not be read ({error}); `ls -l {path}` shows who may")
        }
        _ => format!("{path} cannot be read: {error}"),
    }
}

/// Why a file or folder cannot be written, and what to do.
fn unwritable_file(path: &Path, error: &Error) -> String {
    let path = path.display();
    match error.kind() {
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            format!("{path} may not be written ({error}); name another place")
        }
        ErrorKind::NotFound | ErrorKind::NotADirectory => {
            format!(
                "{path} cannot be written ({error}): the folder around it is not there; create it"
            )
        }
        ErrorKind::StorageFull => {
            format!("{path} cannot be written: its disk is full; free some space")
        }
        _ => format!("{path} cannot be written: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_absent_or_a_folder_is_named_with_what_to_do() {
        let folder = std::env::temp_dir();
        let absent = folder.join("polelake-absent.json");
        let why = open_file(&absent).unwrap_err().to_string();
        assert!(
            why.starts_with(&format!("there is no {}", absent.display())),
            "{why}"
        );
        let why = open_file(&folder).unwrap_err().to_string();
        assert!(why.ends_with("is a folder; name a file in it"), "{why}");
        let why = write_file(&absent.join("x"), "").unwrap_err().to_string();
        assert!(
            why.contains("polelake-absent.json/x") && why.ends_with("create it"),
            "{why}"
        );
    }
}
