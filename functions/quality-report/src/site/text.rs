//! Numbers, dates and small counts in a readable form.

use contract::{ColumnType, MONTH_NAMES};
use lake::Day;

pub(super) use crate::wording::format_thousands;

/// Smaller counts of personal data are suppressed, because they could identify a person.
const SMALLEST_DISCLOSED_COUNT: u64 = 10;

/// Microseconds of a second.
const MICROS_PER_SECOND: i64 = 1_000_000;

const WEEKDAYS: [&str; 7] = [
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
];

/// Formats a count. A small count of personal data becomes `fewer than 10`.
pub(super) fn format_count(count: u64, personal: bool) -> String {
    if is_suppressed_count(count, personal) {
        format!("fewer than {SMALLEST_DISCLOSED_COUNT}")
    } else {
        format_thousands(count)
    }
}

/// Whether a count is suppressed: personal, and from 1 to 9.
pub(super) fn is_suppressed_count(count: u64, personal: bool) -> bool {
    personal && (1..SMALLEST_DISCLOSED_COUNT).contains(&count)
}

/// Formats a share as a percentage. A share below all is never rounded to 100%, and a share above
/// none never to 0%.
pub(super) fn format_percent(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "-".into();
    }
    let share = part as f64 * 100.0 / whole as f64;
    match share {
        _ if part == whole => "100%".into(),
        _ if part == 0 => "0%".into(),
        share if share > 99.9 => "> 99.9%".into(),
        share if share < 0.1 => "< 0.1%".into(),
        share => format!("{share:.1}%"),
    }
}

/// Formats a measured number: whole numbers in full, others with up to four decimal places.
pub(super) fn format_decimal(value: f64) -> String {
    let sign = if value < 0.0 { "-" } else { "" };
    let size = value.abs();
    if !size.is_finite() {
        return "-".into();
    }
    if size.fract() == 0.0 && size < 1e15 {
        return format!("{sign}{}", format_thousands(size as u64));
    }
    let text = match size {
        size if size >= 1_000.0 => {
            return format!("{sign}{}", format_thousands(size.round() as u64));
        }
        size if size >= 10.0 => format!("{size:.1}"),
        size if size >= 0.1 => format!("{size:.2}"),
        size => format!("{size:.4}"),
    };
    format!("{sign}{}", text.trim_end_matches('0').trim_end_matches('.'))
}

/// A number of a metric, in the metric's unit.
pub(super) fn format_metric_value(metric: &str, value: f64) -> String {
    match metric {
        _ if metric.ends_with("_share") || metric == "mask_drift" => {
            format!("{}%", format_decimal(value * 100.0))
        }
        "freshness_hours" => format!("{} hours", format_decimal(value)),
        _ => format_decimal(value),
    }
}

/// A metric's name for readers.
pub(super) fn metric_label(name: &str) -> String {
    match name {
        "rows" => "Rows",
        "changed_rows" => "Rows that changed",
        "freshness_hours" => "Age of the newest event at the end of the day",
        "null_share" => "Share of rows without a value",
        "distinct" => "Distinct values",
        "mask_drift" => "Change of character patterns",
        "landed" => "Records landed",
        "refined" => "Records refined",
        "ignored" => "Records ignored",
        "quarantined" => "Records quarantined",
        "quarantined_share" => "Share of records quarantined",
        other => return capitalise_first(&other.replace('_', " ")),
    }
    .to_owned()
}

/// A date as people write it: `3 March 2026`.
pub(super) fn format_date(text: &str) -> String {
    let mut parts = text.split('-');
    let (year, month, day) = (parts.next(), parts.next(), parts.next());
    let month = month
        .and_then(|month| month.parse::<usize>().ok())
        .and_then(|month| MONTH_NAMES.get(month.checked_sub(1)?));
    let day = day.and_then(|day| day.parse::<u8>().ok());
    match (year, month, day) {
        (Some(year), Some(month), Some(day)) => format!("{day} {month} {year}"),
        _ => text.to_owned(),
    }
}

/// A date in the short form that charts have room for: `3 Mar`.
pub(super) fn format_short_date(text: &str) -> String {
    let long = format_date(text);
    let mut words = long.split(' ');
    match (words.next(), words.next()) {
        (Some(day), Some(month)) => format!("{day} {}", month.get(..3).unwrap_or(month)),
        _ => long,
    }
}

/// A date with its day of the week: `Tuesday 3 March 2026`.
pub(super) fn format_long_date(text: &str) -> String {
    let weekday =
        Day::parse(text).and_then(|day| WEEKDAYS.get(usize::try_from(day.0.rem_euclid(7)).ok()?));
    weekday.map_or_else(
        || format_date(text),
        |weekday| format!("{weekday} {}", format_date(text)),
    )
}

/// An instant in microseconds since 1970, to the minute: `3 March 2026 at 14:05 UTC`.
pub(super) fn format_instant(micros: i64) -> String {
    let minutes = micros
        .div_euclid(60 * MICROS_PER_SECOND)
        .rem_euclid(24 * 60);
    format!(
        "{} at {} UTC",
        format_date(&Day::from_micros(micros).to_string()),
        format_minute_of_day(minutes)
    )
}

