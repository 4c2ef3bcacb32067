//! `polelake-bench trace`: what it costs to find one event among the events of many days: by the
//! index of the days' events, by the receipts alone, and without either, as the receipts of builds
//! before the index are.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use lake::{Chunk, EventIndexPart, Receipt};
use operations::LakeHandle;
use operations::trace::{EventQuery, trace_event};
use serde_json::{Value, json};

use super::counted_store::CountedStore;
use super::vehicle_events::{VehicleSelection, vehicle_event_id};
use super::{FIRST_DAY, TABLE, merge_in_process, write_days, zone_store};
use crate::processes::{Stopwatch, peak_megabytes};
use crate::require_new_folder;
use polelake::error::CliError;

/// The arguments of `polelake-bench trace`.
#[derive(clap::Args)]
pub(crate) struct TraceBench {
    /// Events of all days.
    #[arg(long, default_value_t = 12_000_000)]
    events: u64,
    /// Days.
    #[arg(long, default_value_t = 30)]
    days: usize,
    /// What a request waits for its answer, in milliseconds: S3 answers within 15 to 40.
    #[arg(long, default_value_t = 25)]
    request_ms: u64,
    /// A new folder for the files: some 150 bytes an event.
    #[arg(long)]
    dir: PathBuf,
    /// The folder of contracts and mappings.
    #[arg(long, default_value = "contracts")]
    contracts: PathBuf,
}

impl TraceBench {
    /// Writes and merges the days, and searches an event of the newest day, one of the oldest and
    /// one that is not there: with the index, without it, and without filters.
    pub(crate) async fn run(&self, as_json: bool) -> Result<bool, CliError> {
        require_new_folder(&self.dir)?;
        let vehicles = self.events / self.days.max(1) as u64;
        let catalogue = host::load_contracts(&self.contracts.to_string_lossy())?;
        let selections = vec![VehicleSelection::All; self.days];
        write_days(&self.dir, &catalogue, TABLE, vehicles, &selections).await?;
        let mut day = FIRST_DAY;
        for _ in 0..self.days {
            merge_in_process(&self.dir, &self.contracts, day, None).await?;
            day = day.next();
        }

        self.search_each("by the index", as_json).await?;
        self.delete_index().await?;
        self.search_each("by the receipts", as_json).await?;
        self.strip_filters().await?;
        self.search_each("without filters", as_json).await?;
        Ok(true)
    }

    async fn search_each(&self, how: &str, as_json: bool) -> Result<(), CliError> {
        let newest = vehicle_event_id(0, self.days as i64);
        let oldest = vehicle_event_id(0, 1);
        for (which, event_id) in [
            ("an event of the newest day", newest.as_str()),
            ("an event of the oldest day", oldest.as_str()),
            ("an absent event", "no-such-event"),
        ] {
            let measured = self.search(event_id).await?;
            print_search(&format!("{which}, {how}"), &measured, as_json);
        }
        Ok(())
    }

    async fn search(&self, event_id: &str) -> Result<Value, CliError> {
        let catalogue = host::load_contracts(&self.contracts.to_string_lossy())?;
        let wait = Duration::from_millis(self.request_ms);
        let zone = |name: &str| CountedStore::over(zone_store(&self.dir, name), wait);
        let zones = ["raw", "refined", "curated"].map(zone);
        let [raw, refined, curated] = zones.each_ref().map(Arc::clone);
        let lake = LakeHandle::from_stores(raw, refined, curated, Arc::new(catalogue));
        let query = EventQuery {
            event_id: event_id.to_owned(),
            ..EventQuery::default()
        };

        let watch = Stopwatch::start();
        let trace = trace_event(&lake, &query).await?;
        let (wall, cpu) = (watch.wall_seconds(), watch.cpu_seconds());
        let requests: u64 = zones.iter().map(|zone| zone.requests()).sum();
        let bytes: u64 = zones.iter().map(|zone| zone.bytes()).sum();
        Ok(json!({
            "wall": wall, "cpu": cpu, "peak_mb": peak_megabytes("self"), "requests": requests,
            "megabytes": bytes as f64 / 1e6, "found": trace.event.is_some(),
            "searched": trace.searched,
        }))
    }

    async fn delete_index(&self) -> Result<(), CliError> {
        let curated = zone_store(&self.dir, "curated");
        for entry in curated.list(EventIndexPart::prefix(), None).await? {
            curated.delete(&entry.key).await?;
        }
        Ok(())
    }

    /// Writes the receipts again as builds before the index wrote them.
    async fn strip_filters(&self) -> Result<(), CliError> {
        let refined = zone_store(&self.dir, "refined");
        for entry in refined.list(Chunk::RECEIPTS_PREFIX, None).await? {
            let receipt = Receipt::from_json(&refined.get(&entry.key).await?.body)?;
            let stripped = Receipt {
                event_ids: None,
                ..receipt
            };
            let body = stripped.to_json()?.into();
            refined.put(&entry.key, body, "").await?;
        }
        Ok(())
    }
}

/// Prints what a search cost: seconds, CPU-seconds, requests, megabytes and memory.
fn print_search(title: &str, measured: &Value, as_json: bool) {
    if as_json {
        let mut line = measured.clone();
        line["bench"] = json!(title);
        return println!("{line}");
    }
    println!(
        "{title}: {:.2} s wall, {:.2} CPU-s, {} requests, {:.1} MB read, {:.0} MB at most",
        measured["wall"].as_f64().unwrap_or_default(),
        measured["cpu"].as_f64().unwrap_or_default(),
        measured["requests"],
        measured["megabytes"].as_f64().unwrap_or_default(),
        measured["peak_mb"].as_f64().unwrap_or_default(),
    );
}
