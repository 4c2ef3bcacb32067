//! The batches of a file, row group by row group, each of as few rows as its largest values ask
//! for.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ParquetRecordBatchReader};
use parquet::arrow::{FieldLevels, ProjectionMask, parquet_to_arrow_field_levels};
use parquet::column::page::PageReader;
use parquet::file::metadata::RowGroupMetaData;
use parquet::file::reader::ChunkReader;

use super::checked_group::{CheckedColumns, CheckedGroup};
use super::footer_walk::check_footer;
use super::page_headers::PageSizes;
use super::page_reader::CheckedPages;
use super::row_width::RowWidth;
use crate::LakeError;
use crate::limits::{ParquetLimits, check_limit};

/// Bytes at a file's end that say how long the footer is: four, and `PAR1`.
const FOOTER_END_BYTES: u64 = 8;

/// Characters of a column's name that a message shows. The name may be of anyone who can write the
/// file.
const SHOWN_NAME_CHARS_MAX: usize = 64;

/// Refuses a footer before it is decoded.
///
/// # Errors
/// When it is damaged or over a limit.
pub(crate) fn check_file_footer<R: ChunkReader>(
    input: &R,
    limits: &ParquetLimits,
) -> Result<(), LakeError> {
    let no_footer = || LakeError::Unexpected("the file does not end as a Parquet file".into());
    let end = input.len().checked_sub(FOOTER_END_BYTES);
    let end = end.ok_or_else(no_footer)?;
    let [a, b, c, d, b'P', b'A', b'R', b'1'] = *input.get_bytes(end, 8)? else {
        return Err(no_footer());
    };

    let length = u32::from_le_bytes([a, b, c, d]);
    check_limit(
        "the footer has",
        length.into(),
        limits.footer_bytes,
        "bytes",
    )?;
    let start = end.checked_sub(length.into()).ok_or_else(no_footer)?;
    check_footer(&input.get_bytes(start, length as usize)?, limits)
}

/// A row group that is being decoded.
struct OpenRowGroup {
    reader: ParquetRecordBatchReader,
    /// Rows that are still to come, by the footer.
    rows_left: usize,
}

/// The batches of a file, decoded one at a time. A file over its limits ends with an error before
/// memory is taken. A row group is released with its last row: its pages, dictionaries and zstd's
/// contexts, some 150 kB a column, would otherwise stay until the next group is asked for.
pub struct BoundedBatches<R: ChunkReader + 'static> {
    input: Arc<R>,
    metadata: ArrowReaderMetadata,
    mask: ProjectionMask,
    levels: FieldLevels,
    limits: ParquetLimits,
    groups: std::vec::IntoIter<usize>,
    open: Option<OpenRowGroup>,
    file_bytes: u64,
    file_rows: u64,
}

