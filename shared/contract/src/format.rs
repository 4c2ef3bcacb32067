//! Formats of dates and times that mappings declare: `DD/MM/YYYY`, `D MMM YYYY HH:mm`, `iso`.

use jiff::civil;
use jiff::tz::TimeZone;

use crate::time::{MICROS_PER_DAY, days_since_epoch, parse_date, parse_timestamp};

/// One element of a format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

/// The tokens, longest first: `MM` must not be read as `M` twice.
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

/// The date and the time of day that a text holds.
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

        let tokens = parse_tokens(text)?;
        let date = has_one_of(&tokens, &[FormatToken::Year, FormatToken::ShortYear])
            && has_one_of(&tokens, &[FormatToken::Month, FormatToken::MonthName])
            && has_one_of(&tokens, &[FormatToken::Day]);
        let clock = has_one_of(&tokens, &[FormatToken::Hour])
            && has_one_of(&tokens, &[FormatToken::Minute]);
        if date || clock {
            Ok(Self::Tokens(tokens))
        } else {
            Err(format!("the format `{text}` names no whole date or time"))
        }
    }

    /// The date and time in a text of this format; none for a text of another format.
    pub(crate) fn read_text(&self, text: &str) -> Option<ParsedMoment> {
        let text = text.trim();
        match self {
            Self::Iso => {
                let micros = parse_timestamp(text)?;
                let clock = (text.len() > 10).then(|| micros.rem_euclid(MICROS_PER_DAY));
                // The date as it is written: an offset must not move a birthday.
                let day = parse_date(text);
                Some(ParsedMoment { day, clock })
            }
            Self::Tokens(tokens) => match_tokens(tokens, text)?.into_moment(),
        }
    }

    /// The instant that a text means, in microseconds since 1970: local time of `zone` where it
    /// names no offset.
    pub(crate) fn read_instant(&self, text: &str, zone: Option<&TimeZone>) -> Option<i64> {
        let text = text.trim();
        let clock = text.get(10..).unwrap_or_default();
        if *self == Self::Iso && clock.contains(['Z', 'z', '+', '-']) {
            return parse_timestamp(text);
        }

        let moment = self.read_text(text)?;
        let micros = i64::from(moment.day?) * MICROS_PER_DAY + moment.clock.unwrap_or(0);
        match zone {
            Some(zone) => local_instant(micros, zone),
            None => Some(micros),
        }
    }
}

/// The instant at which clocks in `zone` show the date and time that UTC shows at `micros`.
fn local_instant(micros: i64, zone: &TimeZone) -> Option<i64> {
    let shown = jiff::Timestamp::from_microsecond(micros)
        .ok()?
        .to_zoned(TimeZone::UTC)
        .datetime();
    let local = shown.to_zoned(zone.clone()).ok()?;
    Some(local.timestamp().as_microsecond())
}

/// The tokens of a format. A letter that belongs to no token is a mistake, except the `T` between
/// date and time.
fn parse_tokens(text: &str) -> Result<Vec<FormatToken>, String> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let token = FORMAT_TOKENS
            .iter()
            .find(|(name, _)| rest.starts_with(name));
        let (length, token) = match token {
            Some((name, token)) => (name.len(), *token),
            None if first.is_ascii_alphabetic() && first != 'T' => {
                return Err(format!(
                    "the format `{text}` has the unknown letter `{first}`; it is made of YYYY, YY, \
                     MM, MMM, DD, HH, mm, ss and separators, or is `iso`"
                ));
            }
            None => (first.len_utf8(), FormatToken::Plain(first)),
        };
        tokens.push(token);
        rest = &rest[length..];
    }
    Ok(tokens)
}

/// Whether exactly one token is one of these.
fn has_one_of(tokens: &[FormatToken], wanted: &[FormatToken]) -> bool {
    tokens.iter().filter(|token| wanted.contains(token)).count() == 1
}

