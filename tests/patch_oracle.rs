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

/// The most streams that share a lake: a day's merge costs nearly the same for one and for many.
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

/// Checks this many streams, in worlds from this number on; panics with a small stream that fails.
fn check_streams(streams: usize, first_world: usize, has_patches: bool) {
    for before in (0..streams).step_by(STREAMS_A_WORLD) {
        let count = STREAMS_A_WORLD.min(streams - before);
        check_world(count, first_world + before / STREAMS_A_WORLD, has_patches);
    }
}

fn check_world(count: usize, number: usize, has_patches: bool) {
    let world = OracleWorld::draw(count, has_patches, number as u64);
    let differences = find_differences(&world);
    let places: Vec<usize> = differences.iter().map(|found| found.stream).collect();
    assert!(
        places.is_empty(),
        "{} of the {count} streams of world {number} differ (POLELAKE_STREAM_WORLD={number}), \
         those at the places {places:?}; the first, made small:\n{}",
        places.len(),
        describe_first(world, differences)
    );
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
    check_streams(WHOLE_STREAMS, 1_000_000, false);
}

#[test]
fn streams_with_patches_equal_the_oracle() {
    let streams = number_of("POLELAKE_STREAMS");
    match number_of("POLELAKE_STREAM_WORLD") {
        Some(world) => check_world(streams.unwrap_or(STREAMS_A_WORLD), world, true),
        None => check_streams(streams.unwrap_or(STREAMS), 0, true),
    }
}
