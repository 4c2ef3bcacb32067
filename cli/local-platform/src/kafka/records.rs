//! Records of a batch of format 2, read back as they were sent.
//!
//! The `kafka-protocol` crate reads a record's headers into a map: of two headers of one name it
//! returns only the last. Lambda delivers both, and so does this module.

use std::io;

use bytes::{Buf, Bytes};

/// Byte positions in a batch.
const ATTRIBUTES_OFFSET: usize = 21;
const COUNT_OFFSET: usize = 57;
const HEADER_BYTES: usize = 61;

/// The lower bits of the attributes name the compression.
const COMPRESSION_BITS: u8 = 0x07;
const ZSTD: u8 = 4;

/// A batch that decompresses to more than this is refused: no producer sends one.
const DECOMPRESSED_BYTES_MAX: usize = 256 * 1024 * 1024;

/// A record that was read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogRecord {
    /// Its offset.
    pub offset: i64,
    /// When it was appended, in milliseconds since 1970.
    pub timestamp: i64,
    /// Whether the broker gave it that time when it appended the record, and not its producer.
    pub is_append_time: bool,
    /// Its key.
    pub key: Option<Bytes>,
    /// Its value; none for a tombstone.
    pub value: Option<Bytes>,
    /// Its headers in their order, with repeated names.
    pub headers: Vec<(String, Option<Bytes>)>,
}

/// Whether the batch's compression can be read back: none, or zstd.
pub(super) fn is_readable(batch: &[u8]) -> bool {
    matches!(batch[ATTRIBUTES_OFFSET + 1] & COMPRESSION_BITS, 0 | ZSTD)
}

/// The records of a complete batch, stamped with `timestamp`.
///
/// # Errors
/// When the batch is damaged.
pub(super) fn decode_batch(batch: &Bytes, timestamp: i64) -> io::Result<Vec<LogRecord>> {
    let base = i64::from_be_bytes(array_at(batch, 0)?);
    let count = i32::from_be_bytes(array_at(batch, COUNT_OFFSET)?);
    let mut rest = match batch[ATTRIBUTES_OFFSET + 1] & COMPRESSION_BITS {
        0 => batch.slice(HEADER_BYTES..),
        _ => Bytes::from(zstd::bulk::decompress(
            &batch[HEADER_BYTES..],
            DECOMPRESSED_BYTES_MAX,
        )?),
    };
    (0..count)
        .map(|_| decode_record(&mut rest, base, timestamp))
        .collect()
}

fn decode_record(rest: &mut Bytes, base: i64, timestamp: i64) -> io::Result<LogRecord> {
    let length = usize::try_from(take_varint(rest)?).map_err(|_| damaged_batch())?;
    let mut record = take_bytes(rest, length)?;
    take_bytes(&mut record, 1)?; // attributes: not used
    take_varint(&mut record)?; // the producer's time: with LogAppendTime the batch's own counts
    let offset = base + take_varint(&mut record)?;
    let key = take_sized_bytes(&mut record)?;
    let value = take_sized_bytes(&mut record)?;

    let header_count = take_varint(&mut record)?;
    let headers = (0..header_count).map(|_| take_header(&mut record));
    let headers = headers.collect::<io::Result<_>>()?;
    Ok(LogRecord {
        offset,
        timestamp,
        is_append_time: true,
        key,
        value,
        headers,
    })
}

fn take_header(rest: &mut Bytes) -> io::Result<(String, Option<Bytes>)> {
    let name = take_sized_bytes(rest)?.unwrap_or_default();
    let value = take_sized_bytes(rest)?;
    Ok((String::from_utf8_lossy(&name).into_owned(), value))
}

/// A length and that many bytes; none for a length of -1.
fn take_sized_bytes(rest: &mut Bytes) -> io::Result<Option<Bytes>> {
    match usize::try_from(take_varint(rest)?) {
        Ok(length) => take_bytes(rest, length).map(Some),
        Err(_) => Ok(None),
    }
}

fn take_bytes(rest: &mut Bytes, length: usize) -> io::Result<Bytes> {
    if rest.len() < length {
        Err(damaged_batch())
    } else {
        Ok(rest.split_to(length))
    }
}

/// A zigzag varint: seven bits in each byte, the sign in the lowest bit.
fn take_varint(rest: &mut Bytes) -> io::Result<i64> {
    let mut number = 0u64;
    for index in 0..10 {
        if rest.is_empty() {
            break;
        }
        let byte = rest.get_u8();
        number |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Ok((number >> 1).cast_signed() ^ -(number & 1).cast_signed());
        }
    }
    Err(damaged_batch())
}

fn array_at<const N: usize>(batch: &Bytes, position: usize) -> io::Result<[u8; N]> {
    batch
        .get(position..position + N)
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or_else(damaged_batch)
}

fn damaged_batch() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "a record batch is damaged")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_their_sign_in_the_lowest_bit() {
        for (bytes, number) in [
            (&[0x00][..], 0),
            (&[0x01], -1),
            (&[0x02], 1),
            (&[0xac, 0x02], 150),
        ] {
            assert_eq!(
                take_varint(&mut Bytes::copy_from_slice(bytes)).unwrap(),
                number
            );
        }
        assert!(take_varint(&mut Bytes::from_static(&[0x80])).is_err());
    }

    #[test]
    fn headers_of_one_name_are_all_there() {
        // One record: key none, value "v", headers h=1, h=2, n=none.
        let body: &[u8] = &[
            0, 0, 0, 0x01, 0x02, b'v', 0x06, 0x02, b'h', 0x02, b'1', 0x02, b'h', 0x02, b'2', 0x02,
            b'n', 0x01,
        ];
        let mut batch = vec![0; HEADER_BYTES];
        batch[7] = 5;
        batch[COUNT_OFFSET + 3] = 1;
        batch.push(u8::try_from(body.len() * 2).unwrap());
        batch.extend_from_slice(body);
        let records = decode_batch(&Bytes::from(batch.clone()), 9).unwrap();
        let header =
            |name: &str, value: &'static [u8]| (name.to_owned(), Some(Bytes::from_static(value)));
        assert_eq!(
            records[0].headers,
            [header("h", b"1"), header("h", b"2"), ("n".to_owned(), None)]
        );
        assert_eq!(
            (
                records[0].offset,
                records[0].timestamp,
                records[0].key.as_ref()
            ),
            (5, 9, None)
        );
        batch.truncate(HEADER_BYTES + 4);
        assert!(decode_batch(&Bytes::from(batch), 9).is_err());
    }
}
