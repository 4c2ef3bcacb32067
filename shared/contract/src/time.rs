//! Dates and instants as sources write them in ISO 8601: exact, or refused.

use jiff::civil;
use jiff::fmt::temporal::Pieces;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};

/// Days since 1970-01-01 of an ISO date, or of the date part of an ISO timestamp. None for a day
/// that does not exist, or whose year is not 1 to 9999.
///
/// ```
/// assert_eq!(contract::parse_date("1970-01-02"), Some(1));
/// assert_eq!(contract::parse_date("2039-03-29T00:00:00Z"), Some(25289));
/// assert_eq!(contract::parse_date("2025-02-29"), None);
/// assert_eq!(contract::parse_date("0000-01-01"), None);
/// ```
#[must_use]
pub fn parse_date(text: &str) -> Option<i32> {
    WrittenTime::read(text)
        .map(|written| written.day())
        .filter(is_storable_day)
}

/// Microseconds since 1970 of an ISO timestamp. A timestamp without an offset is UTC. Digits finer
/// than microseconds are cut. None for an instant whose year in UTC is not 1 to 9999.
///
/// ```
/// assert_eq!(contract::parse_timestamp("1970-01-01T00:00:01.1834512Z"), Some(1_183_451));
/// assert_eq!(contract::parse_timestamp("1970-01-01T01:00:00+01:00"), Some(0));
/// assert_eq!(contract::parse_timestamp("1970-01-01T00:19:32+00:19:32"), Some(0));
/// assert_eq!(contract::parse_timestamp("1970-01-01T01:00:00+1:00"), None);
/// ```
#[must_use]
pub fn parse_timestamp(text: &str) -> Option<i64> {
    let instant = WrittenTime::read(text)?.instant(None);
    instant.is_storable().then_some(instant.micros)
}

/// Microseconds of a day.
pub(crate) const MICROS_PER_DAY: i64 = 86_400_000_000;

/// Microseconds of a second.
pub(crate) const MICROS_PER_SECOND: i64 = 1_000_000;

/// 0001-01-01. Python, pandas, `PyArrow`, Polars, Spark and `DataFusion` fail on years before it
/// and after 9999, for the whole table.
const FIRST_DAY: i32 = -719_162;

/// 9999-12-31.
const LAST_DAY: i32 = 2_932_896;

/// The greatest offset from UTC, in hours. No zone has more than 16; `+25:00` is a mistake.
const OFFSET_HOURS_MAX: i32 = 18;

/// Characters of a date, `YYYY-MM-DD`.
const DATE_CHARACTERS: usize = 10;

/// Whether a day is one of the years 1 to 9999.
pub(crate) fn is_storable_day(day: &i32) -> bool {
    (FIRST_DAY..=LAST_DAY).contains(day)
}

/// An instant, to the nanosecond.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ExactInstant {
    /// Microseconds since 1970.
    pub(crate) micros: i64,
    /// Nanoseconds beyond them: 0 to 999.
    pub(crate) nanos: i16,
}

impl ExactInstant {
    /// The instant of so many nanoseconds since 1970.
    pub(crate) fn from_nanos(nanos: i128) -> Option<Self> {
        Some(Self {
            micros: i64::try_from(nanos.div_euclid(1_000)).ok()?,
            nanos: i16::try_from(nanos.rem_euclid(1_000)).ok()?,
        })
    }

    /// Whether its year in UTC is 1 to 9999.
    pub(crate) fn is_storable(self) -> bool {
        let day = self.micros.div_euclid(MICROS_PER_DAY);
        (i64::from(FIRST_DAY)..=i64::from(LAST_DAY)).contains(&day)
    }
}

/// A date and time as a text writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WrittenTime {
    date: civil::Date,
    /// None for a date alone.
    time: Option<civil::Time>,
    /// None for local time.
    offset: Option<Offset>,
}

impl WrittenTime {
    /// A local time of a zone that the text does not name.
    pub(crate) fn local(date: civil::Date, time: Option<civil::Time>) -> Self {
        Self {
            date,
            time,
            offset: None,
        }
    }

    /// Reads an ISO text: a date, perhaps a time of day, perhaps an offset. None for every text
    /// that is not exactly that.
    pub(crate) fn read(text: &str) -> Option<Self> {
        if !begins_with_date(text.as_bytes()) || has_lenient_part(text) {
            return None;
        }

        let pieces = Pieces::parse(text).ok()?;
        let offset = pieces.to_numeric_offset();
        let is_possible =
            offset.is_none_or(|offset| offset.seconds().abs() <= OFFSET_HOURS_MAX * 3_600);
        (is_possible && pieces.time_zone_annotation().is_none()).then(|| Self {
            date: pieces.date(),
            time: pieces.time(),
            offset,
        })
    }

    /// The day that is written, since 1970-01-01.
    pub(crate) fn day(&self) -> i32 {
        days_since_epoch(self.date)
    }

    /// Whether it says a time of day.
    pub(crate) fn has_time(&self) -> bool {
        self.time.is_some()
    }

    /// The instant that is meant. Without an offset it is local time of `zone`, and without a zone
    /// UTC; a date alone is its midnight.
    pub(crate) fn instant(&self, zone: Option<&TimeZone>) -> ExactInstant {
        let offset = self.offset.or_else(|| {
            let local = self.date.to_datetime(self.time.unwrap_or_default());
            zone.map(|zone| offset_of_local_time(local, zone))
        });
        let written = self.written_instant();
        ExactInstant {
            micros: written.micros - offset.map_or(0, offset_micros),
            ..written
        }
    }

