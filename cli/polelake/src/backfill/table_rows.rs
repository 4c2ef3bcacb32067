//! Rows of texts, of a CSV file or a sheet, as records by the names of their header.

use contract::{FileColumn, FileDialect, FileRecord, FileTrailer, HeaderCase, RaggedRows};
use lake::limits::{CSV_COLUMNS_MAX, VALUE_BYTES_MAX};
use serde_json::{Map, Value};

use super::record::{BackfillRecord, FileExpectation, RecordFault};

/// A row as it stands in the file.
pub(super) struct TableRow {
    /// Its number in the file, from 1.
    pub(super) number: u64,
    pub(super) cells: Vec<String>,
    /// The columns, from 1, in which a formula has failed.
    pub(super) failed_cells: Vec<usize>,
}

/// The rows of a file, each or why the file ends there.
pub(super) type TableRowIterator = Box<dyn Iterator<Item = Result<TableRow, String>> + Send>;

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
        for _ in 0..dialect.skip_rows {
            rows.next().transpose().map_err(place)?;
        }
        let header = match dialect.names.is_empty() {
            true => rows.next().transpose().map_err(place)?,
            false => None,
        };
        let names = match header {
            Some(row) => {
                let reader = HeaderReader {
                    row: &row,
                    dialect: &dialect,
                    columns: &expected.columns,
                };
                reader
                    .read_names()
                    .map_err(|why| place(format!("row {}: {why}", row.number)))?
            }
            None if dialect.names.is_empty() && !dialect.allow_empty => {
                return Err(place(empty_fault(dialect.skip_rows)));
            }
            None => dialect.names.clone(),
        };
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

/// Reads a header against what is declared.
struct HeaderReader<'h> {
    row: &'h TableRow,
    dialect: &'h FileDialect,
    columns: &'h [FileColumn],
}

impl HeaderReader<'_> {
    /// The name of each column: that of the declared field, where one fits.
    fn read_names(&self) -> Result<Vec<String>, String> {
        let count = self.row.cells.len();
        if count > CSV_COLUMNS_MAX {
            return Err(format!(
                "{count} columns, over the limit of {CSV_COLUMNS_MAX}"
            ));
        }
        let mut cells: Vec<&str> = self.row.cells.iter().map(|name| name.trim()).collect();
        if self.dialect.ragged_rows == RaggedRows::Pad {
            while cells.last().is_some_and(|name| name.is_empty()) {
                cells.pop();
            }
        }
        let names: Vec<String> = cells.iter().map(|name| self.declared_name(name)).collect();
        self.check_each(&names)?;
        self.check_all(&names)?;
        Ok(names)
    }

    fn declared_name(&self, name: &str) -> String {
        if self.dialect.header == HeaderCase::Exact {
            return name.to_owned();
        }
        let lower = name.to_lowercase();
        let mut columns = self.columns.iter();
        columns
            .find(|column| column.name.trim().to_lowercase() == lower)
            .map_or_else(|| name.to_owned(), |column| column.name.clone())
    }

    /// Every column needs a name of its own: of two with one name, one would be lost.
    fn check_each(&self, names: &[String]) -> Result<(), String> {
        let remedy = "name all columns in `files.names` of the contract, and skip the header with \
                      `files.skip_rows`";
        for (index, name) in names.iter().enumerate() {
            let column = index + 1;
            if name.is_empty() {
                return Err(format!(
                    "column {column} has no name in the header: {remedy}"
                ));
            }
            if let Some(first) = names[..index].iter().position(|earlier| earlier == name) {
                let first = first + 1;
                return Err(format!(
                    "columns {first} and {column} have one name{} in the header: {remedy}",
                    self.shown_name(name)
                ));
            }
        }
        Ok(())
    }

    /// A name that the contract declares. Another one could be a value, where the header is missing.
    fn shown_name(&self, name: &str) -> String {
        match self.columns.iter().any(|column| column.name == name) {
            true => format!(", `{name}`,"),
            false => String::new(),
        }
    }

    /// A column that is missing would be null in every row.
    fn check_all(&self, names: &[String]) -> Result<(), String> {
        let needed = self.columns.iter().filter(|column| column.is_needed);
        let missing: Vec<&str> = needed
            .map(|column| column.name.as_str())
            .filter(|name| !names.iter().any(|found| found == name))
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        let known = names
            .iter()
            .filter(|name| self.columns.iter().any(|column| column.name == **name));
        let known = known.count();
        let quoted: Vec<String> = missing
            .iter()
            .take(5)
            .map(|name| format!("`{name}`"))
            .collect();
        Err(format!(
            "the header has {} columns, {known} of them declared, and lacks {}: {}",
            names.len(),
            quoted.join(", "),
            self.remedy_of_missing(names, &missing, known)
        ))
    }

    fn remedy_of_missing(&self, names: &[String], missing: &[&str], known: usize) -> String {
        let signs = [(';', "';'"), ('\t', "tab"), ('|', "'|'"), (',', "','")];
        if let [only] = names
            && let Some((_, sign)) = signs.iter().find(|(sign, _)| only.contains(*sign))
        {
            return format!("declare `files.delimiter: {sign}` in the contract");
        }
        let in_other_case = missing.iter().any(|missing| {
            let mut found = names.iter();
            found.any(|name| name.to_lowercase() == missing.to_lowercase())
        });
        if in_other_case {
            return "declare `files.header: ignore-case` in the contract".to_owned();
        }
        let remedy = match known {
            0 => {
                "declare how many rows are before the header in `files.skip_rows` of the contract, \
                 or the names of a file without one in `files.names`"
            }
            _ => "a field that files may lack is listed in `files.optional` of the contract",
        };
        remedy.to_owned()
    }
}
