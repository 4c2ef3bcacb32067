//! Why a text names no day: how it is written, or a date that the calendar does not have.

use jiff::civil::Date;

use crate::time::parse_date;

/// The names of the months.
pub const MONTH_NAMES: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// Why a text is no day in the form YYYY-MM-DD. Another day is never offered: of a text in another
/// form the message asks whether the day that it says is meant.
///
/// ```
/// assert_eq!(
///     contract::describe_absent_day("2026-02-30"),
///     "there is no 30 February 2026: February 2026 has 28 days"
/// );
/// assert_eq!(
///     contract::describe_absent_day("2026-3-2"),
///     "`2026-3-2` is not a day in the form YYYY-MM-DD; did you mean 2026-03-02?"
/// );
/// ```
#[must_use]
pub fn describe_absent_day(text: &str) -> String {
    let Some((year, month, day)) = read_day_parts(text) else {
        return describe_other_form(text);
    };
    let month_name = usize::from(month)
        .checked_sub(1)
        .and_then(|index| MONTH_NAMES.get(index));
    let Some(name) = month_name else {
        return format!("`{text}` names month {month}, and a year has 12; write YYYY-MM-DD");
    };

    let first = Date::new(year, i8::try_from(month).unwrap_or_default(), 1);
    let days = first.map_or(0, Date::days_in_month).unsigned_abs();
    if day == 0 || day > days {
        return format!("there is no {day} {name} {year}: {name} {year} has {days} days");
    }

    let meant = format!("{year:04}-{month:02}-{day:02}");
    if parse_date(&meant).is_none() {
        return format!("`{text}` is in the year {year}; the years of days are 0001 to 9999");
    }
    format!("{}; did you mean {meant}?", describe_other_form(text))
}

fn describe_other_form(text: &str) -> String {
    format!("`{text}` is not a day in the form YYYY-MM-DD")
}

/// Year, month and day of a text, in this order or in the other one.
fn read_day_parts(text: &str) -> Option<(i16, u8, u8)> {
    let is_digits = text.len() == 8 && has_digits_alone(text);
    let parts: Vec<&str> = match is_digits {
        true => vec![&text[..4], &text[4..6], &text[6..]],
        false => text.split(['-', '/', '.', ' ']).collect(),
    };
    let [first, month, last] = parts.as_slice() else {
        return None;
    };
    let (year, day) = match first.len() {
        4 => (first, last),
        _ => (last, first),
    };

    let is_form = year.len() == 4 && month.len() <= 2 && day.len() <= 2;
    if !is_form || ![*year, *month, *day].into_iter().all(has_digits_alone) {
        return None;
    }
    Some((year.parse().ok()?, month.parse().ok()?, day.parse().ok()?))
}

fn has_digits_alone(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_that_the_calendar_lacks_is_named_with_the_length_of_its_month() {
        for (text, said) in [
            ("2026-02-30", "no 30 February 2026: February 2026 has 28"),
            ("2028-02-30", "no 30 February 2028: February 2028 has 29"),
            ("2026-02-29", "no 29 February 2026: February 2026 has 28"),
            ("2026-04-31", "no 31 April 2026: April 2026 has 30"),
            ("31/04/2026", "no 31 April 2026: April 2026 has 30"),
            ("2026-1-32", "no 32 January 2026: January 2026 has 31"),
            ("20260230", "no 30 February 2026: February 2026 has 28"),
            ("2026-03-00", "no 0 March 2026: March 2026 has 31"),
            ("2026-13-02", "names month 13, and a year has 12"),
            ("2026-00-02", "names month 0, and a year has 12"),
            ("0000-01-01", "in the year 0; the years of days are"),
        ] {
            let why = describe_absent_day(text);
            assert!(why.contains(said), "{why}");
            assert!(!why.contains("did you mean"), "another day: {why}");
        }
    }

    #[test]
    fn a_day_in_another_form_is_the_one_that_is_offered() {
        for text in [
            "2026-3-2",
            "2026/03/02",
            "02/03/2026",
            "2.3.2026",
            "20260302",
        ] {
            let why = describe_absent_day(text);
            assert!(why.ends_with("did you mean 2026-03-02?"), "{why}");
        }
        for text in [
            "yesterday",
            "",
            "2026-03",
            "ü-1-2",
            "2026-133-2",
            "2026-03-02T10:00:00Z",
            "26-03-02",
            "+026-03-02",
        ] {
            let why = describe_absent_day(text);
            assert!(why.ends_with("in the form YYYY-MM-DD"), "{why}");
        }
    }
}
