//! `polelake-bench land` and `polelake-bench transform`: events per CPU-second and CPU-seconds per
//! million events of one step.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use contract::{Catalogue, CompiledMapping};
use lake::{Chunk, RawRecord};
use pole::IdentityKey;
use pole_transform::LandedObject;
use serde_json::{Value, json};
use store::MemoryStore;

use crate::processes::Stopwatch;
use local_platform::synthetic::{self, SyntheticCouncil};
use polelake::error::CliError;

/// Records of a batch: what fits into Lambda's 6 MB at 1 KB each, with base64 and headers.
const BATCH_RECORDS: usize = 3_500;

/// Different events; a batch repeats them.
const DISTINCT_EVENTS: usize = 500;

/// The size that the events are chosen by.
const EVENT_BYTES: usize = 1_024;

/// The source whose events are measured.
const SOURCE: &str = "housing-tenure";

/// When the events' day begins, in milliseconds since 1970: 2026-03-02.
const DAY_START_MILLIS: i64 = 1_772_409_600_000;

/// When the records were appended: the day after, so that no event is ahead of it.
const APPEND_MILLIS: i64 = DAY_START_MILLIS + 86_400_000;

/// Digits that a batch's template reserves for an offset.
const OFFSET_DIGITS: usize = 12;

/// Tenure events of the synthetic council, of about 1 KB.
fn sample_events(count: usize) -> Vec<Vec<u8>> {
    let day = synthetic::CouncilDay {
        council: SyntheticCouncil {
            seed: 1,
            people: 5_000,
        },
        number: 0,
        start_millis: DAY_START_MILLIS,
    };
    let tenures = synthetic::day_events(&day)
        .into_iter()
        .find(|batch| batch.source == SOURCE);
    let mut events = tenures.map(|batch| batch.events).unwrap_or_default();

    events.sort_by_key(|event| event.len().abs_diff(EVENT_BYTES));
    events.truncate(DISTINCT_EVENTS);
    events.into_iter().cycle().take(count).collect()
}

/// What one step cost.
struct StepMeasurement {
    /// The subcommand.
    step: &'static str,
    events: usize,
    wall_seconds: f64,
    cpu_seconds: f64,
    /// Bytes of all events together.
    bytes: usize,
    /// Figures that only this step has.
    details: Value,
}

impl StepMeasurement {
    fn print(&self, as_json: bool) {
        let events = self.events as f64;
        let rate = events / self.cpu_seconds;
        let cpu_per_million = self.cpu_seconds * 1e6 / events;
        let mean_bytes = self.bytes / self.events.max(1);

        if as_json {
            let line = json!({
                "bench": self.step, "events": self.events, "mean_bytes": mean_bytes,
                "events_per_cpu_second": rate, "cpu_seconds_per_million": cpu_per_million,
                "wall_seconds": self.wall_seconds, "more": self.details,
            });
            println!("{line}");
            return;
        }
        println!(
            "{}: {} events of {mean_bytes} bytes: {rate:.0} events/s of one core, \
             {cpu_per_million:.1} CPU-s per million events, {:.1} s wall {}",
            self.step, self.events, self.wall_seconds, self.details
        );
    }
}

/// Measures raw-landing: batches from Lambda's payload to a raw object in memory.
pub(crate) async fn bench_landing(events: usize, as_json: bool) -> Result<bool, CliError> {
    let values = sample_events(BATCH_RECORDS);
    let batches = events.div_ceil(BATCH_RECORDS);
    let context = raw_landing::Context::new(Arc::new(MemoryStore::default()), 1);
    let template = payload_template(&values);
    let budget = host::TimeBudget::lasting_for(Duration::from_secs(3_600));

    let mut cpu_seconds = 0.0;
    let mut wall_seconds = 0.0;
    for batch in 0..batches {
        // Lambda writes the payload, not the function: it is not measured.
        let payload = fill_offsets(&template, batch * BATCH_RECORDS);

        let watch = Stopwatch::start();
        let answer = raw_landing::handle(&payload, &context, budget)
            .await
            .map_err(|failure| failure.to_string())?;
        cpu_seconds += watch.cpu_seconds();
        wall_seconds += watch.wall_seconds();

        if !answer.is_empty() {
            return Err("the landing failed".into());
        }
    }

    let measurement = StepMeasurement {
        step: "land",
        events: batches * BATCH_RECORDS,
        wall_seconds,
        // The kernel counts CPU time in ticks of 10 ms; one core is never idle here, so wall time
        // is the lower bound.
        cpu_seconds: cpu_seconds.max(wall_seconds),
        bytes: values.iter().map(Vec::len).sum::<usize>() * batches,
        details: json!({}),
    };
    measurement.print(as_json);
    Ok(true)
}

