//! The `polelake` command: its arguments, what each command prints, and the tools around contracts.
//!
//! `args` describes the arguments, `dispatch` runs a command, and each command has a file of its
//! own below `commands`. Other code does the work: `operations` on the zones of a lake,
//! `local_platform` on one machine, and the functions. [`samples`] says which rows a contract's
//! samples become, [`backfill`] reads the records of files, [`drafting`] drafts a source from them,
//! [`package`] makes the zips that Terraform deploys, [`smoke`] follows one event through a deployed
//! stack, and `reader_counts` has an account's engines count the rows of its tables.

// First: its macros stand in front of the standard library's in every module behind it.
#[macro_use]
mod terminal;

mod args;
mod aws_environment;
pub mod backfill;
mod bounded_answer;
mod bounded_lines;
pub mod client;
pub mod commands;
mod contract_mix;
mod dispatch;
pub mod drafting;
pub mod error;
mod exit_code;
mod full_disk;
pub mod function_rebuilder;
mod interruption;
mod named_file;
mod one_heap;
pub mod open_lake;
pub mod package;
pub mod place;
mod push_answer;
mod reader_counts;
pub mod sample_faults;
mod sampled_event;
pub mod samples;
mod signature;
pub mod smoke;
pub mod snapshot_eraser;
mod trial;
mod work_progress;

pub use dispatch::main;
pub use error::CliError;
pub use exit_code::run_to_exit_code;
