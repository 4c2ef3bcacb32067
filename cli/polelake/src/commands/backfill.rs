//! `polelake backfill SOURCE FILE…` and `--api URL`.

use std::collections::HashSet;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use contract::{Catalogue, FilePlace, SourceContract};
use indicatif::ProgressBar;
use lake::limits::VALUE_BYTES_MAX;
use local_platform::run_contracts::ContractUse;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::backfill_outcome::BackfillOutcome;
use super::progress::{SETTLING, styled_bar};
use crate::args::backfill::BackfillArgs;
use crate::backfill::batch::{BackfillBatch, ShownPlace};
use crate::backfill::journal::{BackfillJournal, JournalPage, OriginVersion};
use crate::backfill::pages::{FetchedPage, PagedApi, PagingOptions, parse_page_record};
use crate::backfill::record::{BackfillRecord, FileExpectation, RecordFault};
use crate::backfill::records::{check_record_file, open_record_file};
use crate::client::{NamedBatch, PlatformClient};
use crate::error::CliError;
use crate::named_file::{open_file, require_files};
use crate::terminal::escape_line;
use crate::work_progress::{BarWords, WorkProgress};

/// Events of one request.
const BATCH_EVENTS_MAX: usize = 500;

/// Bytes of a batch that is sent before it has so many events.
const BATCH_BYTES_MAX: usize = 4 << 20;

/// Records that cannot be sent and are named; all of them are counted.
const UNSENDABLE_SHOWN: u64 = 20;

pub(crate) async fn run(args: &BackfillArgs, progress: &WorkProgress) -> Result<bool, CliError> {
    let catalogue = host::load_contracts(&args.place.contracts.to_string_lossy())
        .map_err(|failure| failure.message)?;
    let contract = backfill_contract(&catalogue, &args.source)?;
    require_files(&args.files)?;
    let client = match &args.to {
        Some(api) => PlatformClient::for_address(api).await?,
        None => {
            PlatformClient::connect_with_contracts(&args.place, ContractUse::Source(&args.source))
                .await?
        }
    };

    let mut sender = BackfillSender {
        args,
        contract,
        client: &client,
        progress,
        outcome: BackfillOutcome::default(),
        begun: Instant::now(),
    };
    if let Some(url) = &args.api {
        let sent = sender.send_api_pages(url).await;
        sent.map_err(|error| sender.outcome.describe_break(url, error))?;
    }
    for file in &args.files {
        let sent = sender.send_file(file).await;
        sent.map_err(|error| sender.outcome.describe_break(&file.display(), error))?;
    }

    let outcome = sender.outcome;
    if args.to.is_none() {
        progress.begin_stage(SETTLING);
        progress.note_done(outcome.describe_all_sent(), outcome.counts_json());
        client.wait_until_settled().await?;
    }
    progress.end_stage();
    if args.json {
        println!("{}", outcome.to_json());
    } else {
        outcome.print();
    }
    Ok(outcome.refused + outcome.unreadable == 0)
}

fn backfill_contract<'c>(
    catalogue: &'c Catalogue,
    source: &str,
) -> Result<&'c SourceContract, CliError> {
    let contract = &catalogue.require_mapping_of_source(source)?.contract;
    if !contract.accepts_records() {
        let why = format!(
            "`{source}` wraps its records in events and declares no `backfill`: declare in its \
             contract how a record becomes an event"
        );
        return Err(why.into());
    }
    Ok(contract)
}

/// Sends records as events, and counts what became of them.
struct BackfillSender<'s> {
    args: &'s BackfillArgs,
    contract: &'s SourceContract,
    client: &'s PlatformClient,
    progress: &'s WorkProgress,
    outcome: BackfillOutcome,
    begun: Instant,
}

