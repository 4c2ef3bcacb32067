//! The key of the lake's ids: made once for each folder, and never again.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use pole::IdentityKey;

/// The name under which the local Secrets Manager gives the key.
pub const IDENTITY_KEY_SECRET: &str = "polelake/identity-key";

/// Random bytes of a key.
const KEY_BYTES: usize = 32;

/// The file that holds the key of a folder.
#[must_use]
pub fn identity_key_file(folder: &Path) -> PathBuf {
    folder.join("identity-key")
}

/// Makes the folder's key, unless it has one.
///
/// # Errors
/// When the file cannot be written.
pub fn create_identity_key(folder: &Path) -> io::Result<()> {
    let created = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(identity_key_file(folder));
    match created {
        Ok(mut file) => file.write_all(random_text()?.as_bytes()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

/// The folder's key.
///
/// # Errors
/// When there is none, or it is too short.
pub fn read_identity_key(folder: &Path) -> io::Result<IdentityKey> {
    let path = identity_key_file(folder);
    let text = std::fs::read(&path)
        .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))?;
    IdentityKey::from_secret(&text)
        .map_err(|why| io::Error::other(format!("{}: {why}", path.display())))
}

/// Random bytes of the operating system, as hexadecimal digits.
fn random_text() -> io::Result<String> {
    let mut bytes = [0; KEY_BYTES];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
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
