//! The key of the lake's ids: made once for each folder, and never again.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use pole::IdentityKey;

use super::file_error::{damaged_file, name_path};
use super::private_files::{random_hex_text, write_private_file};

/// The name under which the local Secrets Manager gives the key.
pub const IDENTITY_KEY_SECRET: &str = "polelake/identity-key";

/// Random bytes of a key.
const KEY_BYTES: usize = 32;

/// The file that holds the key of a folder.
#[must_use]
pub fn identity_key_file(folder: &Path) -> PathBuf {
    folder.join("identity-key")
}

/// Makes the folder's key, unless it has one. A process that is killed leaves a whole key or none.
///
/// # Errors
/// When the file cannot be written.
pub fn create_identity_key(folder: &Path) -> io::Result<()> {
    let key = identity_key_file(folder);
    if key.exists() {
        return Ok(());
    }

    let staged = key.with_extension("staged");
    write_private_file(&staged, random_hex_text::<KEY_BYTES>()?.as_bytes())?;
    // A link never replaces a file, so that two starts at once keep the first key.
    let linked = fs::hard_link(&staged, &key);
    fs::remove_file(&staged)?;
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// The folder's key.
///
/// # Errors
/// When there is none, or it is too short.
pub fn read_identity_key(folder: &Path) -> io::Result<IdentityKey> {
    let path = identity_key_file(folder);
    let text = fs::read(&path).map_err(|error| name_path(&path, &error))?;
    IdentityKey::from_secret(&text).map_err(|why| {
        let next = "restore a copy of it: under another key every id of the lake changes";
        damaged_file(&path, why, next)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_keeps_its_key() {
        let folder = tempfile::tempdir().unwrap();
        create_identity_key(folder.path()).unwrap();
        let first = read_identity_key(folder.path()).unwrap();
        create_identity_key(folder.path()).unwrap();
        let second = read_identity_key(folder.path()).unwrap();
        assert_eq!(first.fingerprint(), second.fingerprint());

        let other = tempfile::tempdir().unwrap();
        create_identity_key(other.path()).unwrap();
        let third = read_identity_key(other.path()).unwrap();
        assert_ne!(first.fingerprint(), third.fingerprint());
    }
}
