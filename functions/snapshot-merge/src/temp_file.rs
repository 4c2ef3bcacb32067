//! A temporary file on this machine that an object is written into before it is put. The object's
//! name comes from its content, and the object may be larger than the memory.

use std::io::{self, BufWriter, Write};
use std::path::Path;

use arrow_array::RecordBatch;
use host::{Failure, FailureKind};
use lake::{FileDigest, RowGroupWriter};
use tempfile::NamedTempFile;

use crate::sizes::GroupLimits;

/// Bytes that are gathered before they are written to the file.
const WRITE_BUFFER_BYTES: usize = 256 << 10;

/// A temporary file that is being written.
pub(crate) struct TempFileWriter {
    file: BufWriter<NamedTempFile>,
}

/// A temporary file that is written. It is deleted when it is dropped.
#[derive(Debug)]
pub(crate) struct WrittenTempFile {
    file: NamedTempFile,
    /// What is in it, and what names it.
    pub(crate) digest: FileDigest,
}

impl TempFileWriter {
    pub(crate) fn new() -> Result<Self, Failure> {
        let file = NamedTempFile::new().map_err(|error| temp_folder_failure(&error))?;
        Ok(Self {
            file: BufWriter::with_capacity(WRITE_BUFFER_BYTES, file),
        })
    }

    /// Ends a sorted file.
    pub(crate) fn finish_sorted(writer: RowGroupWriter<Self>) -> Result<WrittenTempFile, Failure> {
        let (sink, digest) = writer.finish_file()?;
        let file = sink
            .file
            .into_inner()
            .map_err(|error| temp_folder_failure(error.error()))?;
        Ok(WrittenTempFile { file, digest })
    }
}

impl Write for TempFileWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
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

/// Writes rows in groups within the limits.
pub(crate) fn write_in_groups(
    writer: &mut RowGroupWriter<TempFileWriter>,
    batch: &RecordBatch,
    limits: GroupLimits,
) -> Result<(), Failure> {
    let group_rows = limits.row_limit(batch);
    let mut from = 0;
    while from < batch.num_rows() {
        // The open group may have as many rows already, of a batch with narrower ones.
        if writer.open_row_count() >= group_rows {
            writer.close_group()?;
        }
        let count = (group_rows - writer.open_row_count()).min(batch.num_rows() - from);
        writer.write_batch(&batch.slice(from, count))?;
        from += count;
    }
    if writer.open_row_count() >= group_rows {
        writer.close_group()?;
    }
    Ok(())
}

/// The failure of the temporary folder, with the remedy.
pub(crate) fn temp_folder_failure(error: &io::Error) -> Failure {
    let message = format!(
        "the temporary folder cannot be written: {error}; give the function more ephemeral storage"
    );
    Failure::new(FailureKind::Configuration, message)
}
