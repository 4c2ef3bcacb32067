//! A day in UTC: the unit of snapshots, and a part of many keys.

use std::fmt;

use jiff::SignedDuration;
use jiff::civil::{Date, date};

/// Microseconds of a day. Days of UTC have no leap seconds in Unix time.
const MICROS_PER_DAY: i64 = 86_400_000_000;

/// Hours of a day.
const HOURS_PER_DAY: i64 = 24;

/// The day that is number 0.
const EPOCH: Date = date(1970, 1, 1);

/// A day in UTC, as days since 1970-01-01. Written zero-padded, one spelling everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(pub i32);

impl Day {
    /// The day on which an instant falls, in microseconds since 1970.
    #[must_use]
    pub fn from_micros(micros: i64) -> Self {
        Self(i32::try_from(micros.div_euclid(MICROS_PER_DAY)).unwrap_or(i32::MAX))
    }

    /// The first microsecond of the day.
    #[must_use]
    pub fn start_micros(self) -> i64 {
        i64::from(self.0) * MICROS_PER_DAY
    }

    /// The day after.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// The day that `YYYY-MM-DD` names; any other spelling is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        (text.len() == 10)
            .then(|| contract::parse_date(text))
            .flatten()
            .map(Self)
    }

    /// The day that a caller names.
    ///
    /// # Errors
    /// Why the text is none: its form, or a date that the calendar does not have.
    pub fn require(text: &str) -> Result<Self, String> {
        Self::parse(text).ok_or_else(|| contract::describe_absent_day(text))
    }
}

impl fmt::Display for Day {
    /// The civil date. A clock that is wrong by millennia gets the calendar's last day, 9999-12-31.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let since_epoch = SignedDuration::from_hours(i64::from(self.0) * HOURS_PER_DAY);
        write!(f, "{}", EPOCH.saturating_add(since_epoch))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn days_go_there_and_back(day in -700_000..2_900_000i32) {
            if day > -719_000 {
                prop_assert_eq!(Day::parse(&Day(day).to_string()), Some(Day(day)));
            }
        }
    }

    #[test]
    fn a_day_beyond_the_calendar_is_its_last() {
        assert_eq!(Day(i32::MAX).to_string(), "9999-12-31");
        assert_eq!(Day(0).to_string(), "1970-01-01");
        assert_eq!(Day(-719_528).to_string(), "0000-01-01");
    }
}
