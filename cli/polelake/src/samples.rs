//! Golden samples: every event that ships with a contract, and exactly the rows that it becomes.
//!
//! Each source keeps what its samples become in `expected.txt`, beside its contract, where a
//! reviewer reads it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};

use contract::{
    Catalogue, CompiledMapping, Event, EventFault, EventOp, FilePlace, FileRecord, SourceContract,
};
use lake::Receipt;
use lake::limits::DOCUMENT_BYTES_MAX;

use crate::backfill::record::FileExpectation;
use crate::backfill::records::open_record_file;
use crate::error::CliError;
pub use crate::sampled_event::{SampleRow, read_parquet_rows};
use crate::sampled_event::{SampledEvent, sample_event};

/// The file of expected rows, beside a contract.
pub const EXPECTED_FILE: &str = "expected.txt";

/// When samples are appended to the log: eight o'clock on 2 March 2026, in milliseconds since 1970;
/// a later sample when it happened.
const SAMPLE_APPEND_MILLIS: i64 = 1_772_438_400_000;

/// Columns that are the same in every row of a sample, or do not depend on the mapping.
const SKIPPED_COLUMNS: [&str; 8] = [
    "contract_version",
    "mapping_version",
    "topic",
    "partition",
    "offset",
    "ingested_at",
    "source",
    "source_event_id",
];

/// What a source's samples become.
#[derive(Debug)]
pub struct SampledSource {
    /// The source.
    pub source: String,
    /// The folder of its contract.
    pub folder: PathBuf,
    /// Everything that the samples become, as [`EXPECTED_FILE`] holds it.
    pub text: String,
    /// How many events were read.
    pub events: usize,
    /// How many rows they became.
    pub rows: usize,
    /// Declared event types of which there is no sample.
    pub missing: Vec<String>,
    /// The samples that lie in quarantine, in their order.
    pub quarantined: Vec<QuarantinedSample>,
    /// Declared event types of which every sample lies in quarantine.
    pub rowless: Vec<String>,
}

/// A sample that becomes no rows.
#[derive(Clone, Debug)]
pub struct QuarantinedSample {
    /// What the golden file calls it.
    pub name: String,
    /// The event's type, where it could be read.
    pub kind: String,
    /// Why it lies in quarantine.
    pub fault: EventFault,
}

/// Runs every sample of a source through its contract and mapping.
///
/// # Errors
/// When the samples cannot be read.
pub fn run_samples(
    catalogue: &Catalogue,
    mapping: &CompiledMapping,
    folder: &Path,
) -> Result<SampledSource, CliError> {
    let contract = &mapping.contract;
    let mut sampled = SampledSource {
        source: contract.name.clone(),
        folder: folder.to_owned(),
        text: String::new(),
        events: 0,
        rows: 0,
        missing: Vec::new(),
        quarantined: Vec::new(),
        rowless: Vec::new(),
    };

    let mut sampled_kinds = BTreeSet::new();
    let mut good_kinds = BTreeSet::new();
    for sample in read_sample_events(contract, &folder.join("samples"))? {
        let SampleEvent { name, bytes, .. } = sample;
        let event = Event::parse(contract, &bytes, None);
        let appended = event.as_ref().map_or(0, |event| event.time / 1_000 + 1);
        let kind = event.map_or_else(|_| "unreadable".to_owned(), |event| event.kind);
        let _ = writeln!(sampled.text, "# {name}: {kind}");
        sampled_kinds.insert(kind.clone());
        let appended = appended.max(SAMPLE_APPEND_MILLIS);
        let event = sample_event(catalogue, mapping, (bytes, appended))?;
        sampled.rows += event.rows.len();
        write_event_rows(&event, &mut sampled.text);
        match event.fault {
            Some(fault) => sampled
                .quarantined
                .push(QuarantinedSample { name, kind, fault }),
            None => drop(good_kinds.insert(kind)),
        }
        sampled.events += 1;
        sampled.text.push('\n');
    }

    let declared = contract.events.keys();
    for kind in declared.filter(|kind| !good_kinds.contains(*kind)) {
        match sampled_kinds.contains(kind) {
            true => sampled.rowless.push(kind.clone()),
            false => sampled.missing.push(kind.clone()),
        }
    }
    Ok(sampled)
}

/// The folder of each source's contract, by source.
///
/// # Errors
/// When the contracts cannot be read.
pub fn contract_folders(contracts: &Path) -> Result<BTreeMap<String, PathBuf>, CliError> {
    let mut folders = BTreeMap::new();
    for file in host::read_contract_files(&contracts.to_string_lossy())? {
        let Some(folder) = file.path.strip_suffix("/contract.odcs.yaml") else {
            continue;
        };
        let mut lines = file.text().lines();
        let id = lines.find_map(|line| line.strip_prefix("id: "));
        let id = id.unwrap_or_default().trim().trim_matches(['\'', '"']);
        folders.insert(id.to_owned(), contracts.join(folder));
    }
    Ok(folders)
}

/// An event of a folder of samples.
#[derive(Debug)]
pub(crate) struct SampleEvent {
    /// What the golden file calls it.
    pub(crate) name: String,
    pub(crate) file: PathBuf,
    /// Its line or row in a file of several; 0 where the file is one event.
    pub(crate) line: usize,
    pub(crate) bytes: Vec<u8>,
}

