//! `polelake status`, `trace`, `audit`, `repair` and `rebuild`.

use clap::Args;
use lake::Day;

use crate::place::LakeArgs;

/// Which lake is looked at.
#[derive(Args, Clone, Debug)]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    pub(crate) lake: LakeArgs,
    /// Print the outcome as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Which event is searched, and where.
#[derive(Args, Clone, Debug)]
pub(crate) struct TraceArgs {
    #[command(flatten)]
    pub(crate) lake: LakeArgs,
    /// The event's id, as the relay answers it, as `quarantine show` prints it, and as the column
    /// `source_event_id` has it.
    pub(crate) event_id: String,
    /// Only this source.
    #[arg(long)]
    pub(crate) source: Option<String>,
    /// The first day on which its record was appended, YYYY-MM-DD.
    #[arg(long, value_parser = Day::require)]
    pub(crate) from: Option<Day>,
    /// The last day on which its record was appended.
    #[arg(long, value_parser = Day::require)]
    pub(crate) to: Option<Day>,
    /// Print the outcome as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Which days are audited, and how closely.
#[derive(Args, Clone, Debug)]
pub(crate) struct AuditArgs {
    #[command(flatten)]
    pub(crate) lake: LakeArgs,
    /// One day, YYYY-MM-DD.
    #[arg(long, value_parser = Day::require, conflicts_with_all = ["from", "to"])]
    pub(crate) date: Option<Day>,
    /// The first day; without it the audit begins at the first offset.
    #[arg(long, value_parser = Day::require)]
    pub(crate) from: Option<Day>,
    /// The last day; without it the audit ends at the newest record, and compares the raw zone with
    /// Kafka.
    #[arg(long, value_parser = Day::require)]
    pub(crate) to: Option<Day>,
    /// Read every object, not only its metadata.
    #[arg(long)]
    pub(crate) deep: bool,
    /// Print the outcome as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// What a repair may do.
#[derive(Args, Clone, Debug)]
pub(crate) struct RepairArgs {
    #[command(flatten)]
    pub(crate) lake: LakeArgs,
    /// Show what would be repaired, and change nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Delete objects that the platform did not write and that nothing names.
    #[arg(long)]
    pub(crate) delete_added: bool,
    /// In place of a repair, record for good that these raw objects are lost: the audit finds them
    /// no longer, and a rebuild goes over them. Only what a repair prints under `lost`, each by the
    /// key that it prints.
    #[arg(
        long,
        value_name = "OBJECT",
        num_args = 1..,
        requires = "reason",
        conflicts_with_all = ["delete_added", "withdraw"]
    )]
    pub(crate) declare_lost: Vec<String>,
    /// Why they are lost; it is kept and printed, so it names no person.
    #[arg(long, value_name = "TEXT", requires = "declare_lost")]
    pub(crate) reason: Option<String>,
    /// The offset behind the last lost record, where the lake does not record it.
    #[arg(long, value_name = "OFFSET", requires = "declare_lost")]
    pub(crate) next: Option<i64>,
    /// In place of a repair, delete the declarations that these raw objects are lost, such as when
    /// they were restored.
    #[arg(long, value_name = "OBJECT", num_args = 1.., conflicts_with = "delete_added")]
    pub(crate) withdraw: Vec<String>,
    /// Print the outcome as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Which days are built again, and from what.
#[derive(Args, Clone, Debug)]
pub(crate) struct RebuildArgs {
    #[command(flatten)]
    pub(crate) lake: LakeArgs,
    /// The first day, YYYY-MM-DD.
    #[arg(long, value_parser = Day::require)]
    pub(crate) from: Day,
    /// The last day, one that has begun; without it the newest day of any table.
    #[arg(long, value_parser = Day::require)]
    pub(crate) to: Option<Day>,
    /// Only these tables.
    #[arg(long, value_delimiter = ',')]
    pub(crate) tables: Vec<String>,
    /// Transform the days' raw objects again first, under the contracts and mappings of today.
    #[arg(long)]
    pub(crate) raw: bool,
    /// Print the outcome as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}
