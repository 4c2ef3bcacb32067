//! Reads the bytes of a declared encoding as UTF-8. A byte that is no letter of it ends the file:
//! replaced by a question mark, it would be another text.

use std::io::{Error, ErrorKind, Read, Result};

use contract::TextEncoding;
use encoding_rs::{Decoder, DecoderResult, Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

/// Bytes that are decoded at once.
const CHUNK_BYTES: usize = 32 << 10;

/// The byte order marks, with the encodings that have them.
const BYTE_ORDER_MARKS: [(&[u8], TextEncoding); 3] = [
    (b"\xef\xbb\xbf", TextEncoding::Utf8),
    (b"\xff\xfe", TextEncoding::Utf16Le),
    (b"\xfe\xff", TextEncoding::Utf16Be),
];

/// The encoding whose byte order mark begins the bytes, and the mark's length.
pub(super) fn marked_encoding(bytes: &[u8]) -> Option<(TextEncoding, usize)> {
    let mut marks = BYTE_ORDER_MARKS.iter();
    let (mark, encoding) = marks.find(|(mark, _)| bytes.starts_with(mark))?;
    Some((*encoding, mark.len()))
}

/// A text in UTF-8, decoded as it is read.
pub(super) struct DecodedText<R> {
    inner: R,
    encoding: TextEncoding,
    decoder: Decoder,
    input: Vec<u8>,
    /// Bytes of the file before those in `input`.
    offset: u64,
    output: Vec<u8>,
    position: usize,
    has_begun: bool,
    is_done: bool,
    /// What ends the text behind the output.
    failure: Option<Error>,
}

impl<R: Read> DecodedText<R> {
    pub(super) fn new(inner: R, encoding: TextEncoding) -> Self {
        Self {
            inner,
            encoding,
            decoder: encoding_of(encoding).new_decoder_without_bom_handling(),
            input: Vec::new(),
            offset: 0,
            output: Vec::new(),
            position: 0,
            has_begun: false,
            is_done: false,
            failure: None,
        }
    }

    /// Decodes the next bytes. What is before a fault is given first, so that its row is known.
    fn fill_output(&mut self) -> Result<()> {
        self.input.clear();
        self.output.clear();
        self.position = 0;
        let chunk = self.inner.by_ref().take(CHUNK_BYTES as u64);
        let count = { chunk }.read_to_end(&mut self.input)?;
        self.is_done = count < CHUNK_BYTES;
        let start = self.skip_mark()?;

        let mut end = self.find_unused_byte(start).unwrap_or(count);
        if end < count {
            self.failure = Some(self.byte_fault(self.offset + end as u64));
        }
        if let Some(letter) = self.find_utf8_letter(start, end) {
            end = letter;
            self.failure = Some(self.utf8_fault(self.offset + letter as u64));
        }
        self.decode(start, end);
        if let Some(index) = self.output.iter().position(|byte| *byte == 0) {
            self.output.truncate(index);
            self.failure = Some(self.nul_fault());
        }
        self.is_done |= self.failure.is_some();
        self.offset += count as u64;
        Ok(())
    }

    /// Decodes the bytes of the input between two positions.
    fn decode(&mut self, start: usize, end: usize) {
        let source = &self.input[start..end];
        let room = self
            .decoder
            .max_utf8_buffer_length_without_replacement(source.len());
        self.output.resize(room.unwrap_or(CHUNK_BYTES * 4), 0);
        let (result, read, written) =
            self.decoder
                .decode_to_utf8_without_replacement(source, &mut self.output, self.is_done);
        self.output.truncate(written);
        if let DecoderResult::Malformed(length, behind) = result {
            let end = self.offset + (start + read) as u64;
            let malformed = u64::from(length) + u64::from(behind);
            self.failure = Some(self.byte_fault(end.saturating_sub(malformed)));
        }
    }

    /// How many bytes the byte order mark has at the beginning of the file.
    fn skip_mark(&mut self) -> Result<usize> {
        if std::mem::replace(&mut self.has_begun, true) {
            return Ok(0);
        }
        match marked_encoding(&self.input) {
            Some((marked, length)) if marked == self.encoding => Ok(length),
            Some((marked, _)) => Err(invalid(format!(
                "it begins with the byte order mark of {}: declare `files.encoding: {}` in the \
                 contract",
                marked.name(),
                marked.name()
            ))),
            None => Ok(0),
        }
    }

    /// The first byte that has no letter, and that the decoder would take as a control character.
    fn find_unused_byte(&self, start: usize) -> Option<usize> {
        let is_unused = match self.encoding {
            TextEncoding::Latin1 => |byte: &u8| (0x80..=0x9f).contains(byte),
            TextEncoding::Windows1252 => {
                |byte: &u8| matches!(byte, 0x81 | 0x8d | 0x8f | 0x90 | 0x9d)
            }
            _ => return None,
        };
        let found = self.input[start..].iter().position(is_unused);
        found.map(|index| start + index)
    }

    /// The first bytes that are a letter of UTF-8, where each byte is declared to be a letter: one of
    /// those that British files hold, such as `Ã«` for ë and `â€“` for a dash. In a text that is not
    /// UTF-8, these hardly ever follow each other so.
    fn find_utf8_letter(&self, start: usize, end: usize) -> Option<usize> {
        if !matches!(
            self.encoding,
            TextEncoding::Latin1 | TextEncoding::Windows1252
        ) {
            return None;
        }
        let mut position = start;
        for run in self.input[start..end].split(u8::is_ascii) {
            let is_cut = position + run.len() == end;
            if !is_cut && is_western_utf8(run) {
                return Some(position);
            }
            position += run.len() + 1;
        }
        None
    }

    fn utf8_fault(&self, position: u64) -> Error {
        invalid(format!(
            "the bytes from {} on are a letter of UTF-8: declare `files.encoding: utf-8` in the \
             contract in place of {}",
            position + 1,
            self.encoding.name()
        ))
    }

    fn byte_fault(&self, position: u64) -> Error {
        let remedy = match self.encoding {
            TextEncoding::Utf8 | TextEncoding::Latin1 => "such as windows-1252",
            _ => "such as utf-8",
        };
        invalid(format!(
            "byte {} is no letter of {}: declare another `files.encoding` in the contract, \
             {remedy}",
            position + 1,
            self.encoding.name()
        ))
    }

    /// Text of two bytes for each letter, read as one of one byte, is full of NUL.
    fn nul_fault(&self) -> Error {
        let remedy = match self.encoding {
            TextEncoding::Utf16Le | TextEncoding::Utf16Be => "tables cannot hold it",
            _ => "if the file is in UTF-16, declare `files.encoding: utf-16le` in the contract",
        };
        invalid(format!("a text holds NUL (U+0000): {remedy}"))
    }
}

impl<R: Read> Read for DecodedText<R> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        while self.position == self.output.len() && !self.is_done {
            self.fill_output()?;
        }
        if self.position == self.output.len()
            && let Some(failure) = self.failure.take()
        {
            return Err(failure);
        }
        let rest = &self.output[self.position..];
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        self.position += count;
        Ok(count)
    }
}