/// The events of a folder: each `.json` file is one, each line of a `.jsonl` file is one, and each
/// record of a file that is written as the contract says it in `files`.
pub(crate) fn read_sample_events(
    contract: &SourceContract,
    folder: &Path,
) -> Result<Vec<SampleEvent>, CliError> {
    let Ok(listed) = std::fs::read_dir(folder) else {
        return Ok(Vec::new());
    };
    let mut files: Vec<PathBuf> = listed.flatten().map(|entry| entry.path()).collect();
    files.sort();

    let mut events = Vec::new();
    for file in files {
        let name = file
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        match file.extension().and_then(|extension| extension.to_str()) {
            Some("json") => events.push(SampleEvent {
                name,
                bytes: read_sample_file(&file)?,
                file,
                line: 0,
            }),
            Some("jsonl") => events.extend(read_sample_lines(&name, &file)?),
            Some("csv" | "tsv" | "tab" | "txt" | "xlsx" | "parquet") => {
                events.extend(read_file_events(contract, &file)?);
            }
            _ => {}
        }
    }
    Ok(events)
}

/// The events of a file with one on each line; blank lines are none.
fn read_sample_lines(name: &str, file: &Path) -> Result<Vec<SampleEvent>, CliError> {
    let bytes = read_sample_file(file)?;
    let lines = bytes.split(|byte| *byte == b'\n').zip(1..);
    let filled = lines.filter(|(line, _)| !line.trim_ascii().is_empty());
    let event = |((bytes, line), number): ((&[u8], usize), usize)| SampleEvent {
        name: format!("{name} {number}"),
        file: file.to_owned(),
        line,
        bytes: bytes.to_vec(),
    };
    Ok(filled.zip(1..).map(event).collect())
}

/// The events that a backfill makes of a file.
fn read_file_events(contract: &SourceContract, file: &Path) -> Result<Vec<SampleEvent>, CliError> {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let opened = open_record_file(file, &FileExpectation::of_contract(contract))?;
    let mut events = Vec::new();
    for (record, row) in opened.records.zip(1_u64..) {
        let record = record.map_err(|fault| fault.why)?;
        let line = record.row.unwrap_or(row);
        let event = record_event(contract, record, opened.is_untyped, (&name, row));
        let event = event.map_err(|why| format!("{} record {row}: {why}", file.display()))?;
        events.push(SampleEvent {
            name: format!("{name} {row}"),
            file: file.to_owned(),
            line: usize::try_from(line).unwrap_or_default(),
            bytes: event,
        });
    }
    Ok(events)
}

/// The event that a backfill makes of the record in a row of a file.
pub(crate) fn record_event(
    contract: &SourceContract,
    record: FileRecord,
    is_untyped: bool,
    (name, row): (&str, u64),
) -> Result<Vec<u8>, String> {
    let typed = match is_untyped {
        true => contract.type_texts(record)?,
        false => record,
    };
    let place = FilePlace {
        digest: "sample",
        name,
        row,
    };
    let event = contract.backfill_event(typed, Some(&place));
    event.map_err(|fault| fault.to_string())
}

fn read_sample_file(file: &Path) -> Result<Vec<u8>, String> {
    host::read_bounded_file(file, DOCUMENT_BYTES_MAX)
        .map_err(|error| format!("{}: {error}", file.display()))
}

/// Writes the rows of one event as text.
fn write_event_rows(sampled: &SampledEvent, out: &mut String) {
    write_receipt_notes(&sampled.receipt, out);
    for (table, row) in &sampled.rows {
        let _ = writeln!(out, "{table}");
        write_row(row, "    ", out);
    }
}

/// Writes a row's columns, one on each line, with their values below each other.
pub(crate) fn write_row(row: &SampleRow, indent: &str, out: &mut String) {
    let shown: Vec<(&String, &String)> = shown_columns(row).collect();
    let width = shown.iter().map(|(name, _)| name.len()).max();
    let width = width.unwrap_or_default();

    for (name, value) in shown {
        let _ = writeln!(out, "{indent}{name:width$}  {value}");
    }
}

/// The columns of a row that the mapping fills, and its ids and time.
pub(crate) fn shown_columns(row: &SampleRow) -> impl Iterator<Item = (&String, &String)> {
    row.iter()
        .filter(|(name, _)| !SKIPPED_COLUMNS.contains(&name.as_str()))
}

/// Writes what a receipt says beyond the rows.
fn write_receipt_notes(receipt: &Receipt, out: &mut String) {
    if receipt.ignored > 0 {
        let _ = writeln!(out, "ignored");
    }
    let quarantined = receipt.quarantined.keys().map(|rule| ("quarantined", rule));
    for (title, name) in quarantined.chain(receipt_findings(receipt)) {
        let _ = writeln!(out, "{title}: {name}");
    }
}

/// What a receipt counts that costs no record, with its paths.
pub(crate) fn receipt_findings(receipt: &Receipt) -> impl Iterator<Item = (&'static str, &String)> {
    let findings = [
        ("not declared", &receipt.undeclared),
        ("not listed", &receipt.unlisted),
        ("unreadable", &receipt.unreadable),
        ("more than once", &receipt.duplicates),
    ];
    let findings = findings.into_iter();
    findings.flat_map(|(title, counts)| counts.keys().map(move |name| (title, name)))
}

/// What an event type does, in one word.
#[must_use]
pub fn op_label(op: EventOp) -> &'static str {
    match op {
        EventOp::Upsert => "upsert",
        EventOp::Patch => "patch",
        EventOp::CreateOrPatch => "create-or-patch",
        EventOp::Delete => "delete",
        EventOp::Ignore => "ignored",
    }
}
