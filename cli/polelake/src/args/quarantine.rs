//! `polelake quarantine`.

use clap::{Args, Subcommand};
use lake::Day;

use crate::place::LakeArgs;

#[derive(Subcommand)]
pub(crate) enum QuarantineCommand {
    /// Count refused records by source, rule and status.
    #[command(after_help = "Example: polelake quarantine ls --source housing-person")]
    Ls(RefusedRecordArgs),
    /// Show each refused record: its position, its event's id, its file and row where a backfill
    /// brought it, the rule, the field and the reason.
    #[command(after_help = "Example: polelake quarantine show --rule event.json")]
    Show(ShowRefusedArgs),
    /// Process the open records again, after their contract or mapping was fixed, and print the
    /// outcome of each.
    #[command(
        after_help = "Example: polelake quarantine redrive --rule mapping.person.date_of_birth"
    )]
    Redrive(RedriveArgs),
}

impl QuarantineCommand {
    /// The lake that it works on.
    pub(crate) fn lake(&self) -> &LakeArgs {
        match self {
            Self::Ls(args) => &args.lake,
            Self::Show(args) => &args.refusals.lake,
            Self::Redrive(args) => &args.refusals.lake,
        }
    }
}

/// Which refused records.
#[derive(Args, Clone, Debug)]
pub(crate) struct RefusedRecordArgs {
    #[command(flatten)]
    pub(crate) lake: LakeArgs,
    /// Only this source.
    #[arg(long)]
    pub(crate) source: Option<String>,
    /// Only records that broke this rule last.
    #[arg(long)]
    pub(crate) rule: Option<String>,
    /// Only records that were appended on this day or later, YYYY-MM-DD.
    #[arg(long, value_parser = Day::require)]
    pub(crate) since: Option<Day>,
    /// Print the outcome as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Which refused records are shown, and how much of them.
#[derive(Args, Clone, Debug)]
pub(crate) struct ShowRefusedArgs {
    #[command(flatten)]
    pub(crate) refusals: RefusedRecordArgs,
    /// Records to show at most.
    #[arg(long, default_value_t = 20)]
    pub(crate) limit: usize,
    /// Show the records' keys and their own bytes too. They can hold personal data.
    #[arg(long)]
    pub(crate) values: bool,
}

/// Which refused records are processed again.
#[derive(Args, Clone, Debug)]
pub(crate) struct RedriveArgs {
    #[command(flatten)]
    pub(crate) refusals: RefusedRecordArgs,
    /// Print how many records would be processed, and process none.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Seconds to wait for the outcomes.
    #[arg(long, default_value_t = 60)]
    pub(crate) wait: u64,
}
