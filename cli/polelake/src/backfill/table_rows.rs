//! Rows of texts, of a CSV file or a sheet, as records by the names of their header.

use contract::{FileDialect, FileRecord, FileTrailer, RaggedRows};
use lake::limits::VALUE_BYTES_MAX;
use serde_json::{Map, Value};

use super::header::{HeaderReader, RowsAround, is_header_of, undeclared_header};
use super::record::{BackfillRecord, FileExpectation, RecordFault};
use super::table_row::{TableRow, TableRowIterator};

/// The records of a table.
pub(super) struct TableRecords {
    rows: TableRowIterator,
    file: String,
    dialect: FileDialect,
    /// The file's name, without its folder.
    file_name: String,
    names: Vec<String>,
    /// The row behind which the next one is not read yet, where the last one is a trailer.
    held: Option<TableRow>,
    /// Rows of data so far.
    count: u64,
    is_over: bool,
}

impl TableRecords {
    /// Reads the header.
    ///
    /// # Errors
    /// When the file is empty, or its header does not fit what is expected.
    pub(super) fn open(
        mut rows: TableRowIterator,
        (file, file_name): (String, String),
        expected: &FileExpectation,
    ) -> Result<Self, RecordFault> {
        let dialect = expected.dialect.clone();
        let place = |why: String| place_fault(&file, &why);
        let mut around = RowsAround::default();
        for _ in 0..dialect.skip_rows {
            let skipped = rows.next().transpose().map_err(place)?;
            around.note_skipped(skipped);
        }
        let first = rows.next().transpose().map_err(place)?;
        let names = match &first {
            Some(row) if dialect.names.is_empty() => {
                let reader = HeaderReader {
                    row,
                    dialect: &dialect,
                    columns: &expected.columns,
                };
                reader.read_names().map_err(|why| {
                    let why = reader.explain_place(&mut around, &mut rows).unwrap_or(why);
                    place(format!("row {}: {why}", row.number))
                })?
            }
            None if dialect.names.is_empty() && !dialect.allow_empty => {
                return Err(place(empty_fault(dialect.skip_rows)));
            }
            _ => dialect.names.clone(),
        };
        let first = first.filter(|_| !dialect.names.is_empty());
        if let Some(row) = first.as_ref().filter(|row| is_header_of(row, &names)) {
            return Err(place(format!(
                "row {}: {}",
                row.number,
                undeclared_header(&dialect)
            )));
        }
        let rows: TableRowIterator = Box::new(first.map(Ok).into_iter().chain(rows));
        Ok(Self {
            rows,
            file,
            dialect,
            file_name,
            names,
            held: None,
            count: 0,
            is_over: false,
        })
    }

    /// The names of the columns, in their order.
    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    /// The next row that may be data; none at the end, which is checked.
    fn next_row(&mut self) -> Result<Option<TableRow>, RecordFault> {
        let read = self.rows.next().transpose();
        let row = read.map_err(|why| self.file_fault(&why))?;
        let Some(trailer) = self.dialect.trailer.clone() else {
            return match row {
                None => self.check_not_empty().map(|()| None),
                row => Ok(row),
            };
        };

        match (row, self.held.take()) {
            (Some(row), None) => {
                self.held = Some(row);
                self.next_row()
            }
            (Some(row), Some(held)) => {
                if is_trailer(&held, &trailer) {
                    let why = format!("row {}: the trailer has rows behind it", held.number);
                    return Err(self.file_fault(&why));
                }
                self.held = Some(row);
                Ok(Some(held))
            }
            (None, held) => {
                self.check_trailer(&trailer, held)?;
                self.check_not_empty()?;
                Ok(None)
            }
        }
    }

    fn check_not_empty(&self) -> Result<(), RecordFault> {
        if self.count > 0 || self.dialect.allow_empty {
            return Ok(());
        }
        Err(self.file_fault(&empty_fault(self.dialect.skip_rows)))
    }

    /// The last row must be the trailer, and count the rows before it.
    fn check_trailer(
        &self,
        trailer: &FileTrailer,
        row: Option<TableRow>,
    ) -> Result<(), RecordFault> {
        let Some(row) = row.filter(|row| is_trailer(row, trailer)) else {
            let why = format!(
                "the last row is not the trailer `{}` that the contract declares in \
                 `files.trailer`: is the file whole?",
                trailer.first_field
            );
            return Err(self.file_fault(&why));
        };
        let column = trailer.count_field as usize;
        let text = row.cells.get(column - 1).map(|text| text.trim());
        let stated = text.and_then(|text| text.parse::<u64>().ok());
        let found = self.count + u64::from(trailer.beside);
        match stated {
            Some(stated) if stated == found => Ok(()),
            Some(stated) => Err(self.file_fault(&format!(
                "row {}: the trailer counts {stated} rows, the file has {found}: is it whole? \
                 `files.trailer.beside` says how many the count has beside the data",
                row.number
            ))),
            None => Err(self.file_fault(&format!(
                "row {}: field {column} of the trailer is no count; `files.trailer.count_field` \
                 says which it is",
                row.number
            ))),
        }
    }

