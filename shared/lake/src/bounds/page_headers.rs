//! The headers of a column chunk's pages. A page's header says how many bytes it has after
//! decompression, and the reader allocates by it; what the footer says of the chunk may be
//! anything.

use parquet::basic::Compression;
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::reader::ChunkReader;

use super::thrift::{CompactReader, FieldHeader, damaged, kind};
use crate::LakeError;
use crate::limits::{ParquetLimits, check_limit};

/// Page types.
mod page_type {
    pub(super) const DATA: i32 = 0;
    pub(super) const INDEX: i32 = 1;
    pub(super) const DICTIONARY: i32 = 2;
    pub(super) const DATA_V2: i32 = 3;
}

/// Encodings that give values more bytes, or a page more values, than the page has.
const DELTA_LENGTH_BYTE_ARRAY: i32 = 6;
const DELTA_BYTE_ARRAY: i32 = 7;

/// What a page says of itself.
#[derive(Default)]
struct PageHeader {
    page_type: i32,
    uncompressed: i32,
    compressed: i32,
    values: i32,
    encoding: i32,
}

impl PageHeader {
    /// The larger of its two sizes: the reader holds one of them, and does not always check the
    /// other.
    fn bytes(&self) -> Result<u64, LakeError> {
        let compressed = u64::try_from(self.compressed);
        let uncompressed = u64::try_from(self.uncompressed);
        match (compressed, uncompressed) {
            (Ok(compressed), Ok(uncompressed)) => Ok(compressed.max(uncompressed)),
            _ => Err(damaged("has a negative size")),
        }
    }

    fn value_count(&self) -> Result<u64, LakeError> {
        u64::try_from(self.values).map_err(|_| damaged("has a negative number of values"))
    }

    fn is_delta(&self) -> bool {
        matches!(self.encoding, DELTA_LENGTH_BYTE_ARRAY | DELTA_BYTE_ARRAY)
    }
}

/// What the pages of a column chunk hold together, by their headers.
#[derive(Debug, Default)]
pub(super) struct PageSizes {
    /// Bytes of the largest data page.
    pub(super) largest_page: u64,
    /// Bytes of the dictionary.
    pub(super) dictionary: u64,
    /// Bytes of all pages.
    pub(super) total: u64,
    /// Values of all data pages, nulls included.
    pub(super) values: u64,
    /// Bytes for each value in the page where they are the most.
    pub(super) value_bytes: u64,
    /// Bytes of the lengths that the reader keeps of a page in a delta encoding.
    pub(super) delta_lengths: u64,
    /// Bytes of each page after decompression, of chunks whose codec does not stop there by itself.
    pub(super) unbounded_pages: Vec<usize>,
}

impl PageSizes {
    /// Reads the headers of all pages of a chunk. No page is decompressed.
    ///
    /// # Errors
    /// When a page is damaged or over a limit.
    pub(super) fn read<R: ChunkReader>(
        input: &R,
        column: &ColumnChunkMetaData,
        limits: &ParquetLimits,
    ) -> Result<Self, LakeError> {
        let (mut position, end) = chunk_range(column, input.len())?;
        let is_unbounded = matches!(column.compression(), Compression::GZIP(_));
        let mut sizes = Self::default();

        while position < end {
            let mut reader = CompactReader::new(input.get_read(position)?);
            let header = read_page_header(&mut reader)?;
            position += reader.position + u64::from(header.compressed.unsigned_abs());
            if position > end {
                return Err(damaged("has a page that is longer than its column"));
            }
            sizes.add_page(&header, limits)?;
            if is_unbounded && header.page_type != page_type::INDEX {
                let bytes = usize::try_from(header.uncompressed);
                sizes.unbounded_pages.push(bytes.unwrap_or_default());
            }
        }
        Ok(sizes)
    }

    fn add_page(&mut self, header: &PageHeader, limits: &ParquetLimits) -> Result<(), LakeError> {
        let bytes = header.bytes()?;
        check_limit(
            "a page has",
            bytes,
            limits.page_bytes,
            "bytes after decompression",
        )?;
        self.total += bytes;

        match header.page_type {
            page_type::INDEX => {}
            page_type::DICTIONARY => self.dictionary = self.dictionary.max(bytes),
            page_type::DATA | page_type::DATA_V2 => self.add_data_page(header, bytes)?,
            _ => return Err(damaged("has an unknown type of page")),
        }
        Ok(())
    }

    fn add_data_page(&mut self, header: &PageHeader, bytes: u64) -> Result<(), LakeError> {
        let values = header.value_count()?;
        self.largest_page = self.largest_page.max(bytes);
        self.values = self.values.saturating_add(values);

        let mut value_bytes = bytes.div_ceil(values.max(1));
        if header.is_delta() {
            self.delta_lengths = self.delta_lengths.max(values.saturating_mul(8));
        }
        if header.encoding == DELTA_BYTE_ARRAY {
            // A value repeats the beginning of the one before it: each can be as long as all that
            // the page spells out.
            value_bytes = bytes;
        }
        self.value_bytes = self.value_bytes.max(value_bytes);
        Ok(())
    }
}

/// Where the pages of a chunk begin and end in the file.
fn chunk_range(column: &ColumnChunkMetaData, file_size: u64) -> Result<(u64, u64), LakeError> {
    let start = column
        .dictionary_page_offset()
        .unwrap_or_else(|| column.data_page_offset());
    let start = u64::try_from(start).ok();
    let length = u64::try_from(column.compressed_size()).ok();

    start
        .zip(length)
        .and_then(|(start, length)| Some((start, start.checked_add(length)?)))
        .filter(|(_, end)| *end <= file_size)
        .ok_or_else(|| damaged("has a column that is not within the file"))
}

/// Reads a page's header as the Parquet reader does: known fields by their number, whatever type
/// they state.
fn read_page_header<R: std::io::Read>(
    reader: &mut CompactReader<R>,
) -> Result<PageHeader, LakeError> {
    let mut header = PageHeader {
        page_type: -1,
        uncompressed: -1,
        compressed: -1,
        ..PageHeader::default()
    };
    let mut last_id = 0;
    while let Some(field) = reader.read_field(last_id)? {
        match field.id {
            1 => header.page_type = reader.read_i32()?,
            2 => header.uncompressed = reader.read_i32()?,
            3 => header.compressed = reader.read_i32()?,
            // The checksum.
            4 => drop(reader.read_i32()?),
            5 => read_values(reader, &mut header, 2)?,
            6 | 7 => skip_inner(reader)?,
            8 => read_values(reader, &mut header, 4)?,
            _ => reader.skip_field(field)?,
        }
        last_id = field.id;
    }
    Ok(header)
}

/// Reads the part of a header that is for data pages; `encoding_id` is where it has the encoding.
fn read_values<R: std::io::Read>(
    reader: &mut CompactReader<R>,
    header: &mut PageHeader,
    encoding_id: i16,
) -> Result<(), LakeError> {
    let mut last_id = 0;
    while let Some(field) = reader.read_field(last_id)? {
        match field.id {
            1 => header.values = reader.read_i32()?,
            id if id == encoding_id => header.encoding = reader.read_i32()?,
            _ => reader.skip_field(field)?,
        }
        last_id = field.id;
    }
    Ok(())
}

fn skip_inner<R: std::io::Read>(reader: &mut CompactReader<R>) -> Result<(), LakeError> {
    reader.skip_field(FieldHeader {
        id: 0,
        kind: kind::STRUCT,
    })
}
