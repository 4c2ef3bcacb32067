//! `polelake up`: the platform until Ctrl-C.

use std::sync::Arc;

use crate::client::platform_options;
use crate::error::CliError;
use crate::place::PlatformArgs;
use local_platform::{LocalPlatform, schedule};

pub(crate) async fn run(place: &PlatformArgs, port: u16) -> Result<bool, CliError> {
    let platform = LocalPlatform::start(platform_options(place, port)?).await?;
    println!("HTTP API  {}/v1/{{source}}/events", platform.api);
    println!("Kafka     {}", platform.kafka);
    println!(
        "S3        {}   (path style; key `local`, secret `local-only-not-a-secret`)",
        platform.s3
    );
    println!("State     {}", place.dir.display());
    println!(
        "Schedule  the day before is merged and reported at 01:00 UTC; `polelake run-day` does any day now"
    );
    println!("Ctrl-C stops it; the next start goes on from here.");
    let night = tokio::spawn(schedule::run_nightly(Arc::clone(&platform.running)));
    tokio::signal::ctrl_c().await?;
    night.abort();
    Ok(true)
}
