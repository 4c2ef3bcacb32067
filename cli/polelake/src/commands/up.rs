//! `polelake up`: the platform until Ctrl-C.

use std::sync::Arc;

use local_platform::{LocalPlatform, schedule};

use crate::args::platform::UpArgs;
use crate::client::platform_options;
use crate::error::CliError;
use crate::full_disk::tell_full_disk;

pub(crate) async fn run(args: &UpArgs) -> Result<bool, CliError> {
    let options = platform_options(&args.place, args.port)?;
    let platform = LocalPlatform::start(options).await?;

    println!("HTTP API  {}/v1/{{source}}/events", platform.api);
    println!("Kafka     {}", platform.kafka);
    println!(
        "S3        {}   (path style; key `local`, secret `local-only-not-a-secret`)",
        platform.s3
    );
    println!("State     {}", args.place.dir.display());
    println!(
        "Operators {}/_local/status   (bearer token in {})",
        platform.api,
        platform.running.operator_token().file().display()
    );
    println!(
        "Schedule  the platform merges and reports the day before at 01:00 UTC; `polelake run-day` \
         does any day now"
    );
    println!("Ctrl-C stops the platform; the next start continues with the same state.");

    let nightly = tokio::spawn(schedule::run_nightly(Arc::clone(&platform.running)));
    let disk = tokio::spawn(tell_full_disk(args.place.dir.clone()));
    tokio::signal::ctrl_c().await?;
    nightly.abort();
    disk.abort();
    Ok(true)
}
