//! Avro's object container files, as far as Iceberg's manifests need them.
//!
//! Written here because the crate for it names the file's metadata in the random order of a hash map: the same input
//! would not give the same bytes.

use std::collections::BTreeMap;

use pole::content_id;

use crate::LakeError;

const MAGIC: &[u8] = b"Obj\x01";

/// The size of the marker between blocks.
const MARKER: usize = 16;

/// Values under construction, in Avro's binary encoding.
#[derive(Default)]
pub(super) struct Encoder(Vec<u8>);

impl Encoder {
    /// An `int` or a `long`: they are written alike.
    pub(super) fn long(&mut self, value: i64) {
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
    pub(super) fn bytes(&mut self, value: &[u8]) {
        self.long(i64::try_from(value.len()).unwrap_or(i64::MAX));
        self.0.extend_from_slice(value);
    }

    /// The branch of an optional value: `null` stands first in all our unions.
    pub(super) fn present(&mut self, present: bool) {
        self.long(i64::from(present));
    }

    /// An optional value that is not there.
    pub(super) fn nothing(&mut self) {
        self.present(false);
    }
}

/// The bytes of a file with so many rows, which are already encoded.
pub(super) fn file(
    schema: &str,
    metadata: &[(&str, &str)],
    count: usize,
    rows: &Encoder,
) -> Vec<u8> {
    let mut header = Encoder(MAGIC.to_vec());
    header.long(i64::try_from(metadata.len() + 2).unwrap_or(i64::MAX));
    for (key, value) in [("avro.schema", schema), ("avro.codec", "null")]
        .iter()
        .chain(metadata)
    {
        header.bytes(key.as_bytes());
        header.bytes(value.as_bytes());
    }
    header.long(0);
    // A marker must be unlikely in the data; Avro's own writers draw lots for it.
    let marker = content_id(&[header.0.as_slice(), &rows.0].concat()).into_bytes();
    header.0.extend_from_slice(&marker);
    if count > 0 {
        header.long(i64::try_from(count).unwrap_or(i64::MAX));
        header.bytes(&rows.0);
        header.0.extend_from_slice(&marker);
    }
    header.0
}

/// Reads what [`file`] has written.
pub(super) struct Decoder<'b>(&'b [u8]);

impl<'b> Decoder<'b> {
    /// The file's metadata, how many rows it has, and the rows.
    pub(super) fn open(
        bytes: &'b [u8],
    ) -> Result<(BTreeMap<&'b str, &'b str>, usize, Self), LakeError> {
        let mut decoder = Self(
            bytes
                .strip_prefix(MAGIC)
                .ok_or_else(|| damaged("it is no Avro file"))?,
        );
        let mut metadata = BTreeMap::new();
        for _ in 0..decoder.long()? {
            let key = decoder.text()?;
            metadata.insert(key, decoder.text()?);
        }
        if decoder.long()? != 0 || metadata.get("avro.codec") != Some(&"null") {
            return Err(damaged("another program has written it"));
        }
        decoder.take(MARKER)?;
        if decoder.0.is_empty() {
            return Ok((metadata, 0, decoder));
        }
        let count =
            usize::try_from(decoder.long()?).map_err(|_| damaged("it has a negative size"))?;
        Ok((metadata, count, Self(decoder.bytes()?)))
    }

    fn take(&mut self, size: usize) -> Result<&'b [u8], LakeError> {
        let (taken, rest) = self
            .0
            .split_at_checked(size)
            .ok_or_else(|| damaged("it ends too early"))?;
        self.0 = rest;
        Ok(taken)
    }

    /// An `int` or a `long`.
    pub(super) fn long(&mut self) -> Result<i64, LakeError> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?[0];
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok((value >> 1).cast_signed() ^ -(value & 1).cast_signed());
            }
        }
        Err(damaged("a number in it is too long"))
    }

    /// A `bytes` or a `string`.
    pub(super) fn bytes(&mut self) -> Result<&'b [u8], LakeError> {
        let size = usize::try_from(self.long()?).map_err(|_| damaged("it has a negative size"))?;
        self.take(size)
    }

    /// A `string`.
    pub(super) fn text(&mut self) -> Result<&'b str, LakeError> {
        std::str::from_utf8(self.bytes()?).map_err(|_| damaged("a text in it is not UTF-8"))
    }

    /// Whether an optional value is there.
    pub(super) fn present(&mut self) -> Result<bool, LakeError> {
        Ok(self.long()? != 0)
    }
}

fn damaged(why: &str) -> LakeError {
    LakeError::Unexpected(format!("an Iceberg manifest cannot be read: {why}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(numbers in prop::collection::vec(any::<i64>(), 0..9), text in ".{0,9}") {
            let mut rows = Encoder::default();
            for number in &numbers {
                rows.long(*number);
                rows.bytes(text.as_bytes());
            }
            let bytes = file("\"long\"", &[("content", "data")], numbers.len(), &rows);
            let (metadata, count, mut read) = Decoder::open(&bytes).unwrap();
            prop_assert_eq!(metadata["content"], "data");
            prop_assert_eq!(count, numbers.len());
            for number in numbers {
                prop_assert_eq!(read.long().unwrap(), number);
                prop_assert_eq!(read.text().unwrap(), text.as_str());
            }
        }

        #[test]
        fn nothing_makes_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..99)) {
            drop(Decoder::open(&[MAGIC, &bytes].concat()));
        }
    }

    #[test]
    fn numbers_are_written_as_the_specification_says() {
        let mut encoder = Encoder::default();
        [0, -1, 1, -64, 64, i64::MIN]
            .into_iter()
            .for_each(|number| encoder.long(number));
        assert_eq!(encoder.0[..6], [0, 1, 2, 0x7f, 0x80, 1]);
        assert_eq!(
            encoder.0[6..],
            [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]
        );
    }
}
