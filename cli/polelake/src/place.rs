//! Where a command works: a folder of the local platform, or an AWS account.

use std::path::PathBuf;

use clap::Args;

/// The folders of the platform, for every command that needs it.
#[derive(Args, Clone, Debug)]
pub struct PlatformArgs {
    /// The folder that holds all of the platform's state. Only its owner can read it, and whoever
    /// can read it may operate the platform.
    #[arg(long, default_value = "polelake-data")]
    pub dir: PathBuf,
    /// The folder of contracts and mappings.
    #[arg(long, default_value = "contracts")]
    pub contracts: PathBuf,
    /// Run the functions as stand-alone binaries from this folder, such as target/release.
    #[arg(long)]
    pub functions: Option<PathBuf>,
}

/// The lake that an operator's command works on.
#[derive(Args, Clone, Debug)]
pub struct LakeArgs {
    /// The folders of the local platform; of an account only the contracts.
    #[command(flatten)]
    pub place: PlatformArgs,
    /// Work on the AWS account of the environment. STACK, RAW_BUCKET, REFINED_BUCKET,
    /// CURATED_BUCKET and SITE_BUCKET name the deployed stack, as docs/runbook.md sets them.
    #[arg(long)]
    pub aws: bool,
}
