//! Files that a person names: an error has the file and what to do about it. The operating system
//! names none.

use std::fs::{self, File};
use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};

use contract::nearest_name_hint;

use crate::error::CliError;

/// Files of a folder that an error lists: those of the same kind, where none has a near name.
const NAMES_SHOWN: usize = 3;

/// Files of a folder that are looked at.
const NAMES_READ: usize = 10_000;

/// Opens a file to be read.
pub(crate) fn open_file(path: &Path) -> Result<File, CliError> {
    let file = File::open(path).map_err(|error| unreadable_file(path, &error))?;
    let is_folder = file.metadata().is_ok_and(|about| about.is_dir());
    match is_folder {
        true => Err(unreadable_file(path, &ErrorKind::IsADirectory.into()).into()),
        false => Ok(file),
    }
}

/// Refuses files of which one cannot be read, before anything is done with another.
pub(crate) fn require_files(paths: &[PathBuf]) -> Result<(), CliError> {
    paths.iter().try_for_each(|path| open_file(path).map(drop))
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
pub(crate) fn unreadable_file(named: &Path, error: &Error) -> String {
    let path = named.display();
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => absent_file(named),
        ErrorKind::IsADirectory => format!("{path} is a folder; name a file in it"),
        ErrorKind::PermissionDenied => {
            format!("{path} may not be read ({error}); `ls -l {path}` shows who may")
        }
        _ => format!("{path} cannot be read: {error}"),
    }
}

/// That a file is not there, and which one of its folder may be meant.
fn absent_file(path: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    let shown = path.display();
    let absent = format!("there is no {shown}, seen from {}", here.display());
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    if !folder.is_dir() {
        let folder = folder.display();
        return format!("{absent}: the folder {folder} is not there; check the path");
    }

    let names = file_names_of(folder);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let near = nearest_name_hint(&name, names.iter().map(String::as_str));
    if !near.is_empty() {
        return format!("{absent}{near}; check the path");
    }
    let alike: Vec<String> = names
        .iter()
        .filter(|other| Path::new(other).extension() == path.extension())
        .take(NAMES_SHOWN)
        .map(|other| format!("`{other}`"))
        .collect();
    match alike.is_empty() {
        true => format!("{absent}; check the path"),
        false => format!(
            "{absent}; its folder has {}; check the path",
            alike.join(", ")
        ),
    }
}

/// The names of the files of a folder that are not hidden, in their order.
fn file_names_of(folder: &Path) -> Vec<String> {
    let Ok(listed) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let files = listed.flatten().take(NAMES_READ);
    let files = files.filter(|entry| entry.file_type().is_ok_and(|kind| !kind.is_dir()));
    let mut names: Vec<String> = files
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| !name.starts_with('.'))
        .collect();
    names.sort_unstable();
    names
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
        let why = open_file(&absent.join("x.csv")).unwrap_err().to_string();
        let folder_absent = format!("the folder {} is not there", absent.display());
        assert!(why.contains(&folder_absent), "{why}");
        let why = open_file(&folder).unwrap_err().to_string();
        assert!(why.ends_with("is a folder; name a file in it"), "{why}");
        let why = write_file(&absent.join("x"), "").unwrap_err().to_string();
        assert!(
            why.contains("polelake-absent.json/x") && why.ends_with("create it"),
            "{why}"
        );
    }

    #[test]
    fn a_file_that_may_be_meant_is_named() {
        let folder = std::env::temp_dir().join(format!("polelake-near-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        for name in ["missed-bins.csv", "rounds.csv", "notes.md"] {
            write_file(&folder.join(name), "").unwrap();
        }
        for (name, meant) in [
            ("missed-bin.csv", "; the nearest name is `missed-bins.csv`;"),
            ("x.csv", "; its folder has `missed-bins.csv`, `rounds.csv`;"),
            ("an-export.parquet", "; check the path"),
        ] {
            let why = open_file(&folder.join(name)).unwrap_err().to_string();
            assert!(
                why.contains(meant) && why.ends_with("check the path"),
                "{why}"
            );
            assert!(
                meant.contains("name") || meant.contains("has") || !why.contains('`'),
                "{why}"
            );
        }
        fs::remove_dir_all(&folder).unwrap();
    }
}
