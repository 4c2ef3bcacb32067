//! Dates and instants as sources write them.

use jiff::civil;
use jiff::tz::TimeZone;

/// Days since 1970-01-01 of an ISO date, or of the date part of an ISO timestamp. None for a day
/// that does not exist.
///
/// ```
/// assert_eq!(contract::parse_date("1970-01-02"), Some(1));
/// assert_eq!(contract::parse_date("2039-03-29T00:00:00Z"), Some(25289));
/// assert_eq!(contract::parse_date("2025-02-29"), None);
/// ```
#[must_use]
pub fn parse_date(text: &str) -> Option<i32> {
    let (date, rest) = text.split_at_checked(10)?;
    let separated = rest.is_empty() || rest.starts_with('T') || rest.starts_with(' ');
    let bytes = date.as_bytes();
    if !separated || bytes[4] != b'-' || bytes[7] != b'-' {
        return None;
    }

    days_since_epoch(
        parse_digits(&date[..4])?,
        parse_digits(&date[5..7])?,
        parse_digits(&date[8..])?,
    )
}

/// Microseconds since 1970 of an ISO timestamp. A timestamp without an offset is UTC. Digits finer
/// than microseconds are cut.
///
/// ```
/// assert_eq!(contract::parse_timestamp("1970-01-01T00:00:01.1834512Z"), Some(1_183_451));
/// assert_eq!(contract::parse_timestamp("1970-01-01T01:00:00+01:00"), Some(0));
/// ```
#[must_use]
pub fn parse_timestamp(text: &str) -> Option<i64> {
    let date = i64::from(parse_date(text)?);
    let rest = text.get(10..)?;
    if rest.is_empty() {
        return Some(date * MICROS_PER_DAY);
    }

    let clock = rest.get(1..)?;
    let end = clock.find(['Z', 'z', '+', '-']).unwrap_or(clock.len());
    let (time, zone) = clock.split_at(end);
    Some(date * MICROS_PER_DAY + clock_micros(time)? - offset_micros(zone)?)
}

/// Microseconds of a day.
pub(crate) const MICROS_PER_DAY: i64 = 86_400_000_000;

/// An instant in ISO form, UTC.
pub(crate) fn timestamp_text(micros: i64) -> String {
    jiff::Timestamp::from_microsecond(micros)
        .map_or_else(|_| micros.to_string(), |instant| instant.to_string())
}

/// The local day on which an instant falls: midnight of British Summer Time is 23:00 the day before
/// in UTC.
pub(crate) fn local_date(micros: i64, zone: &TimeZone) -> Option<i32> {
    let instant = jiff::Timestamp::from_microsecond(micros).ok()?;
    let date = instant.to_zoned(zone.clone()).date();
    days_since_epoch(
        i32::from(date.year()),
        i32::from(date.month()),
        i32::from(date.day()),
    )
}

/// The days of a civil date since 1970-01-01 (Howard Hinnant's algorithm), or none when there is no
/// such day.
pub(crate) fn days_since_epoch(year: i32, month: i32, day: i32) -> Option<i32> {
    let calendar_year = i16::try_from(year).ok()?;
    let calendar_month = i8::try_from(month).ok()?;
    let calendar_day = i8::try_from(day).ok()?;
    civil::Date::new(calendar_year, calendar_month, calendar_day).ok()?;

    // The algorithm's years begin in March, so that a leap day is the last of its year.
    let shifted = if month <= 2 { year - 1 } else { year };
    let era = shifted.div_euclid(400);
    let year_of_era = shifted.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    Some(era * 146_097 + day_of_era - 719_468)
}

/// A number of at most nine digits, which an `i32` always holds. No sign.
fn parse_digits(digits: &str) -> Option<i32> {
    let plain =
        !digits.is_empty() && digits.len() <= 9 && digits.bytes().all(|b| b.is_ascii_digit());
    if plain { digits.parse().ok() } else { None }
}

/// Microseconds since midnight of `HH:MM`, `HH:MM:SS` or `HH:MM:SS.ffffff`.
fn clock_micros(time: &str) -> Option<i64> {
    let (whole, fraction) = time.split_once('.').unwrap_or((time, ""));
    let mut parts = whole.split(':');
    let hour = parse_digits(parts.next()?).filter(|hour| *hour < 24)?;
    let minute = parse_digits(parts.next()?).filter(|minute| *minute < 60)?;
    let second = match parts.next() {
        Some(text) => parse_digits(text).filter(|second| *second < 60)?,
        None => 0,
    };

    let micros = if fraction.is_empty() {
        0
    } else {
        fraction_micros(fraction)?
    };
    let seconds = i64::from(hour) * 3600 + i64::from(minute) * 60 + i64::from(second);
    Some(seconds * 1_000_000 + micros)
}

/// Microseconds of the digits after the point of a second.
fn fraction_micros(fraction: &str) -> Option<i64> {
    if fraction.len() > 9 {
        return None;
    }
    let six: String = fraction.chars().chain("000000".chars()).take(6).collect();
    parse_digits(&six)
        .filter(|_| fraction.bytes().all(|b| b.is_ascii_digit()))
        .map(i64::from)
}

/// Microseconds that an offset from UTC, such as `Z`, `+01:00` or `+01`, is ahead.
fn offset_micros(zone: &str) -> Option<i64> {
    if zone.is_empty() || zone.eq_ignore_ascii_case("z") {
        return Some(0);
    }

    let sign = if zone.starts_with('-') { -1 } else { 1 };
    let digits = zone.get(1..)?.replace(':', "");
    let hours = parse_digits(digits.get(..2)?).filter(|hours| *hours <= 18)?;
    let minutes = match digits.get(2..) {
        Some("") | None => 0,
        Some(text) => parse_digits(text)?,
    };
    Some(sign * (i64::from(hours) * 3600 + i64::from(minutes) * 60) * 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn dates_agree_with_the_library(day in -700_000..2_900_000i32) {
            let date = civil::date(1970, 1, 1).checked_add(jiff::Span::new().days(day));
            if let Ok(date) = date && date.year() >= 0 {
                prop_assert_eq!(parse_date(&date.to_string()), Some(day));
            }
        }

        #[test]
        fn timestamps_agree_with_the_library(
            micros in -2_000_000_000_000_000..4_000_000_000_000_000i64,
        ) {
            let instant = jiff::Timestamp::from_microsecond(micros).unwrap();
            prop_assert_eq!(parse_timestamp(&instant.to_string()), Some(micros));
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,40}") {
            let _ = (parse_date(&text), parse_timestamp(&text));
        }
    }

    #[test]
    fn british_midnight_is_the_next_day() {
        let zone = TimeZone::get("Europe/London").unwrap();
        let micros = parse_timestamp("2026-06-30T23:00:00Z").unwrap();
        assert_eq!(local_date(micros, &zone), parse_date("2026-07-01"));
        let winter = parse_timestamp("2026-01-31T23:00:00Z").unwrap();
        assert_eq!(local_date(winter, &zone), parse_date("2026-01-31"));
    }
}
