//! Patches against an oracle: for generated contracts, mappings and streams, the snapshot is what
//! the mapping makes of each record after all of its statements.
//!
//! The oracle shares no code with the mapping's evaluation and with the merge: it merges JSON,
//! follows paths and evaluates formulas itself. Only the ids of rows are the platform's.
//!
//! `POLELAKE_STREAMS=20000` asks for more streams, `POLELAKE_STREAM_WORLD=7` for one world alone.

mod dice;
mod draw;
mod evaluate;
mod fields;
mod formulas;
mod judge;
mod shape;
mod shrink;
mod source;
mod stream;
mod tables;
mod truth;
mod values;
mod world;

use self::shrink::{reproduction, shrink};
use self::world::{OracleDifference, OracleWorld};

/// Streams that share a lake: a day's merge costs nearly the same for one and for many.
const STREAMS_A_WORLD: usize = 25;

/// Streams of a test run.
const STREAMS: usize = 2_000;

/// Streams of sources that have no patches.
const WHOLE_STREAMS: usize = 200;

fn number_of(variable: &str) -> Option<usize> {
    std::env::var(variable).ok()?.parse().ok()
}

fn find_difference(world: &OracleWorld) -> Option<OracleDifference> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(world.find_difference())
}

/// Checks worlds of streams; panics with a small stream that fails.
fn check_worlds(worlds: impl Iterator<Item = usize>, has_patches: bool) {
    for number in worlds {
        let begun = std::time::Instant::now();
        let world = OracleWorld::draw(STREAMS_A_WORLD, has_patches, number as u64);
        let Some(difference) = find_difference(&world) else {
            eprintln!("world {number} {:?} days {}", begun.elapsed(), world.sizes.len());
            continue;
        };
        let alone = world.alone(difference.stream);
        let (small, found) = match find_difference(&alone) {
            Some(found) => shrink(alone, found, &find_difference),
            None => (world, difference),
        };
        panic!(
            "world {number} (POLELAKE_STREAM_WORLD={number}):\n{}",
            reproduction(&small, &found)
        );
    }
}

#[test]
fn streams_of_whole_states_equal_the_oracle() {
    let worlds = WHOLE_STREAMS.div_ceil(STREAMS_A_WORLD);
    check_worlds((0..worlds).map(|world| 1_000_000 + world), false);
}

#[test]
fn streams_with_patches_equal_the_oracle() {
    if let Some(world) = number_of("POLELAKE_STREAM_WORLD") {
        return check_worlds(std::iter::once(world), true);
    }
    let streams = number_of("POLELAKE_STREAMS").unwrap_or(STREAMS);
    check_worlds(0..streams.div_ceil(STREAMS_A_WORLD), true);
}
