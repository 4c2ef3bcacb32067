//! Benchmarks of the platform beside its peers, and the cost model.
//!
//! A crate of its own, so that none of it is linked into what operators install. `commands`
//! measures single steps and a load, `land_peers` a landing beside Kafka Connect, `snapshot_bench`, `patches_bench` and `quality_bench` measure
//! days of large tables, `memory_bench` the peak memory of every operation on them, and `cost`
//! turns measured figures into a month's bill.

mod args;
mod commands;
mod contracts;
mod cost;
mod folder;
mod land_peers;
mod memory_bench;
mod mixed;
mod patches_bench;
mod person_events;
mod processes;
mod quality_bench;
mod snapshot_bench;
mod transform_step;

pub use args::{main, run_arguments};
use folder::require_new_folder;

/// CPU-seconds of this process so far.
#[must_use]
pub fn own_cpu_seconds() -> f64 {
    processes::cpu_seconds("self")
}
