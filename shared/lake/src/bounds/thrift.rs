//! Thrift's compact encoding, as far as sizes are to be known before the Parquet reader allocates
//! memory by them.

use std::io::Read;

use crate::LakeError;

/// How deep structs and lists may be nested: Parquet's own have six levels.
const NESTING_MAX: u8 = 32;

/// Bytes of the longest variable-length number of 64 bits.
const NUMBER_BYTES_MAX: u32 = 10;

/// The types of values.
pub(super) mod kind {
    pub(in crate::bounds) const TRUE: u8 = 1;
    pub(in crate::bounds) const FALSE: u8 = 2;
    pub(in crate::bounds) const BYTE: u8 = 3;
    pub(in crate::bounds) const I16: u8 = 4;
    pub(in crate::bounds) const I32: u8 = 5;
    pub(in crate::bounds) const I64: u8 = 6;
    pub(in crate::bounds) const DOUBLE: u8 = 7;
    pub(in crate::bounds) const BINARY: u8 = 8;
    pub(in crate::bounds) const LIST: u8 = 9;
    pub(in crate::bounds) const SET: u8 = 10;
    pub(in crate::bounds) const MAP: u8 = 11;
    pub(in crate::bounds) const STRUCT: u8 = 12;
    pub(in crate::bounds) const UUID: u8 = 13;
}

/// A field of a struct.
#[derive(Clone, Copy)]
pub(super) struct FieldHeader {
    pub(super) id: i16,
    pub(super) kind: u8,
}

/// Reads values one after the other, and counts the bytes.
pub(super) struct CompactReader<R> {
    input: R,
    pub(super) position: u64,
}

impl<R: Read> CompactReader<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input, position: 0 }
    }

    fn read_byte(&mut self) -> Result<u8, LakeError> {
        let mut byte = [0];
        self.input
            .read_exact(&mut byte)
            .map_err(|_| damaged("ends too early"))?;
        self.position += 1;
        Ok(byte[0])
    }

    fn read_unsigned(&mut self) -> Result<u64, LakeError> {
        let mut value = 0;
        for place in 0..NUMBER_BYTES_MAX {
            let byte = self.read_byte()?;
            value |= u64::from(byte & 0x7f).wrapping_shl(place * 7);
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(damaged("has a number that is too long"))
    }

    /// A signed number. Negative ones are encoded as odd ones.
    pub(super) fn read_signed(&mut self) -> Result<i64, LakeError> {
        let value = self.read_unsigned()?;
        Ok((value >> 1).cast_signed() ^ -((value & 1).cast_signed()))
    }

    /// A number of 32 bits. Parquet's reader cuts longer ones; here they are refused.
    pub(super) fn read_i32(&mut self) -> Result<i32, LakeError> {
        i32::try_from(self.read_signed()?).map_err(|_| damaged("has a number that is too large"))
    }

    fn skip_bytes(&mut self, count: u64) -> Result<(), LakeError> {
        let mut part = self.input.by_ref().take(count);
        let skipped = std::io::copy(&mut part, &mut std::io::sink()).unwrap_or_default();
        self.position += skipped;
        if skipped < count {
            return Err(damaged("ends too early"));
        }
        Ok(())
    }

    /// The next field of a struct; none at its end.
    pub(super) fn read_field(&mut self, last_id: i16) -> Result<Option<FieldHeader>, LakeError> {
        let byte = self.read_byte()?;
        let kind = byte & 0x0f;
        if kind == 0 {
            return Ok(None);
        }

        let id = match byte >> 4 {
            0 => i16::try_from(self.read_signed()?).ok(),
            step => last_id.checked_add(i16::from(step)),
        };
        let id = id.ok_or_else(|| damaged("has a field without a number"))?;
        Ok(Some(FieldHeader { id, kind }))
    }

    /// How many items a list has, and their type.
    pub(super) fn read_list(&mut self) -> Result<(u64, u8), LakeError> {
        let byte = self.read_byte()?;
        let length = match byte >> 4 {
            15 => self.read_unsigned()?,
            length => u64::from(length),
        };
        Ok((length, byte & 0x0f))
    }

    /// Reads over a field's value.
    pub(super) fn skip_field(&mut self, field: FieldHeader) -> Result<(), LakeError> {
        match field.kind {
            // The type is the value.
            kind::TRUE | kind::FALSE => Ok(()),
            kind => self.skip_value(kind, NESTING_MAX),
        }
    }

    fn skip_value(&mut self, kind: u8, depth: u8) -> Result<(), LakeError> {
        if depth == 0 {
            return Err(damaged("is nested too deep"));
        }
        match kind {
            kind::TRUE | kind::FALSE | kind::BYTE => self.skip_bytes(1),
            kind::I16 | kind::I32 | kind::I64 => self.read_unsigned().map(|_| ()),
            kind::DOUBLE => self.skip_bytes(8),
            kind::UUID => self.skip_bytes(16),
            kind::BINARY => {
                let length = self.read_unsigned()?;
                self.skip_bytes(length)
            }
            kind::LIST | kind::SET => {
                let (length, kind) = self.read_list()?;
                (0..length).try_for_each(|_| self.skip_value(kind, depth - 1))
            }
            kind::MAP => self.skip_map(depth - 1),
            kind::STRUCT => self.skip_struct(depth - 1),
            _ => Err(damaged("has a value of an unknown type")),
        }
    }

    fn skip_map(&mut self, depth: u8) -> Result<(), LakeError> {
        let length = self.read_unsigned()?;
        if length == 0 {
            return Ok(());
        }
        let kinds = self.read_byte()?;
        for _ in 0..length {
            self.skip_value(kinds >> 4, depth)?;
            self.skip_value(kinds & 0x0f, depth)?;
        }
        Ok(())
    }

    fn skip_struct(&mut self, depth: u8) -> Result<(), LakeError> {
        let mut last_id = 0;
        while let Some(field) = self.read_field(last_id)? {
            match field.kind {
                kind::TRUE | kind::FALSE => {}
                kind => self.skip_value(kind, depth)?,
            }
            last_id = field.id;
        }
        Ok(())
    }
}

/// The error of a header that is not Parquet's.
pub(super) fn damaged(what: &str) -> LakeError {
    LakeError::Unexpected(format!("the Parquet file is damaged: a header {what}"))
}