/// The numbers that a text gives for the tokens of its format.
#[derive(Default)]
struct MatchedNumbers {
    year: Option<i32>,
    month: Option<i32>,
    day: Option<i32>,
    hour: Option<i32>,
    minute: Option<i32>,
    second: Option<i32>,
}

impl MatchedNumbers {
    /// The date and the time of day; none when a number is out of its range.
    fn into_moment(self) -> Option<ParsedMoment> {
        let day = match (self.year, self.month, self.day) {
            (Some(year), Some(month), Some(day)) => Some(days_since_epoch(year, month, day)?),
            _ => None,
        };
        let clock = match self.hour {
            Some(hour) => Some(clock_micros(hour, self.minute, self.second)?),
            None => None,
        };
        Some(ParsedMoment { day, clock })
    }
}

/// Matches a full text with the tokens of a format.
fn match_tokens(tokens: &[FormatToken], text: &str) -> Option<MatchedNumbers> {
    let mut numbers = MatchedNumbers::default();
    let mut rest = text;
    for token in tokens {
        rest = match_token(*token, rest, &mut numbers)?;
    }
    rest.is_empty().then_some(numbers)
}

/// Matches one token at the beginning of a text, and returns the rest.
fn match_token<'t>(
    token: FormatToken,
    text: &'t str,
    numbers: &mut MatchedNumbers,
) -> Option<&'t str> {
    let (target, (number, rest)) = match token {
        FormatToken::Plain(wanted) => return text.strip_prefix(wanted),
        FormatToken::Year => (&mut numbers.year, take_digits(text, 4, 4)?),
        FormatToken::ShortYear => (&mut numbers.year, take_short_year(text)?),
        FormatToken::Month => (&mut numbers.month, take_digits(text, 1, 2)?),
        FormatToken::MonthName => (&mut numbers.month, take_month_name(text)?),
        FormatToken::Day => (&mut numbers.day, take_digits(text, 1, 2)?),
        FormatToken::Hour => (&mut numbers.hour, take_digits(text, 1, 2)?),
        FormatToken::Minute => (&mut numbers.minute, take_digits(text, 2, 2)?),
        FormatToken::Second => (&mut numbers.second, take_digits(text, 2, 2)?),
    };
    *target = Some(number);
    Some(rest)
}

/// A number of so many digits at the beginning, and the text after it.
fn take_digits(text: &str, minimum: usize, maximum: usize) -> Option<(i32, &str)> {
    let count = text
        .bytes()
        .take(maximum)
        .take_while(u8::is_ascii_digit)
        .count();
    if count < minimum {
        return None;
    }
    let (digits, rest) = text.split_at(count);
    Some((digits.parse().ok()?, rest))
}

/// A year of two digits, and the text after it.
fn take_short_year(text: &str) -> Option<(i32, &str)> {
    let (year, rest) = take_digits(text, 2, 2)?;
    let century = if year >= TWO_DIGIT_YEAR_PIVOT {
        1900
    } else {
        2000
    };
    Some((century + year, rest))
}

/// The number of a month that is written as its English name or the beginning of it, and the text
/// after it.
fn take_month_name(text: &str) -> Option<(i32, &str)> {
    let end = text
        .find(|c: char| !c.is_alphabetic())
        .unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let name = name.to_lowercase();
    let index = MONTH_NAMES
        .iter()
        .position(|month| name.starts_with(month))?;
    Some((i32::try_from(index).ok()? + 1, rest))
}

/// Microseconds since midnight; none when there is no such time. Minute and second are zero where a
/// format lacks them.
fn clock_micros(hour: i32, minute: Option<i32>, second: Option<i32>) -> Option<i64> {
    let hour = i8::try_from(hour).ok()?;
    let minute = i8::try_from(minute.unwrap_or(0)).ok()?;
    let second = i8::try_from(second.unwrap_or(0)).ok()?;
    let time = civil::Time::new(hour, minute, second, 0).ok()?;

    let seconds =
        i64::from(time.hour()) * 3600 + i64::from(time.minute()) * 60 + i64::from(time.second());
    Some(seconds * 1_000_000)
}

