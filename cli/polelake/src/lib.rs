//! The `polelake` command: its arguments, what each command prints, and the tools around contracts.
//!
//! `args` says what can be asked for, `dispatch` runs it, and each command has a file of its own below `commands`. The work
//! is done elsewhere: by `operations` on the zones of a lake, by `local_platform` on one machine, and by the functions.
//! [`samples`] says which rows a contract's samples become, [`backfill`] reads the records of old systems, [`package`]
//! makes what Terraform deploys, and [`smoke`] follows one event through a deployed stack.

mod args;
pub mod backfill;
pub mod client;
pub mod commands;
mod dispatch;
pub mod error;
mod exit_code;
pub mod open_lake;
pub mod package;
pub mod place;
pub mod samples;
mod signature;
pub mod smoke;

pub use dispatch::main;
pub use error::CliError;
pub use exit_code::run_to_exit_code;
