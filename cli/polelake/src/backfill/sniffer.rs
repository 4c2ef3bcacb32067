//! How a table's file seems to be written, from all of its rows: what a draft writes into the
//! contract for a person to confirm.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{Error, ErrorKind, Read};
use std::path::Path;

use contract::{FileDialect, FileFormat, FileTrailer, RaggedRows, StrayQuotes, TextEncoding};
use flate2::read::MultiGzDecoder;

use super::csv_parser::CsvParser;
use super::csv_rows::{csv_rows, csv_signs};
use super::records::FileKind;
use super::table_row::{TableRow, TableRowIterator};
use super::text_decoder::{DecodedText, marked_encoding};
use super::xlsx::{read_sheet, sheet_names};

/// Bytes of a file that are looked at to see what is between its fields.
const HEAD_BYTES: u64 = 256 << 10;

/// Rows that are looked at for the header.
const HEAD_ROWS: usize = 30;

/// Delimiters, with the names that contracts have for them.
const DELIMITERS: [(u8, &str); 4] = [(b',', ","), (b';', ";"), (b'\t', "tab"), (b'|', "|")];

/// Texts that surely stand for "no value".
const BLANK_TEXTS: [&str; 8] = ["N/A", "n/a", "NULL", "null", "-", "--", "#N/A", "(blank)"];

/// How a file seems to be written.
#[derive(Clone, Debug, Default)]
pub struct SniffedDialect {
    /// The dialect.
    pub dialect: FileDialect,
    /// What a person is asked.
    pub remarks: Vec<String>,
}

/// Reads a table's file for how it is written.
///
/// # Errors
/// When it cannot be read in any dialect.
pub fn sniff_table(path: &Path, kind: FileKind) -> Result<SniffedDialect, String> {
    let mut sniffed = SniffedDialect::default();
    sniffed.dialect.format = Some(kind.format);
    if kind.format == FileFormat::Xlsx {
        let sheets = sheet_names(path)?;
        if sheets.len() > 1 {
            sniffed.dialect.sheet = sheets.first().cloned();
            let remark = format!("which sheet it is: {}", sheets.join(", "));
            sniffed.remarks.push(remark.replace(char::is_control, " "));
        }
        let shape = TableShape::of(read_sheet(path, &sniffed.dialect)?)?;
        shape.describe(&mut sniffed, true);
        return Ok(sniffed);
    }

    sniffed.dialect.encoding = sniff_encoding(path, kind)?;
    let delimiter = sniff_delimiter(path, kind, sniffed.dialect.encoding)?;
    if delimiter.0 != kind.delimiter {
        sniffed.dialect.delimiter = Some(delimiter.1.to_owned());
    }
    let shape = sniff_quotes(path, kind, &mut sniffed)?;
    shape.describe(&mut sniffed, false);
    Ok(sniffed)
}

fn open_file(path: &Path, kind: FileKind) -> Result<Box<dyn Read + Send>, String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    Ok(match kind.is_packed {
        true => Box::new(MultiGzDecoder::new(file)),
        false => Box::new(file),
    })
}

/// The encoding by its mark, by zeros between letters, or because every byte is a letter of it.
fn sniff_encoding(path: &Path, kind: FileKind) -> Result<TextEncoding, String> {
    let mut head = Vec::new();
    let read = open_file(path, kind)?
        .take(HEAD_BYTES)
        .read_to_end(&mut head);
    read.map_err(|error| error.to_string())?;
    if let Some((marked, _)) = marked_encoding(&head) {
        return Ok(marked);
    }
    let zeros = |odd: usize| {
        head.iter()
            .skip(odd)
            .step_by(2)
            .filter(|byte| **byte == 0)
            .count()
    };
    match (zeros(0), zeros(1)) {
        (0, second) if second * 4 > head.len() => return Ok(TextEncoding::Utf16Le),
        (first, 0) if first * 4 > head.len() => return Ok(TextEncoding::Utf16Be),
        _ => {}
    }

    for encoding in [TextEncoding::Utf8, TextEncoding::Windows1252] {
        match read_through(DecodedText::new(open_file(path, kind)?, encoding)) {
            Ok(()) => return Ok(encoding),
            Err(error) if error.kind() == ErrorKind::InvalidData => {}
            Err(error) => return Err(error.to_string()),
        }
    }
    Err("the file is in none of the encodings that `files.encoding` knows".to_owned())
}

fn read_through(mut text: impl Read) -> Result<(), Error> {
    std::io::copy(&mut text, &mut std::io::sink()).map(|_| ())
}

