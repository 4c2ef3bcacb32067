//! The records of a file: CSV, JSON, a DynamoDB export, Parquet, a sheet of a workbook; gzip where
//! the name says so.

use std::fs::File;
use std::io::{Cursor, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use contract::{FileFormat, FileRecord, RaggedRows};
use flate2::read::MultiGzDecoder;
use lake::BoundedBatches;
use lake::limits::SUPPLIER_FILE;
use serde_json::Value;

use super::csv_rows::read_csv;
use super::doubles::DoubleEncoders;
use super::json_documents::read_json_file;
use super::record::{BackfillRecord, FileExpectation, RecordFault, RecordIterator};
use super::table_rows::TableRecords;
use super::xlsx::read_sheet;
use crate::error::CliError;
use crate::named_file::open_file;

/// The records of a file, read one after the other.
pub struct RecordFile {
    /// The records.
    pub records: RecordIterator,
    /// How much there is to read: bytes, or rows.
    pub total: u64,
    /// How much of it was read.
    pub read_so_far: Arc<AtomicU64>,
    /// Whether the file holds texts only, which the contract gives their types.
    pub is_untyped: bool,
    /// The names of a table's columns, in their order; none of other files.
    pub columns: Vec<String>,
}

/// What the name of a file says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileKind {
    /// What it is: `.csv`, `.tsv`, `.parquet`, `.xlsx`; every other file holds JSON.
    pub format: FileFormat,
    /// What is between its fields, if it has any.
    pub delimiter: u8,
    /// Whether it is packed by gzip.
    pub is_packed: bool,
}

impl FileKind {
    /// What the name says, and the contract where it says it.
    #[must_use]
    pub fn of(path: &Path, declared: Option<FileFormat>) -> Self {
        let file_name = path.file_name().unwrap_or_default().to_string_lossy();
        let file_name = file_name.to_lowercase();
        let name = file_name.strip_suffix(".gz").unwrap_or(&file_name);
        let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
        let named = match extension {
            "csv" | "tsv" | "tab" => FileFormat::Csv,
            "parquet" => FileFormat::Parquet,
            "xlsx" | "xlsm" | "xls" => FileFormat::Xlsx,
            _ => FileFormat::Json,
        };
        Self {
            format: declared.unwrap_or(named),
            delimiter: if matches!(extension, "tsv" | "tab") {
                b'\t'
            } else {
                b','
            },
            is_packed: name.len() < file_name.len(),
        }
    }
}

/// Opens a file as it is expected to be written.
///
/// # Errors
/// When the file cannot be opened, or does not fit from its beginning.
pub fn open_record_file(path: &Path, expected: &FileExpectation) -> Result<RecordFile, CliError> {
    let shown = path.display().to_string();
    let file = open_file(path)?;
    let kind = FileKind::of(path, expected.dialect.format);
    if kind.format == FileFormat::Parquet {
        return read_parquet(file, &shown);
    }

    let total = file.metadata()?.len();
    let read_so_far = Arc::new(AtomicU64::new(0));
    let counted = CountingReader {
        inner: file,
        read: Arc::clone(&read_so_far),
    };
    let reader: Box<dyn Read + Send> = match kind.is_packed {
        true => Box::new(MultiGzDecoder::new(counted)),
        false => Box::new(counted),
    };
    let opened = open_records(path, (reader, kind), expected);
    let (records, columns) = opened.map_err(|fault| fault.why)?;
    Ok(RecordFile {
        records,
        total,
        read_so_far,
        is_untyped: kind.format != FileFormat::Json,
        columns,
    })
}

/// Opens what was pasted or piped, as it is expected to be written; `name` is that of its file, or
/// says what it is.
///
/// # Errors
/// When it does not fit from its beginning, and for a workbook or Parquet, which are read at their
/// ends first.
pub(crate) fn open_record_bytes(
    name: &str,
    bytes: Cursor<Vec<u8>>,
    expected: &FileExpectation,
) -> Result<RecordFile, CliError> {
    let path = Path::new(name);
    let kind = FileKind::of(path, expected.dialect.format);
    if matches!(kind.format, FileFormat::Parquet | FileFormat::Xlsx) {
        let why = format!(
            "{name}: a workbook or Parquet is read from a file; give its path to `polelake contract \
             try SOURCE FILE`"
        );
        return Err(why.into());
    }
    let total = bytes.get_ref().len() as u64;
    let reader: Box<dyn Read + Send> = match kind.is_packed {
        true => Box::new(MultiGzDecoder::new(bytes)),
        false => Box::new(bytes),
    };
    let opened = open_records(path, (reader, kind), expected);
    let (records, columns) = opened.map_err(|fault| fault.why)?;
    Ok(RecordFile {
        records,
        total,
        read_so_far: Arc::new(AtomicU64::new(total)),
        is_untyped: kind.format != FileFormat::Json,
        columns,
    })
}

