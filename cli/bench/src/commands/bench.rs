//! `polelake bench`: figures of this machine, as events a second and CPU-seconds for a million events.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use lake::{Chunk, RawRecord};
use serde_json::{Value, json};
use store::MemoryStore;

use local_platform::lambda::{FunctionConfig, measure_cold_start as measure};
use local_platform::running::FUNCTIONS;
use local_platform::synthetic::{self, SyntheticCouncil};
use polelake::client::platform_options;
use polelake::error::CliError;
use polelake::place::PlatformArgs;

/// Records of a batch: what fits into Lambda's 6 MB at 1 KB each, with base64 and headers.
const BATCH_RECORDS: usize = 3_500;

/// CPU time of this process: user and system, in seconds.
pub(crate) fn own_cpu_seconds() -> f64 {
    crate::processes::cpu_seconds("self")
}

/// Tenure events of the town, of about 1 KB.
fn sample_events(count: usize) -> Vec<Vec<u8>> {
    let day = synthetic::CouncilDay {
        council: SyntheticCouncil {
            seed: 1,
            people: 5_000,
        },
        number: 0,
        start_millis: 1_772_409_600_000,
    };
    let batches = synthetic::day_events(&day);
    let tenures = batches
        .into_iter()
        .find(|batch| batch.source == "housing-tenure");
    let mut events: Vec<Vec<u8>> = tenures.map(|batch| batch.events).unwrap_or_default();
    // The five hundred that are nearest to 1 KB.
    events.sort_by_key(|event| event.len().abs_diff(1_024));
    events.truncate(500);
    events.into_iter().cycle().take(count).collect()
}

struct BenchMeasurement {
    events: usize,
    seconds: f64,
    cpu: f64,
    bytes: usize,
}

fn print_measurement(what: &str, measured: &BenchMeasurement, extra: &Value, as_json: bool) {
    let BenchMeasurement {
        events,
        seconds,
        cpu,
        bytes,
    } = *measured;
    let (rate, cpu_million) = (events as f64 / cpu, cpu * 1e6 / events as f64);
    let mean = bytes / events.max(1);
    if as_json {
        println!(
            "{}",
            json!({"bench": what, "events": events, "mean_bytes": mean, "events_per_cpu_second": rate, "cpu_seconds_per_million": cpu_million, "wall_seconds": seconds, "more": extra})
        );
    } else {
        println!(
            "{what}: {events} events of {mean} bytes: {rate:.0} events/s of one core, {cpu_million:.1} CPU-s per million events, {seconds:.1} s wall {extra}"
        );
    }
}

pub(crate) async fn bench_landing(events: usize, as_json: bool) -> Result<bool, CliError> {
    let values = sample_events(BATCH_RECORDS);
    let batches = events.div_ceil(BATCH_RECORDS);
    let context = raw_landing::Context::new(Arc::new(MemoryStore::default()), 1);
    let payload = kafka_payload(&values, 0);
    let budget = host::TimeBudget::lasting_for(Duration::from_secs(3_600));
    let (mut spent, mut wall) = (0.0, 0.0);
    for batch in 0..batches {
        // The payload's text is Lambda's work, not ours: only its offsets change from batch to batch.
        let payload = shift_offsets(&payload, batch);
        let (cpu, begun) = (own_cpu_seconds(), Instant::now());
        let answer = raw_landing::handle(&payload, &context, budget)
            .await
            .map_err(|failure| failure.to_string())?;
        spent += own_cpu_seconds() - cpu;
        wall += begun.elapsed().as_secs_f64();
        if !answer.batch_item_failures.is_empty() {
            return Err("the landing failed".into());
        }
    }
    let bytes: usize = values.iter().map(Vec::len).sum::<usize>() * batches;
    // The clock counts in ticks of 10 ms: over many batches the ticks even out, one core is never idle.
    let cpu = spent.max(wall);
    print_measurement(
        "land",
        &BenchMeasurement {
            events: batches * BATCH_RECORDS,
            seconds: wall,
            cpu,
            bytes,
        },
        &json!({}),
        as_json,
    );
    Ok(true)
}

fn kafka_payload(values: &[Vec<u8>], first: usize) -> String {
    let signed = |text: &str| {
        text.bytes()
            .map(|byte| json!(byte.cast_signed()))
            .collect::<Vec<_>>()
    };
    let records: Vec<Value> = values
        .iter()
        .enumerate()
        .map(|(place, value)| {
            json!({
                "topic": "housing-tenure", "partition": 0, "offset": format!("@{:012}", first + place),
                "timestamp": 1_772_409_600_000_i64, "timestampType": "LOG_APPEND_TIME",
                "key": base64_simd::STANDARD.encode_to_string(b"0f9b7c2d-4e3a-4d1b-8c6f-1a2b3c4d5e6f"),
                "value": base64_simd::STANDARD.encode_to_string(value),
                "headers": [{"source": signed("housing-tenure")}, {"event-id": signed("5a0c6f0e-2b1d-4c7e-9a35-0d6f1b2c3e4f")}],
            })
        })
        .collect();
    json!({"eventSource": "aws:kafka", "records": {"housing-tenure-0": records}}).to_string()
}

/// The payload with its offsets moved on by whole batches.
fn shift_offsets(payload: &str, batch: usize) -> String {
    let mut text = String::with_capacity(payload.len());
    let mut pieces = payload.split("\"@");
    text.push_str(pieces.next().unwrap_or_default());
    for piece in pieces {
        let (digits, rest) = piece.split_at(12);
        let offset = digits.parse::<usize>().unwrap_or_default() + batch * BATCH_RECORDS;
        text.push_str(&offset.to_string());
        text.push_str(&rest[1..]);
    }
    text
}

