//! `polelake push SOURCE FILE`.

use std::io::Read;
use std::path::Path;

use indicatif::ProgressBar;
use serde_json::json;
use serde_json::value::RawValue;

use super::progress::styled_bar;
use crate::args::platform::PushArgs;
use crate::client::PlatformClient;
use crate::error::CliError;

pub(crate) async fn run(args: &PushArgs) -> Result<bool, CliError> {
    let events = read_events(&args.file)?;
    let client = PlatformClient::connect_or_start(&args.place).await?;
    let bar = event_progress_bar(events.len() as u64, &args.source);
    let counts = client
        .push_events(&args.source, &events, |count| bar.inc(count as u64))
        .await?;
    bar.finish_and_clear();
    client.wait_until_settled().await?;

    let accepted = counts.accepted;
    let refused = counts.refused;
    if args.json {
        println!("{}", json!({"accepted": accepted, "refused": refused}));
    } else {
        println!("{accepted} events accepted, {refused} refused");
    }
    Ok(refused == 0)
}

/// The lines of a file, or one JSON document of several lines.
fn read_events(file: &Path) -> Result<Vec<Vec<u8>>, CliError> {
    let mut bytes = Vec::new();
    if file == Path::new("-") {
        std::io::stdin().read_to_end(&mut bytes)?;
    } else {
        bytes = std::fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
    }

    if serde_json::from_slice::<&RawValue>(&bytes).is_ok() {
        return Ok(vec![join_document_lines(bytes)]);
    }
    let lines = bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    Ok(lines
        .filter(|line| !line.is_empty())
        .map(<[u8]>::to_vec)
        .collect())
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