/// The records of a file that is no Parquet, and the names of a table's columns.
fn open_records(
    path: &Path,
    (reader, kind): (Box<dyn Read + Send>, FileKind),
    expected: &FileExpectation,
) -> Result<(RecordIterator, Vec<String>), RecordFault> {
    let shown = path.display().to_string();
    let file_name = path.file_name().unwrap_or_default().to_string_lossy();
    let names = (shown.clone(), file_name.into_owned());
    let table = match kind.format {
        FileFormat::Csv => read_csv(reader, names, kind.delimiter, expected)?,
        FileFormat::Xlsx => {
            let rows = read_sheet(path, &expected.dialect);
            let rows = rows.map_err(|why| RecordFault::of_file(format!("{shown}: {why}")))?;
            // A sheet does not write the blank cells at a row's end.
            let mut padded = expected.clone();
            padded.dialect.ragged_rows = RaggedRows::Pad;
            TableRecords::open(rows, names, &padded)?
        }
        FileFormat::Json | FileFormat::Parquet => {
            return Ok((read_json_file(reader, shown, expected)?, Vec::new()));
        }
    };
    let columns = table.names().to_vec();
    Ok((Box::new(table), columns))
}

/// Reads a file to its end, and keeps nothing: what is found out only there, such as a quote that
/// never closes or a trailer that counts other rows, must be known before its first row is sent.
///
/// # Errors
/// The first fault of the whole file.
pub fn check_record_file(path: &Path, expected: &FileExpectation) -> Result<(), CliError> {
    let kind = FileKind::of(path, expected.dialect.format);
    if kind.format == FileFormat::Parquet {
        return Ok(());
    }
    let records = open_record_file(path, expected).map_err(|why| unsent_file(&why.to_string()))?;
    for record in records.records {
        match record {
            Err(fault) if fault.is_of_file => return Err(unsent_file(&fault.why)),
            _ => {}
        }
    }
    Ok(())
}

fn unsent_file(why: &str) -> CliError {
    format!("{why}; nothing of the file is sent").into()
}

/// Counts the bytes that are read of a file.
struct CountingReader {
    inner: File,
    read: Arc<AtomicU64>,
}

impl Read for CountingReader {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.read.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

fn read_parquet(file: File, shown: &str) -> Result<RecordFile, CliError> {
    let batches = BoundedBatches::open(file, &SUPPLIER_FILE, None)
        .map_err(|error| format!("{shown}: not a Parquet file that can be read: {error}"))?;
    let total = batches.row_count();
    let read_so_far = Arc::new(AtomicU64::new(0));

    let counter = Arc::clone(&read_so_far);
    let file = shown.to_owned();
    let records = batches.flat_map(move |batch| {
        let rows = batch.map_err(|error| error.to_string()).and_then(|batch| {
            counter.fetch_add(batch.num_rows() as u64, Ordering::Relaxed);
            batch_objects(&batch)
        });
        match rows {
            Ok(rows) => rows
                .into_iter()
                .map(|row| Ok(FileRecord::from(row)))
                .collect::<Vec<BackfillRecord>>(),
            Err(why) => vec![Err(RecordFault::of_record(format!("{file}: {why}")))],
        }
    });
    Ok(RecordFile {
        records: Box::new(records),
        total,
        read_so_far,
        is_untyped: false,
        columns: Vec::new(),
    })
}

/// The rows of a batch as objects: decimals with every digit, dates and instants in ISO form.
fn batch_objects(batch: &arrow_array::RecordBatch) -> Result<Vec<Value>, String> {
    let mut writer = arrow_json::WriterBuilder::new()
        .with_encoder_factory(DoubleEncoders::shared())
        .build::<_, arrow_json::writer::JsonArray>(Vec::new());
    writer
        .write(batch)
        .and_then(|()| writer.finish())
        .map_err(|error| error.to_string())?;

    match contract::read_json(&writer.into_inner()).map_err(|fault| fault.reason)? {
        Value::Array(rows) => Ok(rows),
        _ => Ok(Vec::new()),
    }
}

#[cfg(test)]
mod tests;
