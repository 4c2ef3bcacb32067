//! Every kind of file, as it is read.

use super::*;
use serde_json::json;

/// A file that is read without a contract.
fn read(name: &str, bytes: &[u8]) -> Vec<Result<Value, String>> {
    let folder = std::env::temp_dir().join(format!("polelake-records-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join(name);
    std::fs::write(&file, bytes).unwrap();
    let records = open_record_file(&file, &FileExpectation::default())
        .unwrap()
        .records;
    let records = records.map(|record| match record {
        Ok(record) => Ok(record.value),
        Err(fault) => Err(fault.why),
    });
    let records = records.collect();
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
            .contains("b.csv row 4: 1 fields where the header has 2")
    );
}

#[test]
fn json_with_a_mark_and_a_list_over_several_lines_are_read() {
    let both = [Ok(json!({"id": 1})), Ok(json!({"id": 2}))];
    let list = "\u{feff}[\n  {\"id\":\n    1},\n  {\"id\": 2}\n]\n";
    assert_eq!(read("list.json", list.as_bytes()), both);
    let lines = "\u{feff}{\"id\": 1}\n{\"id\": 2}\n";
    assert_eq!(read("marked.jsonl", lines.as_bytes()), both);
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
        ArrayRef, Decimal128Array, Float32Array, Float64Array, Int64Array, RecordBatch, UInt64Array,
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
        parquet::arrow::ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).unwrap();
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
