//! `polelake push SOURCE FILE`.

use std::io::Read;
use std::path::Path;

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use crate::client::PlatformClient;
use crate::error::CliError;
use crate::place::PlatformArgs;

pub(crate) async fn run(
    place: &PlatformArgs,
    source: &str,
    file: &Path,
    as_json: bool,
) -> Result<bool, CliError> {
    let events = read_events(file)?;
    let client = PlatformClient::connect_or_start(place).await?;
    let bar = event_progress_bar(events.len() as u64, source);
    let pushed = client
        .push_events(source, &events, |count| bar.inc(count as u64))
        .await?;
    bar.finish_and_clear();
    client.wait_until_settled().await?;
    if as_json {
        println!(
            "{}",
            json!({"accepted": pushed.accepted, "refused": pushed.refused})
        );
    } else {
        println!(
            "{} events accepted, {} refused",
            pushed.accepted, pushed.refused
        );
    }
    Ok(pushed.refused == 0)
}

/// The lines of a file, or one JSON document of several lines.
fn read_events(file: &Path) -> Result<Vec<Vec<u8>>, CliError> {
    let mut bytes = Vec::new();
    if file == Path::new("-") {
        std::io::stdin().read_to_end(&mut bytes)?;
    } else {
        bytes = std::fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
    }
    if let Ok(document) = serde_json::from_slice::<serde_json::Value>(&bytes) {
        return Ok(vec![document.to_string().into_bytes()]);
    }
    let lines = bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    Ok(lines
        .filter(|line| !line.is_empty())
        .map(<[u8]>::to_vec)
        .collect())
}

/// A progress bar for so many events.
pub fn event_progress_bar(length: u64, what: &str) -> ProgressBar {
    let bar = ProgressBar::new(length);
    if let Ok(style) = ProgressStyle::with_template("{prefix:24} {bar:30} {pos}/{len} {per_sec}") {
        bar.set_style(style);
    }
    bar.with_prefix(what.to_owned())
}
