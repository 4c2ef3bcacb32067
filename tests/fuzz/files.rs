//! Rows of CSV, JSON lines and Parquet files, read as a backfill reads them: each becomes its rows,
//! or is refused with its file and row.

use std::path::PathBuf;
use std::sync::Arc;

use arrow_array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array, RecordBatch,
    StringArray, TimestampMicrosecondArray,
};
use contract::{FilePlace, FileRecord};
use fastrand::Rng;
use parquet::arrow::ArrowWriter;
use polelake::backfill::record::{FileExpectation, RecordFault};
use polelake::backfill::records::open_record_file;

use super::blind::blind_bytes;
use super::check::check_batch;
use super::event::{Case, ExpectedRows, Outcome, random_case, random_row};
use super::fields::FIELDS;
use super::source::CATALOGUE;
use super::times::{DAY, Date, iso_time};
use super::values::{one_of, word};
use super::{BATCH, cases_and_seed};

/// A file of its own for each test.
struct ScratchFile(PathBuf);

impl ScratchFile {
    fn write(name: &str, bytes: &[u8]) -> Self {
        let file =
            std::env::temp_dir().join(format!("polelake-fuzz-{}-{name}", std::process::id()));
        std::fs::write(&file, bytes).unwrap();
        Self(file)
    }

    /// The file's records as events, or why there is none.
    fn events(&self) -> Result<Vec<Result<Vec<u8>, String>>, String> {
        let contract = &CATALOGUE.mapping_of_source("test-fuzz").unwrap().contract;
        let expected = FileExpectation::of_contract(contract);
        let opened = open_record_file(&self.0, &expected).map_err(|error| error.to_string())?;
        let is_untyped = opened.is_untyped;
        let event = |(record, row): (Result<FileRecord, RecordFault>, u64)| {
            let mut record = record.map_err(|fault| fault.why)?;
            if is_untyped {
                record = contract.type_texts(record)?;
            }
            let place = FilePlace {
                digest: "fuzz",
                name: "rows",
                row,
            };
            let event = contract.backfill_event(record, Some(&place));
            event.map_err(|fault| fault.to_string())
        };
        Ok(opened.records.zip(1_u64..).map(event).collect())
    }
}

impl Drop for ScratchFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Batches of a share of all cases, each with a random source of its own.
fn batches(share: usize, factor: u64) -> impl Iterator<Item = (u64, Rng)> {
    let (cases, seed) = cases_and_seed();
    let count = (cases / share).div_ceil(BATCH) as u64;
    (0..count).map(move |batch| {
        let seed = seed.wrapping_mul(factor).wrapping_add(batch);
        (batch, Rng::with_seed(seed))
    })
}

#[test]
fn fuzz_rows_of_csv_become_their_rows_or_are_refused_with_their_row() {
    for (batch, mut rng) in batches(10, 11_000_027) {
        let mut rows: Vec<FuzzedCsvRow> = (0..BATCH).map(|_| csv_row(&mut rng)).collect();
        // Bytes of another encoding refuse the file from their row on.
        if batch % 2 == 1 {
            rows.truncate(rng.usize(1..BATCH));
            rows.push(FuzzedCsvRow {
                bytes: b"\xff\xfe\n".to_vec(),
                case: None,
            });
        }
        let mut text = header().join(",").into_bytes();
        text.push(b'\n');
        for row in &rows {
            text.extend_from_slice(&row.bytes);
        }
        let file = ScratchFile::write(&format!("{batch}.csv"), &text);
        let events = file.events().unwrap();
        assert_eq!(events.len(), rows.len());

        let mut read = Vec::new();
        for (place, (row, event)) in rows.into_iter().zip(events).enumerate() {
            match (row.case, event) {
                (Some(case), Ok(event)) => read.push(of_file(case, event)),
                (None, Err(why)) => {
                    // The header is row 1.
                    let named = format!("{batch}.csv row {}: ", place + 2);
                    assert!(why.contains(&named), "{why}");
                }
                (case, event) => {
                    let shown = String::from_utf8_lossy(&row.bytes);
                    assert_eq!(case.is_some(), event.is_ok(), "{event:?} for {shown}");
                }
            }
        }
        check_batch(&read);
    }
}

/// A row's bytes, with what must become of it; nothing for a row that cannot be read.
struct FuzzedCsvRow {
    bytes: Vec<u8>,
    case: Option<Case>,
}

fn header() -> Vec<&'static str> {
    let own = FIELDS
        .iter()
        .map(|field| field.name)
        .filter(|name| *name != "details");
    ["id", "type", "at"].into_iter().chain(own).collect()
}

