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
const STREAMS_A_WORLD: usize = 100;

/// Streams of a test run.
const STREAMS: usize = 2_000;

/// Streams of sources that have no patches.
const WHOLE_STREAMS: usize = 200;

fn number_of(variable: &str) -> Option<usize> {
    std::env::var(variable).ok()?.parse().ok()
}

fn find_differences(world: &OracleWorld) -> Vec<OracleDifference> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(world.find_differences())
}

fn first_difference(world: &OracleWorld) -> Option<OracleDifference> {
    find_differences(world).into_iter().next()
}

/// Checks worlds of streams; panics with a small stream that fails.
fn check_worlds(worlds: impl Iterator<Item = usize>, has_patches: bool) {
    for number in worlds {
        let world = OracleWorld::draw(STREAMS_A_WORLD, has_patches, number as u64);
        let differences = find_differences(&world);
        assert!(
            differences.is_empty(),
            "{} of the {STREAMS_A_WORLD} streams of world {number} differ \
             (POLELAKE_STREAM_WORLD={number}); the first, made small:\n{}",
            differences.len(),
            describe_first(world, differences)
        );
    }
}

/// The first difference of a world, of a stream that is as small as it can be made.
fn describe_first(world: OracleWorld, differences: Vec<OracleDifference>) -> String {
    let Some(first) = differences.into_iter().next() else {
        return String::new();
    };
    let alone = world.alone(first.stream);
    let (small, found) = match first_difference(&alone) {
        Some(found) => shrink(alone, found, &first_difference),
        // It takes the other streams too.
        None => (world, first),
    };
    reproduction(&small, &found)
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
