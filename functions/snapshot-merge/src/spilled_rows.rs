//! Sorted rows in temporary files, in small row groups: many sources can then be read side by side,
//! where the large groups of as many stored files would not fit into the memory.

use std::fs::File;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use host::Failure;
use lake::limits::TABLE_FILE;
use lake::{BoundedBatches, RowGroupWriter, file};

use crate::batch_columns::conform_to_schema;
use crate::sizes::GroupLimits;
use crate::temp_file::{TempFileWriter, WrittenTempFile, temp_folder_failure, write_in_groups};

/// Writes rows to a temporary file.
pub(crate) struct SpillWriter {
    writer: RowGroupWriter<TempFileWriter>,
    schema: SchemaRef,
    limits: GroupLimits,
}

/// Rows of a temporary file. The file is deleted when they are dropped.
pub(crate) struct SpilledBatches {
    batches: BoundedBatches<File>,
    schema: SchemaRef,
    _file: WrittenTempFile,
}

impl SpillWriter {
    /// Begins a file of rows of this schema, in groups within the limits.
    pub(crate) fn new(schema: &SchemaRef, limits: GroupLimits) -> Result<Self, Failure> {
        let sink = TempFileWriter::new()?;
        Ok(Self {
            writer: RowGroupWriter::new(sink, schema, file::sorted_properties())?,
            schema: SchemaRef::clone(schema),
            limits,
        })
    }

    pub(crate) fn write_batch(&mut self, batch: &RecordBatch) -> Result<(), Failure> {
        write_in_groups(&mut self.writer, batch, self.limits)
    }

    /// Ends the file, and gives its rows back from there.
    pub(crate) fn finish(self) -> Result<SpilledBatches, Failure> {
        let written = TempFileWriter::finish_sorted(self.writer)?;
        let input = File::open(written.path()).map_err(|error| temp_folder_failure(&error))?;
        Ok(SpilledBatches {
            batches: BoundedBatches::open(input, &TABLE_FILE, None)?,
            schema: self.schema,
            _file: written,
        })
    }
}

impl SpilledBatches {
    /// The next batch; none behind the last one.
    pub(crate) fn next(&mut self) -> Result<Option<RecordBatch>, Failure> {
        let Some(batch) = self.batches.next().transpose()? else {
            return Ok(None);
        };
        Ok(Some(conform_to_schema(&batch, &self.schema)?))
    }
}
