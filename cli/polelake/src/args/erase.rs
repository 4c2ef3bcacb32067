//! `polelake erase`.

use clap::{Args, ValueEnum};

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
    /// What becomes of a record that is about something else and mentions the person. `object`
    /// removes the smallest object around the mention, `field` the field alone; what cannot be
    /// redacted so is listed for a decision by hand. `record` removes the smallest object, or
    /// erases the full record where that is not possible.
    #[arg(long, value_enum, default_value = "object")]
    pub(crate) mentions: MentionChoice,
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

/// What becomes of a record that only mentions the person.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum MentionChoice {
    Object,
    Field,
    Record,
}
