//! The events of what a person tries: of a file, of standard input, or of what was pasted.

use std::io::{Cursor, Read};
use std::path::Path;

use contract::{FileFormat, SourceContract};
use event_relay::check::split_body;
use event_relay::{BODY_BYTES_MAX, EVENTS_MAX};
use serde_json::value::RawValue;

use crate::backfill::batch::ShownPlace;
use crate::backfill::record::{BackfillRecord, FileExpectation};
use crate::backfill::records::{FileKind, RecordFile, open_record_bytes, open_record_file};
use crate::error::CliError;
use crate::named_file::open_file;
use crate::samples::record_event;

/// What is tried.
#[derive(Debug)]
pub(crate) enum TrialContent<'c> {
    /// A file on this machine.
    File(&'c Path),
    /// What was pasted or piped, with the name of its file where it has one.
    Bytes(Option<&'c str>, Vec<u8>),
}

/// The events that are tried.
#[derive(Debug)]
pub(crate) struct TrialEvents {
    pub(crate) events: Vec<TrialEvent>,
    /// Whether there are more.
    pub(crate) is_cut: bool,
}

/// One event, or why the record of a file becomes none.
#[derive(Debug)]
pub(crate) struct TrialEvent {
    /// Where it stands.
    pub(crate) name: String,
    pub(crate) bytes: Result<Vec<u8>, String>,
}

/// Reads JSON as the events that `push` sends, and tables as the records that `backfill` sends;
/// with `as_records`, JSON as records too.
///
/// # Errors
/// When the content as a whole would not be sent.
pub(crate) fn read_trial_events(
    contract: &SourceContract,
    content: TrialContent<'_>,
    as_records: bool,
) -> Result<TrialEvents, CliError> {
    let name = match &content {
        TrialContent::File(file) => file
            .file_name()
            .map(|name| name.to_string_lossy().into_owned()),
        TrialContent::Bytes(name, _) => name.map(str::to_owned),
    };
    let head = read_head(&content)?;
    let declared = contract.file_dialect().format;
    let named = name
        .as_ref()
        .map(|name| FileKind::of(Path::new(name), None));
    let is_named_table = named.is_some_and(|kind| kind.format != FileFormat::Json);
    if !is_named_table && !as_records && (begins_like_json(&head) || !contract.accepts_records()) {
        return read_events(content);
    }
    if !contract.accepts_records() {
        let why = format!(
            "`{}` wraps its records in events and declares no `backfill`: its files are JSON events, \
             or its contract declares in `backfill` how a record becomes an event",
            contract.name
        );
        return Err(why.into());
    }

    let mut expected = FileExpectation::of_contract(contract);
    let is_packed = head.starts_with(b"\x1f\x8b");
    if !is_named_table && declared.is_none() && !begins_like_json(&head) && !is_packed {
        expected.dialect.format = Some(FileFormat::Csv);
    }
    let shown = name.as_deref().unwrap_or("what was given");
    let opened = match content {
        TrialContent::File(file) => open_record_file(file, &expected)?,
        TrialContent::Bytes(_, bytes) => open_record_bytes(shown, Cursor::new(bytes), &expected)?,
    };
    read_records(contract, shown, opened)
}

/// The first bytes, to see what they are.
fn read_head(content: &TrialContent<'_>) -> Result<Vec<u8>, CliError> {
    match content {
        TrialContent::File(file) => {
            let mut head = Vec::new();
            open_file(file)?.take(1 << 10).read_to_end(&mut head)?;
            Ok(head)
        }
        TrialContent::Bytes(_, bytes) => Ok(bytes.iter().take(1 << 10).copied().collect()),
    }
}

/// Whether the content begins as JSON does, with a byte order mark or without.
fn begins_like_json(head: &[u8]) -> bool {
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    matches!(head.trim_ascii_start().first(), None | Some(b'{' | b'['))
}

/// The events of JSON: one document, a list, or a document on each line.
fn read_events(content: TrialContent<'_>) -> Result<TrialEvents, CliError> {
    let mut bytes = match content {
        TrialContent::Bytes(_, bytes) => bytes,
        TrialContent::File(file) => {
            let mut bytes = Vec::new();
            let limit = BODY_BYTES_MAX as u64 + 1;
            open_file(file)?.take(limit).read_to_end(&mut bytes)?;
            bytes
        }
    };
    let is_list = bytes.trim_ascii_start().starts_with(b"[");
    let is_document = serde_json::from_slice::<&RawValue>(&bytes).is_ok();
    let has_lines = !is_list && !is_document && has_document_lines(&bytes);
    let is_cut = has_lines && cut_lines(&mut bytes);

    let split = split_body(&bytes, has_lines).map_err(|refusal| {
        format!(
            "the API refuses the whole request ({} {}): {}",
            refusal.status, refusal.rule, refusal.detail
        )
    })?;
    let events = split
        .into_iter()
        .zip(1..)
        .map(|(bytes, number)| TrialEvent {
            name: format!("event {number}"),
            bytes: Ok(bytes),
        });
    Ok(TrialEvents {
        events: events.collect(),
        is_cut,
    })
}

/// Whether a line is a document by itself, so that each line is one.
fn has_document_lines(bytes: &[u8]) -> bool {
    let mut lines = bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    lines.any(|line| line.starts_with(b"{") && serde_json::from_slice::<&RawValue>(line).is_ok())
}

/// Leaves the lines that one request holds; says whether there were more.
fn cut_lines(bytes: &mut Vec<u8>) -> bool {
    let mut end = 0;
    let mut count = 0;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let is_filled = !line.trim_ascii().is_empty();
        if (is_filled && count == EVENTS_MAX) || end + line.len() > BODY_BYTES_MAX {
            break;
        }
        count += usize::from(is_filled);
        end += line.len();
    }
    let is_cut = !bytes[end..].trim_ascii().is_empty();
    bytes.truncate(end);
    is_cut
}

/// The events of the first records of a file. The others are read too: what is found out only at
/// the end of a file, such as a trailer that counts other rows, costs all of them.
fn read_records(
    contract: &SourceContract,
    name: &str,
    opened: RecordFile,
) -> Result<TrialEvents, CliError> {
    let mut tried = TrialEvents {
        events: Vec::new(),
        is_cut: false,
    };
    for (record, row) in opened.records.zip(1_u64..) {
        let is_of_file = matches!(&record, Err(fault) if fault.is_of_file);
        // As `backfill` and `quarantine show` count it: the row of the file, header included.
        let shown = ShownPlace::of_record(&record, row);
        let bytes = event_of_record(contract, record, opened.is_untyped, (name, row));
        match bytes {
            Err(why) if is_of_file => {
                return Err(format!("{why}; nothing of the file is sent").into());
            }
            _ if tried.events.len() == EVENTS_MAX => tried.is_cut = true,
            bytes => tried.events.push(TrialEvent {
                name: shown.to_string(),
                bytes,
            }),
        }
    }
    Ok(tried)
}

fn event_of_record(
    contract: &SourceContract,
    record: BackfillRecord,
    is_untyped: bool,
    place: (&str, u64),
) -> Result<Vec<u8>, String> {
    let record = record.map_err(|fault| fault.why)?;
    record_event(contract, record, is_untyped, place)
}
