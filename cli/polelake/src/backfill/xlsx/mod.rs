//! One sheet of a workbook of Excel, read as it streams: a workbook is a ZIP archive of XML.

mod dates;
mod package;
mod sheet;

use std::path::Path;

use contract::FileDialect;

use self::package::WorkbookPackage;
use self::sheet::SheetRows;
use super::table_row::TableRowIterator;

/// The rows of the declared sheet, or of the only one.
///
/// # Errors
/// When the file is no workbook, or has no such sheet.
pub(super) fn read_sheet(path: &Path, dialect: &FileDialect) -> Result<TableRowIterator, String> {
    let mut package = WorkbookPackage::open(path)?;
    let part = package.find_sheet(dialect.sheet.as_deref())?;
    let texts = package.read_shared_texts()?;
    let styles = package.read_styles()?;
    let reader = package.open_part(&part)?;
    let rows = SheetRows::new(reader, texts, styles);
    Ok(Box::new(rows))
}

/// The names of the sheets.
///
/// # Errors
/// When the file is no workbook.
pub fn sheet_names(path: &Path) -> Result<Vec<String>, String> {
    WorkbookPackage::open(path)?.sheet_names()
}

#[cfg(test)]
mod tests;