/// Whether bytes are UTF-8 of western letters and signs alone.
fn is_western_utf8(run: &[u8]) -> bool {
    let text = std::str::from_utf8(run).unwrap_or_default();
    !text.is_empty() && text.chars().all(is_western)
}

/// Whether a character is a letter with a mark, a sign such as £ and °, or a dash, a quote or the
/// euro sign of a text processor.
fn is_western(letter: char) -> bool {
    matches!(letter, '\u{a0}'..='\u{ff}' | '\u{2010}'..='\u{2026}' | '€' | '™')
}

fn encoding_of(encoding: TextEncoding) -> &'static Encoding {
    match encoding {
        TextEncoding::Utf8 => UTF_8,
        TextEncoding::Windows1252 | TextEncoding::Latin1 => WINDOWS_1252,
        TextEncoding::Utf16Le => UTF_16LE,
        TextEncoding::Utf16Be => UTF_16BE,
    }
}

fn invalid(why: String) -> Error {
    Error::new(ErrorKind::InvalidData, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(bytes: &[u8], encoding: TextEncoding) -> Result<String> {
        let mut text = String::new();
        DecodedText::new(bytes, encoding).read_to_string(&mut text)?;
        Ok(text)
    }

    #[test]
    fn every_encoding_is_read() {
        let utf16: Vec<u8> = "Zoë €".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let marked = [b"\xff\xfe".as_slice(), &utf16].concat();
        for (bytes, encoding) in [
            ("Zoë €".as_bytes(), TextEncoding::Utf8),
            ("\u{feff}Zoë €".as_bytes(), TextEncoding::Utf8),
            (b"Zo\xeb \x80", TextEncoding::Windows1252),
            (&utf16, TextEncoding::Utf16Le),
            (&marked, TextEncoding::Utf16Le),
        ] {
            assert_eq!(decode(bytes, encoding).unwrap(), "Zoë €", "{encoding:?}");
        }
        assert_eq!(decode(b"Zo\xeb", TextEncoding::Latin1).unwrap(), "Zoë");
        let long = "ë€𝄞".repeat(40_000);
        assert_eq!(decode(long.as_bytes(), TextEncoding::Utf8).unwrap(), long);
    }

    #[test]
    fn a_byte_that_is_no_letter_is_refused_with_the_option() {
        let utf16 = b"a\0b\0";
        for (bytes, encoding, why) in [
            (b"abc\xeb,".as_slice(), TextEncoding::Utf8, "byte 4"),
            (b"ab\x9d", TextEncoding::Windows1252, "byte 3"),
            (b"a\x93b", TextEncoding::Latin1, "windows-1252"),
            (
                "Zoë,".as_bytes(),
                TextEncoding::Windows1252,
                "from 3 on are a letter of UTF-8",
            ),
            ("a – b".as_bytes(), TextEncoding::Windows1252, "utf-8"),
            (b"\xff\xfea\0", TextEncoding::Utf8, "utf-16le"),
            (
                b"\xef\xbb\xbfa",
                TextEncoding::Windows1252,
                "encoding: utf-8",
            ),
            (utf16, TextEncoding::Utf8, "utf-16le"),
            (b"a\0b", TextEncoding::Utf16Le, "byte 3"),
        ] {
            let error = decode(bytes, encoding).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
    }
}
