//! A temporary file on this machine that an object is written into before it is put. The object's
//! name comes from its content, and the object may be larger than the memory.

use std::io::{self, BufWriter, Write};
use std::path::Path;

use host::{Failure, FailureKind};
use tempfile::NamedTempFile;
use twox_hash::XxHash3_128;

/// Bytes that are gathered before they are written to the file.
const WRITE_BUFFER_BYTES: usize = 256 << 10;

/// A temporary file that is being written.
pub(crate) struct TempFileWriter {
    file: BufWriter<NamedTempFile>,
    hash: XxHash3_128,
    bytes: u64,
}

/// A temporary file that is written. It is deleted when it is dropped.
#[derive(Debug)]
pub(crate) struct WrittenTempFile {
    file: NamedTempFile,
    /// Sixteen hex digits of the content's hash: two different files have the same with a chance of
    /// one in 10^19.
    pub(crate) content_hash: String,
    pub(crate) bytes: u64,
}

impl TempFileWriter {
    pub(crate) fn new() -> Result<Self, Failure> {
        let file = NamedTempFile::new().map_err(|error| temp_folder_failure(&error))?;
        Ok(Self {
            file: BufWriter::with_capacity(WRITE_BUFFER_BYTES, file),
            hash: XxHash3_128::new(),
            bytes: 0,
        })
    }

    pub(crate) fn finish(self) -> Result<WrittenTempFile, Failure> {
        let file = self
            .file
            .into_inner()
            .map_err(|error| temp_folder_failure(error.error()))?;
        let hash = format!("{:032x}", self.hash.finish_128());
        Ok(WrittenTempFile {
            file,
            content_hash: hash[..16].to_owned(),
            bytes: self.bytes,
        })
    }
}

impl Write for TempFileWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hash.write(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl WrittenTempFile {
    pub(crate) fn path(&self) -> &Path {
        self.file.path()
    }
}

/// The failure of the temporary folder, with the remedy.
pub(crate) fn temp_folder_failure(error: &io::Error) -> Failure {
    let message = format!(
        "the temporary folder cannot be written: {error}; give the function more ephemeral storage"
    );
    Failure::new(FailureKind::Configuration, message)
}
