//! The records of a file: JSON lines, CSV, a DynamoDB export, Parquet; gzip where the name says so.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use contract::EventFault;
use flate2::read::MultiGzDecoder;
use lake::BoundedBatches;
use lake::limits::SUPPLIER_FILE;
use serde_json::Value;

use super::csv_rows::read_csv;
use super::doubles::DoubleEncoders;
use super::dynamo;
use super::record::{BackfillRecord, RecordIterator};
use crate::bounded_lines::BoundedLines;
use crate::error::CliError;

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
}

/// Opens a file. Its name says what is in it: `.csv`, `.parquet`; every other file holds a JSON
/// document on each line.
///
/// # Errors
/// When the file cannot be opened.
pub fn open_record_file(path: &Path) -> Result<RecordFile, CliError> {
    let shown = path.display().to_string();
    let file = File::open(path).map_err(|error| format!("{shown}: {error}"))?;
    let file_name = path.file_name().unwrap_or_default().to_string_lossy();
    let file_name = file_name.to_lowercase();
    let name = file_name.strip_suffix(".gz").unwrap_or(&file_name);
    if name.ends_with(".parquet") {
        return read_parquet(file, &shown);
    }

    let total = file.metadata()?.len();
    let read_so_far = Arc::new(AtomicU64::new(0));
    let counted = CountingReader {
        inner: file,
        read: Arc::clone(&read_so_far),
    };
    let is_packed = name.len() < file_name.len();
    let reader: Box<dyn Read + Send> = if is_packed {
        Box::new(MultiGzDecoder::new(counted))
    } else {
        Box::new(counted)
    };
    let is_untyped = name.ends_with(".csv");
    let records = if is_untyped {
        read_csv(reader, shown)?
    } else {
        read_json_lines(reader, shown)
    };
    Ok(RecordFile {
        records,
        total,
        read_so_far,
        is_untyped,
    })
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

fn read_json_lines(reader: Box<dyn Read + Send>, file: String) -> RecordIterator {
    let lines = BoundedLines::new(BufReader::new(reader));
    let numbered = lines.zip(1_u64..);
    Box::new(
        numbered
            .filter_map(move |(line, number)| parse_json_line(line, &format!("{file}:{number}"))),
    )
}

/// The record of a line; none for an empty one.
fn parse_json_line(line: std::io::Result<Vec<u8>>, location: &str) -> Option<BackfillRecord> {
    let line = match line {
        Ok(line) if line.trim_ascii().is_empty() => return None,
        Ok(line) => line,
        Err(error) => return Some(Err(format!("{location}: {error}"))),
    };

    Some(match contract::read_json(&line) {
        Ok(value) => Ok(dynamo::parse_export_item(&value).unwrap_or(value)),
        Err(fault) => Err(format!("{location}: {}", line_fault(&fault))),
    })
}

/// Why a line of a file is no record: where in the line, or at which path.
pub fn line_fault(fault: &EventFault) -> String {
    let reason = fault.reason.replace("line 1, ", "");
    if fault.path == "$" {
        reason
    } else {
        format!("{reason}, at {}", fault.path)
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
            Ok(rows) => rows.into_iter().map(Ok).collect::<Vec<BackfillRecord>>(),
            Err(why) => vec![Err(format!("{file}: {why}"))],
        }
    });
    Ok(RecordFile {
        records: Box::new(records),
        total,
        read_so_far,
        is_untyped: false,
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
mod tests {
    use super::*;
    use serde_json::json;

    fn read(name: &str, bytes: &[u8]) -> Vec<BackfillRecord> {
        let folder = std::env::temp_dir().join(format!("polelake-records-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join(name);
        std::fs::write(&file, bytes).unwrap();
        let records = open_record_file(&file).unwrap().records.collect();
        std::fs::remove_file(file).unwrap();
        records
    }

    #[test]
    fn lines_csv_and_exports_are_told_apart() {
        let found = read(
            "a.jsonl",
            b"{\"id\": 1}\n\n{\"Item\": {\"id\": {\"N\": \"2\"}}}\n{broken\n",
        );
        assert_eq!(found[..2], [Ok(json!({"id": 1})), Ok(json!({"id": 2}))]);
        let why = found[2].as_ref().unwrap_err();
        assert!(
            why.contains("a.jsonl:4: not JSON: column 2") && !why.contains("broken"),
            "{why}"
        );
        let found = read("b.csv", "\u{feff}id,name\n1,\"A, B\"\n2,\n3\n".as_bytes());
        assert_eq!(
            found[..2],
            [
                Ok(json!({"id": "1", "name": "A, B"})),
                Ok(json!({"id": "2", "name": null}))
            ]
        );
        assert!(
            found[2]
                .as_ref()
                .unwrap_err()
                .ends_with("1 fields where the header has 2")
        );
    }

    #[test]
    fn a_torn_file_ends_with_one_fault() {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
        std::io::Write::write_all(&mut packed, &b"{\"id\": 1}\n".repeat(1_000)).unwrap();
        let packed = packed.finish().unwrap();
        let found = read("torn.json.gz", &packed[..packed.len() / 2]);
        assert!(
            found.len() > 100 && found[..found.len() - 1].iter().all(Result::is_ok),
            "{}",
            found.len()
        );
        assert!(found.last().unwrap().is_err());
    }

    #[test]
    fn parquet_numbers_keep_their_digits_and_what_is_no_number_is_a_text() {
        use arrow_array::{
            ArrayRef, Decimal128Array, Float32Array, Float64Array, Int64Array, RecordBatch,
            UInt64Array,
        };

        let amounts = Decimal128Array::from(vec![1_234_567_890_123_456_789, -1, 0])
            .with_precision_and_scale(38, 2)
            .unwrap();
        let columns: [(&str, ArrayRef); 6] = [
            ("amount", Arc::new(amounts)),
            (
                "whole",
                Arc::new(Int64Array::from(vec![i64::MAX, i64::MIN, 0])),
            ),
            ("id", Arc::new(UInt64Array::from(vec![u64::MAX, 7, 0]))),
            (
                "double",
                Arc::new(Float64Array::from(vec![f64::NAN, f64::INFINITY, 0.1])),
            ),
            (
                "large",
                Arc::new(Float64Array::from(vec![1e300, 5e-324, -0.0])),
            ),
            (
                "single",
                Arc::new(Float32Array::from(vec![0.1, f32::NEG_INFINITY, 2.0])),
            ),
        ];
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let mut bytes = Vec::new();
        let mut writer =
            parquet::arrow::ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();

        let found = read("numbers.parquet", &bytes);
        let texts = |name: &str| {
            let values = found.iter().map(|row| &row.as_ref().unwrap()[name]);
            let texts = values.map(|value| match contract::number_text(value) {
                Some(digits) => digits.into_owned(),
                None => value.to_string(),
            });
            texts.collect::<Vec<String>>()
        };
        assert_eq!(texts("amount"), ["12345678901234567.89", "-0.01", "0"]);
        assert_eq!(
            texts("whole"),
            ["9223372036854775807", "-9223372036854775808", "0"]
        );
        assert_eq!(texts("id"), ["18446744073709551615", "7", "0"]);
        assert_eq!(texts("double"), ["\"NaN\"", "\"Infinity\"", "0.1"]);
        assert_eq!(texts("single"), ["0.1", "\"-Infinity\"", "2"]);
        let large = texts("large");
        assert_eq!(large[0], format!("1{}", "0".repeat(300)));
        assert_eq!(large[1], format!("0.{}5", "0".repeat(323)));
        assert_eq!(large[2], "0");
    }

    #[test]
    fn a_name_with_nul_in_a_file_forges_no_number() {
        let found = read(
            "forged.jsonl",
            b"{\"id\": {\"\\u0000number\": \"7\"}}\n{\"id\": 89441100000000000011}\n",
        );
        let why = found[0].as_ref().unwrap_err();
        assert!(why.contains("NUL"), "{why}");
        let id = &found[1].as_ref().unwrap()["id"];
        assert_eq!(contract::render_json(id), "89441100000000000011");
    }

    #[test]
    fn gzip_is_unpacked() {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut packed, b"{\"Item\": {\"id\": {\"S\": \"x\"}}}\n").unwrap();
        assert_eq!(
            read("c.json.gz", &packed.finish().unwrap()),
            [Ok(json!({"id": "x"}))]
        );
    }

    #[test]
    fn a_line_or_row_over_the_limit_is_named() {
        let long = "x".repeat(lake::limits::VALUE_BYTES_MAX);
        let lines = format!("{{\"id\": \"{long}\"}}\n{{\"id\": 1}}\n");
        let found = read("long.jsonl", lines.as_bytes());
        let why = found[0].as_ref().unwrap_err();
        assert!(
            why.contains("long.jsonl:1: the line has more than 1048576 bytes"),
            "{why}"
        );
        assert_eq!(found[1..], [Ok(json!({"id": 1}))]);

        let rows = format!("id,name\n1,A\n2,\"{long}{long}\n3,B\n");
        let found = read("long.csv", rows.as_bytes());
        assert_eq!(found[0], Ok(json!({"id": "1", "name": "A"})));
        let why = found[1].as_ref().unwrap_err();
        assert!(
            why.contains("long.csv row 3: more than 1048576 bytes"),
            "{why}"
        );
        assert_eq!(found.len(), 2, "behind an open quote there are no rows");
    }

    /// A Parquet file with one page of gzip, and the size that its header states.
    fn gzip_parquet() -> (Vec<u8>, u32) {
        use parquet::basic::{Compression, GzipLevel};

        let value = "x".repeat(4 << 20);
        let stated = u32::try_from(value.len()).unwrap() + 4 + 6;
        let column: arrow_array::ArrayRef = Arc::new(arrow_array::StringArray::from(vec![value]));
        let batch =
            arrow_array::RecordBatch::try_from_iter_with_nullable([("id", column, true)]).unwrap();
        let properties = parquet::file::properties::WriterProperties::builder()
            .set_compression(Compression::GZIP(GzipLevel::default()))
            .set_dictionary_enabled(false)
            .build();
        let mut writer =
            parquet::arrow::ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties))
                .unwrap();
        writer.write(&batch).unwrap();
        (writer.into_inner().unwrap(), stated)
    }

    /// A number of four bytes, as page headers have it.
    fn header_number(number: u32) -> [u8; 4] {
        let number = number * 2;
        let last = (number >> 21) as u8;
        let first = [0, 7, 14].map(|shift| (number >> shift) as u8 | 0x80);
        [first[0], first[1], first[2], last]
    }

    #[test]
    fn a_page_of_gzip_is_unpacked_to_the_size_that_it_states() {
        let (honest, stated) = gzip_parquet();
        let found = read("honest.parquet", &honest);
        assert!(found.len() == 1 && found[0].is_ok());

        let (old, new) = (header_number(stated), header_number(1 << 20));
        let position = honest.windows(4).position(|bytes| bytes == old).unwrap();
        let mut lying = honest;
        lying[position..position + 4].copy_from_slice(&new);
        let found = read("lying.parquet", &lying);
        let why = found[0].as_ref().unwrap_err();
        assert!(why.contains("another size than its header says"), "{why}");
    }
}
