//! Files of this machine, read up to a limit.

use std::fs::File;
use std::io::{Error, ErrorKind, Read, Result};
use std::path::Path;

/// Reads a file of at most `bytes_max` bytes.
///
/// # Errors
/// When it cannot be read, or is larger. Files without an end, such as devices, are read up to the
/// limit only.
pub fn read_bounded_file(path: &Path, bytes_max: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = File::open(path)?
        .take(bytes_max.saturating_add(1))
        .read_to_end(&mut bytes)?;

    if read as u64 > bytes_max {
        let what = format!("the file has more than {bytes_max} bytes, the limit");
        return Err(Error::new(ErrorKind::FileTooLarge, what));
    }
    Ok(bytes)
}

/// The same for a file of text.
///
/// # Errors
/// As [`read_bounded_file`], or when it is not UTF-8.
pub fn read_bounded_text(path: &Path, bytes_max: u64) -> Result<String> {
    let bytes = read_bounded_file(path, bytes_max)?;
    String::from_utf8(bytes).map_err(|_| Error::new(ErrorKind::InvalidData, "not UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_up_to_its_limit_and_one_without_an_end_is_refused() {
        let file = std::env::temp_dir().join(format!("polelake-bounded-{}", std::process::id()));
        std::fs::write(&file, "12345").unwrap();
        assert_eq!(read_bounded_text(&file, 5).unwrap(), "12345");
        let error = read_bounded_file(&file, 4).unwrap_err();
        assert!(error.to_string().contains("more than 4 bytes"), "{error}");
        std::fs::remove_file(file).unwrap();
        assert!(read_bounded_file(Path::new("/dev/zero"), 1 << 20).is_err());
    }
}
