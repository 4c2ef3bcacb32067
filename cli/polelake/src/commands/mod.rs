//! One file for each command. A command reads its arguments, calls the code that does the work, and
//! prints the result.

pub(crate) mod audit;
pub(crate) mod backfill;
mod backfill_outcome;
pub(crate) mod completions;
pub(crate) mod contract;
mod declare_lost;
pub(crate) mod demo;
mod demo_output;
pub(crate) mod drop_day;
pub(crate) mod erase;
mod erase_candidates;
mod erase_local;
pub mod function;
pub(crate) mod man;
pub(crate) mod manchester;
pub(crate) mod package;
mod progress;
pub mod push;
pub(crate) mod quality;
pub(crate) mod quarantine;
pub(crate) mod rebuild;
pub(crate) mod repair;
pub(crate) mod rescan;
pub mod run_day;
pub(crate) mod smoke;
mod smoke_readers;
pub(crate) mod snapshot;
pub(crate) mod snapshot_diff;
pub(crate) mod status;
pub(crate) mod sweep;
pub(crate) mod trace;
mod unreadable;
pub(crate) mod up;
pub(crate) mod verdicts;
