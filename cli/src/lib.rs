//! The `polelake` command: the local platform, and the operator's tools.
//!
//! [`platform`] is what the functions find on AWS, on one machine. `client` talks to a running platform,
//! [`town`] invents a council's events, and each command has a file of its own below `commands`.

mod args;
mod client;
mod commands;
pub mod platform;
pub mod town;

pub use args::main;