/// Lambda's payload of a batch, with a mark before each offset.
fn payload_template(values: &[Vec<u8>]) -> String {
    let records: Vec<Value> = values
        .iter()
        .enumerate()
        .map(|(position, value)| {
            json!({
                "topic": SOURCE, "partition": 0, "offset": format!("@{position:0OFFSET_DIGITS$}"),
                "timestamp": APPEND_MILLIS, "timestampType": "LOG_APPEND_TIME",
                "key": base64_simd::STANDARD.encode_to_string(
                    b"0f9b7c2d-4e3a-4d1b-8c6f-1a2b3c4d5e6f"
                ),
                "value": base64_simd::STANDARD.encode_to_string(value),
                "headers": [
                    {"source": header_bytes(SOURCE)},
                    {"event-id": header_bytes("5a0c6f0e-2b1d-4c7e-9a35-0d6f1b2c3e4f")},
                ],
            })
        })
        .collect();
    json!({"eventSource": "aws:kafka", "records": {"housing-tenure-0": records}}).to_string()
}

/// A header's bytes as Lambda writes them: signed numbers.
fn header_bytes(text: &str) -> Vec<i8> {
    text.bytes().map(u8::cast_signed).collect()
}

/// The template with its offsets, the first of which is `first_offset`.
fn fill_offsets(template: &str, first_offset: usize) -> String {
    let mut payload = String::with_capacity(template.len());
    let mut pieces = template.split("\"@");
    payload.push_str(pieces.next().unwrap_or_default());

    for piece in pieces {
        let (digits, rest) = piece.split_at(OFFSET_DIGITS);
        let offset = digits.parse::<usize>().unwrap_or_default() + first_offset;
        payload.push_str(&offset.to_string());
        // Without the quote that ended the mark: offsets are numbers.
        payload.push_str(&rest[1..]);
    }
    payload
}

/// Measures pole-transform: a raw object, decoded and transformed to all its tables, again and
/// again.
pub(crate) fn bench_transform(
    events: usize,
    contracts: &Path,
    as_json: bool,
) -> Result<bool, CliError> {
    let catalogue =
        host::load_contracts(&contracts.to_string_lossy()).map_err(|failure| failure.message)?;
    let mapping = catalogue
        .mapping_of_source(SOURCE)
        .ok_or("there is no source housing-tenure in the contracts")?;
    let values = sample_events(BATCH_RECORDS);
    let chunk = Chunk {
        topic: mapping.contract.topic.clone(),
        epoch: 1,
        partition: 0,
        offset: 0,
    };
    let raw = encode_raw_object(&chunk, &values)?;
    let batches = events.div_ceil(BATCH_RECORDS);

    let mut rows = 0;
    let mut tables = 0;
    let watch = Stopwatch::start();
    for _ in 0..batches {
        let receipt = transform_once(&catalogue, mapping, &chunk, &raw)?;
        rows += receipt
            .tables
            .values()
            .map(|object| object.rows)
            .sum::<u64>();
        tables = receipt.tables.len();
    }

    let measurement = StepMeasurement {
        step: "transform",
        events: batches * BATCH_RECORDS,
        wall_seconds: watch.wall_seconds(),
        cpu_seconds: watch.cpu_seconds(),
        bytes: values.iter().map(Vec::len).sum::<usize>() * batches,
        details: json!({"tables": tables, "rows": rows}),
    };
    measurement.print(as_json);
    Ok(true)
}

/// The raw object of these events.
fn encode_raw_object(chunk: &Chunk, values: &[Vec<u8>]) -> Result<Bytes, CliError> {
    let records: Vec<RawRecord<'_>> = (0..)
        .zip(values)
        .map(|(offset, value)| RawRecord {
            offset,
            timestamp: APPEND_MILLIS,
            timestamp_type: Some(lake::LOG_APPEND_TIME),
            landed_at: Some(APPEND_MILLIS),
            key: None,
            value: Some(Bytes::from(value.clone())),
            headers: None,
        })
        .collect();
    Ok(lake::encode_raw(chunk, &records, BATCH_RECORDS as i64)?)
}

/// Decodes and transforms the raw object; every event must be refined.
fn transform_once(
    catalogue: &Catalogue,
    mapping: &CompiledMapping,
    chunk: &Chunk,
    raw: &Bytes,
) -> Result<lake::Receipt, CliError> {
    let decoded = lake::decode_raw(raw.clone())?;
    let end = BATCH_RECORDS as i64;
    let transformed = pole_transform::transform_chunk(
        catalogue,
        &IdentityKey::for_tests(),
        mapping,
        LandedObject::of_content(chunk, end, raw),
        &decoded,
    )?;

    if transformed.receipt.refined != BATCH_RECORDS as u64 {
        return Err("not every event was refined".into());
    }
    Ok(transformed.receipt)
}
