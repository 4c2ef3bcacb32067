//! A file of this machine that an object is written into before it is put: its name comes from its content, and it may be
//! larger than the memory.

use std::io::{self, BufWriter, Write};
use std::path::Path;

use host::{Failure, FailureKind};
use tempfile::NamedTempFile;
use twox_hash::XxHash3_128;

/// Bytes that are gathered before they go to the file.
const BUFFER: usize = 256 << 10;

/// A file that is being written.
pub(crate) struct Spool {
    file: BufWriter<NamedTempFile>,
    hash: XxHash3_128,
    bytes: u64,
}

/// A file that is written.
#[derive(Debug)]
pub(crate) struct Spooled {
    file: NamedTempFile,
    /// Sixteen hex digits of the content's hash: an accident of two files with the same is one in 10^19.
    pub(crate) content: String,
    pub(crate) bytes: u64,
}

impl Spool {
    pub(crate) fn new() -> Result<Self, Failure> {
        let file = NamedTempFile::new().map_err(|error| full(&error))?;
        Ok(Self {
            file: BufWriter::with_capacity(BUFFER, file),
            hash: XxHash3_128::new(),
            bytes: 0,
        })
    }

    pub(crate) fn finish(self) -> Result<Spooled, Failure> {
        let file = self
            .file
            .into_inner()
            .map_err(|error| full(error.error()))?;
        let content = format!("{:032x}", self.hash.finish_128())[..16].to_owned();
        Ok(Spooled {
            file,
            content,
            bytes: self.bytes,
        })
    }
}

impl Write for Spool {
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

impl Spooled {
    pub(crate) fn path(&self) -> &Path {
        self.file.path()
    }
}

pub(crate) fn full(error: &io::Error) -> Failure {
    let message = format!(
        "the temporary folder cannot be written: {error}; give the function more ephemeral storage"
    );
    Failure::new(FailureKind::Configuration, message)
}
