//! Writes a curated file row group by row group: encoded from rows, or copied undecoded from
//! another file.

use std::io::Write;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::{ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::SchemaDescriptor;

use crate::LakeError;
use crate::chunk_digests::ChunkDigester;
use crate::digest::FileDigest;
use crate::footer::{FileWindow, ParquetFooter, RowGroup};

/// A writer of row groups. Rows go into the open group; the caller says where a group ends.
pub struct RowGroupWriter<W: Write + Send> {
    file: SerializedFileWriter<ChunkDigester<W>>,
    factory: ArrowRowGroupWriterFactory,
    schema: SchemaRef,
    open_writers: Option<Vec<ArrowColumnWriter>>,
    rows: usize,
    groups: usize,
}

impl<W: Write + Send> RowGroupWriter<W> {
    /// Begins a file.
    ///
    /// # Errors
    /// When the sink cannot be written.
    pub fn new(
        sink: W,
        schema: &SchemaRef,
        properties: WriterProperties,
    ) -> Result<Self, LakeError> {
        let sink = ChunkDigester::new(sink);
        let writer = ArrowWriter::try_new(sink, Arc::clone(schema), Some(properties))?;
        let (file, factory) = writer.into_serialized_writer()?;
        Ok(Self {
            file,
            factory,
            schema: Arc::clone(schema),
            open_writers: None,
            rows: 0,
            groups: 0,
        })
    }

    /// The file's schema, as Parquet describes it.
    #[must_use]
    pub fn schema_descriptor(&self) -> &SchemaDescriptor {
        self.file.schema_descr()
    }

    /// Rows in the open group; none when no group is open.
    #[must_use]
    pub fn open_row_count(&self) -> usize {
        self.rows
    }

    /// Writes rows into the open group, or begins one.
    ///
    /// # Errors
    /// When the rows do not fit the schema.
    pub fn write_batch(&mut self, batch: &RecordBatch) -> Result<(), LakeError> {
        let mut writers = match self.open_writers.take() {
            Some(writers) => writers,
            None => self.factory.create_column_writers(self.groups)?,
        };
        // The tables are flat: a column has one leaf.
        for ((field, column), writer) in self
            .schema
            .fields()
            .iter()
            .zip(batch.columns())
            .zip(&mut writers)
        {
            for leaf in compute_leaves(field, column)? {
                writer.write(&leaf)?;
            }
        }
        self.rows += batch.num_rows();
        self.open_writers = Some(writers);
        Ok(())
    }

    /// Ends the open group. Says how many rows it has; none when none is open.
    ///
    /// # Errors
    /// When the sink cannot be written.
    pub fn close_group(&mut self) -> Result<Option<usize>, LakeError> {
        let Some(writers) = self.open_writers.take() else {
            return Ok(None);
        };
        let mut chunks = Vec::with_capacity(writers.len());
        for writer in writers {
            let chunk = writer.close()?;
            let digester = self.file.inner_mut();
            let bytes = chunk.close().metadata.compressed_size();
            digester.expect_encoded(bytes.unsigned_abs());
            chunks.push(chunk);
        }

        let mut group = self.file.next_row_group()?;
        for chunk in chunks {
            chunk.append_to_row_group(&mut group)?;
        }
        group.close()?;
        self.groups += 1;
        Ok(Some(std::mem::take(&mut self.rows)))
    }

    /// Copies a group of another file, whose columns must be the same
    /// ([`ParquetFooter::is_copyable`]). The open group is ended.
    ///
    /// # Errors
    /// When the other file is damaged or the sink cannot be written.
    pub fn copy_group(
        &mut self,
        footer: &ParquetFooter,
        from: &RowGroup,
        bytes: Bytes,
    ) -> Result<(), LakeError> {
        self.close_group()?;
        let window = FileWindow::new(from.byte_range.start, bytes, from.byte_range.end);
        let columns = footer.column_close_results(from)?;
        for (column, digest) in columns.iter().zip(footer.chunk_digests(from)) {
            let digester = self.file.inner_mut();
            digester.expect_copied(column.bytes_written, *digest);
        }

        let mut group = self.file.next_row_group()?;
        for column in columns {
            group.append_column(&window, column)?;
        }
        group.close()?;
        self.groups += 1;
        Ok(())
    }

    /// Ends the file. Gives the sink back, and the digest by which the file is known.
    ///
    /// # Errors
    /// When the sink cannot be written.
    pub fn finish_file(mut self) -> Result<(W, FileDigest), LakeError> {
        self.close_group()?;
        // What the writer still holds of the last chunks has to be seen before the footer is made.
        self.file.flush().map_err(ParquetError::from)?;
        let digests = self.file.inner().chunk_metadata();
        self.file.append_key_value_metadata(digests);

        Ok(self.file.into_inner()?.finish())
    }
}
