//! The header of a table: the names of its columns, against those that the contract declares.

use std::collections::VecDeque;

use contract::{FileColumn, FileDialect, HeaderCase, RaggedRows};
use lake::limits::CSV_COLUMNS_MAX;

use super::table_row::{TableRow, TableRowIterator};

/// Rows on each side of a header that does not fit in which the right one is looked for.
const ROWS_AROUND: usize = 20;

/// The rows before a header, of which one may be the right one.
#[derive(Default)]
pub(super) struct RowsAround {
    /// How many rows there are before the header.
    skipped: usize,
    /// The last of them, each with how many rows are before it.
    before: VecDeque<(usize, TableRow)>,
}

impl RowsAround {
    /// Notes a row that is skipped.
    pub(super) fn note_skipped(&mut self, row: Option<TableRow>) {
        if let Some(row) = row {
            self.before.push_back((self.skipped, row));
            self.skipped += 1;
        }
        if self.before.len() > ROWS_AROUND {
            self.before.pop_front();
        }
    }
}

/// Whether the first row of data of a file whose columns the contract names is their header.
pub(super) fn is_header_of(row: &TableRow, names: &[String]) -> bool {
    let pairs = row.cells.iter().zip(names);
    let same = pairs.filter(|(cell, name)| is_name(cell, name)).count();
    same > 0 && same * 2 >= names.len()
}

/// Why such a row is no row of data.
pub(super) fn undeclared_header(dialect: &FileDialect) -> String {
    let skipped = dialect.skip_rows;
    format!(
        "this row holds the names of the columns, and `files.names` says that there is no header: \
         `files.skip_rows` is {skipped} and must be {}",
        u64::from(skipped) + 1
    )
}

/// Whether a text of a header is the name, with spaces around it and in whatever case.
fn is_name(cell: &str, name: &str) -> bool {
    cell.trim().to_lowercase() == name.trim().to_lowercase()
}

/// Reads a header against what is declared.
pub(super) struct HeaderReader<'h> {
    pub(super) row: &'h TableRow,
    pub(super) dialect: &'h FileDialect,
    pub(super) columns: &'h [FileColumn],
}

impl HeaderReader<'_> {
    /// The name of each column: that of the declared field, where one fits.
    pub(super) fn read_names(&self) -> Result<Vec<String>, String> {
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
        // A row that is no header holds no declared name, and may hold one value twice.
        self.check_all(&names)?;
        self.check_each(&names)?;
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

    /// That another row is the header, where the row holds few of the declared columns and one near
    /// it more.
    pub(super) fn explain_place(
        &self,
        around: &mut RowsAround,
        rows: &mut TableRowIterator,
    ) -> Option<String> {
        let held = self.count_declared(self.row);
        if self.columns.is_empty() || self.is_mostly_declared(held, self.row) {
            return None;
        }
        let behind = rows.take(ROWS_AROUND).map_while(Result::ok);
        let behind = behind.zip(around.skipped + 1..);
        around
            .before
            .extend(behind.map(|(row, skipped)| (skipped, row)));
        let (found, row, right) = around
            .before
            .iter()
            .map(|(skipped, row)| (self.count_declared(row), row, *skipped))
            .rev()
            .max_by_key(|(count, ..)| *count)?;
        if found <= held || !self.is_mostly_declared(found, row) {
            return None;
        }
        Some(format!(
            "this row is taken as the header and holds {held} of the contract's {} columns; row {} \
             holds {found} of them: `files.skip_rows` is {} and must be {right}",
            self.columns.len(),
            row.number,
            self.dialect.skip_rows
        ))
    }

    /// Whether so many declared columns are half of all, or half of the row.
    fn is_mostly_declared(&self, held: usize, row: &TableRow) -> bool {
        held * 2 >= self.columns.len() || held * 2 >= row.cells.len()
    }

    /// How many declared columns a row names.
    fn count_declared(&self, row: &TableRow) -> usize {
        let columns = self.columns.iter();
        let named = |column: &&FileColumn| row.cells.iter().any(|cell| is_name(cell, &column.name));
        columns.filter(named).count()
    }
}
