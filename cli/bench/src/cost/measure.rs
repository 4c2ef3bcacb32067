//! What a day takes: the invented town through the real function processes, their CPU time as the kernel counts it.

use std::collections::BTreeMap;
use std::path::Path;

use lake::{Chunk, Day, Receipt};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::process::Command;

use crate::processes;
use local_platform::LocalPlatform;
use local_platform::synthetic::{self, SourceEvents, SyntheticCouncil};
use polelake::client::{PlatformClient, platform_options};
use polelake::commands::run_day;
use polelake::error::CliError;
use polelake::place::PlatformArgs;

/// The measured days.
const MEASURED_DAYS: [&str; 2] = ["2026-03-02", "2026-03-03"];

/// Events that are sent one by one, to see what an invocation takes beside its events.
const SINGLE: usize = 100;

/// Rows of the table whose merge is measured.
const MERGE_ROWS: u64 = 300_000;

/// A function's CPU-seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct FunctionCpu {
    /// For a million events.
    pub(crate) per_million: f64,
    /// For an invocation, whatever it holds.
    pub(crate) per_invocation: f64,
}

/// What was measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct CostMeasurements {
    /// Events of the measured day.
    pub(crate) events: f64,
    /// Bytes of an event.
    pub(crate) event_bytes: f64,
    /// Bytes of an event in the raw zone.
    pub(crate) raw_bytes: f64,
    /// Bytes of its rows in the refined zone.
    pub(crate) refined_bytes: f64,
    /// Rows of an event.
    pub(crate) rows_per_event: f64,
    /// Refined objects of a raw object.
    pub(crate) tables_of_an_object: f64,
    /// The relay.
    pub(crate) relay: FunctionCpu,
    /// The landing.
    pub(crate) landing: FunctionCpu,
    /// The transform.
    pub(crate) transform: FunctionCpu,
    /// CPU-seconds of the merge and the report of a day on which little changed.
    pub(crate) day: f64,
    /// CPU-seconds of the merge for a million new rows.
    pub(crate) merge_per_million_increments: f64,
    /// CPU-seconds of the merge for a million rows of which some changed everywhere.
    pub(crate) merge_per_million_rows: f64,
}

/// CPU-seconds of each function so far.
struct CpuReading(BTreeMap<String, f64>);

impl CpuReading {
    fn now() -> Self {
        let mut spent: BTreeMap<String, f64> = BTreeMap::new();
        for (name, process) in processes::list_child_processes() {
            *spent.entry(name).or_default() += processes::cpu_seconds(&process);
        }
        Self(spent)
    }

    fn spent_since(&self, function: &str, since: &Self) -> f64 {
        let at = |spent: &Self| spent.0.get(function).copied().unwrap_or_default();
        at(self) - at(since)
    }
}

/// Lets a town live two days in a new folder, and merges a larger table.
pub(crate) async fn measure_days(
    place: &PlatformArgs,
    people: usize,
) -> Result<CostMeasurements, CliError> {
    if place.dir.exists() {
        let message = format!(
            "{} is there already; the days begin in a new folder, give --dir",
            place.dir.display()
        );
        return Err(message.into());
    }
    let platform = LocalPlatform::start(platform_options(place, 0)?).await?;
    let client = PlatformClient::for_api(&platform.api);
    let town = SyntheticCouncil { seed: 1, people };
    let batches = synthetic_day(&town, 0)?;
    let bytes: usize = batches
        .iter()
        .flat_map(|batch| &batch.events)
        .map(Vec::len)
        .sum();

    set_morning(&platform, MEASURED_DAYS[0])?;
    eprintln!("a day of {people} people");
    let before = CpuReading::now();
    let events = push_batches(&client, &batches).await?;
    platform.running.wait_until_settled().await;
    let bulk = CpuReading::now();
    let zones = ZoneSizes::from_folder(&place.dir)?;
    run_day::merge_and_report(&client, MEASURED_DAYS[0]).await?;

    set_morning(&platform, MEASURED_DAYS[1])?;
    eprintln!("{SINGLE} events one by one");
    let merged = CpuReading::now();
    let single = push_one_by_one(&platform, &client, &synthetic_day(&town, 1)?).await?;
    let told = CpuReading::now();
    run_day::merge_and_report(&client, MEASURED_DAYS[1]).await?;
    let end = CpuReading::now();

    let hop = |function: &str| {
        let per_event = bulk.spent_since(function, &before) / events;
        let alone = told.spent_since(function, &merged) / single;
        FunctionCpu {
            per_million: per_event * 1e6,
            per_invocation: (alone - per_event).max(0.0),
        }
    };
    let of_day = |function: &str| end.spent_since(function, &told);
    let measured = CostMeasurements {
        events,
        event_bytes: bytes as f64 / events,
        raw_bytes: zones.raw / events,
        refined_bytes: zones.refined / events,
        rows_per_event: zones.rows / events,
        tables_of_an_object: zones.tables / zones.objects.max(1.0),
        relay: hop("event-relay"),
        landing: hop("raw-landing"),
        transform: hop("pole-transform"),
        day: of_day("snapshot-merge") + of_day("quality-report"),
        merge_per_million_increments: 0.0,
        merge_per_million_rows: 0.0,
    };
    drop(platform);
    measure_merge(place, measured).await
}

fn synthetic_day(town: &SyntheticCouncil, number: usize) -> Result<Vec<SourceEvents>, CliError> {
    let day = Day::parse(MEASURED_DAYS[number]).ok_or("the day is no day")?;
    Ok(synthetic::day_events(&synthetic::CouncilDay {
        council: *town,
        number,
        start_millis: day.start_micros() / 1_000,
    }))
}

