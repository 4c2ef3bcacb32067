//! `polelake erase`.

use clap::Args;

use crate::place::LakeArgs;

/// Who is to be forgotten, and how far.
#[derive(Args, Clone)]
pub(crate) struct EraseArgs {
    #[command(flatten)]
    pub(crate) lake: LakeArgs,
    /// The source that knows the record.
    #[arg(
        long,
        requires = "key",
        required_unless_present = "pole_id",
        conflicts_with = "pole_id"
    )]
    pub(crate) source: Option<String>,
    /// The record's key in that source; the parts of one that has several are joined by `/`.
    #[arg(long, requires = "source")]
    pub(crate) key: Option<String>,
    /// The id of a row, instead of a source and a key.
    #[arg(long)]
    pub(crate) pole_id: Option<String>,
    /// Records that only mention them, and that cannot be mended, go entirely.
    #[arg(long)]
    pub(crate) whole_records: bool,
    /// Say what would be erased, and write nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Erase. It cannot be undone.
    #[arg(long, conflicts_with = "dry_run")]
    pub(crate) yes: bool,
    /// Print the outcome as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}