impl BackfillSender<'_> {
    async fn send_file(&mut self, file: &Path) -> Result<(), CliError> {
        let expected = FileExpectation::of_contract(self.contract);
        if let Err(why) = check_record_file(file, &expected) {
            self.outcome.unreadable += 1;
            self.tell_unsent(&why.to_string());
            return Ok(());
        }
        let records = open_record_file(file, &expected)?;
        let origin = std::fs::canonicalize(file)?.to_string_lossy().into_owned();
        let version = OriginVersion {
            size: records.total,
            modified: modified_seconds(file)?,
        };
        let mut journal = self.open_journal(&origin, version)?;
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let digest = digest_file(file)?;
        let bar = file_progress_bar(records.total, &name);
        let bar = self.progress.add_bar(bar, BarWords::Percent);

        let already_sent = journal.progress.records;
        let failed_before = self.count_failed();
        let mut batch = BackfillBatch::new(Some(&name));
        let mut count = 0;
        for record in records.records {
            count += 1;
            if count <= already_sent {
                self.outcome.skipped += 1;
                continue;
            }
            let shown = ShownPlace::of_record(&record, count);
            let record = match records.is_untyped {
                true => self.type_record(record, shown),
                false => record,
            };
            let place = FilePlace {
                digest: &digest,
                name: &name,
                row: count,
            };
            self.add_record(record, (Some(&place), shown), &mut batch, &bar);
            if self.is_batch_full(&batch) {
                self.send_batch(&mut batch, &format!("{digest}-{count}"))
                    .await?;
                journal.progress.records = count;
                journal.progress.failed = self.count_failed() - failed_before;
                journal.save()?;
                bar.set_position(records.read_so_far.load(Ordering::Relaxed));
            }
        }

        self.send_batch(&mut batch, &format!("{digest}-{count}"))
            .await?;
        journal.progress.records = already_sent.max(count);
        journal.progress.failed = self.count_failed() - failed_before;
        journal.save()?;
        bar.finish_and_clear();
        Ok(())
    }

    /// A record of texts with the types that the contract declares.
    fn type_record(&self, record: BackfillRecord, place: ShownPlace) -> BackfillRecord {
        let typed = self.contract.type_texts(record?);
        typed.map_err(|why| RecordFault {
            why: format!("{} {}: {why}", place.unit.label(), place.number),
            is_of_file: false,
        })
    }

    async fn send_api_pages(&mut self, url: &str) -> Result<(), CliError> {
        let pages = PagedApi::new(self.paging_options(url), api_headers(&self.args.header)?)?;
        let mut journal = self.open_journal(url, OriginVersion::default())?;
        let bar = ProgressBar::new_spinner().with_prefix(self.args.source.clone());
        let bar = self.progress.add_bar(bar, BarWords::Count("pages read"));

        let mut visited = HashSet::new();
        let mut address = pages.first_address();
        let mut number = self.args.first_page;
        loop {
            if !visited.insert(address.clone()) {
                let why = format!("{address} leads to itself: the API's cursor does not advance");
                return Err(why.into());
            }
            let next = self
                .send_page(&pages, &address, number, &mut journal, &bar)
                .await?;
            bar.inc(1);
            let Some(next) = next else { break };
            address = pages.page_address(&next);
            number += 1;
        }
        bar.finish_and_clear();
        Ok(())
    }

    fn paging_options(&self, url: &str) -> PagingOptions {
        PagingOptions {
            url: url.to_owned(),
            items: self.args.items.clone(),
            parameter: self.args.page_param.clone(),
            cursor: self.args.cursor.clone(),
            first: self.args.first_page,
        }
    }

    /// Sends the records of a page, unless an earlier run has sent the same page; gives what leads
    /// to the next one.
    async fn send_page(
        &mut self,
        pages: &PagedApi,
        address: &str,
        number: u64,
        journal: &mut BackfillJournal,
        bar: &ProgressBar,
    ) -> Result<Option<String>, CliError> {
        let known = journal.progress.pages.get(address);
        let failed_before = self.count_failed();
        let (records, page) = match pages.fetch_page(address, number, known).await? {
            FetchedPage::Records(records, page) => (records, page),
            FetchedPage::Unchanged => {
                self.outcome.unchanged_pages += 1;
                return Ok(known.and_then(|known| known.next.clone()));
            }
        };

        let mut batch = BackfillBatch::new(None);
        for record in records {
            let record = parse_page_record(&record);
            let shown = ShownPlace::of_record(&record, self.outcome.read + 1);
            self.add_record(record, (None, shown), &mut batch, bar);
            if self.is_batch_full(&batch) {
                let name = content_name(&batch.events);
                self.send_batch(&mut batch, &name).await?;
            }
        }
        let name = content_name(&batch.events);
        self.send_batch(&mut batch, &name).await?;

        // Without its ETag the next run reads the page again, for the sake of the records that
        // failed.
        let all_sent = self.count_failed() == failed_before;
        let next = page.next.clone();
        let etag = page.etag.filter(|_| all_sent);
        let page = JournalPage { etag, ..page };
        journal.progress.pages.insert(address.to_owned(), page);
        journal.save()?;
        Ok(next)
    }

    /// Notes how far the run has come, for when it is interrupted.
    fn note_done(&self) {
        let again = match self.args.restart {
            true => "the same command without `--restart`",
            false => "the same command",
        };
        let text = format!(
            "the backfill of {} broke off: {}; {again} continues where it stopped, and an event \
             that is sent twice counts once",
            self.args.source,
            self.outcome.describe_counts()
        );
        self.progress.note_done(text, self.outcome.counts_json());
    }

    /// Names a file or record that is not sent: as JSON where the outcome is JSON.
    fn tell_unsent(&self, why: &str) {
        if self.args.json {
            eprintln!("{}", json!({"not_sent": why}));
        } else {
            eprintln!("not sent: {why}");
        }
    }

    /// Records that could not be sent, or were refused.
    fn count_failed(&self) -> u64 {
        self.outcome.unreadable + self.outcome.refused
    }

    fn open_journal(
        &self,
        origin: &str,
        version: OriginVersion,
    ) -> Result<BackfillJournal, CliError> {
        let folder = &self.args.place.dir;
        let target = self.args.to.as_deref().unwrap_or("local");
        let route = (self.args.source.as_str(), target);
        let mut journal = BackfillJournal::open(folder, route, origin, version)?;
        if self.args.restart {
            journal.progress.records = 0;
            journal.progress.pages.clear();
        }
        Ok(journal)
    }

    /// Whether a batch is to be sent before another event is added. One of 500 large events would
    /// take 500 MB.
    fn is_batch_full(&self, batch: &BackfillBatch) -> bool {
        batch.events.len() >= self.batch_size() || batch.byte_count() >= BATCH_BYTES_MAX
    }

    /// Events of one batch. Under a small rate batches are small too, so that events arrive evenly
    /// over each second.
    fn batch_size(&self) -> usize {
        match self.args.rate {
            Some(rate) => (rate as usize / 4).clamp(1, BATCH_EVENTS_MAX),
            None => BATCH_EVENTS_MAX,
        }
    }

    /// Adds the record's event to the batch; names the first records that cannot be sent.
    fn add_record(
        &mut self,
        record: BackfillRecord,
        (place, shown): (Option<&FilePlace<'_>>, ShownPlace),
        batch: &mut BackfillBatch,
        bar: &ProgressBar,
    ) {
        self.outcome.read += 1;
        let location = match place {
            Some(place) => format!("{} {shown}", place.name),
            None => shown.to_string(),
        };
        let record = record.map_err(|fault| name_file_of_fault(fault, place));
        let event = record.and_then(|record| {
            let event = self.contract.backfill_event(record, place);
            let event = event.map_err(|fault| format!("{location}: {fault}"))?;
            check_event_size(event, &location)
        });

        match event {
            Ok(event) => batch.add(event, shown),
            Err(why) => {
                self.outcome.unreadable += 1;
                if self.outcome.unreadable <= UNSENDABLE_SHOWN {
                    bar.suspend(|| self.tell_unsent(&why));
                }
            }
        }
    }

    /// Sends a batch. `name` is that of the same records in every run, for events without an id.
    async fn send_batch(&mut self, batch: &mut BackfillBatch, name: &str) -> Result<(), CliError> {
        if batch.events.is_empty() {
            return Ok(());
        }

        let places = batch.file_places();
        let named = NamedBatch {
            name,
            events: &batch.events,
            places: places.as_ref(),
        };
        let source = &self.args.source;
        let counts = self.client.push_named_batch(source, named, |_| {}).await?;
        self.outcome.accepted += counts.accepted;
        self.outcome.refused += counts.refused;
        for (reason, refused) in counts.reasons {
            let places = refused.first.iter();
            let places = places.filter_map(|index| batch.describe_place(*index));
            let known = self.outcome.reasons.entry(reason).or_default();
            known.add(refused.count, places);
        }
        batch.clear();
        self.note_done();

        if let Some(rate) = self.args.rate {
            let sent = self.outcome.accepted + self.outcome.refused;
            let due = Duration::from_secs_f64(sent as f64 / f64::from(rate.max(1)));
            tokio::time::sleep(due.saturating_sub(self.begun.elapsed())).await;
        }
        Ok(())
    }
}

