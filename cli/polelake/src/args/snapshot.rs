//! `polelake snapshot`.

use clap::{Args, Subcommand};
use lake::Day;

use crate::place::LakeArgs;

#[derive(Subcommand)]
pub(crate) enum SnapshotCommand {
    /// List the retained days of every table: rows, how many were inserted and deleted, shards, and
    /// whether readers see it.
    #[command(after_help = "Example: polelake snapshot ls --table person\n         \
            polelake snapshot ls --aws --json")]
    Ls(ListSnapshotsArgs),
    /// Show a table's day: its shards, the offsets that it committed, the rules that failed, and
    /// how to read exactly its files.
    #[command(after_help = "Example: polelake snapshot show person 2026-03-03")]
    Show(ShowSnapshotArgs),
    /// Compare two days: rows added, changed and removed, and how many rows changed in each column.
    #[command(
        after_help = "Example: polelake snapshot diff 2026-03-02 2026-03-03\n         \
            polelake snapshot diff 2026-03-02 2026-03-03 --table person --rows 5"
    )]
    Diff(DiffArgs),
    /// Delete the days that the retention does not keep, and every file that no retained day names.
    /// The newest day and the newest day that passed are always retained. Exit code 1 when a table
    /// is not swept because one of its manifests cannot be read.
    #[command(
        after_help = "Example: polelake snapshot sweep --daily 35 --monthly 13 --yearly 7 --dry-run"
    )]
    Sweep(SweepArgs),
    /// Delete one day of every table, such as one that was merged under a wrong date: its snapshot,
    /// its files that no other day names, its history and its measures. No merge of the day may run
    /// meanwhile.
    #[command(
        after_help = "Example: polelake snapshot drop-day 2026-03-03 --dry-run\n         \
            polelake snapshot drop-day 2026-03-03 --yes"
    )]
    DropDay(DropDayArgs),
}

impl SnapshotCommand {
    /// The lake that it works on.
    pub(crate) fn lake(&self) -> &LakeArgs {
        match self {
            Self::Ls(args) => &args.lake,
            Self::Show(args) => &args.lake,
            Self::Diff(args) => &args.lake,
            Self::Sweep(args) => &args.lake,
            Self::DropDay(args) => &args.lake,
        }
    }
}

/// Which day is dropped.
#[derive(Args, Clone, Debug)]
pub(crate) struct DropDayArgs {
    #[command(flatten)]
    pub(crate) lake: LakeArgs,
    /// The day, YYYY-MM-DD.
    #[arg(value_parser = Day::require)]
    pub(crate) date: Day,
    /// Print what would be deleted, and delete nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Delete the day.
    #[arg(long, conflicts_with = "dry_run")]
    pub(crate) yes: bool,
    /// Print the outcome as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Which tables' days are listed.
#[derive(Args, Clone, Debug)]
pub(crate) struct ListSnapshotsArgs {
    #[command(flatten)]
    pub(crate) lake: LakeArgs,
    /// Only this table.
    #[arg(long)]
    pub(crate) table: Option<String>,
    /// Print the outcome as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Which day is shown.
#[derive(Args, Clone, Debug)]
pub(crate) struct ShowSnapshotArgs {
    #[command(flatten)]
    pub(crate) lake: LakeArgs,
    /// The table.
    pub(crate) table: String,
    /// The day, YYYY-MM-DD.
    #[arg(value_parser = Day::require)]
    pub(crate) date: Day,
    /// Print the outcome as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Which days are compared, and what is shown of their rows.
#[derive(Args, Clone, Debug)]
pub(crate) struct DiffArgs {
    #[command(flatten)]
    pub(crate) lake: LakeArgs,
    /// The earlier day, YYYY-MM-DD.
    #[arg(value_parser = Day::require)]
    pub(crate) from: Day,
    /// The later day, YYYY-MM-DD.
    #[arg(value_parser = Day::require)]
    pub(crate) to: Day,
    /// Only this table; without it every table that has both days.
    #[arg(long)]
    pub(crate) table: Option<String>,
    /// Rows that differ to show of each table at most: key, columns, and values that are not
    /// personal.
    #[arg(long, default_value_t = 0)]
    pub(crate) rows: usize,
    /// Show the values of personal columns too: the output then holds personal data.
    #[arg(long, requires = "rows")]
    pub(crate) values: bool,
    /// Print the outcome as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Which days are retained.
#[derive(Args, Clone, Debug)]
pub(crate) struct SweepArgs {
    #[command(flatten)]
    pub(crate) lake: LakeArgs,
    /// How many of the newest days are retained.
    #[arg(long, default_value_t = 35)]
    pub(crate) daily: usize,
    /// Of how many of the newest months the last day is retained.
    #[arg(long, default_value_t = 13)]
    pub(crate) monthly: usize,
    /// Of how many of the newest years the last day is retained.
    #[arg(long, default_value_t = 7)]
    pub(crate) yearly: usize,
    /// Only these tables.
    #[arg(long, value_delimiter = ',')]
    pub(crate) tables: Vec<String>,
    /// Print what would be deleted, and delete nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Print the outcome as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}
