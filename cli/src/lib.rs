//! The `polelake` command: the local platform, and the operator's tools.
//!
//! [`platform`] is what the functions find on AWS, on one machine. `client` talks to a running platform,
//! [`audit`], [`quarantine`], [`snapshots`] and [`erase`] work on the [`zones`] of either, [`samples`] says what a contract's samples
//! become, [`backfill`] reads the records of old systems, [`package`] makes what Terraform deploys, [`smoke`] follows one event through it, [`town`] invents a council's events, and each command has a file of its own below `commands`.

mod args;
pub mod audit;
pub mod backfill;
mod client;
mod commands;
mod cost;
pub mod erase;
pub mod package;
pub mod platform;
mod processes;
mod quality_bench;
pub mod quarantine;
pub mod samples;
mod signature;
pub mod smoke;
mod snapshot_bench;
pub mod snapshots;
pub mod town;
pub mod zones;

pub use args::{Failed, main};
