//! The pages of a column chunk, each looked at before its values are decoded.

use std::collections::VecDeque;
use std::io::Read;
use std::sync::Arc;

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use parquet::basic::Compression;
use parquet::column::page::{Page, PageMetadata, PageReader};
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::reader::ChunkReader;
use parquet::file::serialized_reader::SerializedPageReader;
use parquet::schema::types::ColumnDescPtr;

use super::page_headers::PageSizes;
use super::page_values::{check_delta_page, largest_dictionary_value};

fn page_error(what: &str) -> ParquetError {
    ParquetError::General(format!("the Parquet file is damaged: {what}"))
}

/// The pages of a column chunk. Its dictionary is read first, for the largest value in it decides
/// how many rows are decoded at once; it is kept until the decoder asks for it.
pub(super) struct CheckedPages<R: ChunkReader> {
    pages: SerializedPageReader<R>,
    column: ColumnDescPtr,
    dictionary: Option<Page>,
    largest_value: usize,
    /// The sizes of pages that are still to be unpacked here. Parquet's reader unpacks gzip to
    /// whatever it becomes.
    packed_sizes: Option<VecDeque<usize>>,
}

impl<R: ChunkReader + 'static> CheckedPages<R> {
    /// # Errors
    /// When the dictionary is damaged.
    pub(super) fn open(
        input: &Arc<R>,
        chunk: &ColumnChunkMetaData,
        rows: usize,
        sizes: &PageSizes,
    ) -> ParquetResult<Self> {
        let is_packed = matches!(chunk.compression(), Compression::GZIP(_));
        let chunk = if is_packed {
            let unpacked = chunk.clone().into_builder();
            &unpacked
                .set_compression(Compression::UNCOMPRESSED)
                .build()?
        } else {
            chunk
        };

        let mut checked = Self {
            pages: SerializedPageReader::new(Arc::clone(input), chunk, rows, None)?,
            column: chunk.column_descr_ptr(),
            dictionary: None,
            largest_value: 0,
            packed_sizes: is_packed.then(|| sizes.unbounded_pages.iter().copied().collect()),
        };
        if sizes.dictionary > 0 {
            checked.read_dictionary()?;
        }
        Ok(checked)
    }

    /// Bytes of the largest value of the dictionary.
    pub(super) fn largest_value(&self) -> usize {
        self.largest_value
    }

    fn read_dictionary(&mut self) -> ParquetResult<()> {
        let first = self.read_page()?;
        let Some(Page::DictionaryPage {
            buf, num_values, ..
        }) = &first
        else {
            return Err(page_error(
                "a dictionary is not the first page of its column",
            ));
        };
        self.largest_value = largest_dictionary_value(buf, *num_values, &self.column)?;
        self.dictionary = first;
        Ok(())
    }

    fn read_page(&mut self) -> ParquetResult<Option<Page>> {
        let Some(mut page) = self.pages.get_next_page()? else {
            return Ok(None);
        };
        if let Some(sizes) = &mut self.packed_sizes {
            unpack_page(&mut page, sizes.pop_front().unwrap_or_default())?;
        }
        Ok(Some(page))
    }

    /// Refuses a page by which a decoder would allocate more than the headers let expect.
    fn check_page(&self, page: &Page) -> ParquetResult<()> {
        match page {
            Page::DictionaryPage {
                buf, num_values, ..
            } => {
                let largest = largest_dictionary_value(buf, *num_values, &self.column)?;
                if largest > self.largest_value && !buf.is_empty() {
                    return Err(page_error("a column has two dictionaries"));
                }
                Ok(())
            }
            _ => check_delta_page(page, &self.column),
        }
    }
}

impl<R: ChunkReader + 'static> Iterator for CheckedPages<R> {
    type Item = ParquetResult<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

impl<R: ChunkReader + 'static> PageReader for CheckedPages<R> {
    fn get_next_page(&mut self) -> ParquetResult<Option<Page>> {
        if self.dictionary.is_some() {
            return Ok(self.dictionary.take());
        }
        let page = self.read_page()?;
        if let Some(page) = &page {
            self.check_page(page)?;
        }
        Ok(page)
    }

    fn peek_next_page(&mut self) -> ParquetResult<Option<PageMetadata>> {
        if self.dictionary.is_some() {
            return Ok(Some(PageMetadata {
                num_rows: None,
                num_levels: None,
                is_dict: true,
            }));
        }
        self.pages.peek_next_page()
    }

    fn skip_next_page(&mut self) -> ParquetResult<()> {
        // All rows are read: only a selection of rows skips pages, and the sizes of packed pages
        // would not fit any more.
        Err(page_error("a page was to be skipped"))
    }
}

/// Unpacks a page of gzip to the bytes that its header states, and not further.
fn unpack_page(page: &mut Page, bytes: usize) -> ParquetResult<()> {
    match page {
        Page::DataPage { buf, .. } | Page::DictionaryPage { buf, .. } => {
            *buf = unpack_bytes(buf, 0, bytes)?;
        }
        Page::DataPageV2 {
            buf,
            def_levels_byte_len,
            rep_levels_byte_len,
            is_compressed: true,
            ..
        } => {
            let levels = *def_levels_byte_len as usize + *rep_levels_byte_len as usize;
            *buf = unpack_bytes(buf, levels, bytes)?;
        }
        Page::DataPageV2 { .. } => {}
    }
    Ok(())
}

/// The first `levels` bytes are not packed.
fn unpack_bytes(packed: &Bytes, levels: usize, bytes: usize) -> ParquetResult<Bytes> {
    let (levels, packed) = packed
        .split_at_checked(levels)
        .filter(|(levels, _)| levels.len() <= bytes)
        .ok_or_else(|| page_error("a page is shorter than its levels"))?;
    let mut unpacked = Vec::with_capacity(bytes);
    unpacked.extend_from_slice(levels);

    if levels.len() < bytes {
        let one_more = (bytes - levels.len()) as u64 + 1;
        let mut reader = MultiGzDecoder::new(packed).take(one_more);
        reader.read_to_end(&mut unpacked)?;
    }
    if unpacked.len() != bytes {
        return Err(page_error("a page has another size than its header says"));
    }
    Ok(Bytes::from(unpacked))
}
