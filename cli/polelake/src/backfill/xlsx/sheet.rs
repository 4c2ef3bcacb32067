//! The rows of a sheet, one after the other. Cells and rows without a value are not written: they
//! are filled in by their places.

use std::io::{Error, ErrorKind, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use lake::limits::{CSV_COLUMNS_MAX, VALUE_BYTES_MAX};
use quick_xml::events::{BytesStart, Event};

use super::dates::DateStyles;
use super::package::{PartReader, RichText, XmlPart, attribute};
use crate::backfill::table_row::TableRow;

/// Bytes of a row in XML: its values have at most a fourth of them.
const ROW_XML_BYTES_MAX: usize = 16 * VALUE_BYTES_MAX;

/// Counts the bytes since the last row, and reads no further than the limit: a small archive may
/// unpack to anything.
struct RowGuard {
    inner: PartReader,
    row_bytes: Arc<AtomicUsize>,
}

impl Read for RowGuard {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.row_bytes.load(Ordering::Relaxed) > ROW_XML_BYTES_MAX {
            let why = format!("a row of more than {ROW_XML_BYTES_MAX} bytes of XML, the limit");
            return Err(Error::new(ErrorKind::FileTooLarge, why));
        }
        let count = self.inner.read(buffer)?;
        self.row_bytes.fetch_add(count, Ordering::Relaxed);
        Ok(count)
    }
}

/// The rows of a sheet.
pub(super) struct SheetRows {
    part: XmlPart,
    row_bytes: Arc<AtomicUsize>,
    texts: Vec<String>,
    styles: DateStyles,
    /// The number of the last row.
    number: u64,
    is_over: bool,
}

/// A cell as it is read.
struct SheetCell {
    /// Its column, from 0.
    column: usize,
    kind: String,
    style: usize,
}

impl SheetRows {
    pub(super) fn new(reader: PartReader, texts: Vec<String>, styles: DateStyles) -> Self {
        let row_bytes = Arc::new(AtomicUsize::new(0));
        let guard = RowGuard {
            inner: reader,
            row_bytes: Arc::clone(&row_bytes),
        };
        Self {
            part: XmlPart::new(Box::new(guard), "of the sheet"),
            row_bytes,
            texts,
            styles,
            number: 0,
            is_over: false,
        }
    }

    /// The next row that has a value; none at the end of the sheet.
    fn read_row(&mut self) -> Result<Option<TableRow>, String> {
        loop {
            let Some(event) = self.part.next_event()? else {
                return Err("the sheet has no end: is the file whole?".to_owned());
            };
            self.row_bytes.store(0, Ordering::Relaxed);
            match &event {
                Event::Start(element) if element.local_name().as_ref() == b"row" => {
                    self.number = row_number(element).unwrap_or(self.number + 1);
                    let row = self.read_cells()?;
                    if row.cells.iter().any(|text| !text.is_empty()) {
                        return Ok(Some(row));
                    }
                }
                Event::Empty(element) if element.local_name().as_ref() == b"row" => {
                    self.number = row_number(element).unwrap_or(self.number + 1);
                }
                Event::End(end) if end.local_name().as_ref() == b"sheetData" => return Ok(None),
                Event::Empty(element) if element.local_name().as_ref() == b"sheetData" => {
                    return Ok(None);
                }
                _ => {}
            }
        }
    }

    fn read_cells(&mut self) -> Result<TableRow, String> {
        let mut row = TableRow {
            number: self.number,
            cells: Vec::new(),
            failed_cells: Vec::new(),
        };
        while let Some(event) = self.part.next_event()? {
            match &event {
                Event::Start(element) if element.local_name().as_ref() == b"c" => {
                    let cell = sheet_cell(element, row.cells.len())?;
                    self.read_cell(&cell, &mut row)?;
                }
                Event::End(end) if end.local_name().as_ref() == b"row" => return Ok(row),
                _ => {}
            }
        }
        Err("the sheet has no end: is the file whole?".to_owned())
    }

    /// Adds the value of a cell to its row.
    fn read_cell(&mut self, cell: &SheetCell, row: &mut TableRow) -> Result<(), String> {
        let mut text = RichText::default();
        while let Some(event) = self.part.next_event()? {
            text.see(&event)?;
            if matches!(&event, Event::End(end) if end.local_name().as_ref() == b"c") {
                break;
            }
        }
        let value = self.cell_text(cell, text.take())?;
        if cell.kind == "e" && !value.is_empty() {
            row.failed_cells.push(cell.column + 1);
        }
        row.cells
            .resize(cell.column.max(row.cells.len()), String::new());
        row.cells.push(value);
        Ok(())
    }

    fn cell_text(&self, cell: &SheetCell, value: String) -> Result<String, String> {
        Ok(match cell.kind.as_str() {
            "s" => {
                let index: Option<usize> = value.trim().parse().ok();
                let text = index.and_then(|index| self.texts.get(index));
                let missing = || format!("row {}: the text of a cell is missing", self.number);
                text.ok_or_else(missing)?.clone()
            }
            "b" => match value.trim() {
                "1" => "true".to_owned(),
                "0" => "false".to_owned(),
                _ => value,
            },
            "str" | "inlineStr" | "e" | "d" => value,
            _ if value.trim().is_empty() => String::new(),
            _ => self.styles.number_text(cell.style, value.trim()),
        })
    }
}

impl Iterator for SheetRows {
    type Item = Result<TableRow, String>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let row = self.read_row().transpose();
        self.is_over = !matches!(row, Some(Ok(_)));
        row
    }
}

fn row_number(element: &BytesStart<'_>) -> Option<u64> {
    attribute(element, b"r")?.parse().ok()
}

/// What a cell says of itself; one without a place is beside the one before.
fn sheet_cell(element: &BytesStart<'_>, next: usize) -> Result<SheetCell, String> {
    let place = attribute(element, b"r");
    let column = place.and_then(|place| column_index(&place)).unwrap_or(next);
    if column >= CSV_COLUMNS_MAX {
        return Err(format!("more than {CSV_COLUMNS_MAX} columns, the limit"));
    }
    if column < next {
        return Err("two cells at one place, or cells that are not in their order".to_owned());
    }
    let style = attribute(element, b"s").and_then(|style| style.parse().ok());
    Ok(SheetCell {
        column,
        kind: attribute(element, b"t").unwrap_or_default(),
        style: style.unwrap_or_default(),
    })
}

/// The index of the column of a place such as `AB12`.
fn column_index(place: &str) -> Option<usize> {
    let letters = place.bytes().take_while(u8::is_ascii_uppercase);
    let mut index = 0_usize;
    for letter in letters {
        index = index
            .checked_mul(26)?
            .checked_add(usize::from(letter - b'A') + 1)?;
    }
    index.checked_sub(1)
}
