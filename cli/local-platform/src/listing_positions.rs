//! How far the raw objects of an external S3 were listed, stored in a file.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use super::file_error::{damaged_file, name_path};
use super::private_files::replace_private_file;

/// The last raw object of each stream that the transform was told of.
pub(crate) struct ListingPositions {
    file: PathBuf,
    last: BTreeMap<String, String>,
}

impl ListingPositions {
    /// Opens the positions of a file; without one every stream begins at its first object.
    ///
    /// # Errors
    /// When the file is damaged.
    pub(crate) fn open(file: &Path) -> io::Result<Self> {
        let last = match std::fs::read(file) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| {
                let next = "move it away and run the command again: the transform is told of every \
                            raw object once more, and leaves those that have a receipt";
                damaged_file(file, error, next)
            })?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(name_path(file, &error)),
        };
        Ok(Self {
            file: file.to_owned(),
            last,
        })
    }

    /// The last object of a stream; none before its first.
    pub(crate) fn last_of(&self, stream: &str) -> Option<&str> {
        self.last.get(stream).map(String::as_str)
    }

    /// Keeps that the transform was told of a stream's objects up to this one.
    ///
    /// # Errors
    /// When the file system refuses; then the objects are told again.
    pub(crate) fn advance(&mut self, stream: &str, key: &str) -> io::Result<()> {
        self.last.insert(stream.to_owned(), key.to_owned());
        replace_private_file(&self.file, &serde_json::to_vec(&self.last)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_outlives_the_platform_and_a_damaged_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("raw-listing.json");
        let mut positions = ListingPositions::open(&file).unwrap();
        assert_eq!(positions.last_of("raw/a/"), None);
        positions.advance("raw/a/", "raw/a/1").unwrap();
        positions.advance("raw/b/", "raw/b/7").unwrap();
        positions.advance("raw/a/", "raw/a/2").unwrap();

        let again = ListingPositions::open(&file).unwrap();
        assert_eq!(again.last_of("raw/a/"), Some("raw/a/2"));
        assert_eq!(again.last_of("raw/b/"), Some("raw/b/7"));
        std::fs::write(&file, b"[").unwrap();
        let error = ListingPositions::open(&file).err().unwrap().to_string();
        assert!(
            error.contains("is damaged") && error.contains("move it away"),
            "{error}"
        );
    }
}
