//! How many values a page has, and how long they are, before a decoder allocates memory by what the
//! page says of itself.

use parquet::basic::{Encoding, Type};
use parquet::column::page::Page;
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::schema::types::ColumnDescriptor;

/// Bytes of the length before a text in the encoding `PLAIN`.
const LENGTH_BYTES: usize = 4;

fn page_error(what: &str) -> ParquetError {
    ParquetError::General(format!("the Parquet file is damaged: a page {what}"))
}

/// Bytes of the largest value of a dictionary.
///
/// # Errors
/// When it has fewer values than its header says: memory would be allocated by that.
pub(super) fn largest_dictionary_value(
    buffer: &[u8],
    values: u32,
    column: &ColumnDescriptor,
) -> ParquetResult<usize> {
    let values = values as usize;
    let width = match column.physical_type() {
        Type::BYTE_ARRAY => return largest_text(buffer, values),
        Type::FIXED_LEN_BYTE_ARRAY => usize::try_from(column.type_length()).unwrap_or_default(),
        Type::BOOLEAN => 1,
        Type::INT32 | Type::FLOAT => 4,
        Type::INT64 | Type::DOUBLE => 8,
        Type::INT96 => 12,
    };
    match values.checked_mul(width.max(1)) {
        Some(bytes) if bytes <= buffer.len() => Ok(width),
        _ => Err(page_error("has fewer values than it says")),
    }
}

fn largest_text(mut buffer: &[u8], values: usize) -> ParquetResult<usize> {
    let mut largest = 0;
    if values > buffer.len() / LENGTH_BYTES {
        return Err(page_error("has fewer values than it says"));
    }
    for _ in 0..values {
        let length;
        (length, buffer) = buffer
            .split_first_chunk::<LENGTH_BYTES>()
            .ok_or_else(|| page_error("has fewer values than it says"))?;
        let length = u32::from_le_bytes(*length) as usize;
        buffer = buffer
            .get(length..)
            .ok_or_else(|| page_error("has a value that is longer than the page"))?;
        largest = largest.max(length);
    }
    Ok(largest)
}

/// Refuses a data page whose delta encoding says that it has more values than the page's header
/// does.
///
/// # Errors
/// When it does, or is damaged.
pub(super) fn check_delta_page(page: &Page, column: &ColumnDescriptor) -> ParquetResult<()> {
    let values = page.num_values() as usize;
    let is_delta = matches!(
        page.encoding(),
        Encoding::DELTA_BYTE_ARRAY | Encoding::DELTA_LENGTH_BYTE_ARRAY
    );
    if !is_delta {
        return Ok(());
    }

    let lengths = encoded_values(page, column)?;
    let after_first = skip_packed_numbers(lengths, values)?;
    if page.encoding() == Encoding::DELTA_BYTE_ARRAY {
        skip_packed_numbers(after_first, values)?;
    }
    Ok(())
}

/// The part of a data page behind the levels.
fn encoded_values<'p>(page: &'p Page, column: &ColumnDescriptor) -> ParquetResult<&'p [u8]> {
    let bytes = match page {
        Page::DataPageV2 {
            buf,
            def_levels_byte_len,
            rep_levels_byte_len,
            ..
        } => {
            let levels = *def_levels_byte_len as usize + *rep_levels_byte_len as usize;
            buf.get(levels..)
        }
        Page::DataPage {
            buf,
            def_level_encoding: Encoding::RLE,
            rep_level_encoding: Encoding::RLE,
            ..
        } => skip_levels(buf, column.max_rep_level())
            .and_then(|rest| skip_levels(rest, column.max_def_level())),
        _ => None,
    };
    bytes.ok_or_else(|| page_error("has levels that cannot be read"))
}

fn skip_levels(buffer: &[u8], max_level: i16) -> Option<&[u8]> {
    if max_level == 0 {
        return Some(buffer);
    }
    let (length, rest) = buffer.split_first_chunk::<4>()?;
    rest.get(u32::from_le_bytes(*length) as usize..)
}

/// Reads over numbers in the encoding `DELTA_BINARY_PACKED`; gives what comes behind them. A few
/// bytes can say that they are 2,000 million equal numbers, for which the decoder would take 8 GB.
fn skip_packed_numbers(buffer: &[u8], values_max: usize) -> ParquetResult<&[u8]> {
    walk_packed_numbers(buffer, values_max)
        .ok_or_else(|| page_error("has more lengths of texts than values"))
}

fn walk_packed_numbers(buffer: &[u8], values_max: usize) -> Option<&[u8]> {
    let (block_size, buffer) = read_number(buffer)?;
    let (parts, buffer) = read_number(buffer)?;
    let (values, buffer) = read_number(buffer)?;
    let (_first, mut buffer) = read_number(buffer)?;
    if values > values_max {
        return None;
    }

    let part_values = block_size.checked_div(parts).filter(|count| *count > 0)?;
    let mut remaining = values.saturating_sub(1);
    while remaining > 0 {
        let (_smallest, block) = read_number(buffer)?;
        let (widths, mut block) = block.split_at_checked(parts)?;
        for width in widths {
            // Parts behind the last value have no bytes, whatever width they state.
            if remaining == 0 {
                break;
            }
            block = block.get(part_values.checked_mul(usize::from(*width))?.div_ceil(8)..)?;
            remaining = remaining.saturating_sub(part_values);
        }
        buffer = block;
    }
    Some(buffer)
}

/// A variable-length number, and what comes behind it.
fn read_number(buffer: &[u8]) -> Option<(usize, &[u8])> {
    let mut value = 0_u64;
    for (place, byte) in buffer.iter().take(10).enumerate() {
        value |= u64::from(byte & 0x7f).wrapping_shl(u32::try_from(place * 7).ok()?);
        if byte & 0x80 == 0 {
            return Some((usize::try_from(value).ok()?, buffer.get(place + 1..)?));
        }
    }
    None
}