    fn file_fault(&self, why: &str) -> RecordFault {
        place_fault(&self.file, why)
    }

    fn record_of(&self, row: TableRow) -> BackfillRecord {
        let number = row.number;
        self.build_record(row)
            .map(|value| FileRecord {
                row: Some(number),
                ..FileRecord::from(value)
            })
            .map_err(|why| RecordFault::of_record(format!("{} row {number}: {why}", self.file)))
    }

    fn build_record(&self, mut row: TableRow) -> Result<Value, String> {
        self.fit_row(&mut row)?;
        let bytes: usize = row.cells.iter().map(String::len).sum();
        if bytes > VALUE_BYTES_MAX {
            return Err(format!("more than {VALUE_BYTES_MAX} bytes, the limit"));
        }

        let mut record = Map::new();
        for (name, (text, column)) in self.names.iter().zip(row.cells.into_iter().zip(1..)) {
            let value = self.cell_value(text);
            if row.failed_cells.contains(&column) && !value.is_null() {
                return Err(format!(
                    "column {column}: a formula has failed; list its text in `files.blank` of the \
                     contract where it stands for no value"
                ));
            }
            record.insert(name.clone(), value);
        }
        if let Some(field) = &self.dialect.row_number {
            record.insert(field.clone(), self.count.to_string().into());
        }
        if let Some(field) = &self.dialect.file_name {
            record.insert(field.clone(), self.file_name.as_str().into());
        }
        Ok(Value::Object(record))
    }

    /// Refuses a row with another number of fields than the header, or makes it fit.
    fn fit_row(&self, row: &mut TableRow) -> Result<(), String> {
        let expected = self.names.len();
        if self.dialect.ragged_rows == RaggedRows::Pad {
            let is_blank = |text: &String| text.trim().is_empty();
            while row.cells.len() > expected && row.cells.last().is_some_and(is_blank) {
                row.cells.pop();
            }
            let missing = expected.saturating_sub(row.cells.len());
            row.cells
                .extend(std::iter::repeat_n(String::new(), missing));
        }
        let found = row.cells.len();
        if found == expected {
            return Ok(());
        }
        let remedy = if found < expected {
            "declare `files.ragged_rows: pad` in the contract where the rest is blank"
        } else {
            "a text with the delimiter in it needs quotes; `files.delimiter` of the contract \
             declares another one"
        };
        Err(format!(
            "{found} fields where the header has {expected}: {remedy}"
        ))
    }

    /// A text, or null where it stands for no value.
    fn cell_value(&self, text: String) -> Value {
        let text = match text.strip_prefix('\'') {
            Some(marked) if self.dialect.apostrophe_marks => marked.to_owned(),
            _ => text,
        };
        if text.is_empty()
            || self
                .dialect
                .blank
                .iter()
                .any(|blank| blank.trim() == text.trim())
        {
            Value::Null
        } else {
            text.into()
        }
    }
}

impl Iterator for TableRecords {
    type Item = BackfillRecord;

    fn next(&mut self) -> Option<BackfillRecord> {
        if self.is_over {
            return None;
        }
        match self.next_row() {
            Ok(Some(row)) => {
                self.count += 1;
                Some(self.record_of(row))
            }
            Ok(None) => {
                self.is_over = true;
                None
            }
            Err(fault) => {
                self.is_over = true;
                Some(Err(fault))
            }
        }
    }
}

/// A fault of a file, or of a row of it that ends it.
fn place_fault(file: &str, why: &str) -> RecordFault {
    let between = if why.starts_with("row ") { " " } else { ": " };
    RecordFault::of_file(format!("{file}{between}{why}"))
}

fn is_trailer(row: &TableRow, trailer: &FileTrailer) -> bool {
    let first = row.cells.first();
    first.is_some_and(|text| text.trim() == trailer.first_field.trim())
}

fn empty_fault(skipped: u32) -> String {
    let behind = match skipped {
        0 => String::new(),
        count => format!(" behind the {count} rows that `files.skip_rows` skips"),
    };
    format!(
        "the file has no rows{behind}; declare `files.allow_empty: true` in the contract where \
         that is right"
    )
}
