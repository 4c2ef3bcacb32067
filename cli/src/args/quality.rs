//! `polelake quality`.

use std::path::PathBuf;

use clap::Subcommand;

use super::{Failed, Lake};
use crate::commands;

#[derive(Subcommand)]
pub(super) enum QualityCommand {
    /// Show what does not hold on a reported day; exit code 1 when a rule blocks, for the CI of application teams.
    #[command(
        after_help = "Example: polelake quality report 2026-03-03\n         polelake quality report 2026-03-03 --junit results.xml"
    )]
    Report {
        #[command(flatten)]
        lake: Lake,
        /// The day, YYYY-MM-DD.
        date: String,
        /// Write the day's results as JUnit XML into this file; `-` is standard output, and nothing else is printed.
        #[arg(long, conflicts_with = "json")]
        junit: Option<PathBuf>,
        /// Print the outcome as JSON.
        #[arg(long)]
        json: bool,
    },
}

pub(super) async fn run(command: QualityCommand) -> Result<bool, Failed> {
    match command {
        QualityCommand::Report { lake, date, junit, json } => {
            commands::quality::report(&lake, &date, junit.as_deref(), json).await
        }
    }
}
