//! Folders and files that only their owner can read, whatever the umask is.
//!
//! The platform's folder holds full records of people. A mode that is set after the file was
//! created would leave a moment in which others can open it, so every mode is given at the
//! creation.

use std::fs::{self, DirBuilder, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use super::file_error::name_path;

/// Read, write and list for the owner alone.
const FOLDER_MODE: u32 = 0o700;

/// Read and write for the owner alone.
const FILE_MODE: u32 = 0o600;

/// What the group and all others may do.
const OTHERS_MASK: u32 = 0o077;

/// Creates a folder and those above it that do not exist.
///
/// # Errors
/// When the file system refuses.
pub fn create_private_folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(FOLDER_MODE)
        .create(folder)
        .map_err(|error| name_path(folder, &error))
}

/// Options that create a file for its owner alone.
#[must_use]
pub fn private_options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(FILE_MODE);
    options
}

/// Writes a file that may be left incomplete by a crash.
///
/// # Errors
/// When the file system refuses.
pub fn write_private_file(file: &Path, content: &[u8]) -> io::Result<()> {
    let mut options = private_options();
    let options = options.write(true).create(true).truncate(true);
    options
        .open(file)
        .and_then(|mut opened| opened.write_all(content))
        .map_err(|error| name_path(file, &error))
}

/// Writes a file in full or not at all.
///
/// # Errors
/// When the file system refuses.
pub fn replace_private_file(file: &Path, content: &[u8]) -> io::Result<()> {
    let staged = file.with_extension("staged");
    write_private_file(&staged, content)?;
    fs::rename(staged, file).map_err(|error| name_path(file, &error))
}

/// Random bytes for a key.
pub(crate) fn random_bytes<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// Random bytes for a key that is kept as text: hexadecimal digits.
pub(crate) fn random_hex_text<const N: usize>() -> io::Result<String> {
    let bytes = random_bytes::<N>()?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Creates the platform's folder, or checks that only its owner can open the one that is there.
///
/// An empty folder is corrected. A folder with content is left to its owner: others may have read
/// it already, and it may be one that they share on purpose.
///
/// # Errors
/// When others can open the folder; the error names the command that prevents it.
pub(crate) fn open_platform_folder(folder: &Path) -> io::Result<()> {
    create_private_folder(folder)?;
    let mode = fs::metadata(folder)?.permissions().mode();
    if mode & OTHERS_MASK == 0 {
        return Ok(());
    }
    if fs::read_dir(folder)?.next().is_none() {
        return fs::set_permissions(folder, Permissions::from_mode(FOLDER_MODE));
    }

    let folder = folder.display();
    let message = format!(
        "other users of this machine can open the platform's folder {folder} (mode {:03o}), which \
         holds full records; run `chmod -R go= {folder}`, or give another --dir",
        mode & 0o777
    );
    Err(io::Error::new(io::ErrorKind::PermissionDenied, message))
}

/// Makes a key file readable for its owner alone, and says so. The folder around it is private
/// already, so that no other user can have read it there.
///
/// # Errors
/// When the mode can be neither read nor changed.
pub(crate) fn protect_key_file(file: &Path) -> io::Result<()> {
    let mode = match fs::metadata(file) {
        Ok(found) => found.permissions().mode(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if mode & OTHERS_MASK == 0 {
        return Ok(());
    }

    fs::set_permissions(file, Permissions::from_mode(FILE_MODE))?;
    let mode = mode & 0o777;
    eprintln!(
        "{} had mode {mode:03o} and has 600 now: it is a key",
        file.display()
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode_of(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    fn test_folder(name: &str) -> std::path::PathBuf {
        let folder =
            std::env::temp_dir().join(format!("polelake-modes-{}-{name}", std::process::id()));
        drop(fs::remove_dir_all(&folder));
        folder
    }

    #[test]
    fn what_is_created_is_private_with_every_folder_above_it() {
        let folder = test_folder("new");
        open_platform_folder(&folder.join("a/b")).unwrap();
        replace_private_file(&folder.join("a/b/file"), b"x").unwrap();
        for path in [folder.clone(), folder.join("a"), folder.join("a/b")] {
            assert_eq!(mode_of(&path), 0o700, "{}", path.display());
        }
        assert_eq!(mode_of(&folder.join("a/b/file")), 0o600);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_folder_that_others_can_open_is_refused_with_the_command_that_closes_it() {
        let folder = test_folder("open");
        create_private_folder(&folder).unwrap();
        for mode in [0o755, 0o710, 0o701, 0o770] {
            fs::set_permissions(&folder, Permissions::from_mode(mode)).unwrap();
            open_platform_folder(&folder).unwrap();
            assert_eq!(mode_of(&folder), 0o700, "an empty one is corrected");

            write_private_file(&folder.join("file"), b"x").unwrap();
            fs::set_permissions(&folder, Permissions::from_mode(mode)).unwrap();
            let error = open_platform_folder(&folder).unwrap_err().to_string();
            assert!(
                error.contains(&format!("`chmod -R go= {}`", folder.display())),
                "{error}"
            );
            assert!(error.contains(&format!("{mode:03o}")), "{error}");
            fs::remove_file(folder.join("file")).unwrap();
        }
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_key_that_others_can_read_is_corrected() {
        let folder = test_folder("key");
        create_private_folder(&folder).unwrap();
        let key = folder.join("key");
        protect_key_file(&key).unwrap();
        write_private_file(&key, b"x").unwrap();
        fs::set_permissions(&key, Permissions::from_mode(0o644)).unwrap();
        protect_key_file(&key).unwrap();
        assert_eq!(mode_of(&key), 0o600);
        fs::remove_dir_all(folder).unwrap();
    }
}
