//! The end of a sorted Parquet file: the bytes of each row group and the owners in it, so that a
//! reader fetches only the groups that it needs.

use std::collections::BTreeMap;
use std::ops::Range;

use bytes::{Buf, Bytes};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::bloom_filter::Sbbf;
use parquet::column::writer::ColumnCloseResult;
use parquet::data_type::ByteArray;
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::metadata::{
    ColumnChunkMetaData, PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader, RowGroupMetaData,
};
use parquet::file::reader::{ChunkReader, Length};
use parquet::file::statistics::Statistics;

use crate::LakeError;
use crate::bounds::{BoundedBatches, check_file_footer};
use crate::chunk_digests::{ChunkDigests, FILE_MARK_BYTES};
use crate::digest::{Sha256Digest, check_sha256};
use crate::limits::{FILE_TAIL_BYTES_MAX, PAGE_INDEX_BYTES_MAX, TABLE_FILE, check_limit};

mod group_columns;

/// The column by which files are sorted and cut.
const OWNER_COLUMN: &str = "owner_id";

/// A part of a file, and where in the file it begins.
#[derive(Clone, Debug)]
pub struct FileWindow {
    start: u64,
    bytes: Bytes,
    file_size: u64,
}

impl FileWindow {
    /// The bytes from `start` on in a file of `file_size` bytes.
    #[must_use]
    pub fn new(start: u64, bytes: Bytes, file_size: u64) -> Self {
        Self {
            start,
            bytes,
            file_size,
        }
    }

    /// Where in the fetched bytes a position of the file is.
    fn window_position(&self, file_position: u64) -> ParquetResult<usize> {
        file_position
            .checked_sub(self.start)
            .and_then(|position| usize::try_from(position).ok())
            .filter(|position| *position <= self.bytes.len())
            .ok_or_else(|| outside_window_error(file_position))
    }
}

fn outside_window_error(start: u64) -> ParquetError {
    ParquetError::EOF(format!(
        "byte {start} is not in the part of the file that was fetched"
    ))
}

impl Length for FileWindow {
    fn len(&self) -> u64 {
        self.file_size
    }
}

impl ChunkReader for FileWindow {
    type T = bytes::buf::Reader<Bytes>;

    fn get_read(&self, start: u64) -> ParquetResult<Self::T> {
        Ok(self.bytes.slice(self.window_position(start)?..).reader())
    }

    fn get_bytes(&self, start: u64, length: usize) -> ParquetResult<Bytes> {
        let from = self.window_position(start)?;
        let to = from
            .checked_add(length)
            .filter(|to| *to <= self.bytes.len())
            .ok_or_else(|| outside_window_error(start))?;
        Ok(self.bytes.slice(from..to))
    }
}

/// A row group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowGroup {
    /// Its number in the file, from 0.
    pub index: usize,
    /// Rows in it.
    pub rows: usize,
    /// The bytes of its columns in the file.
    pub byte_range: Range<u64>,
    /// The minimum owner in it.
    pub min_owner: String,
    /// The maximum owner in it.
    pub max_owner: String,
}

/// The end of a file: its schema, its row groups, their page indexes and bloom filters.
#[derive(Clone, Debug)]
pub struct ParquetFooter {
    metadata: ArrowReaderMetadata,
    tail: FileWindow,
    has_known_indexes: bool,
    chunks: ChunkDigests,
}

impl ParquetFooter {
    /// How much of a file's end is fetched first: enough for the footer of most.
    pub const FIRST_FETCH_BYTES: u64 = 64 << 10;

    /// Where the part begins that [`ParquetFooter::parse`] needs, by the file's last bytes; none
    /// when those are enough.
    ///
    /// # Errors
    /// When the file is no Parquet file.
    pub fn required_start(tail: &FileWindow) -> Result<Option<u64>, LakeError> {
        let footer_size = read_footer_size(tail)?;
        check_limit(
            "the footer has",
            footer_size,
            TABLE_FILE.footer_bytes,
            "bytes",
        )?;
        let footer_start = tail.file_size.saturating_sub(footer_size);
        if footer_start < tail.start {
            return Ok(Some(footer_start));
        }

        check_file_footer(tail, &TABLE_FILE)?;
        let metadata = ParquetMetaDataReader::new().parse_and_finish(tail)?;
        check_positions(&metadata)?;
        let index_start = find_index_start(&metadata).unwrap_or(tail.start);
        let tail_bytes = tail.file_size.saturating_sub(index_start);
        check_limit(
            "indexes and filters have",
            tail_bytes,
            FILE_TAIL_BYTES_MAX,
            "bytes",
        )?;
        Ok((index_start < tail.start).then_some(index_start))
    }

