//! Some columns of a row group: where their bytes are, whether these are what was written, and what
//! tells two groups with the same values apart from others.

use std::ops::Range;

use bytes::Bytes;
use parquet::arrow::ProjectionMask;
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::reader::ChunkReader;

use super::{FileWindow, ParquetFooter, RowGroup, column_byte_range};
use crate::LakeError;
use crate::bounds::BoundedBatches;
use crate::digest::{Sha256Digest, check_sha256};

impl ParquetFooter {
    /// The bytes of a group from the first of these columns to the last one, with what lies between
    /// them; empty when the file has none of them.
    #[must_use]
    pub fn column_span(&self, group: &RowGroup, columns: &[&str]) -> Range<u64> {
        let ranges = self.named_chunks(group, columns);
        ranges
            .map(|(column, _)| column_byte_range(column))
            .reduce(|span, range| span.start.min(range.start)..span.end.max(range.end))
            .unwrap_or(group.byte_range.start..group.byte_range.start)
    }

    /// Refuses bytes of columns that are not those that were written; `bytes` are those of
    /// [`ParquetFooter::column_span`].
    ///
    /// # Errors
    /// When the digest of one of the columns differs.
    pub fn check_columns(
        &self,
        group: &RowGroup,
        columns: &[&str],
        bytes: &Bytes,
    ) -> Result<(), LakeError> {
        let window = self.span_window(group, columns, bytes.clone());
        for (column, digest) in self.named_chunks(group, columns) {
            let range = column_byte_range(column);
            let length = usize::try_from(range.end - range.start).unwrap_or(usize::MAX);
            let chunk = window.get_bytes(range.start, length)?;
            let name = column.column_path().string();
            let what = format!("column {name} of row group {}", group.index);
            check_sha256(&what, digest, Sha256Digest::of_bytes(&chunk))?;
        }
        Ok(())
    }

    /// The batches of a group with only these columns of it; those that the file does not have are
    /// left out. `bytes` are those of [`ParquetFooter::column_span`].
    ///
    /// # Errors
    /// When the file is damaged.
    pub fn decode_group_columns(
        &self,
        group: &RowGroup,
        bytes: Bytes,
        columns: &[&str],
    ) -> Result<BoundedBatches<FileWindow>, LakeError> {
        let mask = ProjectionMask::columns(self.metadata.parquet_schema(), columns.iter().copied());
        let window = self.span_window(group, columns, bytes);
        self.window_batches(group, window, mask)
    }

    /// A digest of a group's rows, as far as these columns go: two groups that have the same one
    /// have the same values in them, row for row. The bytes of equal values can differ, so two
    /// groups that have different ones may have the same values too.
    #[must_use]
    pub fn columns_digest(&self, group: &RowGroup, columns: &[&str]) -> Sha256Digest {
        let mut described = format!("{}\n", group.rows);
        for (column, digest) in self.named_chunks(group, columns) {
            let kind = column.column_descr();
            described.push_str(&format!(
                "{} {:?} {:?} {} {} {digest}\n",
                column.column_path().string(),
                kind.physical_type(),
                column.compression(),
                kind.max_def_level(),
                kind.max_rep_level(),
            ));
        }
        Sha256Digest::of_bytes(described.as_bytes())
    }

    fn span_window(&self, group: &RowGroup, columns: &[&str], bytes: Bytes) -> FileWindow {
        let span = self.column_span(group, columns);
        FileWindow::new(span.start, bytes, self.tail.file_size)
    }

    /// The column chunks with these names, in the order of the file, with their digests.
    fn named_chunks<'f>(
        &'f self,
        group: &RowGroup,
        columns: &'f [&str],
    ) -> impl Iterator<Item = (&'f ColumnChunkMetaData, Sha256Digest)> {
        let chunks = self.metadata.metadata().row_group(group.index).columns();
        let digests = self.chunks.of_group(group.index);
        chunks
            .iter()
            .zip(digests)
            .filter(|(column, _)| columns.contains(&column.column_path().string().as_str()))
            .map(|(column, digest)| (column, *digest))
    }
}
