//! The records of a JSON file: a document on each line, documents over several lines, or a list of
//! them. Each is held alone, whatever the file has.

use std::io::{BufRead, BufReader, Error, ErrorKind, Read};

use contract::{EventFault, FileRecord, TextEncoding};
use lake::limits::VALUE_BYTES_MAX;

use super::dynamo;
use super::record::{BackfillRecord, FileExpectation, RecordFault, RecordIterator};
use super::text_decoder::{DecodedText, marked_encoding};
use crate::bounded_lines::BoundedLines;

/// Bytes that are looked at to see how the documents of a file follow each other.
const HEAD_BYTES: usize = 64 << 10;

/// The records of a JSON file.
///
/// # Errors
/// When the file has nothing, or cannot be read.
pub(super) fn read_json_file(
    reader: Box<dyn Read + Send>,
    file: String,
    expected: &FileExpectation,
) -> Result<RecordIterator, RecordFault> {
    let encoding = expected.dialect.encoding;
    let reader: Box<dyn Read + Send> = match encoding {
        TextEncoding::Utf8 => reader,
        other => Box::new(DecodedText::new(reader, other)),
    };
    let mut reader = BufReader::with_capacity(HEAD_BYTES, reader);
    let place = |why: &dyn std::fmt::Display| RecordFault::of_file(format!("{file}: {why}"));
    skip_mark(&mut reader).map_err(|why| place(&why))?;
    skip_blanks(&mut reader).map_err(|why| place(&why))?;

    let head = reader.fill_buf().map_err(|why| place(&why))?;
    match head.first() {
        None if expected.dialect.allow_empty => Ok(Box::new(std::iter::empty())),
        None => Err(place(
            &"the file has no records; declare `files.allow_empty: true` in the contract where \
              that is right",
        )),
        Some(b'[') if !begins_lines_of_lists(head) => {
            reader.consume(1);
            Ok(Box::new(JsonDocuments::new(reader, file, true)))
        }
        Some(_) if is_open_line(head) => Ok(Box::new(JsonDocuments::new(reader, file, false))),
        Some(_) => Ok(read_json_lines(reader, file)),
    }
}

/// Reads over the byte order mark of UTF-8, and refuses that of another encoding.
fn skip_mark(reader: &mut BufReader<Box<dyn Read + Send>>) -> Result<(), Error> {
    match marked_encoding(reader.fill_buf()?) {
        Some((TextEncoding::Utf8, length)) => reader.consume(length),
        Some((other, _)) => {
            let why = format!(
                "it begins with the byte order mark of {}: declare `files.encoding: {}` in the \
                 contract",
                other.name(),
                other.name()
            );
            return Err(Error::new(ErrorKind::InvalidData, why));
        }
        None => {}
    }
    Ok(())
}

/// Reads over blanks that are not within a line.
fn skip_blanks(reader: &mut BufReader<Box<dyn Read + Send>>) -> Result<(), Error> {
    loop {
        let head = reader.fill_buf()?;
        let blanks = head.iter().take_while(|byte| byte.is_ascii_whitespace());
        let count = blanks.count();
        let is_end = head.is_empty() || count < head.len();
        reader.consume(count);
        if is_end {
            return Ok(());
        }
    }
}

/// Whether every line is a list of its own, which is no record: each is then refused by its line.
fn begins_lines_of_lists(head: &[u8]) -> bool {
    let mut lines = head.split(|byte| *byte == b'\n');
    let first = lines.next().unwrap_or_default();
    let second = lines.next().unwrap_or_default().trim_ascii_start();
    !is_open_line(first) && second.starts_with(b"[")
}

/// Whether a document goes on behind its first line.
fn is_open_line(head: &[u8]) -> bool {
    let mut scanner = JsonScanner::default();
    for byte in head {
        if *byte == b'\n' {
            return scanner.depth > 0 && !scanner.in_text;
        }
        scanner.step(*byte);
    }
    // One line that ends with the file, or is longer than the head.
    false
}

/// Follows brackets and texts.
#[derive(Default)]
struct JsonScanner {
    depth: usize,
    in_text: bool,
    is_escaped: bool,
}