    /// Reads the end of a file.
    ///
    /// # Errors
    /// When the file is damaged, or the end does not reach far enough.
    pub fn parse(tail: FileWindow) -> Result<Self, LakeError> {
        check_file_footer(&tail, &TABLE_FILE)?;
        let reader = ParquetMetaDataReader::new().with_page_index_policy(PageIndexPolicy::Optional);
        let metadata = reader.parse_and_finish(&tail)?;
        check_positions(&metadata)?;
        let has_known_indexes = find_index_start(&metadata).is_some();
        let chunks = ChunkDigests::from_metadata(
            metadata.file_metadata().key_value_metadata(),
            metadata.num_row_groups(),
            metadata.file_metadata().schema_descr().num_columns(),
        )?;
        let metadata = ArrowReaderMetadata::try_new(metadata.into(), ArrowReaderOptions::new())?;

        Ok(Self {
            metadata,
            tail,
            has_known_indexes,
            chunks,
        })
    }

    /// The row groups, in their order.
    ///
    /// # Errors
    /// When the file does not say which owners are in a group: then no merge wrote it.
    pub fn row_groups(&self) -> Result<Vec<RowGroup>, LakeError> {
        let groups = self.metadata.metadata().row_groups();
        groups
            .iter()
            .enumerate()
            .map(|(index, group)| describe_row_group(index, group))
            .collect()
    }

    /// The bytes of each column in the file, compressed.
    #[must_use]
    pub fn column_bytes(&self) -> BTreeMap<&str, u64> {
        let mut bytes = BTreeMap::new();
        for group in self.metadata.metadata().row_groups() {
            for column in group.columns() {
                let size = u64::try_from(column.compressed_size()).unwrap_or_default();
                *bytes.entry(column.column_descr().name()).or_default() += size;
            }
        }
        bytes
    }

    /// Whether groups can be copied as they are into a file of these columns: the columns are the
    /// same, in the same order, and their indexes are known.
    #[must_use]
    pub fn is_copyable(&self, schema: &parquet::schema::types::SchemaDescriptor) -> bool {
        self.has_known_indexes && self.metadata.parquet_schema().columns() == schema.columns()
    }

    /// Refuses bytes of a group that are not those that were written; `bytes` are those of
    /// [`RowGroup::byte_range`].
    ///
    /// # Errors
    /// When the digest of a column chunk differs, or bytes between the chunks belong to none.
    pub fn check_group(&self, group: &RowGroup, bytes: &Bytes) -> Result<(), LakeError> {
        let window = FileWindow::new(group.byte_range.start, bytes.clone(), self.tail.file_size);
        let columns = self.metadata.metadata().row_group(group.index).columns();
        let mut end = group.byte_range.start;
        for (column, digest) in columns.iter().zip(self.chunk_digests(group)) {
            let range = column_byte_range(column);
            if range.start != end {
                return Err(row_group_error(
                    group.index,
                    "has bytes that are in no column",
                ));
            }
            end = range.end;

            let length = usize::try_from(range.end - range.start).unwrap_or(usize::MAX);
            let chunk = window.get_bytes(range.start, length)?;
            let name = column.column_path().string();
            let what = format!("column {name} of row group {}", group.index);
            check_sha256(&what, *digest, Sha256Digest::of_bytes(&chunk))?;
        }
        Ok(())
    }

    /// Refuses a file in which bytes between its beginning and its tail belong to no row group.
    ///
    /// # Errors
    /// When there are such bytes.
    pub fn check_coverage(&self, groups: &[RowGroup], tail_start: u64) -> Result<(), LakeError> {
        let mut end = FILE_MARK_BYTES;
        for group in groups {
            if group.byte_range.start != end {
                return Err(row_group_error(
                    group.index,
                    "does not begin where the one before it ends",
                ));
            }
            end = group.byte_range.end;
        }
        if end == tail_start {
            return Ok(());
        }
        let message = "bytes between the last row group and the file's tail belong to neither";
        Err(LakeError::Unexpected(message.into()))
    }

    /// The digests of a group's column chunks, in the order of the columns.
    pub(crate) fn chunk_digests(&self, group: &RowGroup) -> &[Sha256Digest] {
        self.chunks.of_group(group.index)
    }

    /// The batches of a group; `bytes` are those of [`RowGroup::byte_range`].
    ///
    /// # Errors
    /// When the file is damaged.
    pub fn decode_group(
        &self,
        group: &RowGroup,
        bytes: Bytes,
    ) -> Result<BoundedBatches<FileWindow>, LakeError> {
        let window = FileWindow::new(group.byte_range.start, bytes, self.tail.file_size);
        self.window_batches(group, window, ProjectionMask::all())
    }

    fn window_batches(
        &self,
        group: &RowGroup,
        window: FileWindow,
        mask: ProjectionMask,
    ) -> Result<BoundedBatches<FileWindow>, LakeError> {
        let groups = vec![group.index];
        BoundedBatches::of_groups(window, self.metadata.clone(), mask, groups, &TABLE_FILE)
    }

