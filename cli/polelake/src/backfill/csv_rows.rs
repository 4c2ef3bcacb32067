//! The rows of a CSV file, each within the limits of an event.

use std::io::{Error, ErrorKind, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use lake::limits::{CSV_COLUMNS_MAX, VALUE_BYTES_MAX};
use serde_json::Value;

use super::record::RecordIterator;
use crate::error::CliError;

/// What a row's reader says of a row without an end, such as one with an open quote.
const TOO_LONG: &str = "the row is over the limit";

/// Counts the bytes since the last row, and reads no further than the limit: the parser keeps a row
/// until its end.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: String) -> Result<Vec<Result<Value, String>>, CliError> {
        let reader = Box::new(std::io::Cursor::new(text.into_bytes()));
        Ok(read_csv(reader, "rows.csv".to_owned())?.collect())
    }

    #[test]
    fn a_header_over_a_limit_is_refused() {
        let error = read(format!("{}\n", "a,".repeat(CSV_COLUMNS_MAX))).unwrap_err();
        let why = "rows.csv: 10001 columns, over the limit of 10000";
        assert!(error.to_string().contains(why), "{error}");

        let error = read("x".repeat(VALUE_BYTES_MAX * 2))
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("rows.csv row 1: more than 1048576 bytes"),
            "{error}"
        );
    }

    #[test]
    fn a_row_without_an_end_is_read_up_to_the_limit() {
        let endless = "id\n1\n\"".as_bytes().chain(std::io::repeat(b'x'));
        let mut records = read_csv(Box::new(endless), "rows.csv".to_owned()).unwrap();
        assert!(records.next().unwrap().is_ok());
        let why = records.next().unwrap().unwrap_err();
        assert!(
            why.contains("rows.csv row 3: more than 1048576 bytes"),
            "{why}"
        );
        assert!(records.next().is_none());
    }

    #[test]
    fn rows_are_counted_one_by_one() {
        let row = "x".repeat(VALUE_BYTES_MAX / 2);
        let found = read(format!("id\n{row}\n{row}\n{row}\n")).unwrap();
        assert!(found.len() == 3 && found.iter().all(Result::is_ok));
    }
}
