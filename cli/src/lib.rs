//! The `polelake` command: the local platform, and the operator's tools.
//!
//! [`platform`] is what the functions find on AWS, on one machine. `client` talks to a running platform,
//! [`audit`], [`quarantine`], [`snapshots`] and [`erase`] work on the [`zones`] of either, [`samples`] says what a contract's samples
//! become, [`backfill`] reads the records of old systems, [`town`] invents a council's events, and each command has a file of its own below `commands`.

mod args;
pub mod audit;
pub mod backfill;
mod client;
mod commands;
pub mod erase;
pub mod platform;
mod quality_bench;
pub mod quarantine;
pub mod samples;
mod snapshot_bench;
pub mod snapshots;
pub mod town;
pub mod zones;

pub use args::{Failed, main};
