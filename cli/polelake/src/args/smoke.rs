//! `polelake smoke`.

use clap::Args;

use super::address::parse_outbound_address;
use crate::place::LakeArgs;

/// Where the test runs, and how long it waits.
#[derive(Args, Clone, Debug)]
pub(crate) struct SmokeArgs {
    #[command(flatten)]
    pub(crate) lake: LakeArgs,
    /// The HTTP API of the deployed stack. The environment's POLELAKE_TOKEN is the bearer token;
    /// without one, requests are signed with the environment's credentials.
    #[arg(
        long,
        requires = "aws",
        required_if_eq("aws", "true"),
        value_parser = parse_outbound_address
    )]
    pub(crate) url: Option<String>,
    /// Wait for the snapshot of the event too. On the local platform the command merges the day at
    /// once; on AWS, invoke snapshot-merge for today meanwhile, or wait for its schedule.
    #[arg(long)]
    pub(crate) snapshot: bool,
    /// Seconds that each hop may take: more than the batching windows of the stack together.
    #[arg(long, default_value_t = 600)]
    pub(crate) wait: u64,
    /// Print the outcome as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}
