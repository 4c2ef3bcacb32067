//! `polelake push SOURCE FILE`.

use std::fs::File;
use std::io::{BufReader, Cursor, Read};
use std::path::Path;

use indicatif::ProgressBar;
use lake::limits::VALUE_BYTES_MAX;
use local_platform::run_contracts::ContractUse;
use serde_json::json;
use serde_json::value::RawValue;

use super::progress::styled_bar;
use crate::args::platform::PushArgs;
use crate::bounded_lines::BoundedLines;
use crate::client::PlatformClient;
use crate::error::CliError;

/// Bytes of events that are held at once.
const BATCH_BYTES_MAX: usize = 16 << 20;

/// The events of a file, or why one of them cannot be sent.
type EventIterator = Box<dyn Iterator<Item = Result<Vec<u8>, String>>>;

pub(crate) async fn run(args: &PushArgs) -> Result<bool, CliError> {
    let events = read_events(&args.file)?;
    let client =
        PlatformClient::connect_with_contracts(&args.place, ContractUse::Source(&args.source))
            .await?;
    let mut pusher = EventPusher {
        source: &args.source,
        client: &client,
        bar: event_progress_bar(0, &args.source),
        batch: Vec::new(),
        batch_bytes: 0,
        accepted: 0,
        refused: 0,
    };
    for event in events {
        pusher.add_event(event).await?;
    }
    pusher.send_batch().await?;
    pusher.bar.finish_and_clear();
    client.wait_until_settled().await?;

    let EventPusher {
        accepted, refused, ..
    } = pusher;
    if args.json {
        println!("{}", json!({"accepted": accepted, "refused": refused}));
    } else {
        println!("{accepted} events accepted, {refused} refused");
    }
    Ok(refused == 0)
}

/// Pushes events in batches, and counts what became of them.
struct EventPusher<'p> {
    source: &'p str,
    client: &'p PlatformClient,
    bar: ProgressBar,
    batch: Vec<Vec<u8>>,
    batch_bytes: usize,
    accepted: u64,
    refused: u64,
}

impl EventPusher<'_> {
    async fn add_event(&mut self, event: Result<Vec<u8>, String>) -> Result<(), CliError> {
        match event {
            Ok(event) => {
                self.batch_bytes += event.len();
                self.batch.push(event);
            }
            Err(why) => {
                self.refused += 1;
                self.bar.suspend(|| eprintln!("not sent: {why}"));
            }
        }
        if self.batch_bytes >= BATCH_BYTES_MAX {
            self.send_batch().await?;
        }
        Ok(())
    }

    async fn send_batch(&mut self) -> Result<(), CliError> {
        self.bar.inc_length(self.batch.len() as u64);
        let sent = |count| self.bar.inc(count as u64);
        let counts = self.client.push_events(self.source, &self.batch, sent);
        let counts = counts.await?;

        self.accepted += counts.accepted;
        self.refused += counts.refused;
        self.batch.clear();
        self.batch_bytes = 0;
        Ok(())
    }
}

/// The lines of a file, or one JSON document of several lines.
fn read_events(file: &Path) -> Result<EventIterator, CliError> {
    let shown = file.display().to_string();
    let mut reader: Box<dyn Read> = if file == Path::new("-") {
        Box::new(std::io::stdin())
    } else {
        Box::new(File::open(file).map_err(|error| format!("{shown}: {error}"))?)
    };

    let mut start = Vec::new();
    reader
        .by_ref()
        .take(VALUE_BYTES_MAX as u64 + 1)
        .read_to_end(&mut start)
        .map_err(|error| format!("{shown}: {error}"))?;
    let is_whole = start.len() <= VALUE_BYTES_MAX;
    if is_whole && serde_json::from_slice::<&RawValue>(&start).is_ok() {
        return Ok(Box::new(std::iter::once(Ok(join_document_lines(start)))));
    }
    if !is_whole && is_cut_document(&start) {
        let why = format!(
            "{shown} is no JSON lines, and as one document it has more than {VALUE_BYTES_MAX} bytes, the limit of an event"
        );
        return Err(why.into());
    }

    let lines = BoundedLines::new(BufReader::new(Cursor::new(start).chain(reader)));
    let numbered = lines.zip(1_u64..).map(move |(line, number)| match line {
        Ok(line) => Ok(line.trim_ascii().to_vec()),
        Err(error) => Err(format!("{shown}:{number}: {error}")),
    });
    Ok(Box::new(numbered.filter(|line| {
        line.as_ref().map_or(true, |line| !line.is_empty())
    })))
}

/// Whether a large file begins with a document of several lines: its first line is none by itself.
fn is_cut_document(start: &[u8]) -> bool {
    let start = start.trim_ascii_start();
    let Some(end) = start.iter().position(|byte| *byte == b'\n') else {
        return false;
    };
    serde_json::from_slice::<&RawValue>(&start[..end]).is_err()
}

/// One line of a JSON document: no text within one holds the end of a line, so every byte of the
/// event itself stays.
fn join_document_lines(mut document: Vec<u8>) -> Vec<u8> {
    for byte in &mut document {
        if matches!(byte, b'\n' | b'\r') {
            *byte = b' ';
        }
    }
    document.trim_ascii().to_vec()
}

/// A progress bar for so many events of a source.
pub fn event_progress_bar(length: u64, source: &str) -> ProgressBar {
    styled_bar(length, "{prefix:24} {bar:30} {pos}/{len} {per_sec}").with_prefix(source.to_owned())
}
