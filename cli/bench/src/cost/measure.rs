//! What a day costs: a synthetic council through the real function processes, their CPU time as the
//! kernel counts it.

mod readings;
mod zones;

use contract::Transport;
use lake::Day;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::process::Command;

use crate::require_new_folder;
use local_platform::synthetic::{self, SourceEvents, SyntheticCouncil};
use local_platform::{LocalPlatform, PlatformOptions};
use polelake::client::{PlatformClient, platform_options};
use polelake::commands::run_day;
use polelake::error::CliError;
use polelake::place::PlatformArgs;
use readings::{CpuReading, MeasuredEvents, function_cpu, log_sizes};
use zones::{REQUEST_SIZES, ZoneSizes};

/// The measured days.
const MEASURED_DAYS: [&str; 2] = ["2026-03-02", "2026-03-03"];

/// Events that are sent one by one: they show what an invocation costs besides its events.
const SINGLE_EVENTS: usize = 100;

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

/// What the measured day left behind.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct CountedObjects {
    /// Messages of the events queue: 500 events at most in each.
    pub(crate) messages: f64,
    /// Raw objects.
    pub(crate) raw: f64,
    /// Refined objects.
    pub(crate) refined: f64,
    /// Receipts.
    pub(crate) receipts: f64,
}

/// The figures that the model starts from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct CostMeasurements {
    /// How the functions were built: `release` or `dev`.
    pub(crate) profile: String,
    /// What was counted of the measured day.
    pub(crate) counted: CountedObjects,
    /// Bytes of messages of the events queue with 1, 10 and 100 events.
    pub(crate) message_bytes: [f64; REQUEST_SIZES.len()],
    /// Bytes of log for an invocation of relay, landing and transform.
    pub(crate) log_bytes: [f64; 3],
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
    /// CPU of event-relay.
    pub(crate) relay: FunctionCpu,
    /// CPU of raw-landing.
    pub(crate) landing: FunctionCpu,
    /// CPU of pole-transform.
    pub(crate) transform: FunctionCpu,
    /// CPU-seconds of the merge and the report of a day on which little changed.
    pub(crate) day: f64,
    /// CPU-seconds of the merge for a million new rows.
    pub(crate) merge_per_million_increments: f64,
    /// CPU-seconds of the merge for a million rows of which some changed everywhere.
    pub(crate) merge_per_million_rows: f64,
}

impl CostMeasurements {
    /// Bytes of a message with so many events: between the measured sizes in proportion.
    pub(crate) fn message_bytes(&self, events: f64) -> f64 {
        let sizes = REQUEST_SIZES.map(|size| size as f64);
        let [small, middle, large] = self.message_bytes;
        let (from, to, bytes) = match events < sizes[1] {
            true => (sizes[0], sizes[1], (small, middle)),
            false => (sizes[1], sizes[2], (middle, large)),
        };
        bytes.0 + (bytes.1 - bytes.0) * (events - from) / (to - from)
    }
}

/// Runs two days of a synthetic council in a new folder, and then merges a larger table.
pub(crate) async fn measure_days(
    place: &PlatformArgs,
    people: usize,
    transport: Transport,
) -> Result<CostMeasurements, CliError> {
    require_new_folder(&place.dir)?;
    let options = PlatformOptions {
        transport: Some(transport),
        ..platform_options(place, 0)?
    };
    let platform = LocalPlatform::start(options).await?;
    let client = PlatformClient::for_platform(&platform);
    let council = SyntheticCouncil { seed: 1, people };

    eprintln!("a day of {people} people");
    let batches = synthetic_day(&council, 0)?;
    let day = measure_bulk_day(&platform, &client, &batches).await?;
    let zones = ZoneSizes::from_folder(&place.dir)?;
    run_day::merge_and_report(&client, MEASURED_DAYS[0]).await?;

    eprintln!("{SINGLE_EVENTS} events one by one");
    let next_batches = synthetic_day(&council, 1)?;
    let logs_before = log_sizes(&place.dir);
    let single = measure_single_events(&platform, &client, &next_batches).await?;
    let logs_after = log_sizes(&place.dir);
    run_day::merge_and_report(&client, MEASURED_DAYS[1]).await?;
    let end = CpuReading::now();

    let bytes: usize = batches
        .iter()
        .flat_map(|batch| &batch.events)
        .map(Vec::len)
        .sum();
    let log_bytes = [0, 1, 2].map(|hop| (logs_after[hop] - logs_before[hop]) / single.count);
    let measured = CostMeasurements {
        profile: built_profile().to_owned(),
        counted: CountedObjects {
            messages: zones.messages.len() as f64,
            raw: zones.objects,
            refined: zones.tables,
            receipts: zones.objects,
        },
        message_bytes: zones.message_bytes(),
        log_bytes,
        events: day.count,
        event_bytes: bytes as f64 / day.count,
        raw_bytes: zones.raw / day.count,
        refined_bytes: zones.refined / day.count,
        rows_per_event: zones.rows / day.count,
        tables_of_an_object: zones.tables / zones.objects.max(1.0),
        relay: function_cpu("event-relay", &day, &single),
        landing: function_cpu("raw-landing", &day, &single),
        transform: function_cpu("pole-transform", &day, &single),
        day: end.spent_since("snapshot-merge", &single.after)
            + end.spent_since("quality-report", &single.after),
        merge_per_million_increments: 0.0,
        merge_per_million_rows: 0.0,
    };
    drop(platform);
    measure_merge(place, measured).await
}