/// A minute of the day: `14:05`.
pub(super) fn format_minute_of_day(minute: i64) -> String {
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

/// How long something took, from seconds.
pub(super) fn format_duration(seconds: u64) -> String {
    let (unit, size) = match seconds {
        0..60 => ("second", 1),
        60..3_600 => ("minute", 60),
        3_600..86_400 => ("hour", 3_600),
        _ => ("day", 86_400),
    };
    count_with_noun(seconds / size, unit)
}

/// `1 row`, `2 rows`.
pub(super) fn count_with_noun(count: u64, thing: &str) -> String {
    format!(
        "{} {thing}{}",
        format_thousands(count),
        if count == 1 { "" } else { "s" }
    )
}

/// A value of a profile, in the units of its column.
pub(super) fn format_profile_value(kind: ColumnType, raw: i64) -> String {
    match kind {
        ColumnType::Date => {
            i32::try_from(raw).map_or_else(|_| raw.to_string(), |days| Day(days).to_string())
        }
        ColumnType::Timestamp => {
            let day = Day::from_micros(raw);
            format!(
                "{day} {}",
                format_minute_of_day(raw.div_euclid(60 * MICROS_PER_SECOND).rem_euclid(24 * 60))
            )
        }
        ColumnType::Decimal(_, scale) if scale > 0 => {
            let places = usize::from(scale.unsigned_abs());
            let digits = format!("{:0>width$}", raw.unsigned_abs(), width = places + 1);
            let (whole, part) = digits.split_at(digits.len() - places);
            let sign = if raw < 0 { "-" } else { "" };
            format!(
                "{sign}{}.{part}",
                whole
                    .parse()
                    .map_or_else(|_| whole.to_owned(), format_thousands)
            )
        }
        _ => format!(
            "{}{}",
            if raw < 0 { "-" } else { "" },
            format_thousands(raw.unsigned_abs())
        ),
    }
}

/// Makes the first letter of a text a capital.
pub(super) fn capitalise_first(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}

/// Ends a text with a full stop if it has no final punctuation.
pub(super) fn end_with_full_stop(text: &str) -> String {
    let text = text.trim();
    if text.is_empty() || text.ends_with(['.', '!', '?']) {
        text.to_owned()
    } else {
        format!("{text}.")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_readable_and_small_personal_ones_are_suppressed() {
        assert_eq!(
            (
                format_thousands(0),
                format_thousands(999),
                format_thousands(1_234_567)
            ),
            ("0".into(), "999".into(), "1,234,567".into())
        );
        assert_eq!(
            (format_count(9, true), format_count(0, true)),
            ("fewer than 10".into(), "0".into())
        );
        assert_eq!(
            (format_count(9, false), format_count(10, true)),
            ("9".into(), "10".into())
        );
        assert_eq!(
            (count_with_noun(1, "row"), count_with_noun(1_000, "row")),
            ("1 row".into(), "1,000 rows".into())
        );
    }

    #[test]
    fn shares_are_never_rounded_to_all_or_nothing() {
        assert_eq!(
            (
                format_percent(1, 1),
                format_percent(0, 7),
                format_percent(0, 0)
            ),
            ("100%".into(), "0%".into(), "-".into())
        );
        assert_eq!(
            (format_percent(99_999, 100_000), format_percent(1, 100_000)),
            ("> 99.9%".into(), "< 0.1%".into())
        );
        assert_eq!(format_percent(1, 3), "33.3%");
        assert_eq!(
            (
                format_decimal(0.25),
                format_decimal(1_234.5),
                format_decimal(-3.0),
                format_decimal(f64::NAN)
            ),
            ("0.25".into(), "1,235".into(), "-3".into(), "-".into())
        );
        assert_eq!(format_metric_value("null_share", 0.125), "12.5%");
    }

    #[test]
    fn dates_and_values() {
        assert_eq!(format_long_date("2026-03-03"), "Tuesday 3 March 2026");
        assert_eq!(
            (format_date("soon"), format_short_date("2026-12-31")),
            ("soon".into(), "31 Dec".into())
        );
        assert_eq!(
            format_instant(1_772_546_700_000_000),
            "3 March 2026 at 14:05 UTC"
        );
        assert_eq!(
            (
                format_duration(1),
                format_duration(120),
                format_duration(604_800)
            ),
            ("1 second".into(), "2 minutes".into(), "7 days".into())
        );
        assert_eq!(
            format_profile_value(ColumnType::Decimal(12, 2), -123_456_705),
            "-1,234,567.05"
        );
        assert_eq!(format_profile_value(ColumnType::Decimal(12, 2), 5), "0.05");
        assert_eq!(
            (
                format_profile_value(ColumnType::Date, 0),
                format_profile_value(ColumnType::Integer, -1_000)
            ),
            ("1970-01-01".into(), "-1,000".into())
        );
    }
}