    /// What a writer must know to copy a group's columns.
    pub(crate) fn column_close_results(
        &self,
        group: &RowGroup,
    ) -> Result<Vec<ColumnCloseResult>, LakeError> {
        let metadata = self.metadata.metadata();
        let indexes = metadata.page_index_for_row_group(group.index);
        let columns = metadata.row_group(group.index).columns();

        let mut closed = Vec::with_capacity(columns.len());
        for (position, column) in columns.iter().enumerate() {
            closed.push(ColumnCloseResult {
                bytes_written: column.compressed_size().unsigned_abs(),
                rows_written: group.rows as u64,
                metadata: column.clone(),
                bloom_filter: Sbbf::read_from_column_chunk(column, &self.tail)?,
                column_index: indexes.column_index(position).cloned(),
                offset_index: indexes.offset_index(position).cloned(),
            });
        }
        Ok(closed)
    }
}

/// How long the footer is: its own length is written before the last four bytes, which are `PAR1`.
fn read_footer_size(tail: &FileWindow) -> Result<u64, LakeError> {
    const MARK: u64 = 8;
    let start = tail
        .file_size
        .checked_sub(MARK)
        .ok_or_else(|| outside_window_error(tail.file_size))?;
    let bytes = tail.get_bytes(start, 8)?;
    match *bytes {
        [a, b, c, d, b'P', b'A', b'R', b'1'] => {
            Ok(u64::from(u32::from_le_bytes([a, b, c, d])) + MARK)
        }
        _ => Err(LakeError::Unexpected(
            "the file does not end as a Parquet file".into(),
        )),
    }
}

/// Where page indexes and bloom filters begin; none when some are stored among the row groups.
fn find_index_start(metadata: &ParquetMetaData) -> Option<u64> {
    let mut data_end = 0;
    let mut index_start = None;
    for column in metadata
        .row_groups()
        .iter()
        .flat_map(RowGroupMetaData::columns)
    {
        data_end = data_end.max(column_byte_range(column).end);
        index_start = index_start
            .into_iter()
            .chain(column_index_offsets(column))
            .min();
    }

    let index_start = index_start.unwrap_or(data_end);
    (index_start >= data_end).then_some(index_start)
}

/// Refuses page indexes that would be large once they are decoded, and positions for which the
/// Parquet reader panics.
fn check_positions(metadata: &ParquetMetaData) -> Result<(), LakeError> {
    let groups = metadata.row_groups().iter();
    let mut index_bytes = 0_u64;
    for column in groups.flat_map(RowGroupMetaData::columns) {
        let start = column
            .dictionary_page_offset()
            .unwrap_or_else(|| column.data_page_offset());
        if start < 0 || column.compressed_size() < 0 {
            let what = "the Parquet file is damaged: a column has a negative position";
            return Err(LakeError::Unexpected(what.into()));
        }

        let lengths = [column.column_index_length(), column.offset_index_length()];
        let lengths = lengths.into_iter().flatten().map(i32::unsigned_abs);
        index_bytes = lengths.fold(index_bytes, |sum, length| sum + u64::from(length));
    }
    check_limit(
        "page indexes have",
        index_bytes,
        PAGE_INDEX_BYTES_MAX,
        "bytes",
    )
}

/// Where the indexes and the bloom filter of a column chunk are stored, as far as it has them.
fn column_index_offsets(column: &ColumnChunkMetaData) -> impl Iterator<Item = u64> {
    let offsets = [
        column.bloom_filter_offset(),
        column.column_index_offset(),
        column.offset_index_offset(),
    ];
    offsets.into_iter().flatten().map(i64::unsigned_abs)
}

fn column_byte_range(column: &ColumnChunkMetaData) -> Range<u64> {
    let (start, length) = column.byte_range();
    start..start.saturating_add(length)
}

fn describe_row_group(index: usize, group: &RowGroupMetaData) -> Result<RowGroup, LakeError> {
    let owner_column = group
        .columns()
        .iter()
        .find(|column| column.column_path().string() == OWNER_COLUMN);
    let Some(Statistics::ByteArray(owners)) =
        owner_column.and_then(ColumnChunkMetaData::statistics)
    else {
        return Err(row_group_error(
            index,
            "does not say which owners are in it",
        ));
    };

    Ok(RowGroup {
        index,
        rows: usize::try_from(group.num_rows()).unwrap_or_default(),
        byte_range: row_group_byte_range(group),
        min_owner: owner_text(index, owners.min_opt())?,
        max_owner: owner_text(index, owners.max_opt())?,
    })
}

fn row_group_byte_range(group: &RowGroupMetaData) -> Range<u64> {
    let ranges = group.columns().iter().map(column_byte_range);
    ranges
        .reduce(|group, column| group.start.min(column.start)..group.end.max(column.end))
        .unwrap_or_default()
}

fn owner_text(index: usize, bytes: Option<&ByteArray>) -> Result<String, LakeError> {
    bytes
        .and_then(|bytes| std::str::from_utf8(bytes.data()).ok())
        .map(str::to_owned)
        .ok_or_else(|| row_group_error(index, "has owners that are no text"))
}

fn row_group_error(index: usize, what: &str) -> LakeError {
    LakeError::Unexpected(format!("row group {index} {what}"))
}