fn csv_row(rng: &mut Rng) -> FuzzedCsvRow {
    let mut case = random_row(rng);
    let fields = case.csv.take().unwrap();
    let mut cells: Vec<Vec<u8>> = header()
        .iter()
        .map(|name| csv_field(rng, fields.get(name).map_or("", String::as_str)))
        .collect();

    let mut is_readable = true;
    match rng.u8(..20) {
        0 => {
            cells.pop();
            is_readable = false;
        }
        1 => {
            cells.push(b"more".to_vec());
            is_readable = false;
        }
        _ => {}
    }
    let mut bytes = cells.join(&b","[..]);
    bytes.extend_from_slice(one_of(rng, &[b"\n".as_slice(), b"\r\n", b"\n\n"]));
    FuzzedCsvRow {
        bytes,
        case: is_readable.then_some(case),
    }
}

fn csv_field(rng: &mut Rng, text: &str) -> Vec<u8> {
    let must_quote = text.contains(['"', ',', '\n', '\r']);
    let is_quoted = must_quote || rng.u8(..4) == 0;
    match is_quoted {
        true => format!("\"{}\"", text.replace('"', "\"\"")).into_bytes(),
        false => text.as_bytes().to_vec(),
    }
}

/// The case of an event that came from a file. Members that come twice are gone by then.
fn of_file(mut case: Case, event: Vec<u8>) -> Case {
    case.bytes = event;
    case.counted.retain(|note| note.starts_with("unreadable"));
    case
}

#[test]
fn fuzz_lines_of_json_become_their_rows_or_are_refused_with_their_line() {
    for (batch, mut rng) in batches(10, 13_000_027) {
        let mut cases: Vec<Case> = (0..BATCH).map(|_| random_case(&mut rng)).collect();
        cases.retain(|case| !case.bytes.contains(&b'\n') && !case.bytes.trim_ascii().is_empty());
        let lines: Vec<&[u8]> = cases.iter().map(|case| &case.bytes[..]).collect();
        let file = ScratchFile::write(&format!("{batch}.jsonl"), &lines.join(&b"\n"[..]));
        let events = file.events().unwrap();
        assert_eq!(events.len(), cases.len());

        let mut read = Vec::new();
        for (place, (case, event)) in cases.into_iter().zip(events).enumerate() {
            match (event, refusing_rule(&case)) {
                (Ok(event), _) => read.push(of_file(case, event)),
                (Err(why), Some(rule)) => {
                    assert!(
                        why.contains(&format!("{batch}.jsonl:{}: ", place + 1)),
                        "{why}"
                    );
                    let rules = ["event.json", "event.nesting", "event.number", "event.nul"];
                    assert!(rules.contains(&rule.as_str()), "{why} for {rule}");
                }
                (Err(why), None) => {
                    assert_eq!(why, "", "{}", String::from_utf8_lossy(&case.bytes));
                }
            }
        }
        check_batch(&read);
    }
}

fn refusing_rule(case: &Case) -> Option<String> {
    match &case.outcome {
        Outcome::Refused { rule, .. } => Some(rule.clone()),
        _ => None,
    }
}

#[test]
fn fuzz_rows_of_parquet_become_their_rows() {
    for (batch, mut rng) in batches(50, 17_000_023) {
        let (columns, cases) = parquet_rows(&mut rng);
        let file = ScratchFile::write(&format!("{batch}.parquet"), &parquet_bytes(columns));
        let events: Result<Vec<Vec<u8>>, String> = file.events().unwrap().into_iter().collect();
        let read = cases.into_iter().zip(events.unwrap());
        check_batch(
            &read
                .map(|(case, event)| of_file(case, event))
                .collect::<Vec<_>>(),
        );
    }
}

fn parquet_bytes(columns: Vec<(&str, ArrayRef)>) -> Vec<u8> {
    let columns = columns
        .into_iter()
        .map(|(name, column)| (name, column, true));
    let batch = RecordBatch::try_from_iter_with_nullable(columns).unwrap();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap()
}

/// The values of a row in a Parquet file.
struct TypedRow {
    name: String,
    count: Option<i64>,
    ratio: Option<f64>,
    flag: Option<bool>,
    fee: Option<i128>,
    wide: Option<i128>,
    day: Option<i32>,
    instant: Option<i64>,
    epoch: Option<i64>,
}

/// A value, or null now and then.
fn perhaps<T>(rng: &mut Rng, value: impl FnOnce(&mut Rng) -> T) -> Option<T> {
    (rng.u8(..8) > 0).then(|| value(rng))
}

fn typed_row(rng: &mut Rng) -> TypedRow {
    TypedRow {
        name: word(rng),
        count: perhaps(rng, |rng| rng.i64(..)),
        ratio: perhaps(rng, |rng| rng.f64() * 10_f64.powi(rng.i32(-200..200))),
        flag: perhaps(rng, Rng::bool),
        fee: perhaps(rng, |rng| rng.i128(-999_999_999_999..=999_999_999_999)),
        wide: perhaps(rng, |rng| rng.i128(-(10_i128.pow(38) - 1)..10_i128.pow(38))),
        day: perhaps(rng, |rng| {
            let day = Date::random(rng, 1901..=9998).number();
            i32::try_from(day).unwrap()
        }),
        instant: perhaps(rng, |rng| iso_time(rng).instant),
        epoch: perhaps(rng, |rng| rng.i64(DAY / 1_000..4_102_444_800_000)),
    }
}