    /// What clocks in `zone` show at the instant, in microseconds since 1970. A time without an
    /// offset is that already.
    pub(crate) fn local_micros(&self, zone: Option<&TimeZone>) -> i64 {
        match self.offset {
            None => self.written_instant().micros,
            Some(_) => local_micros(self.instant(None).micros, zone),
        }
    }

    /// The instant at which clocks in UTC show what is written.
    fn written_instant(&self) -> ExactInstant {
        let midnight = i64::from(self.day()) * MICROS_PER_DAY;
        let Some(time) = self.time else {
            return ExactInstant {
                micros: midnight,
                nanos: 0,
            };
        };

        let minutes = i64::from(time.hour()) * 60 + i64::from(time.minute());
        let seconds = minutes * 60 + i64::from(time.second());
        let micros = i64::from(time.subsec_nanosecond()) / 1_000;
        ExactInstant {
            micros: midnight + seconds * MICROS_PER_SECOND + micros,
            nanos: time.nanosecond(),
        }
    }
}

/// The offset at which a local time is read. In the gap of a clock change it is that before the
/// change, which moves the time forward by the gap; of a time that comes twice it is the first.
fn offset_of_local_time(local: civil::DateTime, zone: &TimeZone) -> Offset {
    match zone.to_ambiguous_timestamp(local).offset() {
        AmbiguousOffset::Unambiguous { offset } => offset,
        AmbiguousOffset::Gap { before, .. } | AmbiguousOffset::Fold { before, .. } => before,
    }
}

/// What clocks in `zone` show at an instant, in microseconds since 1970; in UTC without a zone.
pub(crate) fn local_micros(micros: i64, zone: Option<&TimeZone>) -> i64 {
    let Some(zone) = zone else {
        return micros;
    };
    // The library's instants end a day before the year 9999 does: the offset is that of its last.
    let instant = jiff::Timestamp::from_microsecond(micros).unwrap_or(if micros < 0 {
        jiff::Timestamp::MIN
    } else {
        jiff::Timestamp::MAX
    });
    micros + offset_micros(zone.to_offset(instant))
}

/// The local day on which an instant falls: midnight of British Summer Time is 23:00 the day before
/// in UTC.
pub(crate) fn local_day(micros: i64, zone: Option<&TimeZone>) -> Option<i32> {
    i32::try_from(local_micros(micros, zone).div_euclid(MICROS_PER_DAY)).ok()
}

/// Microseconds that an offset is ahead of UTC.
pub(crate) fn offset_micros(offset: Offset) -> i64 {
    i64::from(offset.seconds()) * MICROS_PER_SECOND
}

/// An instant in ISO form, UTC.
pub(crate) fn timestamp_text(micros: i64) -> String {
    let day = micros.div_euclid(MICROS_PER_DAY);
    let date = i32::try_from(day).ok().and_then(civil_date);
    let nanos = micros.rem_euclid(MICROS_PER_DAY) * 1_000;
    let time = civil::Time::midnight().checked_add(jiff::SignedDuration::from_nanos(nanos));

    match date.zip(time.ok()) {
        Some((date, time)) => format!("{}Z", date.to_datetime(time)),
        None => micros.to_string(),
    }
}

/// An instant in ISO form, UTC, with its nanoseconds.
pub(crate) fn instant_text(instant: ExactInstant) -> String {
    let text = timestamp_text(instant.micros);
    if instant.nanos == 0 {
        return text;
    }
    let second = text.split(['.', 'Z']).next().unwrap_or_default();
    let micros = instant.micros.rem_euclid(MICROS_PER_SECOND);
    format!("{second}.{micros:06}{:03}Z", instant.nanos)
}

/// A day in ISO form.
pub(crate) fn date_text(day: i32) -> String {
    civil_date(day).map_or_else(|| day.to_string(), |date| date.to_string())
}

/// The date that is so many days after 1970-01-01.
pub(crate) fn civil_date(day: i32) -> Option<civil::Date> {
    let epoch = civil::date(1970, 1, 1);
    epoch
        .checked_add(jiff::Span::new().try_days(day).ok()?)
        .ok()
}

/// The days of a date since 1970-01-01 (Howard Hinnant's algorithm): the library has no instant for
/// the last day of 9999.
pub(crate) fn days_since_epoch(date: civil::Date) -> i32 {
    let (month, day) = (i32::from(date.month()), i32::from(date.day()));
    // The algorithm's years begin in March, so that a leap day is the last of its year.
    let year = i32::from(date.year()) - i32::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// Whether a text begins with `YYYY-MM-DD`: years of more digits, weeks and basic dates do not.
fn begins_with_date(text: &[u8]) -> bool {
    let Some(date) = text.get(..DATE_CHARACTERS) else {
        return false;
    };
    date.iter().enumerate().all(|(index, byte)| match index {
        4 | 7 => *byte == b'-',
        _ => byte.is_ascii_digit(),
    })
}

/// Whether the library would read the text as something that is not written: it takes a leap second
/// for the second before it, and rounds the fraction of an offset's second.
fn has_lenient_part(text: &str) -> bool {
    let Some(clock) = text.get(DATE_CHARACTERS + 1..) else {
        return false;
    };
    let time_end = clock.find(['Z', 'z', '+', '-']).unwrap_or(clock.len());
    let (time, offset) = clock.split_at(time_end);
    let whole_time = time.split(['.', ',']).next().unwrap_or_default();

    let is_leap_second = whole_time.len() >= 6 && whole_time.ends_with("60");
    is_leap_second || offset.contains(['.', ','])
}

#[cfg(test)]
mod tests;
