//! `polelake quality`.

use std::path::PathBuf;

use clap::Subcommand;

use crate::place::LakeArgs;

#[derive(Subcommand)]
pub(crate) enum QualityCommand {
    /// Show what does not hold on a reported day; exit code 1 when a rule blocks, for the CI of application teams.
    #[command(
        after_help = "Example: polelake quality report 2026-03-03\n         polelake quality report 2026-03-03 --junit results.xml"
    )]
    Report {
        #[command(flatten)]
        lake: LakeArgs,
        /// The day, YYYY-MM-DD.
        date: String,
        /// Write the day's results as JUnit XML into this file; `-` is standard output, and nothing else is printed.
        #[arg(long, conflicts_with = "json")]
        junit: Option<PathBuf>,
        /// Print the outcome as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Read a day's snapshots again, measure them by the same code, and compare with what the merge kept; exit code 1 when
    /// anything differs.
    #[command(
        after_help = "Example: polelake quality rescan 2026-03-03\n         polelake quality rescan 2026-03-03 --tables person,link --json"
    )]
    Rescan {
        #[command(flatten)]
        lake: LakeArgs,
        /// The day, YYYY-MM-DD.
        date: String,
        /// Only these tables.
        #[arg(long, value_delimiter = ',')]
        tables: Vec<String>,
        /// Print the outcome as JSON.
        #[arg(long)]
        json: bool,
    },
}