/// Why a record cannot be read, with its file: a run can read several.
fn name_file_of_fault(fault: RecordFault, place: Option<&FilePlace<'_>>) -> String {
    match place {
        Some(place) if !fault.why.contains(place.name) => format!("{} {}", place.name, fault.why),
        _ => fault.why,
    }
}

/// # Errors
/// When the event is over the limit: the relay would refuse it.
fn check_event_size(event: Vec<u8>, location: &str) -> Result<Vec<u8>, String> {
    let length = event.len();
    if length <= VALUE_BYTES_MAX {
        return Ok(event);
    }
    Err(format!(
        "{location}: its event has {length} bytes, over the limit of {VALUE_BYTES_MAX}"
    ))
}

/// The name of a batch of a page: a page that is read again gives the same one.
fn content_name(batch: &[Vec<u8>]) -> String {
    pole::content_id(&batch.concat()).to_string()
}

/// What tells the file's content from any other: 128 bits of its SHA-256.
fn digest_file(file: &Path) -> Result<String, CliError> {
    let mut hash = Sha256::new();
    std::io::copy(&mut open_file(file)?, &mut hash)?;
    let digest: [u8; 32] = hash.finalize().into();

    let mut head = [0; 16];
    head.copy_from_slice(&digest[..16]);
    Ok(pole::Uuid::from_bytes(head).simple().to_string())
}

