//! `polelake smoke`: one invented event through a deployed stack, or through the local platform.

use std::time::Duration;

use serde_json::json;

use crate::args::smoke::SmokeArgs;
use crate::client::Client;
use crate::error::Failed;
use crate::lake_handle::OpenLake;
use crate::signature::Signer;
use crate::smoke::{Outcome, Smoke, Step};

pub(crate) async fn run(args: &SmokeArgs) -> Result<bool, Failed> {
    let lake = OpenLake::open(&args.lake).await?;
    let deployed = match &args.url {
        Some(url) => Some(door(url).await?),
        None => None,
    };
    let door = deployed
        .as_ref()
        .or(lake.door())
        .ok_or("there is no HTTP API; give --url")?;
    let json = args.json;
    let tell = move |step: &Step| {
        if !json {
            println!("{:9} {:>8.2} s  {}", name(step), step.seconds, step.seen);
        }
    };
    if args.snapshot && args.lake.aws {
        eprintln!(
            "When it is refined: aws lambda invoke --function-name <stack>-snapshot-merge --payload '{{\"date\": \"<today, UTC>\"}}' --cli-binary-format raw-in-base64-out /dev/stdout"
        );
    }
    let smoke = Smoke {
        lake: &lake,
        door,
        wait: Duration::from_secs(args.wait),
        snapshot: args.snapshot,
        merge: !args.lake.aws,
        tell: &tell,
    };
    let outcome = smoke.run().await?;
    print(&outcome, json);
    Ok(outcome.failed.is_none())
}

/// The deployed API, with a token or signed.
async fn door(url: &str) -> Result<Client, Failed> {
    let client = Client::of(url.trim_end_matches('/'));
    match std::env::var("POLELAKE_TOKEN")
        .ok()
        .filter(|token| !token.is_empty())
    {
        Some(token) => Ok(client.with_token(Some(token))),
        None => Ok(client.signed_by(Signer::from_env().await?)),
    }
}

fn name(step: &Step) -> String {
    let hop = json!(step.hop);
    hop.as_str().unwrap_or_default().to_owned()
}

fn print(outcome: &Outcome, as_json: bool) {
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
