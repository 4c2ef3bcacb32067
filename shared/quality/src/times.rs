//! Checks of dates and instants: against each other, and against the time at which a row was
//! appended to the log.

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, TimestampMicrosecondType};

use crate::verdict::RowVerdict;

/// Microseconds of a day.
pub(crate) const MICROS_PER_DAY: i64 = 86_400_000_000;

/// Microseconds of an hour.
const MICROS_PER_HOUR: i64 = 3_600_000_000;

/// The column that has the instant at which a row was appended to the log.
const APPEND_TIME: &str = "ingested_at";

/// How far the clocks of the easternmost zone are ahead of UTC, and those of the westernmost
/// behind. A date is that of a source's zone, which its row does not name: beside an instant it
/// counts as any day that clocks somewhere show.
const EASTERNMOST: i64 = 14 * MICROS_PER_HOUR;
const WESTERNMOST: i64 = 12 * MICROS_PER_HOUR;

/// How far an instant may be after the append, where clocks differ.
const CLOCK_SKEW: i64 = MICROS_PER_HOUR;

/// A date or an instant.
#[derive(Clone, Copy, Debug)]
enum DateOrInstant {
    /// Days since 1970.
    Date(i64),
    /// Microseconds since 1970.
    Instant(i64),
}

impl DateOrInstant {
    /// The earliest day that clocks anywhere show.
    fn earliest_day(self) -> i64 {
        match self {
            Self::Date(day) => day,
            Self::Instant(micros) => (micros - WESTERNMOST).div_euclid(MICROS_PER_DAY),
        }
    }

    /// The latest day that clocks anywhere show.
    fn latest_day(self) -> i64 {
        match self {
            Self::Date(day) => day,
            Self::Instant(micros) => (micros + EASTERNMOST).div_euclid(MICROS_PER_DAY),
        }
    }

    /// Whether it is not before the other; where one of the two is only a date, in some zone.
    fn is_not_before(self, other: Self) -> bool {
        match (self, other) {
            (Self::Instant(micros), Self::Instant(other_micros)) => micros >= other_micros,
            _ => self.latest_day() >= other.earliest_day(),
        }
    }

    /// Whether it is not after the row's append: a date in some zone, an instant on the same day in
    /// UTC or within what clocks differ.
    fn is_not_after_append(self, appended: Self) -> bool {
        match (self, appended) {
            (Self::Instant(micros), Self::Instant(append)) => {
                let day = micros.div_euclid(MICROS_PER_DAY);
                day <= append.div_euclid(MICROS_PER_DAY) || micros <= append + CLOCK_SKEW
            }
            _ => self.earliest_day() <= appended.latest_day(),
        }
    }
}

/// Checks that no value is on a later day than the row's append to the log.
pub(crate) fn check_not_future(batch: &RecordBatch, column: &str) -> Vec<RowVerdict> {
    check_time_pairs(
        batch,
        column,
        APPEND_TIME,
        DateOrInstant::is_not_after_append,
    )
}

/// Checks that no value is more than so many years before the row's append to the log.
pub(crate) fn check_age_at_most(batch: &RecordBatch, column: &str, years: i32) -> Vec<RowVerdict> {
    // A year has 365.2425 days: a leap day more or less does not matter to an age of 120.
    let days_max = i64::from(years) * 3_652_425 / 10_000;

    check_time_pairs(batch, column, APPEND_TIME, |time, appended| {
        appended.earliest_day() - time.latest_day() <= days_max
    })
}

/// Checks that no value of the first column is before that of the second.
pub(crate) fn check_not_before(batch: &RecordBatch, column: &str, other: &str) -> Vec<RowVerdict> {
    check_time_pairs(batch, column, other, |time, earlier| {
        time.is_not_before(earlier)
    })
}

/// Checks the rows in which both columns have a value.
fn check_time_pairs(
    batch: &RecordBatch,
    first: &str,
    second: &str,
    accepts: impl Fn(DateOrInstant, DateOrInstant) -> bool,
) -> Vec<RowVerdict> {
    column_times(batch, first)
        .into_iter()
        .zip(column_times(batch, second))
        .map(|(first, second)| {
            first
                .zip(second)
                .map(|(first, second)| accepts(first, second))
        })
        .map(RowVerdict::from_optional_bool)
        .collect()
}

fn column_times(batch: &RecordBatch, column: &str) -> Vec<Option<DateOrInstant>> {
    let none = || vec![None; batch.num_rows()];
    let Some(column) = batch.column_by_name(column) else {
        return none();
    };

    if let Some(days) = column.as_primitive_opt::<Date32Type>() {
        return days
            .iter()
            .map(|day| day.map(|day| DateOrInstant::Date(day.into())))
            .collect();
    }
    if let Some(instants) = column.as_primitive_opt::<TimestampMicrosecondType>() {
        return instants
            .iter()
            .map(|instant| instant.map(DateOrInstant::Instant))
            .collect();
    }
    none()
}
