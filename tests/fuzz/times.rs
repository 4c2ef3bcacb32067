//! Dates and times of every form, by a calendar of the test's own.

use fastrand::Rng;

use super::values::one_of;

pub(super) const SECOND: i64 = 1_000_000;
pub(super) const DAY: i64 = 86_400 * SECOND;

/// A day of the proleptic Gregorian calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Date {
    pub(super) year: i64,
    pub(super) month: i64,
    pub(super) day: i64,
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn month_days(year: i64, month: i64) -> i64 {
    match month {
        2 => 28 + i64::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

impl Date {
    pub(super) fn random(rng: &mut Rng, years: std::ops::RangeInclusive<i64>) -> Self {
        let (year, month) = (rng.i64(years), rng.i64(1..=12));
        let day = rng.i64(1..=month_days(year, month));
        Self { year, month, day }
    }

    /// Days since 1970-01-01.
    pub(super) fn number(self) -> i64 {
        let before = self.year - 1;
        let leap_days = before / 4 - before / 100 + before / 400;
        let months: i64 = (1..self.month)
            .map(|month| month_days(self.year, month))
            .sum();
        before * 365 + leap_days + months + self.day - 1 - 719_162
    }

    pub(super) fn of_number(number: i64) -> Self {
        let mut year = 1970 + number.div_euclid(366) - 1;
        let first = |year| Self {
            year,
            month: 1,
            day: 1,
        };
        while first(year + 1).number() <= number {
            year += 1;
        }
        let mut rest = number - first(year).number();
        let mut month = 1;
        while rest >= month_days(year, month) {
            rest -= month_days(year, month);
            month += 1;
        }
        Self {
            year,
            month,
            day: rest + 1,
        }
    }

    pub(super) fn iso(self) -> String {
        format!("{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

/// The last Sunday of a month, at one o'clock, as if in UTC.
fn last_sunday(year: i64, month: i64) -> i64 {
    let last = Date {
        year,
        month,
        day: month_days(year, month),
    }
    .number();
    // The first of January 1970 was a Thursday.
    let weekday = (last + 4).rem_euclid(7);
    (last - weekday) * DAY + 3_600 * SECOND
}

/// Seconds that clocks in London are ahead of UTC at an instant, from 1996 on.
fn london_offset(instant: i64) -> i64 {
    let year = Date::of_number(instant.div_euclid(DAY)).year;
    let is_summer = (last_sunday(year, 3)..last_sunday(year, 10)).contains(&instant);
    if is_summer { 3_600 } else { 0 }
}

/// What clocks in London show.
pub(super) fn london_day(instant: i64) -> i64 {
    (instant + london_offset(instant) * SECOND).div_euclid(DAY)
}

/// The instant of a local time in London. One that the spring leaves out is read as if it had not;
/// of one that comes twice, the first is meant.
fn london_instant(local: i64) -> i64 {
    let year = Date::of_number(local.div_euclid(DAY)).year;
    let hour = 3_600 * SECOND;
    let is_summer = (last_sunday(year, 3) + hour..last_sunday(year, 10) + hour).contains(&local);
    local - if is_summer { hour } else { 0 }
}

/// A time as a text, and what it means.
pub(super) struct FuzzedTime {
    pub(super) text: String,
    /// Microseconds since 1970; nanoseconds are cut.
    pub(super) instant: i64,
    pub(super) nanos: i64,
    /// The day that clocks in London show.
    pub(super) day: i64,
}

/// A time of the years from 1996 on in ISO form: local, in UTC, or with an offset.
pub(super) fn iso_time(rng: &mut Rng) -> FuzzedTime {
    let date = Date::random(rng, 1996..=2098);
    let date = match rng.u8(..3) {
        // Near a clock change.
        0 => Date::of_number(last_sunday(date.year, one_of(rng, &[3, 10])).div_euclid(DAY)),
        _ => date,
    };
    iso_time_of(rng, date)
}

pub(super) fn iso_time_of(rng: &mut Rng, date: Date) -> FuzzedTime {
    let (hour, minute) = (rng.i64(0..24), rng.i64(0..60));
    let hour = if rng.bool() { hour } else { rng.i64(0..4) };
    let mut text = format!(
        "{}{}{hour:02}:{minute:02}",
        date.iso(),
        one_of(rng, &["T", "T", " "])
    );
    let mut local = date.number() * DAY + (hour * 60 + minute) * 60 * SECOND;
    let mut nanos = 0;
    if rng.u8(..5) > 0 {
        let second = rng.i64(0..60);
        local += second * SECOND;
        text.push_str(&format!(":{second:02}"));
        let digits = rng.usize(0..=9);
        if digits > 0 && rng.bool() {
            let fraction: String = (0..digits).map(|_| rng.digit(10)).collect();
            text.push('.');
            text.push_str(&fraction);
            let all: i64 = format!("{fraction:0<9}").parse().unwrap();
            local += all / 1_000;
            nanos = all % 1_000;
        }
    }
    let instant = match offset(rng) {
        None => london_instant(local),
        Some((written, seconds)) => {
            text.push_str(&written);
            local - seconds * SECOND
        }
    };
    let day = london_day(instant);
    FuzzedTime {
        text,
        instant,
        nanos,
        day,
    }
}

/// An offset as a text and in seconds; none for local time.
fn offset(rng: &mut Rng) -> Option<(String, i64)> {
    let (hours, minutes, seconds) = (rng.i64(0..14), rng.i64(0..60), rng.i64(1..60));
    let (sign, factor) = one_of(rng, &[('+', 1), ('-', -1)]);
    let text = |rest: String| format!("{sign}{hours:02}{rest}");
    Some(match rng.u8(..7) {
        0 | 1 => return None,
        2 | 3 => ("Z".into(), 0),
        4 => (text(String::new()), factor * hours * 3_600),
        5 => {
            let colon = one_of(rng, &[":", ""]);
            (
                text(format!("{colon}{minutes:02}")),
                factor * (hours * 60 + minutes) * 60,
            )
        }
        _ => {
            let rest = format!(":{minutes:02}:{seconds:02}");
            (text(rest), factor * ((hours * 60 + minutes) * 60 + seconds))
        }
    })
}

/// A text that is no date and no time.
pub(super) fn no_time(rng: &mut Rng) -> String {
    let date = Date::random(rng, 1996..=2098).iso();
    let texts = [
        "2026-02-30".to_owned(),
        "2026-13-01".into(),
        "2025-02-29T00:00:00Z".into(),
        "0000-01-01".into(),
        "10000-01-01".into(),
        "-001-01-01".into(),
        "2026-W10-1".into(),
        "20260302".into(),
        "2026-061".into(),
        "2026-3-2".into(),
        "02/03/2026".into(),
        "tomorrow".into(),
        "1772438400".into(),
        "NaN".into(),
        format!("{date}T24:00:00Z"),
        format!("{date}T12:60:00Z"),
        format!("{date}T23:59:60Z"),
        format!("{date}T12:00:00+1:00"),
        format!("{date}T12:00:00+01:75"),
        format!("{date}T12:00:00+19:00"),
        format!("{date}T12:00:00:500Z"),
        format!("{date}T12:00:00 BST"),
        format!("{date}T"),
        format!("{date} to {date}"),
        format!("{date}T12:00:00+00:00:00.5"),
        format!("{date}T1:00:00Z"),
    ];
    one_of(rng, &texts)
}
