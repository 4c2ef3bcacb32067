//! Formats of dates and times that mappings declare: `DD/MM/YYYY`, `D MMM YYYY HH:mm`, `iso`.

use jiff::civil;
use jiff::tz::TimeZone;

use crate::time::{MICROS_PER_DAY, days_since_epoch, parse_date, parse_timestamp};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FormatToken {
    Year,
    ShortYear,
    Month,
    MonthName,
    Day,
    Hour,
    Minute,
    Second,
    /// A character that stands for itself.
    Plain(char),
}

/// The tokens, longest first.
const FORMAT_TOKENS: [(&str, FormatToken); 11] = [
    ("YYYY", FormatToken::Year),
    ("MMM", FormatToken::MonthName),
    ("YY", FormatToken::ShortYear),
    ("MM", FormatToken::Month),
    ("DD", FormatToken::Day),
    ("HH", FormatToken::Hour),
    ("mm", FormatToken::Minute),
    ("ss", FormatToken::Second),
    ("M", FormatToken::Month),
    ("D", FormatToken::Day),
    ("H", FormatToken::Hour),
];

const MONTH_NAMES: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];

/// Years of two digits from this one on belong to the last century.
const TWO_DIGIT_YEAR_PIVOT: i32 = 70;

/// A compiled format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DateFormat {
    Iso,
    Tokens(Vec<FormatToken>),
}

/// What a text says of a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ParsedMoment {
    /// Days since 1970-01-01.
    pub(crate) day: Option<i32>,
    /// Microseconds since midnight.
    pub(crate) clock: Option<i64>,
}

impl DateFormat {
    /// The format that a mapping writes, or what is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text == "iso" {
            return Ok(Self::Iso);
        }
        let (mut tokens, mut rest) = (Vec::new(), text);
        while let Some(first) = rest.chars().next() {
            let token = FORMAT_TOKENS
                .iter()
                .find(|(name, _)| rest.starts_with(name));
            let (length, token) = match token {
                Some((name, token)) => (name.len(), token.clone()),
                None if first.is_ascii_alphabetic() && first != 'T' => {
                    return Err(format!(
                        "the format `{text}` has the unknown letter `{first}`; it is made of YYYY, YY, MM, MMM, DD, HH, mm, ss and separators, or is `iso`"
                    ));
                }
                None => (first.len_utf8(), FormatToken::Plain(first)),
            };
            tokens.push(token);
            rest = &rest[length..];
        }
        let has = |wanted: &[FormatToken]| {
            tokens.iter().filter(|token| wanted.contains(token)).count() == 1
        };
        let date = has(&[FormatToken::Year, FormatToken::ShortYear])
            && has(&[FormatToken::Month, FormatToken::MonthName])
            && has(&[FormatToken::Day]);
        let clock = has(&[FormatToken::Hour]) && has(&[FormatToken::Minute]);
        if date || clock {
            Ok(Self::Tokens(tokens))
        } else {
            Err(format!("the format `{text}` names no whole date or time"))
        }
    }

    /// What a text of this format says; none when it is not of it.
    pub(crate) fn read_text(&self, text: &str) -> Option<ParsedMoment> {
        let text = text.trim();
        match self {
            Self::Iso => {
                let at = parse_timestamp(text)?;
                let clock = (text.len() > 10).then(|| at.rem_euclid(MICROS_PER_DAY));
                // The date as it is written: an offset must not move a birthday.
                Some(ParsedMoment {
                    day: parse_date(text),
                    clock,
                })
            }
            Self::Tokens(tokens) => match_tokens(tokens, text),
        }
    }

    /// The instant that a text means, in microseconds since 1970: local time of `zone` where it names no offset.
    pub(crate) fn read_instant(&self, text: &str, zone: Option<&TimeZone>) -> Option<i64> {
        let text = text.trim();
        let offset = text
            .get(10..)
            .is_some_and(|clock| clock.contains(['Z', 'z', '+', '-']));
        if *self == Self::Iso && offset {
            return parse_timestamp(text);
        }
        let moment = self.read_text(text)?;
        let micros = i64::from(moment.day?) * MICROS_PER_DAY + moment.clock.unwrap_or(0);
        let Some(zone) = zone else {
            return Some(micros);
        };
        let civil = jiff::Timestamp::from_microsecond(micros)
            .ok()?
            .to_zoned(TimeZone::UTC)
            .datetime();
        civil
            .to_zoned(zone.clone())
            .ok()
            .map(|at| at.timestamp().as_microsecond())
    }
}

