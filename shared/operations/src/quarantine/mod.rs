//! Refused records: found again, and processed again after their contract or mapping was fixed.
//!
//! The quarantine zone says which records were refused, the receipts of the redrive partition say
//! what became of those that were redriven, and the redrive partition's raw objects say which ones
//! are underway. No other state is kept.

mod entries;
mod history;
mod redrive;
mod rules;
mod summary;

pub use entries::{QuarantineEntry, QuarantineFilter, list_entries};
pub use history::RedriveStatus;
pub use redrive::{RedriveOutcome, RepeatedRefusal, redrive_entries, wait_for_outcomes};
pub use summary::{RefusalGroup, count_open, group_entries};
