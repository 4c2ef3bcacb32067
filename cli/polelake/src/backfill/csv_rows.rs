//! The rows of a CSV file, each within the limits of an event.

use std::io::{Error, ErrorKind, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use lake::limits::{CSV_COLUMNS_MAX, VALUE_BYTES_MAX};
use serde_json::Value;

use super::records::RecordIterator;
use crate::error::CliError;

/// What a row's reader says of a row without an end, such as one with an open quote.
const TOO_LONG: &str = "the row is over the limit";

/// Counts the bytes since the last row, and reads no further than the limit: the parser keeps a row until its end.
struct RowGuard<R> {
    inner: R,
    row_bytes: Arc<AtomicUsize>,
}

impl<R: Read> Read for RowGuard<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.row_bytes.load(Ordering::Relaxed) > VALUE_BYTES_MAX {
            return Err(Error::new(ErrorKind::FileTooLarge, TOO_LONG));
        }
        let count = self.inner.read(buffer)?;
        self.row_bytes.fetch_add(count, Ordering::Relaxed);
        Ok(count)
    }
}

/// The rows as objects, by the names of the header.
///
/// # Errors
/// When there is no header that can be read.
pub(super) fn read_csv(
    reader: Box<dyn Read + Send>,
    file: String,
) -> Result<RecordIterator, CliError> {
    let row_bytes = Arc::new(AtomicUsize::new(0));
    let mut reader = csv::Reader::from_reader(RowGuard {
        inner: reader,
        row_bytes: Arc::clone(&row_bytes),
    });
    let header = reader.headers();
    let header = header.map_err(|error| format!("{file} row 1: {}", describe_csv_error(&error)))?;
    if header.len() > CSV_COLUMNS_MAX {
        let count = header.len();
        let why = format!("{file}: {count} columns, over the limit of {CSV_COLUMNS_MAX}");
        return Err(why.into());
    }
    let names: Vec<String> = header
        .iter()
        .map(|name| name.trim_start_matches('\u{feff}').to_owned())
        .collect();

    row_bytes.store(0, Ordering::Relaxed);
    let rows = reader
        .into_records()
        .inspect(move |_| row_bytes.store(0, Ordering::Relaxed));
    // The header is row 1.
    let numbered = rows.zip(2_u64..);
    let records = numbered.map(move |(record, row)| match record {
        Ok(record) => Ok(csv_object(&names, &record)),
        Err(error) => Err(format!("{file} row {row}: {}", describe_csv_error(&error))),
    });
    Ok(Box::new(records))
}

/// Every value of a CSV file is a text; an empty one is null.
fn csv_object(names: &[String], record: &csv::StringRecord) -> Value {
    let values = record.iter().map(|text| match text {
        "" => Value::Null,
        text => Value::from(text),
    });
    Value::Object(names.iter().cloned().zip(values).collect())
}

/// Why a row cannot be read. csv's own message could quote the row.
fn describe_csv_error(error: &csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::UnequalLengths {
            expected_len, len, ..
        } => format!("{len} fields where the header has {expected_len}"),
        csv::ErrorKind::Io(error) if error.kind() == ErrorKind::FileTooLarge => {
            format!("more than {VALUE_BYTES_MAX} bytes, the limit; no row behind it can be read")
        }
        _ => "not readable as CSV in UTF-8".to_owned(),
    }
}
