//! `polelake push SOURCE FILE`.

use std::collections::BTreeMap;
use std::io::{BufReader, Cursor, Read};
use std::path::Path;

use indicatif::ProgressBar;
use lake::limits::VALUE_BYTES_MAX;
use local_platform::run_contracts::ContractUse;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use tokio::sync::mpsc;

use super::progress::{SETTLING, styled_bar};
use crate::args::platform::PushArgs;
use crate::bounded_lines::BoundedLines;
use crate::client::PlatformClient;
use crate::error::{CliError, DetailedError, describe_causes};
use crate::full_disk::until_disk_full;
use crate::named_file::open_file;
use crate::push_answer::RequestRefused;
use crate::work_progress::{BarWords, WorkProgress};

/// The file name of standard input.
const STANDARD_INPUT: &str = "-";

/// Lines of refused events that are shown of each reason.
const LINES_SHOWN: usize = 5;

/// Bytes of events of one request.
const REQUEST_BYTES_MAX: usize = 4 << 20;

/// Events of one request.
const REQUEST_EVENTS_MAX: usize = 500;

/// An event of a file with its line, or why it cannot be sent.
struct FileEvent {
    line: u64,
    event: Result<Vec<u8>, String>,
}

/// The events of a file, in their order.
type EventIterator = Box<dyn Iterator<Item = FileEvent> + Send>;

/// Events that are read before they are sent: each can have a mebibyte.
const EVENTS_READ_AHEAD: usize = 16;

pub(crate) async fn run(args: &PushArgs, progress: &WorkProgress) -> Result<bool, CliError> {
    let events = read_events(&args.file)?;
    let client = match &args.to {
        Some(api) => PlatformClient::for_address(api).await?,
        None => {
            PlatformClient::connect_with_contracts(&args.place, ContractUse::Source(&args.source))
                .await?
        }
    };
    let mut pusher = EventPusher::new(args, &client, progress);

    let pushed = until_disk_full(&args.place.dir, pusher.push_all(events)).await;
    pusher.bar.finish_and_clear();
    pushed.map_err(|error| pusher.describe_break(&error))?;
    progress.end_stage();

    if args.json {
        println!("{}", Value::Object(pusher.counts_json()));
    } else {
        pusher.print_outcome();
    }
    Ok(pusher.refused == 0)
}

/// Reads the events in a thread of its own: a pipe that gives nothing must not keep Ctrl-C away.
fn read_in_thread(events: EventIterator) -> mpsc::Receiver<FileEvent> {
    let (sender, receiver) = mpsc::channel(EVENTS_READ_AHEAD);
    std::thread::spawn(move || {
        for event in events {
            // The push has ended.
            if sender.blocking_send(event).is_err() {
                return;
            }
        }
    });
    receiver
}

/// Pushes events in requests, and counts what became of them.
struct EventPusher<'p> {
    args: &'p PushArgs,
    client: &'p PlatformClient,
    progress: &'p WorkProgress,
    bar: ProgressBar,
    batch: Vec<Vec<u8>>,
    batch_bytes: usize,
    /// The lines of the batch's events.
    lines: Vec<u64>,
    accepted: u64,
    refused: u64,
    /// The last line whose event was answered.
    answered_line: u64,
    reasons: BTreeMap<String, RefusedLines>,
}

/// The events that were refused for one reason.
#[derive(Default)]
struct RefusedLines {
    events: u64,
    /// The lines of the first of them.
    lines: Vec<u64>,
}

impl<'p> EventPusher<'p> {
    fn new(args: &'p PushArgs, client: &'p PlatformClient, progress: &'p WorkProgress) -> Self {
        let bar = event_progress_bar(0, &args.source);
        Self {
            args,
            client,
            progress,
            bar: progress.add_bar(bar, BarWords::Count("events answered")),
            batch: Vec::new(),
            batch_bytes: 0,
            lines: Vec::new(),
            accepted: 0,
            refused: 0,
            answered_line: 0,
            reasons: BTreeMap::new(),
        }
    }

    /// Pushes every event, and waits until the platform of the folder has transformed what was
    /// accepted.
    async fn push_all(&mut self, events: EventIterator) -> Result<(), CliError> {
        let mut events = read_in_thread(events);
        while let Some(event) = events.recv().await {
            self.add_event(event).await?;
        }
        self.send_batch().await?;

        self.bar.finish_and_clear();
        if self.args.to.is_some() {
            return Ok(());
        }
        self.progress.begin_stage(SETTLING);
        let all_answered = format!(
            "all events of {} are answered, {} are accepted and {} refused; the platform \
             transforms those that wait when it runs",
            self.args.file.display(),
            self.accepted,
            self.refused
        );
        self.progress.note_done(all_answered, self.answered_json());
        self.client.wait_until_settled().await
    }

    async fn add_event(&mut self, FileEvent { line, event }: FileEvent) -> Result<(), CliError> {
        match event {
            Ok(event) => {
                let is_full = self.batch.len() >= REQUEST_EVENTS_MAX
                    || self.batch_bytes + event.len() >= REQUEST_BYTES_MAX;
                if is_full {
                    self.send_batch().await?;
                }
                self.batch_bytes += event.len() + 1;
                self.batch.push(event);
                self.lines.push(line);
            }
            Err(why) => {
                self.refused += 1;
                self.add_refused(&format!("not sent: {why}"), 1, &[line]);
            }
        }
        Ok(())
    }