pub(crate) fn bench_transform(
    events: usize,
    contracts: &Path,
    as_json: bool,
) -> Result<bool, CliError> {
    let catalogue =
        host::load_contracts(&contracts.to_string_lossy()).map_err(|failure| failure.message)?;
    let plan = catalogue
        .mapping_of_source("housing-tenure")
        .ok_or("there is no source housing-tenure in the contracts")?;
    let values = sample_events(BATCH_RECORDS);
    let chunk = Chunk {
        topic: plan.contract.topic.clone(),
        epoch: 1,
        partition: 0,
        offset: 0,
    };
    let records: Vec<RawRecord<'_>> = (0..)
        .zip(&values)
        .map(|(offset, value)| RawRecord {
            offset,
            timestamp: 1_772_409_600_000,
            timestamp_type: Some("LOG_APPEND_TIME"),
            key: None,
            value: Some(Bytes::from(value.clone())),
            headers: None,
        })
        .collect();
    let raw = lake::encode_raw(&chunk, &records, BATCH_RECORDS as i64)?;
    let batches = events.div_ceil(BATCH_RECORDS);
    let (mut rows, mut tables) = (0, 0);
    let (cpu, begun) = (own_cpu_seconds(), Instant::now());
    for _ in 0..batches {
        let decoded = lake::decode_raw(raw.clone())?;
        let done = pole_transform::transform_chunk(
            &catalogue,
            plan,
            &chunk,
            BATCH_RECORDS as i64,
            &decoded,
        )?;
        if done.receipt.refined != BATCH_RECORDS as u64 {
            return Err("not every event was refined".into());
        }
        rows += done
            .receipt
            .tables
            .values()
            .map(|object| object.rows)
            .sum::<u64>();
        tables = done.receipt.tables.len();
    }
    let (cpu, seconds) = (own_cpu_seconds() - cpu, begun.elapsed().as_secs_f64());
    let bytes = values.iter().map(Vec::len).sum::<usize>() * batches;
    let extra = json!({"tables": tables, "rows": rows});
    print_measurement(
        "transform",
        &BenchMeasurement {
            events: batches * BATCH_RECORDS,
            seconds,
            cpu,
            bytes,
        },
        &extra,
        as_json,
    );
    Ok(true)
}

/// A payload that each function answers without leaving the process.
fn empty_payload(function: &str) -> &'static str {
    match function {
        "event-relay" => {
            r#"{"requestContext":{"http":{"method":"GET","path":"/"}},"rawPath":"/","headers":{}}"#
        }
        "raw-landing" => r#"{"records":{}}"#,
        "pole-transform" => r#"{"Records":[]}"#,
        _ => r#"{"date":"not a day"}"#,
    }
}

pub(crate) async fn bench_cold_start(
    place: &PlatformArgs,
    as_json: bool,
) -> Result<bool, CliError> {
    let options = platform_options(place, 0)?;
    let beside = options
        .program
        .parent()
        .map(Path::to_owned)
        .unwrap_or_default();
    let folder = place.functions.clone().unwrap_or(beside);
    for (name, ..) in FUNCTIONS {
        let program = folder.join(name);
        let size = std::fs::metadata(&program).map_err(|_| {
            format!(
                "{} is not built; run `cargo build --release --workspace` first",
                program.display()
            )
        })?;
        let log = std::env::temp_dir().join(format!("polelake-cold-start-{name}.log"));
        let environment = cold_environment(&options.contracts)?;
        let config = FunctionConfig {
            name,
            program: (program, Vec::new()),
            environment,
            timeout: Duration::from_secs(10),
            concurrency: 1,
            log,
        };
        let mut times = Vec::new();
        for _ in 0..11 {
            times.push(
                measure(&config, Bytes::from_static(empty_payload(name).as_bytes()))
                    .await?
                    .as_secs_f64()
                    * 1_000.0,
            );
        }
        times.sort_by(f64::total_cmp);
        let (median, megabytes) = (times[times.len() / 2], size.len() as f64 / 1e6);
        if as_json {
            println!(
                "{}",
                json!({"function": name, "cold_start_ms": median, "binary_mb": megabytes})
            );
        } else {
            println!(
                "{name:16} {median:6.1} ms from process start to first answer (median of 11), {megabytes:5.1} MB"
            );
        }
    }
    Ok(true)
}

fn cold_environment(
    contracts: &Path,
) -> Result<std::collections::BTreeMap<String, String>, CliError> {
    // As on AWS: the functions read a pack.
    let file = std::env::temp_dir().join(format!("polelake-contracts-{}.json", std::process::id()));
    host::pack_contracts(&contracts.to_string_lossy(), &file).map_err(|failure| failure.message)?;
    let contracts = file.to_string_lossy().into_owned();
    let pairs = [
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:9"),
        ("AWS_ACCESS_KEY_ID", "local"),
        ("AWS_SECRET_ACCESS_KEY", "local"),
        ("AWS_REGION", "eu-west-2"),
        ("RAW_BUCKET", "raw"),
        ("REFINED_BUCKET", "refined"),
        ("CURATED_BUCKET", "curated"),
        ("SITE_BUCKET", "site"),
        ("GLUE_DATABASES", "polelake"),
        ("KAFKA_BOOTSTRAP", "127.0.0.1:9"),
        ("KAFKA_AUTH", "none"),
        ("CONTRACTS", &contracts),
    ];
    Ok(pairs
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect())
}