/// How this program, which carries the functions, was built.
fn built_profile() -> &'static str {
    match cfg!(debug_assertions) {
        true => "dev",
        false => "release",
    }
}

/// The first day: many events a request.
async fn measure_bulk_day(
    platform: &LocalPlatform,
    client: &PlatformClient,
    batches: &[SourceEvents],
) -> Result<MeasuredEvents, CliError> {
    set_evening(platform, MEASURED_DAYS[0])?;
    let before = CpuReading::now();
    let count = push_batches(client, batches).await?;
    platform.running.wait_until_settled().await?;
    Ok(MeasuredEvents {
        count,
        before,
        after: CpuReading::now(),
    })
}

/// The second day: each event alone.
async fn measure_single_events(
    platform: &LocalPlatform,
    client: &PlatformClient,
    batches: &[SourceEvents],
) -> Result<MeasuredEvents, CliError> {
    set_evening(platform, MEASURED_DAYS[1])?;
    let before = CpuReading::now();
    let count = push_one_by_one(platform, client, batches).await?;
    Ok(MeasuredEvents {
        count,
        before,
        after: CpuReading::now(),
    })
}

fn synthetic_day(council: &SyntheticCouncil, number: usize) -> Result<Vec<SourceEvents>, CliError> {
    let day = Day::parse(MEASURED_DAYS[number]).ok_or("the measured day is not a date")?;
    Ok(synthetic::day_events(&synthetic::CouncilDay {
        council: *council,
        number,
        start_millis: day.start_micros() / 1_000,
    }))
}

/// Sets the platform's clock: records are stamped with the day's last half hour, after its events.
fn set_evening(platform: &LocalPlatform, date: &str) -> Result<(), CliError> {
    let day = Day::parse(date).ok_or("the measured day is not a date")?;
    platform
        .running
        .clock
        .set_millis(day.next().start_micros() / 1_000 - 1_800_000);
    Ok(())
}

/// Pushes all events; gives how many were accepted.
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
    let rounds = batches.iter().map(|batch| batch.events.len()).max();
    let turns = (0..rounds.unwrap_or_default()).flat_map(|round| {
        batches
            .iter()
            .filter_map(move |batch| Some((batch.source, batch.events.get(round)?)))
    });

    let mut sent = 0.0;
    for (source, event) in turns.take(SINGLE_EVENTS) {
        sent += client
            .push_events(source, std::slice::from_ref(event), |_| ())
            .await?
            .accepted as f64;
        platform.running.wait_until_settled().await?;
    }
    Ok(sent)
}

/// The merge of a larger table, by `polelake-bench snapshot` in a process of its own.
async fn measure_merge(
    place: &PlatformArgs,
    measured: CostMeasurements,
) -> Result<CostMeasurements, CliError> {
    eprintln!("a table of {MERGE_ROWS} rows");
    let output = Command::new(std::env::current_exe()?)
        .args(["snapshot", "--peers", "none", "--json"])
        .args(["--rows", &MERGE_ROWS.to_string()])
        .arg("--dir")
        .arg(place.dir.join("merge"))
        .arg("--contracts")
        .arg(&place.contracts)
        .output()
        .await?;
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        return Err(format!("polelake-bench snapshot: {errors}").into());
    }

    let text = String::from_utf8_lossy(&output.stdout);
    let lines: Vec<Value> = text
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    Ok(CostMeasurements {
        merge_per_million_increments: merge_cpu_per_million(&lines, "first load")?,
        merge_per_million_rows: merge_cpu_per_million(&lines, "changes spread")?,
        ..measured
    })
}

/// CPU-seconds per million rows in the line of `polelake-bench snapshot` whose name contains
/// `bench`.
fn merge_cpu_per_million(lines: &[Value], bench: &str) -> Result<f64, CliError> {
    let line = lines.iter().find(|line| {
        let name = line["bench"].as_str();
        name.is_some_and(|name| name.contains(bench))
    });
    let cpu = line.and_then(|line| line["cpu"].as_f64());
    let cpu = cpu.ok_or_else(|| format!("polelake-bench snapshot printed no line `{bench}`"))?;
    Ok(cpu / MERGE_ROWS as f64 * 1e6)
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
            profile: "dev".to_owned(),
            counted: CountedObjects::default(),
            message_bytes: [400.0, 2_200.0, 20_200.0],
            log_bytes: [300.0, 400.0, 500.0],
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
