//! Which days can be merged: those that have begun, from the first one of which there are data.

use host::{Failure, FailureKind};
use lake::Day;

use crate::manifest_lookup::ManifestLookup;
use crate::streams::StreamReceipts;

/// 2011-01-01. Kafka was published in that year: no record was appended before it, so a lake
/// without data knows that an earlier day, such as 1970-01-01, is a mistake. Later days may be
/// empty.
const FIRST_APPEND_DAY: Day = Day(14_975);

/// Refuses a day that has not begun, and one before all data. A snapshot of either would be shown
/// as the newest day, or as one on which nothing was known.
///
/// A day has begun when the clock or a record's append time says so: the demonstration's log has
/// days of its own.
pub(crate) fn check_day(
    day: Day,
    lookups: &[Result<ManifestLookup, Failure>],
    streams: &StreamReceipts,
    now_micros: i64,
) -> Result<(), Failure> {
    let today = Day::from_micros(now_micros);
    let (oldest, newest) = match streams.data_days() {
        Some((oldest, newest)) => (Some(oldest), newest.max(today)),
        None => (None, today),
    };
    if day > newest {
        return Err(refuse(format!(
            "{day} has not begun: the newest day is {newest}; name that one or an earlier one. If \
             a snapshot of {day} was made too early, `polelake snapshot drop-day {day} --dry-run` \
             shows what removes it"
        )));
    }

    // Where a manifest cannot be read, there is one.
    let has_history = lookups.iter().any(|lookup| {
        lookup
            .as_ref()
            .map_or(true, ManifestLookup::has_day_or_base)
    });
    match oldest {
        Some(oldest) if day < oldest && !has_history => Err(refuse(format!(
            "{day} is before all data: the earliest data are of {oldest}; a record counts on the \
             day on which it was appended, so `polelake run-day {oldest}` is the first that holds \
             any"
        ))),
        None if day < FIRST_APPEND_DAY && !has_history => Err(refuse(format!(
            "{day} is before all data: no record of these tables' sources has landed yet, and the \
             first one counts on the day on which it is appended"
        ))),
        _ => Ok(()),
    }
}

fn refuse(message: String) -> Failure {
    Failure::new(FailureKind::BadRequest, message)
}
