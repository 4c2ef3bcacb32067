//! `polelake smoke`: one invented event through a deployed stack, or through the local platform.

use std::time::Duration;

use serde_json::json;

use crate::args::smoke::SmokeArgs;
use crate::client::PlatformClient;
use crate::error::CliError;
use crate::open_lake::OpenLake;
use crate::signature::RequestSigner;
use crate::smoke::{SmokeOutcome, SmokeStep, SmokeTest};

pub(crate) async fn run(args: &SmokeArgs) -> Result<bool, CliError> {
    let lake = OpenLake::open(&args.lake).await?;
    let deployed = match &args.url {
        Some(url) => Some(deployed_client(url).await?),
        None => None,
    };
    let door = deployed
        .as_ref()
        .or(lake.platform_client())
        .ok_or("there is no HTTP API; give --url")?;
    let json = args.json;
    let tell = move |step: &SmokeStep| {
        if !json {
            println!(
                "{:9} {:>8.2} s  {}",
                hop_name(step),
                step.seconds,
                step.seen
            );
        }
    };
    if args.snapshot && args.lake.aws {
        eprintln!(
            "When it is refined: aws lambda invoke --function-name <stack>-snapshot-merge --payload '{{\"date\": \"<today, UTC>\"}}' --cli-binary-format raw-in-base64-out /dev/stdout"
        );
    }
    let smoke = SmokeTest {
        lake: &lake,
        client: door,
        wait: Duration::from_secs(args.wait),
        snapshot: args.snapshot,
        merge: !args.lake.aws,
        on_step: &tell,
    };
    let outcome = smoke.run().await?;
    print_outcome(&outcome, json);
    Ok(outcome.failed.is_none())
}

/// The deployed API, with a token or signed.
async fn deployed_client(url: &str) -> Result<PlatformClient, CliError> {
    let client = PlatformClient::for_api(url.trim_end_matches('/'));
    match std::env::var("POLELAKE_TOKEN")
        .ok()
        .filter(|token| !token.is_empty())
    {
        Some(token) => Ok(client.with_token(Some(token))),
        None => Ok(client.with_signer(RequestSigner::from_env().await?)),
    }
}

fn hop_name(step: &SmokeStep) -> String {
    let hop = json!(step.hop);
    hop.as_str().unwrap_or_default().to_owned()
}

fn print_outcome(outcome: &SmokeOutcome, as_json: bool) {
    if as_json {
        println!("{}", json!(outcome));
        return;
    }
    match &outcome.failed {
        None => println!("{}: every hop works.", outcome.run),
        Some(failure) => {
            let hop = json!(failure.hop);
            println!(
                "{}: not {}: {}",
                outcome.run,
                hop.as_str().unwrap_or_default(),
                failure.why
            );
            println!("{} (docs/runbook.md)", failure.remedy);
        }
    }
}