    async fn send_batch(&mut self) -> Result<(), CliError> {
        self.bar.inc_length(self.batch.len() as u64);
        let sent = |count| self.bar.inc(count as u64);
        let counts = self
            .client
            .push_events(&self.args.source, &self.batch, sent);
        let counts = counts.await?;

        self.accepted += counts.accepted;
        self.refused += counts.refused;
        for (reason, refused) in counts.reasons {
            let places = refused.first.iter();
            let lines: Vec<u64> = places
                .filter_map(|place| self.lines.get(*place).copied())
                .collect();
            self.add_refused(&reason, refused.count, &lines);
        }
        self.answered_line = self.lines.last().copied().unwrap_or(self.answered_line);
        self.batch.clear();
        self.lines.clear();
        self.batch_bytes = 0;
        if self.answered_line > 0 {
            let details = self.answered_json();
            self.progress.note_done(self.describe_answered(), details);
        }
        Ok(())
    }

    fn add_refused(&mut self, reason: &str, events: u64, lines: &[u64]) {
        let refused = self.reasons.entry(reason.to_owned()).or_default();
        refused.events += events;
        let missing = LINES_SHOWN.saturating_sub(refused.lines.len());
        refused.lines.extend(lines.iter().take(missing));
    }

    fn counts_json(&self) -> Map<String, Value> {
        let reasons: Vec<Value> = self
            .reasons
            .iter()
            .map(|(reason, RefusedLines { events, lines })| {
                json!({"reason": reason, "events": events, "lines": lines})
            })
            .collect();
        let counts = [
            ("accepted", json!(self.accepted)),
            ("refused", json!(self.refused)),
            ("reasons", json!(reasons)),
        ];
        counts
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect()
    }

    fn print_outcome(&self) {
        println!(
            "{} events accepted, {} refused",
            self.accepted, self.refused
        );
        for (reason, refused) in &self.reasons {
            println!(
                "{:8} refused: {reason} ({})",
                refused.events,
                refused.describe_lines()
            );
        }
        if self.refused > 0 {
            println!("Nothing of a refused event is kept: correct it, and push it again.");
        }
        if self.accepted + self.refused == 0 {
            println!("The file has no events.");
        }
    }

    /// Why the push ended before its time, how far it came, and how it goes on.
    fn describe_break(&self, error: &CliError) -> CliError {
        let why = describe_causes(error.as_ref());
        let file = self.args.file.display();
        let refused = error.downcast_ref::<RequestRefused>();
        if self.answered_line == 0 {
            return match refused.and_then(|refused| refused.rule.as_deref()) {
                Some(_) => why.into(),
                None => format!("{why}; no event of {file} was accepted: push it again").into(),
            };
        }

        let message = format!("{why}; {}", self.describe_answered());
        Box::new(DetailedError::new(message, self.answered_json()))
    }

    /// How far a push came that has ended before its time, and how it goes on.
    fn describe_answered(&self) -> String {
        let file = self.args.file.display();
        let next = self.answered_line + 1;
        let rest = if self.args.file == Path::new(STANDARD_INPUT) {
            String::new()
        } else {
            let source = &self.args.source;
            let to = self.args.to.as_ref();
            let to = to.map(|api| format!(" --to {api}")).unwrap_or_default();
            format!(": `tail -n +{next} {file} | polelake push {source} -{to}`")
        };
        format!(
            "the push of {file} broke off: {} events are accepted and {} refused, up to line {}. \
             Push all of it again, for an event with an id of its own counts once; where events \
             have no ids, push from line {next} on{rest}",
            self.accepted, self.refused, self.answered_line
        )
    }

    fn answered_json(&self) -> Map<String, Value> {
        let mut details = self.counts_json();
        details.insert("answered_lines".to_owned(), json!(self.answered_line));
        details
    }
}

impl RefusedLines {
    fn describe_lines(&self) -> String {
        let shown: Vec<String> = self.lines.iter().map(u64::to_string).collect();
        let more = self.events.saturating_sub(self.lines.len() as u64);
        let word = if self.events == 1 { "line" } else { "lines" };
        match more {
            0 => format!("{word} {}", shown.join(", ")),
            _ => format!("{word} {} and {more} more", shown.join(", ")),
        }
    }
}

/// The lines of a file, or one JSON document of several lines.
fn read_events(file: &Path) -> Result<EventIterator, CliError> {
    let shown = file.display().to_string();
    let mut reader: Box<dyn Read + Send> = if file == Path::new(STANDARD_INPUT) {
        Box::new(std::io::stdin())
    } else {
        Box::new(open_file(file)?)
    };

    let mut start = Vec::new();
    reader
        .by_ref()
        .take(VALUE_BYTES_MAX as u64 + 1)
        .read_to_end(&mut start)
        .map_err(|error| format!("{shown}: {error}"))?;
    let is_whole = start.len() <= VALUE_BYTES_MAX;
    if is_whole && serde_json::from_slice::<&RawValue>(&start).is_ok() {
        let event = Ok(join_document_lines(start));
        return Ok(Box::new(std::iter::once(FileEvent { line: 1, event })));
    }
    if !is_whole && is_cut_document(&start) {
        let why = format!(
            "{shown} is no JSON lines, and as one document it has more than {VALUE_BYTES_MAX} \
             bytes, the limit of an event"
        );
        return Err(why.into());
    }

    let lines = BoundedLines::new(BufReader::new(Cursor::new(start).chain(reader)));
    let numbered = lines.zip(1_u64..).map(|(text, line)| FileEvent {
        line,
        event: text
            .map(|text| text.trim_ascii().to_vec())
            .map_err(|error| error.to_string()),
    });
    Ok(Box::new(numbered.filter(|read| {
        read.event.as_ref().map_or(true, |event| !event.is_empty())
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
