//! `polelake smoke`: one synthetic event through a deployed stack, or through the local platform;
//! with `--readers` the counts of an account's engines.

use std::time::Duration;

use serde_json::json;

use super::smoke_readers;
use crate::args::smoke::SmokeArgs;
use crate::client::PlatformClient;
use crate::error::CliError;
use crate::open_lake::OpenLake;
use crate::smoke::{SmokeOutcome, SmokeStep, SmokeTest};
use crate::work_progress::WorkProgress;

/// Why an account's test cannot begin.
const NO_ADDRESS: &str = "with --aws, --url names the HTTP API (`terraform output endpoint`), or \
                          --readers asks for counts and sends no event";

pub(crate) async fn run(args: &SmokeArgs, progress: &WorkProgress) -> Result<bool, CliError> {
    if args.counts.readers {
        return smoke_readers::run(args, progress).await;
    }
    if args.lake.aws && args.url.is_none() {
        return Err(NO_ADDRESS.into());
    }
    follow_event(args).await
}

/// Follows one event from hop to hop.
async fn follow_event(args: &SmokeArgs) -> Result<bool, CliError> {
    let lake = OpenLake::open(&args.lake).await?;
    let deployed = match &args.url {
        Some(url) => Some(PlatformClient::for_deployed_api(url).await?),
        None => None,
    };
    let client = deployed
        .as_ref()
        .or(lake.platform_client())
        .ok_or(NO_ADDRESS)?;
    if args.snapshot && args.lake.aws {
        eprintln!(
            "Once the event is refined: aws lambda invoke --function-name <stack>-snapshot-merge \
             --payload '{{\"date\": \"<today, UTC>\"}}' --cli-binary-format raw-in-base64-out \
             /dev/stdout"
        );
    }

    let test = SmokeTest {
        lake: &lake,
        client,
        wait: Duration::from_secs(args.wait),
        snapshot: args.snapshot,
        merge: !args.lake.aws,
        on_step: if args.json { &ignore_step } else { &print_step },
    };
    let outcome = test.run().await?;

    if args.json {
        println!("{}", json!(outcome));
    } else {
        print_outcome(&outcome);
    }
    Ok(outcome.failed.is_none())
}

fn ignore_step(_step: &SmokeStep) {}

fn print_step(step: &SmokeStep) {
    let hop = step.hop.name();
    println!("{hop:9} {:>8.2} s  {}", step.seconds, step.seen);
}

fn print_outcome(outcome: &SmokeOutcome) {
    let run = &outcome.run;
    match &outcome.failed {
        None => println!("{run}: every hop works."),
        Some(failure) => {
            println!("{run}: not {}: {}", failure.hop.name(), failure.why);
            println!("{} (docs/runbook.md)", failure.remedy);
        }
    }
}