fn match_tokens(tokens: &[FormatToken], text: &str) -> Option<ParsedMoment> {
    let (mut rest, mut parts) = (text, [None::<i32>; 6]);
    for token in tokens {
        let (place, value, after) = match token {
            FormatToken::Plain(wanted) => {
                rest = rest.strip_prefix(*wanted)?;
                continue;
            }
            FormatToken::MonthName => {
                let end = rest
                    .find(|c: char| !c.is_alphabetic())
                    .unwrap_or(rest.len());
                let name = rest[..end].to_lowercase();
                let month = MONTH_NAMES
                    .iter()
                    .position(|month| name.starts_with(month))?;
                (1, i32::try_from(month).ok()? + 1, &rest[end..])
            }
            FormatToken::Year => take_digits(rest, 4, 4).map(|(year, after)| (0, year, after))?,
            FormatToken::ShortYear => {
                let (year, after) = take_digits(rest, 2, 2)?;
                (
                    0,
                    if year >= TWO_DIGIT_YEAR_PIVOT {
                        1900 + year
                    } else {
                        2000 + year
                    },
                    after,
                )
            }
            FormatToken::Month => {
                take_digits(rest, 1, 2).map(|(month, after)| (1, month, after))?
            }
            FormatToken::Day => take_digits(rest, 1, 2).map(|(day, after)| (2, day, after))?,
            FormatToken::Hour => take_digits(rest, 1, 2).map(|(hour, after)| (3, hour, after))?,
            FormatToken::Minute => {
                take_digits(rest, 2, 2).map(|(minute, after)| (4, minute, after))?
            }
            FormatToken::Second => {
                take_digits(rest, 2, 2).map(|(second, after)| (5, second, after))?
            }
        };
        parts[place] = Some(value);
        rest = after;
    }
    if !rest.is_empty() {
        return None;
    }
    let [year, month, day, hour, minute, second] = parts;
    let day = match (year, month, day) {
        (Some(year), Some(month), Some(day)) => Some(days_since_epoch(year, month, day)?),
        _ => None,
    };
    let part = |value: Option<i32>| i8::try_from(value.unwrap_or(0)).ok();
    let clock = match hour {
        Some(_) => {
            let time = civil::Time::new(part(hour)?, part(minute)?, part(second)?, 0).ok()?;
            Some(
                i64::from(time.hour()) * 3_600_000_000
                    + i64::from(time.minute()) * 60_000_000
                    + i64::from(time.second()) * 1_000_000,
            )
        }
        None => None,
    };
    Some(ParsedMoment { day, clock })
}

/// A number of so many digits at the beginning, and what comes after it.
fn take_digits(text: &str, least: usize, most: usize) -> Option<(i32, &str)> {
    let count = text
        .bytes()
        .take(most)
        .take_while(u8::is_ascii_digit)
        .count();
    if count < least {
        None
    } else {
        Some((text[..count].parse().ok()?, &text[count..]))
    }
}

