//! `polelake erase`.

use clap::Args;

use crate::place::LakeArgs;

/// Which subject is erased, and how far.
#[derive(Args, Clone)]
pub(crate) struct EraseArgs {
    #[command(flatten)]
    pub(crate) lake: LakeArgs,
    /// The source of the record.
    #[arg(
        long,
        requires = "key",
        required_unless_present = "pole_id",
        conflicts_with = "pole_id"
    )]
    pub(crate) source: Option<String>,
    /// The record's key in that source; the parts of a key that has several are joined by `/`.
    #[arg(long, requires = "source")]
    pub(crate) key: Option<String>,
    /// A row's id, as in the column pole_id, instead of a source and a key.
    #[arg(long)]
    pub(crate) pole_id: Option<String>,
    /// Erase full records that only mention the person, where the mention cannot be redacted.
    #[arg(long)]
    pub(crate) whole_records: bool,
    /// Print what would be erased, and write nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Erase. It cannot be undone.
    #[arg(long, conflicts_with = "dry_run")]
    pub(crate) yes: bool,
    /// Print the outcome as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}
