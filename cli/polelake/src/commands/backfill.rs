//! `polelake backfill SOURCE FILE…` and `--api URL`.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, UNIX_EPOCH};

use contract::{Catalogue, SourceContract};
use indicatif::{ProgressBar, ProgressStyle};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::json;

use crate::args::backfill::BackfillArgs;
use crate::backfill::journal::{BackfillJournal, JournalPage};
use crate::backfill::pages::{FetchedPage, PagedApi, PagingOptions};
use crate::backfill::records::{BackfillRecord, open_record_file};
use crate::client::PlatformClient;
use crate::error::CliError;

/// Events of one request.
const BATCH_EVENTS_MAX: usize = 500;

/// Records that cannot be sent and are named; all of them are counted.
const UNSENDABLE_SHOWN: usize = 20;

/// What a run came to.
#[derive(Default)]
struct BackfillOutcome {
    read: u64,
    skipped: u64,
    accepted: u64,
    refused: u64,
    unreadable: u64,
    unchanged_pages: u64,
    reasons: BTreeMap<String, u64>,
}

pub(crate) async fn run(backfill: &BackfillArgs) -> Result<bool, CliError> {
    let catalogue = host::load_contracts(&backfill.place.contracts.to_string_lossy())
        .map_err(|failure| failure.message)?;
    let contract = backfill_contract(&catalogue, &backfill.source)?;
    let client = match &backfill.to {
        Some(api) => PlatformClient::for_api(api).with_token(std::env::var("POLELAKE_TOKEN").ok()),
        None => PlatformClient::connect_or_start(&backfill.place).await?,
    };
    let mut sender = BackfillSender {
        backfill,
        contract,
        client: &client,
        outcome: BackfillOutcome::default(),
        begun: Instant::now(),
    };
    match &backfill.api {
        Some(url) => sender.send_api_pages(url).await?,
        None => {
            for file in &backfill.files {
                sender.send_file(file).await?;
            }
        }
    }
    let outcome = sender.outcome;
    if backfill.to.is_none() {
        client.wait_until_settled().await?;
    }
    print_outcome(&outcome, backfill.json);
    Ok(outcome.refused + outcome.unreadable == 0)
}

fn backfill_contract<'c>(
    catalogue: &'c Catalogue,
    source: &str,
) -> Result<&'c SourceContract, CliError> {
    let plan = catalogue.require_mapping_of_source(source)?;
    if !plan.contract.accepts_records() {
        return Err(format!(
            "`{source}` wraps its records in events and declares no `backfill`: say in its contract how a record becomes one"
        )
        .into());
    }
    Ok(&plan.contract)
}

struct BackfillSender<'s> {
    backfill: &'s BackfillArgs,
    contract: &'s SourceContract,
    client: &'s PlatformClient,
    outcome: BackfillOutcome,
    begun: Instant,
}

