//! Checks of dates and instants: against each other, and against the time at which a row was
//! appended to the log.

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, TimestampMicrosecondType};

use crate::verdict::RowVerdict;

/// Microseconds of a day.
pub(crate) const MICROS_PER_DAY: i64 = 86_400_000_000;

/// The column that has the instant at which a row was appended to the log.
const APPEND_TIME: &str = "ingested_at";

/// A date or an instant.
#[derive(Clone, Copy, Debug)]
struct DateOrInstant {
    day: i64,
    /// Microseconds since 1970; none for a date.
    micros: Option<i64>,
}

impl DateOrInstant {
    fn from_date(day: i32) -> Self {
        Self {
            day: i64::from(day),
            micros: None,
        }
    }

    fn from_instant(micros: i64) -> Self {
        Self {
            day: micros.div_euclid(MICROS_PER_DAY),
            micros: Some(micros),
        }
    }

    /// Compares by the day, where one of the two is only a date.
    fn is_not_before(&self, other: &Self) -> bool {
        match (self.micros, other.micros) {
            (Some(micros), Some(other_micros)) => micros >= other_micros,
            _ => self.day >= other.day,
        }
    }
}

/// Checks that no value is on a later day than the row's append to the log.
pub(crate) fn check_not_future(batch: &RecordBatch, column: &str) -> Vec<RowVerdict> {
    check_time_pairs(batch, column, APPEND_TIME, |time, appended| {
        time.day <= appended.day
    })
}

/// Checks that no value is more than so many years before the row's append to the log.
pub(crate) fn check_age_at_most(batch: &RecordBatch, column: &str, years: i32) -> Vec<RowVerdict> {
    // A year has 365.2425 days: a leap day more or less does not matter to an age of 120.
    let days_max = i64::from(years) * 3_652_425 / 10_000;

    check_time_pairs(batch, column, APPEND_TIME, |time, appended| {
        appended.day - time.day <= days_max
    })
}

/// Checks that no value of the first column is before that of the second.
pub(crate) fn check_not_before(batch: &RecordBatch, column: &str, other: &str) -> Vec<RowVerdict> {
    check_time_pairs(batch, column, other, |time, earlier| {
        time.is_not_before(&earlier)
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
            .map(|day| day.map(DateOrInstant::from_date))
            .collect();
    }
    if let Some(instants) = column.as_primitive_opt::<TimestampMicrosecondType>() {
        return instants
            .iter()
            .map(|instant| instant.map(DateOrInstant::from_instant))
            .collect();
    }
    none()
}
