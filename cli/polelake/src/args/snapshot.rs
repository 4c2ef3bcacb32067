//! `polelake snapshot`.

use clap::{Args, Subcommand};

use crate::place::LakeArgs;

#[derive(Subcommand)]
pub(crate) enum SnapshotCommand {
    /// List the days that are kept of every table: rows, what came and went, shards, and whether readers got it.
    #[command(
        after_help = "Example: polelake snapshot ls --table person\n         polelake snapshot ls --aws --json"
    )]
    Ls {
        #[command(flatten)]
        lake: LakeArgs,
        /// Only this table.
        #[arg(long)]
        table: Option<String>,
        /// Print the outcome as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Show a table's day: its shards, what it took, rules that do not hold, and how to read exactly its files.
    #[command(after_help = "Example: polelake snapshot show person 2026-03-03")]
    Show {
        #[command(flatten)]
        lake: LakeArgs,
        /// The table.
        table: String,
        /// The day, YYYY-MM-DD.
        date: String,
        /// Print the outcome as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Compare two days: rows added, changed and removed, and how many rows changed in each column.
    #[command(
        after_help = "Example: polelake snapshot diff 2026-03-02 2026-03-03\n         polelake snapshot diff 2026-03-02 2026-03-03 --table person --rows 5"
    )]
    Diff(DiffArgs),
    /// Drop the days that are not kept, and every file that no kept day names. The newest day and the newest that passed
    /// always stay.
    #[command(
        after_help = "Example: polelake snapshot sweep --daily 35 --monthly 13 --yearly 7 --dry-run"
    )]
    Sweep {
        #[command(flatten)]
        lake: LakeArgs,
        /// How many of the newest days are kept.
        #[arg(long, default_value_t = 35)]
        daily: usize,
        /// Of how many of the newest months the last day is kept.
        #[arg(long, default_value_t = 13)]
        monthly: usize,
        /// Of how many of the newest years the last day is kept.
        #[arg(long, default_value_t = 7)]
        yearly: usize,
        /// Only these tables.
        #[arg(long, value_delimiter = ',')]
        tables: Vec<String>,
        /// Only say what would be done.
        #[arg(long)]
        dry_run: bool,
        /// Print the outcome as JSON.
        #[arg(long)]
        json: bool,
    },
}

/// Which days are compared, and what is shown of their rows.
#[derive(Args, Clone, Debug)]
pub(crate) struct DiffArgs {
    #[command(flatten)]
    pub(crate) lake: LakeArgs,
    /// The day that is compared with, YYYY-MM-DD.
    pub(crate) from: String,
    /// The day that is compared, YYYY-MM-DD.
    pub(crate) to: String,
    /// Only this table; every table that has both days without it.
    #[arg(long)]
    pub(crate) table: Option<String>,
    /// Rows that differ to show of each table at most: key, columns, and values that are not personal.
    #[arg(long, default_value_t = 0)]
    pub(crate) rows: usize,
    /// Show the values of personal columns too: what is printed then holds personal data.
    #[arg(long, requires = "rows")]
    pub(crate) values: bool,
    /// Print the outcome as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}
