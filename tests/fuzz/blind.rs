//! Bytes and structures that are changed blindly: whatever they are, no panic, and every event is
//! rows, ignored, or quarantined with its bytes.

use std::panic::{AssertUnwindSafe, catch_unwind};

use fastrand::Rng;

use super::event::random_case;
use super::source::{Transformed, transform};
use super::values::one_of;
use super::{BATCH, cases_and_seed};

#[test]
fn fuzz_no_bytes_make_a_panic_and_no_event_is_lost() {
    let (cases, seed) = cases_and_seed();
    let cases = cases * 3 / 10;
    let mut refused = 0;
    for batch in 0..cases.div_ceil(BATCH) as u64 {
        let mut rng = Rng::with_seed(seed.wrapping_mul(7_000_003).wrapping_add(batch));
        let batch: Vec<Vec<u8>> = (0..BATCH).map(|_| blind_bytes(&mut rng)).collect();
        refused += check_blind(&batch);
    }
    eprintln!("{cases} blind events: {refused} refused, none lost");
}

pub(super) fn blind_bytes(rng: &mut Rng) -> Vec<u8> {
    let mut bytes = random_case(rng).bytes;
    if rng.bool() {
        // Still JSON, mostly.
        replace_value(rng, &mut bytes);
        return bytes;
    }
    for _ in 0..rng.usize(1..4) {
        match rng.u8(..8) {
            0 => bytes = (0..rng.usize(..300)).map(|_| rng.u8(..)).collect(),
            1 | 2 => change_byte(rng, &mut bytes),
            3 => delete_run(rng, &mut bytes),
            4 => repeat_run(rng, &mut bytes),
            5 => splice(rng, &mut bytes),
            _ => replace_value(rng, &mut bytes),
        }
    }
    bytes
}

fn place_in(rng: &mut Rng, bytes: &[u8]) -> usize {
    rng.usize(..=bytes.len())
}

fn change_byte(rng: &mut Rng, bytes: &mut [u8]) {
    let place = place_in(rng, bytes);
    if let Some(byte) = bytes.get_mut(place) {
        *byte = match rng.bool() {
            true => rng.u8(..),
            false => one_of(rng, b"{}[]\",:\\0-+eE.tfn \x00\xff"),
        };
    }
}

fn run_of(rng: &mut Rng, bytes: &[u8]) -> std::ops::Range<usize> {
    let start = place_in(rng, bytes);
    let end = (start + rng.usize(..40)).min(bytes.len());
    start..end
}

fn delete_run(rng: &mut Rng, bytes: &mut Vec<u8>) {
    let run = run_of(rng, bytes);
    bytes.drain(run);
}

fn repeat_run(rng: &mut Rng, bytes: &mut Vec<u8>) {
    let run = run_of(rng, bytes);
    let copy = bytes[run.clone()].repeat(rng.usize(1..30));
    bytes.splice(run.end..run.end, copy);
}

/// A run of another event.
fn splice(rng: &mut Rng, bytes: &mut Vec<u8>) {
    let other = random_case(rng).bytes;
    let run = run_of(rng, &other);
    let place = place_in(rng, bytes);
    bytes.splice(place..place, other[run].iter().copied());
}

/// A value behind a colon becomes another.
fn replace_value(rng: &mut Rng, bytes: &mut Vec<u8>) {
    let colons: Vec<usize> = (0..bytes.len())
        .filter(|place| bytes[*place] == b':')
        .map(|place| place + 1)
        .collect();
    if colons.is_empty() {
        return;
    }
    let start = one_of(rng, &colons);
    let rest = bytes[start..]
        .iter()
        .position(|byte| matches!(byte, b',' | b'}'));
    let end = rest.map_or(bytes.len(), |length| start + length);
    let deep = format!("{}1{}", "[".repeat(64), "]".repeat(64));
    let digits = "9".repeat(500);
    let values = [
        "null",
        "true",
        "0",
        "-0",
        "-0.0",
        "7.0",
        "1e5",
        "1.005",
        "1e-400",
        "1e400",
        "1e999",
        "-1e18446744073709551616",
        "\"\"",
        "\" \"",
        "\"NaN\"",
        "\"1850-81-01\"",
        "\"a\\u0000\"",
        "\"{}\"",
        "\"[\"",
        "{}",
        "[]",
        "[null]",
        "[[]]",
        "[{}]",
        "{\"id\": \"x\"}",
        "{\"\\u0000number\": \"7\"}",
        "{\"\\u0000number\": \"\"}",
        "89441100000000000011",
        "\"9999-12-31T23:59:59.999999999-18:00\"",
        "\"0001-01-01T00:00:00+18:00\"",
        "\"2026-03-29T01:30:00\"",
        "\"\\ud83d\"",
        "\"\\ud83d\\ude00\"",
        "-",
        &deep,
        &digits,
    ];
    let value = one_of(rng, &values);
    bytes.splice(start..end, value.bytes());
}

/// Checks that every event has its place in the receipt; gives how many were refused.
fn check_blind(batch: &[Vec<u8>]) -> usize {
    let found = catch_unwind(AssertUnwindSafe(|| transform(batch)));
    assert!(found.is_ok(), "a panic by: {:?}", guilty_event(batch));
    let found = found.unwrap();
    check_accounts(batch, &found);
    found.refused.len()
}

/// The event that makes a panic alone.
fn guilty_event(batch: &[Vec<u8>]) -> Option<String> {
    let guilty = batch.iter().find(|bytes| {
        catch_unwind(AssertUnwindSafe(|| transform(std::slice::from_ref(*bytes)))).is_err()
    });
    guilty.map(|bytes| String::from_utf8_lossy(bytes).into_owned())
}

fn check_accounts(batch: &[Vec<u8>], found: &Transformed) {
    let receipt = &found.receipt;
    let sum = receipt.refined + receipt.ignored + receipt.quarantined_total();
    assert_eq!(
        (receipt.landed, sum),
        (batch.len() as u64, batch.len() as u64)
    );
    assert_eq!(found.refused.len() as u64, receipt.quarantined_total());
    assert_eq!(found.things.len() as u64, receipt.refined);

    let mut places: Vec<i64> = found.refused.iter().map(|record| record.offset).collect();
    places.extend(
        found
            .things
            .iter()
            .map(|row| row["offset"].parse::<i64>().unwrap()),
    );
    let all = places.len();
    places.sort_unstable();
    places.dedup();
    assert_eq!(places.len(), all, "an event is both rows and refused");
    for record in &found.refused {
        let bytes = &batch[usize::try_from(record.offset).unwrap()];
        assert_eq!(record.value.as_deref(), Some(&bytes[..]));
        let (rule, path) = (&record.rule, &record.path);
        assert!(
            rule.contains('.') && path.starts_with('$'),
            "{rule} {path}: {}",
            record.reason
        );
    }
}
