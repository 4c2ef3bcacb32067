//! `polelake-bench cold-start`: milliseconds from process start to first answer, and megabytes of
//! each function's binary.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use serde_json::json;

use local_platform::lambda::{FunctionConfig, measure_cold_start};
use local_platform::startup::FUNCTIONS;
use local_platform::{LocalPlatform, PlatformOptions};
use polelake::client::platform_options;
use polelake::error::CliError;
use polelake::place::PlatformArgs;

/// Starts of each function; the median counts.
const STARTS: usize = 11;

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

/// Starts each function several times; prints the median time to its first answer, and the size of
/// its binary.
pub(crate) async fn bench_cold_start(
    place: &PlatformArgs,
    as_json: bool,
) -> Result<bool, CliError> {
    let options = platform_options(place, 0)?;
    let beside_this = options.program.parent().map(Path::to_owned);
    let folder = place.functions.clone().or(beside_this).unwrap_or_default();

    // Its neighbours answer: the transform reads the identity key before its first event.
    let scratch = std::env::temp_dir().join(format!("polelake-cold-start-{}", std::process::id()));
    let platform = LocalPlatform::start(PlatformOptions {
        folder: scratch.clone(),
        ..options
    })
    .await?;
    for (name, ..) in FUNCTIONS {
        let program = folder.join(name);
        let megabytes = binary_megabytes(&program)?;
        let milliseconds = median_start_millis(name, program, &platform).await?;

        if as_json {
            println!(
                "{}",
                json!({"function": name, "cold_start_ms": milliseconds, "binary_mb": megabytes})
            );
        } else {
            println!(
                "{name:16} {milliseconds:6.1} ms from process start to first answer (median of \
                 {STARTS}), {megabytes:5.1} MB"
            );
        }
    }

    drop(platform);
    std::fs::remove_dir_all(&scratch)?;
    Ok(true)
}

fn binary_megabytes(program: &Path) -> Result<f64, CliError> {
    let metadata = std::fs::metadata(program).map_err(|_| {
        format!(
            "{} is not built; run `cargo build --release --workspace` first",
            program.display()
        )
    })?;
    Ok(metadata.len() as f64 / 1e6)
}

async fn median_start_millis(
    name: &'static str,
    program: PathBuf,
    platform: &LocalPlatform,
) -> Result<f64, CliError> {
    let config = FunctionConfig {
        name,
        program: (program, Vec::new()),
        environment: platform.function_environment.clone(),
        timeout: Duration::from_secs(10),
        concurrency: 1,
        log: std::env::temp_dir().join(format!("polelake-cold-start-{name}.log")),
    };
    let payload = Bytes::from_static(empty_payload(name).as_bytes());

    let mut times = Vec::new();
    for _ in 0..STARTS {
        let time = measure_cold_start(&config, payload.clone()).await?;
        times.push(time.as_secs_f64() * 1_000.0);
    }
    times.sort_by(f64::total_cmp);
    Ok(times[STARTS / 2])
}
