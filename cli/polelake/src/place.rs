//! Where a command works: a folder of the local platform, or an AWS account.

use std::path::PathBuf;

use clap::Args;

/// Where things are, for every command that needs the platform.
#[derive(Args, Clone, Debug)]
pub struct PlatformArgs {
    /// The folder that holds all of the platform's state.
    #[arg(long, default_value = "polelake-data")]
    pub dir: PathBuf,
    /// The folder of contracts and mappings.
    #[arg(long, default_value = "contracts")]
    pub contracts: PathBuf,
    /// Run stand-alone function binaries from this folder, such as target/release.
    #[arg(long)]
    pub functions: Option<PathBuf>,
}

/// Whose lake an operator's command works on.
#[derive(Args, Clone, Debug)]
pub struct LakeArgs {
    /// The folder or the account.
    #[command(flatten)]
    pub place: PlatformArgs,
    /// Work on the AWS account of the environment; RAW_BUCKET, REFINED_BUCKET and CURATED_BUCKET name the zones.
    #[arg(long)]
    pub aws: bool,
}