/// The delimiter by which most rows have one number of fields, and more than one.
fn sniff_delimiter(
    path: &Path,
    kind: FileKind,
    encoding: TextEncoding,
) -> Result<(u8, &'static str), String> {
    let mut best = (0, (kind.delimiter, ","));
    for (byte, name) in DELIMITERS {
        let head = open_file(path, kind)?.take(HEAD_BYTES);
        let dialect = FileDialect {
            stray_quotes: StrayQuotes::Keep,
            ..FileDialect::default()
        };
        let rows = CsvParser::new(DecodedText::new(head, encoding), csv_signs(&dialect, byte));
        let mut widths: BTreeMap<usize, usize> = BTreeMap::new();
        for row in rows.map_while(Result::ok).take(2_000) {
            *widths.entry(row.len()).or_default() += 1;
        }
        let total: usize = widths.values().sum();
        let common = widths
            .iter()
            .filter(|(width, _)| **width > 1)
            .max_by_key(|(_, count)| **count);
        let score = common.map_or(0, |(width, count)| {
            count * 1_000 / total.max(1) + (*width).min(50)
        });
        if score > best.0 {
            best = (score, (byte, name));
        }
    }
    Ok(best.1)
}

/// Reads the file strictly, then with quotes within texts, then without quotes.
fn sniff_quotes(
    path: &Path,
    kind: FileKind,
    sniffed: &mut SniffedDialect,
) -> Result<TableShape, String> {
    if has_single_quotes(path, kind, &sniffed.dialect) {
        sniffed.dialect.quote = Some("'".to_owned());
    }
    let strict = read_shape(path, kind, &sniffed.dialect);
    let Err(why) = strict else { return strict };
    let keep = FileDialect {
        stray_quotes: StrayQuotes::Keep,
        ..sniffed.dialect.clone()
    };
    let none = FileDialect {
        quote: Some("none".to_owned()),
        ..sniffed.dialect.clone()
    };
    for dialect in [keep, none] {
        if let Ok(shape) = read_shape(path, kind, &dialect) {
            sniffed.dialect = dialect;
            sniffed
                .remarks
                .push(format!("quotes are a part of texts: {why}"));
            return Ok(shape);
        }
    }
    Err(why)
}

/// Whether every field of the first row stands within apostrophes.
fn has_single_quotes(path: &Path, kind: FileKind, dialect: &FileDialect) -> bool {
    let signs = csv_signs(dialect, kind.delimiter);
    let Ok(reader) = open_file(path, kind) else {
        return false;
    };
    let first = csv_rows(reader, signs, dialect).next().and_then(Result::ok);
    first.is_some_and(|row| {
        let mut cells = row.cells.iter().map(|cell| cell.trim());
        cells.all(|cell| cell.len() > 1 && cell.starts_with('\'') && cell.ends_with('\''))
    })
}

fn read_shape(path: &Path, kind: FileKind, dialect: &FileDialect) -> Result<TableShape, String> {
    let signs = csv_signs(dialect, kind.delimiter);
    TableShape::of(csv_rows(open_file(path, kind)?, signs, dialect))
}

/// What all rows of a table show.
#[derive(Default)]
struct TableShape {
    head: Vec<Vec<String>>,
    last: Vec<String>,
    rows: u64,
    widths: BTreeMap<usize, u64>,
    blanks: BTreeSet<&'static str>,
    comma_numbers: u64,
    point_numbers: u64,
    marked: u64,
}

impl TableShape {
    fn of(rows: TableRowIterator) -> Result<Self, String> {
        let mut shape = Self::default();
        for row in rows {
            shape.add(row?);
        }
        match shape.rows {
            0 => Err("the file has no rows".to_owned()),
            _ => Ok(shape),
        }
    }

    fn add(&mut self, row: TableRow) {
        self.rows += 1;
        *self.widths.entry(row.cells.len()).or_default() += 1;
        for cell in &row.cells {
            let text = cell.trim();
            self.blanks
                .extend(BLANK_TEXTS.iter().find(|blank| **blank == text));
            self.comma_numbers += u64::from(has_places_behind(text, ','));
            self.point_numbers += u64::from(has_places_behind(text, '.'));
            let marked = text.strip_prefix('\'');
            self.marked += u64::from(marked.is_some_and(|rest| rest.parse::<f64>().is_ok()));
        }
        if self.head.len() < HEAD_ROWS {
            self.head.push(row.cells.clone());
        }
        self.last = row.cells;
    }

    /// How many columns the table has.
    fn width(&self, is_sheet: bool) -> usize {
        let mut widths = self.widths.iter();
        let found = match is_sheet {
            true => widths.next_back(),
            false => widths.max_by_key(|(width, count)| (**count, **width)),
        };
        found.map_or(0, |(width, _)| *width)
    }