/// Records are stamped as on that morning.
fn set_morning(platform: &LocalPlatform, date: &str) -> Result<(), CliError> {
    let day = Day::parse(date).ok_or("the day is no day")?;
    platform
        .running
        .clock
        .set_millis(day.start_micros() / 1_000 + 8 * 3_600_000);
    Ok(())
}

/// Gives how many were accepted.
async fn push_batches(client: &PlatformClient, batches: &[SourceEvents]) -> Result<f64, CliError> {
    let mut accepted = 0;
    for batch in batches {
        accepted += client
            .push_events(batch.source, &batch.events, |_| ())
            .await?
            .accepted;
    }
    Ok(accepted as f64)
}

/// Sends events so that each is a request, a batch and an object of its own.
async fn push_one_by_one(
    platform: &LocalPlatform,
    client: &PlatformClient,
    batches: &[SourceEvents],
) -> Result<f64, CliError> {
    let most = batches
        .iter()
        .map(|batch| batch.events.len())
        .max()
        .unwrap_or_default();
    let turns = (0..most).flat_map(|turn| {
        batches
            .iter()
            .filter_map(move |batch| Some((batch.source, batch.events.get(turn)?)))
    });
    let mut sent = 0.0;
    for (source, event) in turns.take(SINGLE) {
        sent += client
            .push_events(source, std::slice::from_ref(event), |_| ())
            .await?
            .accepted as f64;
        platform.running.wait_until_settled().await;
    }
    Ok(sent)
}

/// What the first day left behind.
#[derive(Default)]
struct ZoneSizes {
    raw: f64,
    refined: f64,
    rows: f64,
    objects: f64,
    tables: f64,
}

impl ZoneSizes {
    fn from_folder(folder: &Path) -> Result<Self, CliError> {
        let mut zones = Self::default();
        for zone in ["raw", "refined"] {
            let root = folder.join("s3").join(zone);
            zones.add_folder(&root, &root)?;
        }
        Ok(zones)
    }

    fn add_folder(&mut self, root: &Path, folder: &Path) -> Result<(), CliError> {
        for entry in std::fs::read_dir(folder)?.flatten() {
            let path = entry.path();
            if path.is_dir() {
                self.add_folder(root, &path)?;
                continue;
            }
            let key = path.strip_prefix(root)?.to_string_lossy().into_owned();
            let bytes = entry.metadata()?.len() as f64;
            if Chunk::from_raw_key(&key).is_some() {
                self.raw += bytes;
            } else if Chunk::from_receipt_key(&key).is_some() {
                let receipt = Receipt::from_json(&std::fs::read(&path)?)?;
                self.objects += 1.0;
                self.tables += receipt.tables.len() as f64;
                self.rows += receipt
                    .tables
                    .values()
                    .map(|object| object.rows as f64)
                    .sum::<f64>();
                self.refined += bytes;
            } else if key.starts_with("refined/") {
                self.refined += bytes;
            }
        }
        Ok(())
    }
}

/// The merge of a larger table, by `polelake-bench snapshot` in a process of its own.
async fn measure_merge(
    place: &PlatformArgs,
    measured: CostMeasurements,
) -> Result<CostMeasurements, CliError> {
    eprintln!("a table of {MERGE_ROWS} rows");
    let mut command = Command::new(std::env::current_exe()?);
    command.args([
        "snapshot",
        "--peers",
        "none",
        "--json",
        "--rows",
        &MERGE_ROWS.to_string(),
    ]);
    command
        .arg("--dir")
        .arg(place.dir.join("merge"))
        .arg("--contracts")
        .arg(&place.contracts);
    let output = command.output().await?;
    if !output.status.success() {
        return Err(format!(
            "bench snapshot: {}",
            String::from_utf8_lossy(&output.stderr)
        )
        .into());
    }
    let said = String::from_utf8_lossy(&output.stdout);
    let lines: Vec<Value> = said
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    let per_million = |what: &str| -> Result<f64, CliError> {
        let line = lines.iter().find(|line| {
            line["bench"]
                .as_str()
                .is_some_and(|found| found.contains(what))
        });
        let cpu = line.and_then(|line| line["cpu"].as_f64());
        Ok(
            cpu.ok_or_else(|| format!("bench snapshot told nothing of `{what}`"))?
                / MERGE_ROWS as f64
                * 1e6,
        )
    };
    Ok(CostMeasurements {
        merge_per_million_increments: per_million("first load")?,
        merge_per_million_rows: per_million("changes spread")?,
        ..measured
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Round figures, to count with by hand.
    pub(in crate::cost) fn round() -> CostMeasurements {
        let hop = FunctionCpu {
            per_million: 10.0,
            per_invocation: 0.001,
        };
        CostMeasurements {
            events: 1e6,
            event_bytes: 1_000.0,
            raw_bytes: 100.0,
            refined_bytes: 150.0,
            rows_per_event: 3.0,
            tables_of_an_object: 2.0,
            relay: hop,
            landing: hop,
            transform: hop,
            day: 1.0,
            merge_per_million_increments: 5.0,
            merge_per_million_rows: 2.0,
        }
    }

    #[test]
    fn what_was_measured_can_be_read_again() {
        let text = serde_json::to_string(&round()).unwrap();
        assert_eq!(
            serde_json::from_str::<CostMeasurements>(&text).unwrap(),
            round()
        );
    }
}