/// When a file was last changed, in seconds since 1970; 0 where the file system does not know.
fn modified_seconds(file: &Path) -> Result<u64, CliError> {
    let modified = std::fs::metadata(file)?.modified();
    let since_1970 = modified.map(|modified: SystemTime| modified.duration_since(UNIX_EPOCH));
    Ok(match since_1970 {
        Ok(Ok(duration)) => duration.as_secs(),
        _ => 0,
    })
}

/// The headers of `--header NAME=VARIABLE`, with the values of the environment.
fn api_headers(arguments: &[String]) -> Result<HeaderMap, CliError> {
    let mut headers = HeaderMap::new();
    for argument in arguments {
        let (name, variable) = argument.split_once('=').ok_or_else(|| {
            format!("--header `{argument}` is not NAME=VARIABLE, as in Authorization=API_TOKEN")
        })?;
        let text = std::env::var(variable).map_err(|_| {
            format!("the environment has no {variable}, which --header names; export it first")
        })?;
        let name: HeaderName = name.parse().map_err(|_| {
            format!("--header: `{name}` is no header's name, as `Authorization` is")
        })?;
        let mut value = HeaderValue::from_str(&text)
            .map_err(|_| {
                format!("the value of {variable} cannot be a header's: it has other characters than visible ASCII")
            })?;

        value.set_sensitive(true);
        headers.insert(name, value);
    }
    Ok(headers)
}

fn file_progress_bar(total: u64, name: &str) -> ProgressBar {
    let template = "{prefix:24} {bar:30} {percent:>3} % {eta} left";
    styled_bar(total, template).with_prefix(escape_line(name))
}
