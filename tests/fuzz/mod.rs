//! Random events and files: each becomes exactly the rows that it says, or is refused under a rule
//! and with a path; none is lost, and none makes a panic. What must come of a value is decided
//! where the value is made, without code of the transform.
//!
//! CI runs a share. `POLELAKE_FUZZ_CASES=100000` runs all, `POLELAKE_FUZZ_SEED` other ones.

mod blind;
mod check;
mod event;
mod fields;
mod files;
mod lists;
mod source;
mod time_fields;
mod times;
mod values;

use fastrand::Rng;

use self::check::check_batch;
use self::event::random_case;

/// Cases of a test run.
const CASES: usize = 5_000;

/// Events of one raw object.
const BATCH: usize = 250;

/// How many cases are run, and from which seed.
fn cases_and_seed() -> (usize, u64) {
    let number = |name: &str| {
        std::env::var(name)
            .ok()
            .and_then(|text| text.parse::<u64>().ok())
    };
    let cases = number("POLELAKE_FUZZ_CASES").and_then(|cases| usize::try_from(cases).ok());
    (
        cases.unwrap_or(CASES),
        number("POLELAKE_FUZZ_SEED").unwrap_or(15),
    )
}

#[test]
fn fuzz_every_event_becomes_its_rows_or_is_refused_with_its_path() {
    let (cases, seed) = cases_and_seed();
    // Of all cases, half are these; the others are blind, or come from files.
    let cases = cases / 2;
    let mut refused = 0;
    for batch in 0..cases.div_ceil(BATCH) as u64 {
        let mut rng = Rng::with_seed(seed.wrapping_mul(1_000_003).wrapping_add(batch));
        let batch: Vec<_> = (0..BATCH).map(|_| random_case(&mut rng)).collect();
        refused += check_batch(&batch);
    }
    eprintln!(
        "{cases} events: {} right, {refused} refused as they must be",
        cases - refused
    );
}
