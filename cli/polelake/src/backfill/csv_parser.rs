//! Rows of fields with a delimiter between them and quotes around them, read strictly: every byte
//! of the file is in one field, and a quote that is missing is noticed.

use std::io::{BufReader, Error, ErrorKind, Read};

use lake::limits::{CSV_COLUMNS_MAX, VALUE_BYTES_MAX};

/// What the bytes between fields and rows are.
#[derive(Clone, Copy, Debug)]
pub(super) struct CsvSigns {
    pub(super) delimiter: u8,
    /// None where a quote is a character like every other.
    pub(super) quote: Option<u8>,
    /// Whether a quote may stand within a field that does not begin with one.
    pub(super) keeps_stray_quotes: bool,
}

/// The rows of a text in UTF-8. Behind an error there is no row.
pub(super) struct CsvParser<R> {
    reader: BufReader<R>,
    signs: CsvSigns,
    peeked: Option<u8>,
    /// The line that the reader is in, from 1.
    line: u64,
    row_bytes: usize,
    is_over: bool,
}

/// What a field has shown so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FieldState {
    /// Nothing.
    Begin,
    /// A text without quotes around it.
    Plain,
    /// A text whose quote is open.
    Open,
    /// A text whose quote is closed, or a quote within it that is written twice.
    Closed,
}

impl<R: Read> CsvParser<R> {
    pub(super) fn new(reader: R, signs: CsvSigns) -> Self {
        Self {
            reader: BufReader::new(reader),
            signs,
            peeked: None,
            line: 1,
            row_bytes: 0,
            is_over: false,
        }
    }

    fn next_byte(&mut self) -> Result<Option<u8>, Error> {
        if let Some(byte) = self.peeked.take() {
            return Ok(Some(byte));
        }
        let mut byte = [0];
        let count = self.reader.read(&mut byte)?;
        self.row_bytes += count;
        if self.row_bytes > VALUE_BYTES_MAX {
            let why = format!(
                "more than {VALUE_BYTES_MAX} bytes, the limit; no row behind it can be read"
            );
            return Err(Error::new(ErrorKind::FileTooLarge, why));
        }
        Ok((count > 0).then(|| byte[0]))
    }

    /// Reads over the second byte of a line's end, and counts the line.
    fn end_line(&mut self, byte: u8) -> Result<(), Error> {
        if byte == b'\r' {
            self.peeked = self.next_byte()?.filter(|next| *next != b'\n');
        }
        self.line += 1;
        Ok(())
    }

    /// The next row; none at the end of the text. A line without anything is no row.
    fn read_row(&mut self) -> Result<Option<Vec<String>>, Error> {
        self.row_bytes = usize::from(self.peeked.is_some());
        let mut fields = Vec::new();
        loop {
            let (field, end) = self.read_field()?;
            let is_quoted = matches!(field, CsvField::Quoted(_));
            fields.push(field.into_text()?);
            if fields.len() > CSV_COLUMNS_MAX {
                let why = format!("more than {CSV_COLUMNS_MAX} columns, the limit");
                return Err(Error::new(ErrorKind::FileTooLarge, why));
            }
            let is_blank = !is_quoted && fields.len() == 1 && fields[0].is_empty();
            match end {
                FieldEnd::Delimiter => {}
                FieldEnd::Text if is_blank => return Ok(None),
                FieldEnd::Row if is_blank => {
                    fields.clear();
                    self.row_bytes = 0;
                }
                FieldEnd::Row | FieldEnd::Text => return Ok(Some(fields)),
            }
        }
    }

    fn read_field(&mut self) -> Result<(CsvField, FieldEnd), Error> {
        let mut text = Vec::new();
        let mut state = FieldState::Begin;
        let begins_in = self.line;
        let end = loop {
            let byte = self.next_byte()?;
            let is_quote = byte.is_some() && byte == self.signs.quote;
            match (state, byte) {
                (FieldState::Begin, _) if is_quote => state = FieldState::Open,
                (FieldState::Open, None) => {
                    let why = "is never closed; check the file there, or declare the `files.quote` \
                               of the contract: another character, or none";
                    return Err(quote_fault(begins_in, why));
                }
                (FieldState::Open, _) if is_quote => state = FieldState::Closed,
                (FieldState::Open, Some(byte)) => {
                    text.push(byte);
                    self.count_quoted_line(byte)?;
                }
                (FieldState::Closed, Some(byte)) if is_quote => {
                    text.push(byte);
                    state = FieldState::Open;
                }
                (_, None) => break FieldEnd::Text,
                (_, Some(byte)) if byte == self.signs.delimiter => break FieldEnd::Delimiter,
                (_, Some(byte @ (b'\r' | b'\n'))) => {
                    self.end_line(byte)?;
                    break FieldEnd::Row;
                }
                (FieldState::Closed, _) => {
                    let why = "closes before more text: a quote within a text is written twice; \
                               check the file there, or declare the `files.quote` of the contract";
                    return Err(quote_fault(begins_in, why));
                }
                (FieldState::Plain, _) if is_quote && !self.signs.keeps_stray_quotes => {
                    let why = "stands within a text that does not begin with one; check the file \
                               there, or declare `files.stray_quotes: keep` in the contract";
                    return Err(quote_fault(self.line, why));
                }
                (_, Some(byte)) => {
                    text.push(byte);
                    state = FieldState::Plain;
                }
            }
        };
        let field = match state {
            FieldState::Closed => CsvField::Quoted(text),
            _ => CsvField::Plain(text),
        };
        Ok((field, end))
    }

    /// Counts a line's end within quotes, where it is a part of the text.
    fn count_quoted_line(&mut self, byte: u8) -> Result<(), Error> {
        match byte {
            b'\n' => self.line += 1,
            b'\r' => {
                self.peeked = self.next_byte()?;
                self.line += u64::from(self.peeked != Some(b'\n'));
            }
            _ => {}
        }
        Ok(())
    }
}

impl<R: Read> Iterator for CsvParser<R> {
    type Item = Result<Vec<String>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let row = self.read_row().transpose();
        self.is_over = !matches!(row, Some(Ok(_)));
        row
    }
}

/// What a field ends with.
enum FieldEnd {
    Delimiter,
    Row,
    Text,
}

/// The bytes of a field.
enum CsvField {
    Plain(Vec<u8>),
    Quoted(Vec<u8>),
}

impl CsvField {
    fn into_text(self) -> Result<String, Error> {
        let (Self::Plain(bytes) | Self::Quoted(bytes)) = self;
        String::from_utf8(bytes).map_err(|_| Error::new(ErrorKind::InvalidData, "not UTF-8"))
    }
}

fn quote_fault(line: u64, why: &str) -> Error {
    Error::new(
        ErrorKind::InvalidData,
        format!("the quote in line {line} {why}"),
    )
}