impl<R: ChunkReader + 'static> BoundedBatches<R> {
    /// Opens a file, with these columns of it.
    ///
    /// # Errors
    /// When the footer is damaged or over a limit.
    pub fn open(
        input: R,
        limits: &ParquetLimits,
        columns: Option<&[&str]>,
    ) -> Result<Self, LakeError> {
        check_file_footer(&input, limits)?;
        let metadata = caught(|| Ok(ArrowReaderMetadata::load(&input, Default::default())?))?;
        let mask = match columns {
            Some(columns) => {
                ProjectionMask::columns(metadata.parquet_schema(), columns.iter().copied())
            }
            None => ProjectionMask::all(),
        };
        let groups = (0..metadata.metadata().num_row_groups()).collect();
        Self::of_groups(input, metadata, mask, groups, limits)
    }

    /// The batches of some row groups. The footer was checked ([`check_file_footer`]).
    pub(crate) fn of_groups(
        input: R,
        metadata: ArrowReaderMetadata,
        mask: ProjectionMask,
        groups: Vec<usize>,
        limits: &ParquetLimits,
    ) -> Result<Self, LakeError> {
        let hint = metadata.schema().fields();
        let levels = caught(|| {
            let schema = metadata.parquet_schema();
            Ok(parquet_to_arrow_field_levels(
                schema,
                mask.clone(),
                Some(hint),
            )?)
        })?;
        Ok(Self {
            input: Arc::new(input),
            mask,
            levels,
            limits: *limits,
            groups: groups.into_iter(),
            open: None,
            file_bytes: 0,
            file_rows: 0,
            metadata,
        })
    }

    /// The columns of the file.
    #[must_use]
    pub fn file_schema(&self) -> &SchemaRef {
        self.metadata.schema()
    }

    /// How many rows the file has, by its footer.
    #[must_use]
    pub fn row_count(&self) -> u64 {
        let rows = self.metadata.metadata().file_metadata().num_rows();
        rows.unsigned_abs()
    }

    /// Whether every row was read.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.open.is_none() && self.groups.len() == 0
    }

    fn next_batch(&mut self) -> Result<Option<RecordBatch>, LakeError> {
        loop {
            if let Some(open) = &mut self.open
                && let Some(batch) = open.next_batch()?
            {
                if open.rows_left == 0 {
                    open.check_end()?;
                    self.open = None;
                }
                return Ok(Some(batch));
            }

            self.open = None;
            let Some(group) = self.groups.next() else {
                return Ok(None);
            };
            self.open = Some(self.open_group(group)?);
        }
    }

    /// Reads the headers of all pages of a row group, and its dictionaries.
    fn open_group(&mut self, group: usize) -> Result<OpenRowGroup, LakeError> {
        let metadata = Arc::clone(self.metadata.metadata());
        let row_group = metadata.row_group(group);
        let rows = u64::try_from(row_group.num_rows()).unwrap_or(u64::MAX);
        check_limit("a row group has", rows, self.limits.group_rows, "rows")?;
        self.file_rows = self.file_rows.saturating_add(rows);
        check_limit(
            "the file has",
            self.file_rows,
            self.limits.file_rows,
            "rows",
        )?;

        let mut width = RowWidth::default();
        let mut columns = CheckedColumns::new();
        for index in 0..row_group.num_columns() {
            if self.mask.leaf_included(index) {
                let pages = self
                    .open_column(row_group, index, &mut width)
                    .map_err(|error| in_column(error, row_group, index))?;
                columns.insert(index, pages);
            }
        }
        for field in self.metadata.schema().fields() {
            width.add_fixed_lists(field, &self.limits);
        }

        let batch_rows = width.batch_rows(rows, &self.limits)?;
        let checked = CheckedGroup::as_file(metadata.file_metadata(), row_group, columns);
        let reader = caught(|| {
            let levels = &self.levels;
            let reader = ParquetRecordBatchReader::try_new_with_row_groups(
                levels, &checked, batch_rows, None,
            );
            Ok(reader?)
        })?;
        Ok(OpenRowGroup {
            reader,
            rows_left: usize::try_from(rows).unwrap_or(usize::MAX),
        })
    }

    fn open_column(
        &mut self,
        group: &RowGroupMetaData,
        index: usize,
        width: &mut RowWidth,
    ) -> Result<Box<dyn PageReader>, LakeError> {
        let chunk = group.column(index);
        let column = chunk.column_descr();
        let sizes = PageSizes::read(&*self.input, chunk, &self.limits)?;
        self.file_bytes = self.file_bytes.saturating_add(sizes.total);
        let what = "the pages up to here have";
        check_limit(
            what,
            self.file_bytes,
            self.limits.file_bytes,
            "bytes after decompression",
        )?;

        let rows = group.num_rows().unsigned_abs();
        if column.max_rep_level() == 0 && sizes.values > rows {
            let what = "the Parquet file is damaged: a column has more values than rows";
            return Err(LakeError::Unexpected(what.into()));
        }
        let rows = usize::try_from(rows).unwrap_or_default();
        let pages = caught(|| Ok(CheckedPages::open(&self.input, chunk, rows, &sizes)?))?;
        width.add_column(column, &sizes, pages.largest_value(), &self.limits)?;
        Ok(Box::new(pages))
    }
}

impl OpenRowGroup {
    fn next_batch(&mut self) -> Result<Option<RecordBatch>, LakeError> {
        let batch = caught(|| Ok(self.reader.next().transpose()?))?;
        let rows = batch.as_ref().map_or(0, RecordBatch::num_rows);
        self.rows_left = self.rows_left.saturating_sub(rows);
        Ok(batch)
    }

    /// Refuses pages with more rows than the footer says: they would not be read.
    fn check_end(&mut self) -> Result<(), LakeError> {
        if self.next_batch()?.is_some() {
            let what =
                "the Parquet file is damaged: a row group has more rows than its footer says";
            return Err(LakeError::Unexpected(what.into()));
        }
        Ok(())
    }
}

impl<R: ChunkReader + 'static> Iterator for BoundedBatches<R> {
    type Item = Result<RecordBatch, LakeError>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = self.next_batch();
        if batch.is_err() {
            // Behind an error there is nothing to be read.
            self.groups = Vec::new().into_iter();
            self.open = None;
        }
        batch.transpose()
    }
}

/// The batches of a file that is held whole.
///
/// # Errors
/// When the file is damaged, or they have more bytes than `bytes_max`.
pub(crate) fn collect_batches<R: ChunkReader + 'static>(
    batches: BoundedBatches<R>,
    bytes_max: u64,
) -> Result<Vec<RecordBatch>, LakeError> {
    let mut collected = Vec::new();
    let mut bytes = 0;
    for batch in batches {
        let batch = batch?;
        bytes += batch.get_array_memory_size() as u64;
        check_limit("the rows up to here take", bytes, bytes_max, "bytes")?;
        collected.push(batch);
    }
    Ok(collected)
}

/// Runs a part of the Parquet reader, which answers some damaged files with a panic. One object
/// must not end a function.
fn caught<T>(read: impl FnOnce() -> Result<T, LakeError>) -> Result<T, LakeError> {
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| {
        let what = "the Parquet file is damaged: the reader cannot go on";
        Err(LakeError::Unexpected(what.into()))
    })
}

/// Names the column that an error is about.
fn in_column(error: LakeError, group: &RowGroupMetaData, index: usize) -> LakeError {
    let path = group.column(index).column_path().string();
    let is_plain = path.len() <= SHOWN_NAME_CHARS_MAX
        && path
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_.".contains(&byte));
    let column = if is_plain {
        format!("column `{path}`")
    } else {
        format!("column {}", index + 1)
    };
    match error {
        LakeError::OverLimit(what) => LakeError::OverLimit(format!("{column}: {what}")),
        LakeError::Unexpected(what) => LakeError::Unexpected(format!("{column}: {what}")),
        other => other,
    }
}
