//! Avro's object container files, as far as Iceberg's manifests need them.
//!
//! Written here because the crate for it names the file's metadata in the random order of a hash
//! map: the same input would not give the same bytes.

use std::collections::BTreeMap;

use pole::content_id;

use crate::LakeError;

const AVRO_MAGIC: &[u8] = b"Obj\x01";

/// The size of the marker between blocks.
const SYNC_MARKER_BYTES: usize = 16;

/// Values under construction, in Avro's binary encoding.
#[derive(Default)]
pub(super) struct AvroEncoder(Vec<u8>);

impl AvroEncoder {
    /// An `int` or a `long`: they are written alike.
    pub(super) fn write_long(&mut self, value: i64) {
        // The sign goes to the last bit, so that small negative numbers are short as well.
        let mut rest = ((value << 1) ^ (value >> 63)).cast_unsigned();
        while rest >= 0x80 {
            self.0
                .push(u8::try_from(rest & 0x7f).unwrap_or_default() | 0x80);
            rest >>= 7;
        }
        self.0.push(u8::try_from(rest).unwrap_or_default());
    }

    /// A `bytes` or a `string`.
    pub(super) fn write_bytes(&mut self, value: &[u8]) {
        self.write_long(i64::try_from(value.len()).unwrap_or(i64::MAX));
        self.0.extend_from_slice(value);
    }

    /// The branch of an optional value: `null` is the first branch of every union here.
    pub(super) fn write_presence(&mut self, present: bool) {
        self.write_long(i64::from(present));
    }

    /// A `boolean`: one byte.
    pub(super) fn write_boolean(&mut self, value: bool) {
        self.0.push(u8::from(value));
    }

    /// An optional value that is missing.
    pub(super) fn write_null(&mut self) {
        self.write_presence(false);
    }
}

/// The bytes of a file with `count` rows, which are already encoded.
pub(super) fn encode_container(
    schema: &str,
    metadata: &[(&str, &str)],
    count: usize,
    rows: &AvroEncoder,
) -> Vec<u8> {
    let mut header = AvroEncoder(AVRO_MAGIC.to_vec());
    header.write_long(i64::try_from(metadata.len() + 2).unwrap_or(i64::MAX));
    for (key, value) in [("avro.schema", schema), ("avro.codec", "null")]
        .iter()
        .chain(metadata)
    {
        header.write_bytes(key.as_bytes());
        header.write_bytes(value.as_bytes());
    }
    header.write_long(0);

    // A marker must be unlikely in the data; Avro's own writers take a random one.
    let marker = content_id(&[header.0.as_slice(), &rows.0].concat()).into_bytes();
    header.0.extend_from_slice(&marker);
    if count > 0 {
        header.write_long(i64::try_from(count).unwrap_or(i64::MAX));
        header.write_bytes(&rows.0);
        header.0.extend_from_slice(&marker);
    }
    header.0
}

/// Reads what [`encode_container`] has written.
pub(super) struct AvroDecoder<'b>(&'b [u8]);

impl<'b> AvroDecoder<'b> {
    /// The file's metadata, how many rows it has, and the rows.
    pub(super) fn open_container(
        bytes: &'b [u8],
    ) -> Result<(BTreeMap<&'b str, &'b str>, usize, Self), LakeError> {
        let mut decoder = Self(
            bytes
                .strip_prefix(AVRO_MAGIC)
                .ok_or_else(|| unreadable_manifest("it is no Avro file"))?,
        );

        let mut metadata = BTreeMap::new();
        for _ in 0..decoder.read_long()? {
            let key = decoder.read_text()?;
            metadata.insert(key, decoder.read_text()?);
        }
        if decoder.read_long()? != 0 || metadata.get("avro.codec") != Some(&"null") {
            return Err(unreadable_manifest("another program has written it"));
        }

        decoder.take_bytes(SYNC_MARKER_BYTES)?;
        if decoder.0.is_empty() {
            return Ok((metadata, 0, decoder));
        }
        let count = usize::try_from(decoder.read_long()?)
            .map_err(|_| unreadable_manifest("it has a negative size"))?;
        Ok((metadata, count, Self(decoder.read_bytes()?)))
    }

    fn take_bytes(&mut self, size: usize) -> Result<&'b [u8], LakeError> {
        let (bytes, rest) = self
            .0
            .split_at_checked(size)
            .ok_or_else(|| unreadable_manifest("it ends too early"))?;
        self.0 = rest;
        Ok(bytes)
    }

    /// An `int` or a `long`.
    pub(super) fn read_long(&mut self) -> Result<i64, LakeError> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.take_bytes(1)?[0];
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok((value >> 1).cast_signed() ^ -(value & 1).cast_signed());
            }
        }
        Err(unreadable_manifest("a number in it is too long"))
    }

    /// A `bytes` or a `string`.
    pub(super) fn read_bytes(&mut self) -> Result<&'b [u8], LakeError> {
        let size = usize::try_from(self.read_long()?)
            .map_err(|_| unreadable_manifest("it has a negative size"))?;
        self.take_bytes(size)
    }

    /// A `string`.
    pub(super) fn read_text(&mut self) -> Result<&'b str, LakeError> {
        std::str::from_utf8(self.read_bytes()?)
            .map_err(|_| unreadable_manifest("a text in it is not UTF-8"))
    }

    /// A `boolean`.
    pub(super) fn read_boolean(&mut self) -> Result<bool, LakeError> {
        Ok(self.take_bytes(1)?[0] != 0)
    }

    /// Whether an optional value is present.
    pub(super) fn read_presence(&mut self) -> Result<bool, LakeError> {
        Ok(self.read_long()? != 0)
    }
}

pub(super) fn unreadable_manifest(why: &str) -> LakeError {
    LakeError::Unexpected(format!("an Iceberg manifest cannot be read: {why}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(
            numbers in prop::collection::vec(any::<i64>(), 0..9),
            text in ".{0,9}",
        ) {
            let mut rows = AvroEncoder::default();
            for number in &numbers {
                rows.write_long(*number);
                rows.write_bytes(text.as_bytes());
            }
            let bytes = encode_container("\"long\"", &[("content", "data")], numbers.len(), &rows);
            let (metadata, count, mut read) = AvroDecoder::open_container(&bytes).unwrap();
            prop_assert_eq!(metadata["content"], "data");
            prop_assert_eq!(count, numbers.len());
            for number in numbers {
                prop_assert_eq!(read.read_long().unwrap(), number);
                prop_assert_eq!(read.read_text().unwrap(), text.as_str());
            }
        }

        #[test]
        fn nothing_makes_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..99)) {
            drop(AvroDecoder::open_container(&[AVRO_MAGIC, &bytes].concat()));
        }
    }

    #[test]
    fn numbers_are_written_as_the_specification_says() {
        let mut encoder = AvroEncoder::default();
        [0, -1, 1, -64, 64, i64::MIN]
            .into_iter()
            .for_each(|number| encoder.write_long(number));
        assert_eq!(encoder.0[..6], [0, 1, 2, 0x7f, 0x80, 1]);
        assert_eq!(
            encoder.0[6..],
            [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]
        );
    }
}
