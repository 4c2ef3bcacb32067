//! `polelake quality`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use lake::Day;

use crate::place::LakeArgs;

#[derive(Subcommand)]
pub(crate) enum QualityCommand {
    /// Show the rules that failed on a reported day; exit code 1 when one of them blocks, for the
    /// CI of application teams.
    #[command(after_help = "Example: polelake quality report 2026-03-03\n         \
            polelake quality report 2026-03-03 --junit results.xml")]
    Report(QualityReportArgs),
    /// Read a day's snapshots again, measure them with the merge's own code, and compare the
    /// results with those that the merge stored; exit code 1 when they differ.
    #[command(after_help = "Example: polelake quality rescan 2026-03-03\n         \
            polelake quality rescan 2026-03-03 --tables person,link --json")]
    Rescan(RescanArgs),
}

impl QualityCommand {
    /// The lake that it works on.
    pub(crate) fn lake(&self) -> &LakeArgs {
        match self {
            Self::Report(args) => &args.lake,
            Self::Rescan(args) => &args.lake,
        }
    }
}

/// Which report is shown.
#[derive(Args, Clone, Debug)]
pub(crate) struct QualityReportArgs {
    #[command(flatten)]
    pub(crate) lake: LakeArgs,
    /// The day, YYYY-MM-DD.
    #[arg(value_parser = Day::require)]
    pub(crate) date: Day,
    /// Write the day's results as JUnit XML into this file; `-` is standard output, which then
    /// holds nothing else.
    #[arg(long, conflicts_with = "json")]
    pub(crate) junit: Option<PathBuf>,
    /// Print the outcome as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Which snapshots are measured again.
#[derive(Args, Clone, Debug)]
pub(crate) struct RescanArgs {
    #[command(flatten)]
    pub(crate) lake: LakeArgs,
    /// The day, YYYY-MM-DD.
    #[arg(value_parser = Day::require)]
    pub(crate) date: Day,
    /// Only these tables.
    #[arg(long, value_delimiter = ',')]
    pub(crate) tables: Vec<String>,
    /// Print the outcome as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}
