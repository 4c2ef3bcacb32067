//! Sorted rows in temporary files, in small row groups: many sources can then be read side by side,
//! where the large groups of as many stored files would not fit into the memory.

use std::fs::File;

use arrow_schema::SchemaRef;
use host::Failure;
use lake::limits::TABLE_FILE;
use lake::{BoundedBatches, RowGroupWriter, file};

use arrow_array::RecordBatch;

use crate::batch_columns::conform_to_schema;
use crate::sorted_batches::SortedBatches;
use crate::sorted_runs::write_in_groups;
use crate::temp_file::{TempFileWriter, WrittenTempFile, temp_folder_failure};

/// Rows of a temporary file. The file is deleted when they are dropped.
pub(crate) struct SpilledBatches {
    batches: BoundedBatches<File>,
    schema: SchemaRef,
    _file: WrittenTempFile,
}

/// Writes the remaining rows of a source, all of which have this schema, to a temporary file in
/// groups of `group_rows`, and gives them back from there.
///
/// # Errors
/// When the rows cannot be read, or the temporary folder cannot be written.
pub(crate) async fn spill_rows(
    mut rows: SortedBatches,
    schema: &SchemaRef,
    group_rows: usize,
) -> Result<SortedBatches, Failure> {
    let sink = TempFileWriter::new()?;
    let mut writer = RowGroupWriter::new(sink, schema, file::sorted_properties())?;
    while let Some(batch) = rows.next().await? {
        write_in_groups(&mut writer, &batch, group_rows)?;
    }
    drop(rows);

    let written = TempFileWriter::finish_sorted(writer)?;
    let input = File::open(written.path()).map_err(|error| temp_folder_failure(&error))?;
    Ok(SortedBatches::Spilled(Box::new(SpilledBatches {
        batches: BoundedBatches::open(input, &TABLE_FILE, None)?,
        schema: SchemaRef::clone(schema),
        _file: written,
    })))
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