/// The time of a day as text, `HH:MM:SS`.
pub(crate) fn format_clock(micros: i64) -> String {
    let seconds = micros / 1_000_000;
    format!(
        "{:02}:{:02}:{:02}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    )
}

/// A number as people write it: currency signs and the thousands' separators of `format` go.
pub(crate) fn normalise_number(text: &str, format: &str) -> Option<String> {
    let (thousands, point) = if format == "1.234,56" {
        ('.', ',')
    } else {
        (',', '.')
    };
    let bare = text.trim().trim_matches(['£', '€', '$', ' ']);
    let (bare, negative) = match bare
        .strip_prefix('(')
        .and_then(|rest| rest.strip_suffix(')'))
    {
        Some(inner) => (inner, true),
        None => (bare, false),
    };
    let (negative, bare) = match bare.strip_prefix('-') {
        Some(rest) => (true, rest.trim_start_matches(['£', '€', '$', ' '])),
        None => (negative, bare),
    };
    let (whole, fraction) = bare
        .split_once(point)
        .map_or((bare, None), |(whole, rest)| (whole, Some(rest)));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    // A separator stands before three digits, or it is none: 12,50 is not twelve hundred and fifty.
    let mut groups = whole.split(thousands);
    let first = groups.next().unwrap_or_default();
    let rest: Vec<&str> = groups.collect();
    let grouped = rest.iter().all(|group| group.len() == 3 && digits(group))
        && (rest.is_empty() || first.len() <= 3);
    if !digits(first) || !grouped || !fraction.is_none_or(digits) {
        return None;
    }
    let sign = if negative { "-" } else { "" };
    let fraction = fraction
        .map(|digits| format!(".{digits}"))
        .unwrap_or_default();
    Some(format!("{sign}{first}{}{fraction}", rest.concat()))
}

/// The names of the forms of numbers.
pub(crate) const NUMBER_FORMATS: [&str; 2] = ["1,234.56", "1.234,56"];

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn day(format: &str, text: &str) -> Option<i32> {
        DateFormat::parse(format).unwrap().read_text(text)?.day
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,30}", format in "[YMDHms/: .T-]{0,12}|\\PC{0,8}") {
            if let Ok(format) = DateFormat::parse(&format) {
                let _ = (format.read_text(&text), format.read_instant(&text, None));
            }
            let _ = normalise_number(&text, "1.234,56");
        }
    }

    #[test]
    fn dates_as_people_write_them() {
        assert_eq!(day("DD/MM/YYYY", "24/08/2017"), parse_date("2017-08-24"));
        assert_eq!(day("DD/MM/YYYY", "4/8/2017"), parse_date("2017-08-04"));
        assert_eq!(day("DD/MM/YYYY", "31/02/2017"), None);
        assert_eq!(day("DD/MM/YYYY", "24/08/17"), None);
        assert_eq!(day("MM/DD/YYYY", "08/24/2017"), parse_date("2017-08-24"));
        assert_eq!(day("D MMM YY", "1 September 25"), parse_date("2025-09-01"));
        assert_eq!(day("YYYYMMDD", "20260302"), parse_date("2026-03-02"));
        assert_eq!(
            day("DD.MM.YYYY HH:mm", "24.08.2017 23:59"),
            parse_date("2017-08-24")
        );
        assert_eq!(day("DD.MM.YYYY HH:mm", "24.08.2017 24:00"), None);
        assert_eq!(
            day("iso", "2017-08-24T23:59:00+01:00"),
            parse_date("2017-08-24")
        );
    }

    #[test]
    fn a_wrong_format_is_told() {
        assert!(
            DateFormat::parse("DD/MM")
                .unwrap_err()
                .contains("no whole date")
        );
        assert!(
            DateFormat::parse("DD/XX/YYYY")
                .unwrap_err()
                .contains("unknown letter `X`")
        );
    }

    #[test]
    fn local_time_has_its_summer() {
        let zone = TimeZone::get("Europe/London").unwrap();
        let format = DateFormat::parse("DD/MM/YYYY HH:mm").unwrap();
        assert_eq!(
            format.read_instant("01/07/2026 00:30", Some(&zone)),
            parse_timestamp("2026-06-30T23:30:00Z")
        );
        assert_eq!(
            format.read_instant("01/01/2026 00:30", Some(&zone)),
            parse_timestamp("2026-01-01T00:30:00Z")
        );
        assert_eq!(
            DateFormat::Iso.read_instant("2026-07-01T00:30:00Z", Some(&zone)),
            parse_timestamp("2026-07-01T00:30:00Z")
        );
        assert_eq!(
            DateFormat::parse("H:mm")
                .unwrap()
                .read_text("7:05")
                .and_then(|at| at.clock)
                .map(format_clock)
                .as_deref(),
            Some("07:05:00")
        );
    }

    #[test]
    fn money_as_people_write_it() {
        for (text, format, plain) in [
            ("£1,234.50", "1,234.56", Some("1234.50")),
            ("1.234,50 €", "1.234,56", Some("1234.50")),
            ("(12.00)", "1,234.56", Some("-12.00")),
            ("-7", "1,234.56", Some("-7")),
            ("1,234,567.8", "1,234.56", Some("1234567.8")),
            ("258", "1,234.56", Some("258")),
            ("£12,50", "1,234.56", None),
            ("1.234,00", "1,234.56", None),
            ("1,23", "1,234.56", None),
            ("1.2.3", "1,234.56", None),
            ("a lot", "1,234.56", None),
            ("", "1,234.56", None),
        ] {
            assert_eq!(normalise_number(text, format).as_deref(), plain, "{text}");
        }
    }
}
