//! `polelake demo`, `up`, `push`, `run-day` and `package`.

use std::path::PathBuf;

use clap::Args;
use lake::Day;

use super::address::parse_outbound_address;
use super::parts::PartsArgs;
use crate::place::PlatformArgs;

/// Whose events the demonstration sends, and how many.
#[derive(Args, Clone, Debug)]
pub(crate) struct DemoArgs {
    #[command(flatten)]
    pub(crate) place: PlatformArgs,
    #[command(flatten)]
    pub(crate) parts: PartsArgs,
    /// A folder with the Manchester POLE data set, to send instead of the synthetic council's
    /// events.
    #[arg(long)]
    pub(crate) data: Option<PathBuf>,
    /// How many days; by default three in a new folder, and one more in a used one.
    #[arg(long)]
    pub(crate) days: Option<u32>,
    /// How many people the synthetic council has.
    #[arg(long, default_value_t = 10_000)]
    pub(crate) people: usize,
    /// Print the outcome as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Which ports the platform listens on.
#[derive(Args, Clone, Debug)]
pub(crate) struct UpArgs {
    #[command(flatten)]
    pub(crate) place: PlatformArgs,
    #[command(flatten)]
    pub(crate) parts: PartsArgs,
    /// The port of the HTTP API. Kafka, S3, Glue and SQS have later ones, the same at each start.
    /// The folder remembers it; at first it is 8470, and 0 is any free ports this once.
    #[arg(long)]
    pub(crate) port: Option<u16>,
}

/// Which events are pushed.
#[derive(Args, Clone, Debug)]
pub(crate) struct PushArgs {
    #[command(flatten)]
    pub(crate) place: PlatformArgs,
    /// The source, as its contract calls it.
    pub(crate) source: String,
    /// The file; `-` is standard input.
    pub(crate) file: PathBuf,
    /// Send to the API at this address instead, and do not wait until the events are transformed.
    /// The environment's POLELAKE_TOKEN is the bearer token; without one, requests are signed with
    /// the credentials of AWS that are found.
    #[arg(long, value_name = "API", value_parser = parse_outbound_address)]
    pub(crate) to: Option<String>,
    /// Print the outcome as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Which day is merged and reported.
#[derive(Args, Clone, Debug)]
pub(crate) struct RunDayArgs {
    #[command(flatten)]
    pub(crate) place: PlatformArgs,
    /// The day, YYYY-MM-DD: one that has begun, and of which there are data or earlier days.
    #[arg(value_parser = Day::require)]
    pub(crate) date: Day,
    /// Print the outcome as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Which binaries are packaged.
#[derive(Args, Clone, Debug)]
pub(crate) struct PackageArgs {
    /// The folder of binaries: `<function>/bootstrap` as cargo-lambda leaves them, or `<function>`
    /// as Cargo does.
    #[arg(long, default_value = "target/lambda")]
    pub(crate) binaries: PathBuf,
    /// The folder of the zips.
    #[arg(long, default_value = "target/packages")]
    pub(crate) out: PathBuf,
    /// The folder of contracts and mappings.
    #[arg(long, default_value = "contracts")]
    pub(crate) contracts: PathBuf,
    /// Print the outcome as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}
