//! A file of this machine that an object is written into before it is put: its name comes from its content, and it may be
//! larger than the memory.

use std::io::{self, BufWriter, Write};
use std::path::Path;

use host::{Failure, FailureKind};
use tempfile::NamedTempFile;
use twox_hash::XxHash3_128;

/// Bytes that are gathered before they go to the file.
const WRITE_BUFFER_BYTES: usize = 256 << 10;

/// A file that is being written.
pub(crate) struct TempFileWriter {
    file: BufWriter<NamedTempFile>,
    hash: XxHash3_128,
    bytes: u64,
}

/// A file that is written.
#[derive(Debug)]
pub(crate) struct WrittenTempFile {
    file: NamedTempFile,
    /// Sixteen hex digits of the content's hash: an accident of two files with the same is one in 10^19.
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
        let content = format!("{:032x}", self.hash.finish_128())[..16].to_owned();
        Ok(WrittenTempFile {
            file,
            content_hash: content,
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

pub(crate) fn temp_folder_failure(error: &io::Error) -> Failure {
    let message = format!(
        "the temporary folder cannot be written: {error}; give the function more ephemeral storage"
    );
    Failure::new(FailureKind::Configuration, message)
}