    /// Writes down what is seen.
    fn describe(&self, sniffed: &mut SniffedDialect, is_sheet: bool) {
        let width = self.width(is_sheet);
        let is_whole = |row: &&Vec<String>| {
            row.len() == width && row.iter().all(|name| !name.trim().is_empty())
        };
        let whole = self.head.iter().position(|row| is_whole(&row));
        let fitting = self.head.iter().position(|row| row.len() == width);
        let header = whole.or(fitting).unwrap_or(0);
        sniffed.dialect.skip_rows = u32::try_from(header).unwrap_or(0);
        let has_header = self.name_columns(&self.head[header], width, sniffed);

        let data = self.rows - header as u64 - u64::from(has_header);
        let trailer = self.find_trailer(width, data);
        let ragged = self.widths.iter().filter(|(found, _)| **found != width);
        let ragged: u64 = ragged.map(|(_, count)| count).sum();
        let expected = self.head[..header]
            .iter()
            .filter(|row| row.len() != width)
            .count() as u64
            + u64::from(trailer.is_some() && self.last.len() != width);
        if ragged > expected && !is_sheet {
            sniffed.dialect.ragged_rows = RaggedRows::Pad;
            sniffed.remarks.push(format!(
                "{} rows have another number of fields than the header: blanks at their end",
                ragged - expected
            ));
        }
        if let Some(more) = trailer.as_ref().map(|trailer| trailer.beside)
            && more > 0
        {
            sniffed.remarks.push(format!(
                "the trailer counts {more} more than the rows of data: `beside: {more}` is right \
                 where it counts the header or itself; otherwise this file is not whole"
            ));
        }
        sniffed.dialect.trailer = trailer;
        sniffed.dialect.blank = self
            .blanks
            .iter()
            .map(|blank| (*blank).to_owned())
            .collect();
        sniffed.dialect.decimal_comma = self.comma_numbers > 0 && self.point_numbers == 0;
        sniffed.dialect.apostrophe_marks = self.marked > 0;
    }

    /// Names the columns where the header cannot; gives whether there is one.
    fn name_columns(&self, row: &[String], width: usize, sniffed: &mut SniffedDialect) -> bool {
        let is_value = |text: &String| {
            let text = text.trim();
            text.starts_with(|c: char| c.is_ascii_digit()) || text.contains('@')
        };
        if row.iter().any(is_value) {
            sniffed.dialect.names = (1..=width)
                .map(|number| format!("field_{number}"))
                .collect();
            sniffed
                .remarks
                .push("the file has no header: name its columns".to_owned());
            return false;
        }

        let mut names: Vec<String> = Vec::new();
        for (name, number) in row.iter().zip(1..) {
            let name = match name.trim() {
                "" => format!("field_{number}"),
                name => name.to_owned(),
            };
            let is_new = !names.contains(&name);
            names.push(if is_new {
                name
            } else {
                format!("{name} {number}")
            });
        }
        let is_fitting = row
            .iter()
            .zip(&names)
            .all(|(found, name)| found.trim() == name);
        if !is_fitting {
            sniffed.dialect.names = names;
            sniffed.dialect.skip_rows += 1;
            let remark = "the header has a name twice, or a column without one: name the columns";
            sniffed.remarks.push(remark.to_owned());
        }
        true
    }

    /// The last row, where it counts the others.
    fn find_trailer(&self, width: usize, data: u64) -> Option<FileTrailer> {
        let first = self.last.first()?.trim();
        let begins = first.starts_with(|c: char| c.is_alphabetic());
        let is_other = self.last.len() != width
            || self
                .last
                .iter()
                .filter(|cell| !cell.trim().is_empty())
                .count()
                <= 2;
        if self.rows < 3 || !begins || !is_other {
            return None;
        }
        let rows = data.checked_sub(1)?;
        let fields = self.last.iter().zip(1_u32..).skip(1);
        let mut counts = fields.filter_map(|(cell, field)| {
            let beside = cell.trim().parse::<u64>().ok()?.checked_sub(rows)?;
            let beside = u32::try_from(beside).ok().filter(|beside| *beside <= 2)?;
            Some((field, beside))
        });
        let (count_field, beside) = counts.next()?;
        Some(FileTrailer {
            first_field: first.to_owned(),
            count_field,
            beside,
        })
    }
}

/// Whether a text is a number with one or two digits behind a point or comma.
fn has_places_behind(text: &str, point: char) -> bool {
    let Some((whole, places)) = text.rsplit_once(point) else {
        return false;
    };
    let thousands = if point == ',' { '.' } else { ',' };
    let is_digit = |c: char| c.is_ascii_digit();
    let whole = whole.trim_start_matches('-');
    (1..=2).contains(&places.len())
        && places.chars().all(is_digit)
        && whole.starts_with(is_digit)
        && whole.chars().all(|c| is_digit(c) || c == thousands)
        && !whole.contains(point)
}