impl BackfillSender<'_> {
    async fn send_file(&mut self, file: &std::path::Path) -> Result<(), CliError> {
        let records = open_record_file(file)?;
        let origin = std::fs::canonicalize(file)?.to_string_lossy().into_owned();
        let modified = std::fs::metadata(file)?
            .modified()
            .ok()
            .and_then(|at| at.duration_since(UNIX_EPOCH).ok());
        let mut journal = self.open_journal(
            &origin,
            (records.total, modified.unwrap_or_default().as_secs()),
        )?;
        let bar = file_progress_bar(
            records.total,
            &file.file_name().unwrap_or_default().to_string_lossy(),
        );
        let mut batch = Vec::new();
        let (done, failed, mut count) = (journal.progress.records, self.count_failed(), 0);
        for (place, record) in records.records.enumerate() {
            count = place as u64 + 1;
            if count <= done {
                self.outcome.skipped += 1;
                continue;
            }
            self.add_record(record, &mut batch, &bar);
            if batch.len() == self.batch_size() {
                self.send_batch(&mut batch).await?;
                journal.progress.records = count;
                journal.progress.failed = self.count_failed() - failed;
                journal.save()?;
                bar.set_position(records.read_so_far.load(Ordering::Relaxed));
            }
        }
        self.send_batch(&mut batch).await?;
        journal.progress.records = done.max(count);
        journal.progress.failed = self.count_failed() - failed;
        journal.save()?;
        bar.finish_and_clear();
        Ok(())
    }

    async fn send_api_pages(&mut self, url: &str) -> Result<(), CliError> {
        let paging = PagingOptions {
            url: url.to_owned(),
            items: self.backfill.items.clone(),
            parameter: self.backfill.page_param.clone(),
            cursor: self.backfill.cursor.clone(),
            first: self.backfill.first_page,
        };
        let pages = PagedApi::new(paging, api_headers(&self.backfill.header)?)?;
        let (mut journal, mut seen) = (self.open_journal(url, (0, 0))?, HashSet::new());
        let bar = ProgressBar::new_spinner().with_prefix(self.backfill.source.clone());
        let (mut address, mut number) = (pages.first_address(), self.backfill.first_page);
        loop {
            if !seen.insert(address.clone()) {
                return Err(
                    format!("{address} leads to itself: the API's cursor does not go on").into(),
                );
            }
            let (known, failed) = (journal.progress.pages.get(&address), self.count_failed());
            let next = match pages.fetch_page(&address, number, known).await? {
                FetchedPage::Unchanged => {
                    self.outcome.unchanged_pages += 1;
                    known.and_then(|known| known.next.clone())
                }
                FetchedPage::Records(records, page) => {
                    let mut batch = Vec::new();
                    for record in records {
                        self.add_record(Ok(record), &mut batch, &bar);
                        if batch.len() == self.batch_size() {
                            self.send_batch(&mut batch).await?;
                        }
                    }
                    self.send_batch(&mut batch).await?;
                    let next = page.next.clone();
                    // A page of which something failed is read again, though it stays the same.
                    let etag = page.etag.filter(|_| self.count_failed() == failed);
                    journal
                        .progress
                        .pages
                        .insert(address.clone(), JournalPage { etag, ..page });
                    journal.save()?;
                    next
                }
            };
            bar.tick();
            let Some(next) = next else { break };
            (address, number) = (pages.page_address(&next), number + 1);
        }
        bar.finish_and_clear();
        Ok(())
    }

    /// Records that could not be sent, or were refused.
    fn count_failed(&self) -> u64 {
        self.outcome.unreadable + self.outcome.refused
    }

    fn open_journal(&self, origin: &str, version: (u64, u64)) -> Result<BackfillJournal, CliError> {
        let target = self.backfill.to.as_deref().unwrap_or("local");
        let way = (self.backfill.source.as_str(), target);
        let mut journal = BackfillJournal::open(&self.backfill.place.dir, way, origin, version)?;
        if self.backfill.restart {
            journal.progress.records = 0;
            journal.progress.pages.clear();
        }
        Ok(journal)
    }

    /// Small batches under a small rate: they come evenly, not by the minute.
    fn batch_size(&self) -> usize {
        self.backfill.rate.map_or(BATCH_EVENTS_MAX, |rate| {
            (rate as usize / 4).clamp(1, BATCH_EVENTS_MAX)
        })
    }

    fn add_record(&mut self, record: BackfillRecord, batch: &mut Vec<Vec<u8>>, bar: &ProgressBar) {
        self.outcome.read += 1;
        let event = record.and_then(|record| {
            self.contract
                .backfill_event(record)
                .map_err(|fault| format!("record {}: {fault}", self.outcome.read))
        });
        match event {
            Ok(event) => batch.push(event),
            Err(why) => {
                self.outcome.unreadable += 1;
                if self.outcome.unreadable <= UNSENDABLE_SHOWN as u64 {
                    bar.suspend(|| eprintln!("not sent: {why}"));
                }
            }
        }
    }

    async fn send_batch(&mut self, batch: &mut Vec<Vec<u8>>) -> Result<(), CliError> {
        if batch.is_empty() {
            return Ok(());
        }
        let pushed = self
            .client
            .push_events(&self.backfill.source, batch, |_| {})
            .await?;
        self.outcome.accepted += pushed.accepted;
        self.outcome.refused += pushed.refused;
        for (reason, count) in pushed.reasons {
            *self.outcome.reasons.entry(reason).or_default() += count;
        }
        batch.clear();
        if let Some(rate) = self.backfill.rate {
            let sent = self.outcome.accepted + self.outcome.refused;
            let due = Duration::from_secs_f64(sent as f64 / f64::from(rate.max(1)));
            tokio::time::sleep(due.saturating_sub(self.begun.elapsed())).await;
        }
        Ok(())
    }
}

fn api_headers(given: &[String]) -> Result<HeaderMap, CliError> {
    let mut headers = HeaderMap::new();
    for header in given {
        let (name, variable) = header
            .split_once('=')
            .ok_or_else(|| format!("`{header}` is not NAME=VARIABLE"))?;
        let value =
            std::env::var(variable).map_err(|_| format!("the environment has no {variable}"))?;
        let name: HeaderName = name
            .parse()
            .map_err(|_| format!("`{name}` is no header's name"))?;
        let mut value = HeaderValue::from_str(&value)
            .map_err(|_| format!("{variable} cannot stand in a header"))?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    Ok(headers)
}

fn file_progress_bar(total: u64, what: &str) -> ProgressBar {
    let bar = ProgressBar::new(total);
    if let Ok(style) =
        ProgressStyle::with_template("{prefix:24} {bar:30} {percent:>3} % {eta} left")
    {
        bar.set_style(style);
    }
    bar.with_prefix(what.to_owned())
}

fn print_outcome(outcome: &BackfillOutcome, as_json: bool) {
    if as_json {
        let told = json!({
            "read": outcome.read, "skipped": outcome.skipped, "accepted": outcome.accepted, "refused": outcome.refused,
            "not_sent": outcome.unreadable, "unchanged_pages": outcome.unchanged_pages, "reasons": outcome.reasons,
        });
        println!("{told}");
        return;
    }
    println!(
        "{} records read, {} accepted, {} refused, {} could not be sent",
        outcome.read, outcome.accepted, outcome.refused, outcome.unreadable
    );
    if outcome.skipped > 0 {
        println!(
            "{} records were sent by a run before; --restart sends them again",
            outcome.skipped
        );
    }
    if outcome.unchanged_pages > 0 {
        println!("{} pages are what they were", outcome.unchanged_pages);
    }
    for (reason, count) in &outcome.reasons {
        println!("{count:8} refused: {reason}");
    }
}
