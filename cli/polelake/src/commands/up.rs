//! `polelake up`: the platform until Ctrl-C, or `kill`.

use std::sync::Arc;
use std::time::Duration;

use local_platform::ports::remembered_port;
use local_platform::{BUCKETS, LocalPlatform, PlatformOptions, schedule};

use crate::args::platform::UpArgs;
use crate::client::platform_options;
use crate::contract_mix::restart_command;
use crate::error::CliError;
use crate::full_disk::tell_full_disk;
use crate::interruption::StopSignals;
use crate::trial::FolderTrial;

/// How often the folder of contracts is compared with what the platform runs.
const CONTRACTS_LOOKED_AT: Duration = Duration::from_secs(2);

pub(crate) async fn run(args: &UpArgs) -> Result<bool, CliError> {
    let port = match args.port {
        Some(port) => port,
        None => remembered_port(&args.place.dir)?,
    };
    // Before anyone can find the platform: whoever stops it then stops it in order.
    let mut signals = StopSignals::listen()?;
    let options = PlatformOptions {
        parts: args.parts.to_parts()?,
        transport: args.parts.transport,
        queue_landing: args.parts.queue_landing,
        ..platform_options(&args.place, port)?
    };
    let trial = FolderTrial::new(&args.place.contracts);
    let platform = tokio::select! {
        started = LocalPlatform::start_with_page(options, Some(Arc::new(trial))) => started?,
        () = signals.wait() => return Ok(true),
    };

    println!("HTTP API  {}/v1/{{source}}/events", platform.api);
    print_parts(&platform);
    println!("State     {}", args.place.dir.display());
    println!(
        "Operators {}/_local/status   (bearer token in {})",
        platform.api,
        platform.running.operator_token().file().display()
    );
    if let Some(page) = &platform.try_page {
        println!(
            "Try       {page}   (paste an event, see its rows; the key is that of this start)"
        );
    }
    println!(
        "Schedule  the platform merges and reports the day before at 01:00 UTC; `polelake run-day` \
         does any day now"
    );
    println!("Ctrl-C stops the platform; the next start continues with the same state.");

    let nightly = tokio::spawn(schedule::run_nightly(Arc::clone(&platform.running)));
    let disk = tokio::spawn(tell_full_disk(args.place.dir.clone()));
    tokio::select! {
        () = signals.wait() => {}
        () = watch_contracts(&platform, args) => {}
    }
    nightly.abort();
    disk.abort();
    Ok(true)
}

/// Prints where Kafka and S3 are, and what an external Kafka lacks.
fn print_parts(platform: &LocalPlatform) {
    println!(
        "Transport {}   (`--transport` changes it)",
        platform.transport.name()
    );
    println!("Kafka     {}", platform.kafka);
    println!("SQS       {}", platform.sqs);
    let parts = &platform.parts;
    match &parts.s3 {
        Some(_) => println!(
            "S3        {}   (buckets {}; credentials of this environment)",
            platform.s3,
            BUCKETS.map(|zone| parts.bucket_of(zone)).join(", ")
        ),
        None => println!(
            "S3        {}   (path style; key `local`, secret `local-only-not-a-secret`)",
            platform.s3
        ),
    }
    if let Some(glue) = &parts.glue {
        println!("Glue      {glue}");
    }
    if !platform.missing_topics.is_empty() {
        println!("{}", describe_missing_topics(platform));
    }
}

/// Says which topics an external Kafka lacks, and how one is made.
pub(crate) fn describe_missing_topics(platform: &LocalPlatform) -> String {
    format!(
        "MISSING TOPICS: the Kafka at {} has no {}. Their events are refused with 503 until the \
         topics are there; none is created, for partitions and copies are their owner's choice: \
         `kafka-topics.sh --create --topic NAME --partitions 3 --config \
         message.timestamp.type=LogAppendTime`",
        platform.kafka,
        platform.missing_topics.join(", ")
    )
}

/// Says when the folder of contracts has others than those that the platform runs, and when it has
/// the same again.
async fn watch_contracts(platform: &LocalPlatform, args: &UpArgs) {
    let contracts = platform.running.contracts();
    let restart = restart_command(&args.place, args.port);
    let mut told = Vec::new();
    loop {
        tokio::time::sleep(CONTRACTS_LOOKED_AT).await;
        let changes: Vec<String> = match contracts.changes() {
            Ok(changes) => changes.iter().map(ToString::to_string).collect(),
            Err(failure) => vec![failure.message],
        };
        if changes == told {
            continue;
        }
        if changes.is_empty() {
            eprintln!("The contracts are again those that this platform runs.");
        } else {
            eprintln!(
                "CONTRACTS CHANGED: this platform runs those of its start. Changed since then in \
                 {}: {}.\n`polelake push`, `backfill` and `run-day` refuse what would mix the two. \
                 Restart: Ctrl-C, then `{restart}`",
                contracts.folder.display(),
                changes.join(", ")
            );
        }
        told = changes;
    }
}
