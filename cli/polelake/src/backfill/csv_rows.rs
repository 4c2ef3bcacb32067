//! The rows of a CSV file in its declared dialect.

use std::io::Read;

use contract::{FileDialect, StrayQuotes};

use super::csv_parser::{CsvParser, CsvSigns};
use super::record::{FileExpectation, RecordFault};
use super::table_row::{TableRow, TableRowIterator};
use super::table_rows::TableRecords;
use super::text_decoder::DecodedText;

/// The records of a CSV file. `default_delimiter` is that of files of its name.
///
/// # Errors
/// When its header cannot be read, or does not fit.
pub(super) fn read_csv(
    reader: Box<dyn Read + Send>,
    names: (String, String),
    default_delimiter: u8,
    expected: &FileExpectation,
) -> Result<TableRecords, RecordFault> {
    let rows = csv_rows(
        reader,
        csv_signs(&expected.dialect, default_delimiter),
        &expected.dialect,
    );
    TableRecords::open(rows, names, expected)
}

/// The signs of a dialect.
pub(super) fn csv_signs(dialect: &FileDialect, default_delimiter: u8) -> CsvSigns {
    CsvSigns {
        delimiter: dialect.delimiter_byte().unwrap_or(default_delimiter),
        quote: dialect.quote_byte(),
        keeps_stray_quotes: dialect.stray_quotes == StrayQuotes::Keep,
    }
}

/// The rows of a CSV file, numbered.
pub(super) fn csv_rows(
    reader: Box<dyn Read + Send>,
    signs: CsvSigns,
    dialect: &FileDialect,
) -> TableRowIterator {
    let text = DecodedText::new(reader, dialect.encoding);
    let rows = CsvParser::new(text, signs).zip(1_u64..);
    Box::new(rows.map(|(row, number)| match row {
        Ok(cells) => Ok(TableRow {
            number,
            cells,
            failed_cells: Vec::new(),
        }),
        Err(error) => Err(format!("row {number}: {error}")),
    }))
}

#[cfg(test)]
mod tests;