/// The time of a day as text, `HH:MM:SS`.
pub(crate) fn format_clock(micros: i64) -> String {
    let seconds = micros / 1_000_000;
    let hours = seconds / 3600;
    let minutes = seconds / 60 % 60;
    format!("{hours:02}:{minutes:02}:{:02}", seconds % 60)
}

/// The format of numbers with a comma as their point.
pub(crate) const COMMA_FORMAT: &str = "1.234,56";

/// The names of the formats of numbers.
pub(crate) const NUMBER_FORMATS: [&str; 2] = ["1,234.56", COMMA_FORMAT];

/// The signs of currencies, which may precede or follow a number.
const CURRENCY_SIGNS: [char; 4] = ['£', '€', '$', ' '];

/// A number as people write it, without currency signs and the thousands' separators of `format`.
pub(crate) fn normalise_number(text: &str, format: &str) -> Option<String> {
    let (thousands, point) = if format == COMMA_FORMAT {
        ('.', ',')
    } else {
        (',', '.')
    };
    let (negative, number) = split_sign(text.trim().trim_matches(CURRENCY_SIGNS));

    let (whole, fraction) = match number.split_once(point) {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (number, None),
    };
    if fraction.is_some_and(|fraction| !is_digits(fraction)) {
        return None;
    }

    let sign = if negative { "-" } else { "" };
    let whole = join_groups(whole, thousands)?;
    let fraction = fraction
        .map(|digits| format!(".{digits}"))
        .unwrap_or_default();
    Some(format!("{sign}{whole}{fraction}"))
}

/// Whether a number is negative, by a minus or by the brackets of accountants, and the number
/// without them.
fn split_sign(text: &str) -> (bool, &str) {
    let bracketed = text
        .strip_prefix('(')
        .and_then(|rest| rest.strip_suffix(')'));
    let inner = bracketed.unwrap_or(text).trim_matches(CURRENCY_SIGNS);
    match inner.strip_prefix('-') {
        // Brackets around a minus say one thing twice, or its contrary.
        Some(_) if bracketed.is_some() => (true, ""),
        Some(rest) => (true, rest.trim_start_matches(CURRENCY_SIGNS)),
        None => (
            bracketed.is_some(),
            inner.strip_prefix('+').unwrap_or(inner),
        ),
    }
}

/// The digits of a whole number without its separators. A separator must precede three digits, and
/// no zero begins the first group: 12,50 is not 1250, and 0,123 is not 123.
fn join_groups(whole: &str, thousands: char) -> Option<String> {
    let groups: Vec<&str> = whole.split(thousands).collect();
    let (first, others) = groups.split_first()?;
    let grouped = others
        .iter()
        .all(|group| group.len() == 3 && is_digits(group))
        && (others.is_empty() || (first.len() <= 3 && !first.starts_with('0')));
    (is_digits(first) && grouped).then(|| groups.concat())
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn day(format: &str, text: &str) -> Option<i32> {
        DateFormat::parse(format).unwrap().read_text(text)?.day
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(
            text in "\\PC{0,30}",
            format in "[YMDHms/: .T-]{0,12}|\\PC{0,8}",
        ) {
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
                .and_then(|moment| moment.clock)
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
            ("-£5.00", "1,234.56", Some("-5.00")),
            ("£-5.00", "1,234.56", Some("-5.00")),
            ("(£1,000.50)", "1,234.56", Some("-1000.50")),
            ("+5", "1,234.56", Some("5")),
            ("(-5)", "1,234.56", None),
            ("0,123", "1,234.56", None),
            ("0.123", "1.234,56", None),
            ("0123", "1,234.56", Some("0123")),
            ("1e3", "1,234.56", None),
            ("NaN", "1,234.56", None),
            ("12p", "1,234.56", None),
            ("--5", "1,234.56", None),
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
