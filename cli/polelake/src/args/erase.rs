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
    /// Search free text for the person's names and date of birth too: every text in raw,
    /// quarantine, refined and curated that stays. What is found are candidates, namesakes among
    /// them: nothing is changed because of one, and a person decides.
    #[arg(long)]
    pub(crate) search: bool,
    /// Search for this text too: an alias, an earlier surname, a telephone number. At least four
    /// letters and digits, found as full words whatever their case and accents. Can be repeated.
    #[arg(long, value_name = "TEXT", requires = "search")]
    pub(crate) search_text: Vec<String>,
    /// Print what stands around each candidate, 80 characters at most. It is people's data.
    #[arg(long, requires = "search")]
    pub(crate) values: bool,
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