fn parquet_rows(rng: &mut Rng) -> (Vec<(&'static str, ArrayRef)>, Vec<Case>) {
    let rows: Vec<TypedRow> = (0..BATCH).map(|_| typed_row(rng)).collect();
    let all = |text: &str| Arc::new(StringArray::from(vec![text; BATCH])) as ArrayRef;
    let keys: Vec<String> = (0..BATCH).map(|place| format!("k{place}")).collect();
    let names = rows.iter().map(|row| Some(row.name.as_str()));
    let decimals = |values: Vec<Option<i128>>, scale| {
        Decimal128Array::from(values)
            .with_precision_and_scale(38, scale)
            .unwrap()
    };
    let instants: TimestampMicrosecondArray = rows.iter().map(|row| row.instant).collect();
    let columns: Vec<(&'static str, ArrayRef)> = vec![
        ("id", Arc::new(StringArray::from(keys.clone()))),
        ("type", all("put")),
        ("at", all("2026-06-15T12:00:00Z")),
        ("name", Arc::new(names.collect::<StringArray>())),
        (
            "count",
            Arc::new(rows.iter().map(|row| row.count).collect::<Int64Array>()),
        ),
        (
            "ratio",
            Arc::new(rows.iter().map(|row| row.ratio).collect::<Float64Array>()),
        ),
        (
            "flag",
            Arc::new(rows.iter().map(|row| row.flag).collect::<BooleanArray>()),
        ),
        (
            "fee",
            Arc::new(decimals(rows.iter().map(|row| row.fee).collect(), 2)),
        ),
        (
            "wide",
            Arc::new(decimals(rows.iter().map(|row| row.wide).collect(), 18)),
        ),
        (
            "day",
            Arc::new(rows.iter().map(|row| row.day).collect::<Date32Array>()),
        ),
        ("instant", Arc::new(instants.with_timezone("UTC"))),
        (
            "epoch",
            Arc::new(rows.iter().map(|row| row.epoch).collect::<Int64Array>()),
        ),
    ];
    let cases = rows
        .into_iter()
        .zip(keys)
        .map(|(row, key)| case_of_row(row, key))
        .collect();
    (columns, cases)
}

fn case_of_row(row: TypedRow, key: String) -> Case {
    let mut rows = ExpectedRows {
        operation: "u",
        key,
        // 2026-06-15T12:00:00Z.
        event_time: 1_781_524_800_000_000,
        ..ExpectedRows::default()
    };
    let cells = [
        ("name", Some(row.name.clone())),
        ("joined", Some(row.name)),
        ("count", row.count.map(|value| value.to_string())),
        ("ratio", row.ratio.map(|value| value.to_string())),
        ("flag", row.flag.map(|value| value.to_string())),
        ("fee", row.fee.map(|value| value.to_string())),
        ("wide", row.wide.map(|value| value.to_string())),
        ("day", row.day.map(|value| value.to_string())),
        ("instant", row.instant.map(|value| value.to_string())),
        ("epoch", row.epoch.map(|value| (value * 1_000).to_string())),
    ];
    rows.cells.extend(
        cells
            .into_iter()
            .filter_map(|(name, cell)| Some((name, cell?))),
    );
    rows.sets = ["items", "parts", "tags"]
        .map(|set| (set, Vec::new()))
        .to_vec();
    Case {
        bytes: Vec::new(),
        outcome: Outcome::Rows(Box::new(rows)),
        counted: Vec::new(),
        csv: None,
    }
}

#[test]
fn fuzz_no_file_makes_a_panic() {
    let (cases, seed) = cases_and_seed();
    let mut rng = Rng::with_seed(seed ^ 0xf11e);
    let packed = parquet_bytes(parquet_rows(&mut rng).0);
    for number in 0..cases / 100 {
        let name = one_of(&mut rng, &["csv", "jsonl", "csv.gz", "jsonl.gz", "parquet"]);
        let bytes = match name {
            "parquet" => broken(&mut rng, packed.clone()),
            _ => (0..3).flat_map(|_| blind_bytes(&mut rng)).collect(),
        };
        let name = format!("blind-{number}.{name}");
        let file = ScratchFile::write(&name, &bytes);
        match file.events() {
            Err(why) => assert!(why.contains(&name), "{why}"),
            Ok(events) => {
                for why in events.into_iter().filter_map(Result::err) {
                    assert!(why.contains(&name), "{why}");
                }
            }
        }
    }
}

fn broken(rng: &mut Rng, mut bytes: Vec<u8>) -> Vec<u8> {
    for _ in 0..rng.usize(1..8) {
        let place = rng.usize(..bytes.len());
        bytes[place] = rng.u8(..);
    }
    if rng.u8(..4) == 0 {
        bytes.truncate(rng.usize(1..bytes.len()));
    }
    bytes
}