impl JsonScanner {
    fn step(&mut self, byte: u8) {
        match byte {
            _ if self.is_escaped => self.is_escaped = false,
            b'\\' if self.in_text => self.is_escaped = true,
            b'"' => self.in_text = !self.in_text,
            b'{' | b'[' if !self.in_text => self.depth += 1,
            b'}' | b']' if !self.in_text => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
    }
}

fn read_json_lines(reader: BufReader<Box<dyn Read + Send>>, file: String) -> RecordIterator {
    let lines = BoundedLines::new(reader);
    let numbered = lines.zip(1_u64..);
    Box::new(
        numbered
            .filter_map(move |(line, number)| parse_json_line(line, &format!("{file}:{number}"))),
    )
}

/// The record of a line; none for an empty one.
fn parse_json_line(line: std::io::Result<Vec<u8>>, location: &str) -> Option<BackfillRecord> {
    match line {
        Ok(line) if line.trim_ascii().is_empty() => None,
        Ok(line) => Some(parse_record(&line, location)),
        Err(error) => Some(Err(RecordFault::of_record(format!("{location}: {error}")))),
    }
}

/// The record that a document is, or that an export of DynamoDB says it to be.
fn parse_record(document: &[u8], location: &str) -> BackfillRecord {
    let place = |why: String| RecordFault::of_record(format!("{location}: {why}"));
    let value = contract::read_json(document).map_err(|fault| place(line_fault(&fault)))?;
    match dynamo::parse_export_line(&value) {
        Some(record) => record.map_err(place),
        None => Ok(FileRecord::from(value)),
    }
}

/// Why a line of a file is no record: where in the line, or at which path.
pub fn line_fault(fault: &EventFault) -> String {
    let reason = fault.reason.replace("line 1, ", "");
    if fault.path == "$" {
        reason
    } else {
        format!("{reason}, at {}", fault.path)
    }
}

/// Documents that follow each other, or the elements of a list.
struct JsonDocuments<R> {
    reader: R,
    file: String,
    /// Whether they are the elements of a list: commas between them, and a bracket at the end.
    is_list: bool,
    /// The number of the last document.
    number: u64,
    is_over: bool,
}

impl<R: BufRead> JsonDocuments<R> {
    fn new(reader: R, file: String, is_list: bool) -> Self {
        Self {
            reader,
            file,
            is_list,
            number: 0,
            is_over: false,
        }
    }

    fn next_byte(&mut self) -> Result<Option<u8>, Error> {
        let byte = self.reader.fill_buf()?.first().copied();
        self.reader.consume(usize::from(byte.is_some()));
        Ok(byte)
    }

    /// The next byte that is no blank.
    fn next_sign(&mut self) -> Result<Option<u8>, Error> {
        loop {
            match self.next_byte()? {
                Some(byte) if byte.is_ascii_whitespace() => {}
                byte => return Ok(byte),
            }
        }
    }

    /// The bytes of the next document; none at the end of the file or list.
    fn next_document(&mut self) -> Result<Option<Vec<u8>>, String> {
        let mut sign = self.next_sign().map_err(|error| error.to_string())?;
        if self.is_list {
            let is_first = self.number == 0;
            match sign {
                Some(b']') => return self.end_list().map(|()| None),
                Some(b',') if !is_first => {
                    sign = self.next_sign().map_err(|error| error.to_string())?;
                }
                Some(_) if is_first => {}
                Some(_) => return Err("no comma before it: the list is damaged".to_owned()),
                None => return Err("the list has no end: is the file whole?".to_owned()),
            }
        }
        match sign {
            Some(first @ (b'{' | b'[')) => self.read_document(first).map(Some),
            None if !self.is_list => Ok(None),
            None => Err("the list has no end: is the file whole?".to_owned()),
            Some(_) => Err("no JSON object where a record was expected".to_owned()),
        }
    }

    fn read_document(&mut self, first: u8) -> Result<Vec<u8>, String> {
        let mut scanner = JsonScanner::default();
        let mut document = vec![first];
        scanner.step(first);
        while scanner.depth > 0 {
            let byte = self.next_byte().map_err(|error| error.to_string())?;
            let byte = byte.ok_or("it has no end: is the file whole?")?;
            if document.len() >= VALUE_BYTES_MAX {
                return Err(format!("more than {VALUE_BYTES_MAX} bytes, the limit"));
            }
            scanner.step(byte);
            document.push(byte);
        }
        Ok(document)
    }

    /// Behind a list there is nothing.
    fn end_list(&mut self) -> Result<(), String> {
        match self.next_sign().map_err(|error| error.to_string())? {
            None => Ok(()),
            Some(_) => Err("more text behind the end of the list".to_owned()),
        }
    }
}

impl<R: BufRead> Iterator for JsonDocuments<R> {
    type Item = BackfillRecord;

    fn next(&mut self) -> Option<BackfillRecord> {
        if self.is_over {
            return None;
        }
        let document = self.next_document();
        self.number += 1;
        let location = format!("{} record {}", self.file, self.number);
        match document {
            Ok(Some(document)) => Some(parse_record(&document, &location)),
            Ok(None) => {
                self.is_over = true;
                None
            }
            Err(why) => {
                self.is_over = true;
                Some(Err(RecordFault::of_file(format!("{location}: {why}"))))
            }
        }
    }
}
