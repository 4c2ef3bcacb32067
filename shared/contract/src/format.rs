//! Formats of dates and times that mappings declare: `DD/MM/YYYY`, `D MMM YYYY HH:mm`, `iso`.

use jiff::civil;

use crate::time::WrittenTime;

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

impl FormatToken {
    /// Whether it stands for digits.
    fn is_number(self) -> bool {
        !matches!(self, Self::MonthName | Self::Plain(_))
    }

    /// The token's part of the text of a day at one minute past one.
    fn write(self, date: civil::Date) -> String {
        match self {
            Self::Year => format!("{:04}", date.year()),
            Self::ShortYear => format!("{:02}", date.year() % 100),
            Self::Month => format!("{:02}", date.month()),
            Self::MonthName => {
                let index = usize::try_from(date.month() - 1).unwrap_or_default();
                MONTH_NAMES.get(index).copied().unwrap_or_default().into()
            }
            Self::Day => format!("{:02}", date.day()),
            Self::Hour | Self::Minute => "01".into(),
            Self::Second => "00".into(),
            Self::Plain(character) => character.into(),
        }
    }
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
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// Days of which every pair of year, month and day can be swapped, or none.
const SAMPLE_DATES: [civil::Date; 3] = [
    civil::date(2001, 2, 3),
    civil::date(2012, 11, 10),
    civil::date(1931, 12, 9),
];

/// The pivot of sample texts.
const SAMPLE_PIVOT: i16 = 30;

/// Letters of the shortest short form of a month's name.
const MONTH_LETTERS_MIN: usize = 3;

/// A compiled format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DateFormat {
    Iso,
    Tokens(Vec<FormatToken>),
}

/// What a text of a format says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FormattedMoment {
    /// A date, perhaps with a time of day.
    Dated(WrittenTime),
    /// A time of day alone.
    Clock(civil::Time),
}

/// To which century a year of two digits belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ShortYears {
    /// The mapping declares none: a format with such years does not compile.
    Undeclared,
    /// Years from this one on are of the 1900s, those below it of the 2000s.
    Pivot(i16),
    /// The latest century in which the date is not after this one.
    NotAfter(civil::Date),
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

    /// Whether it has a year of two digits.
    pub(crate) fn has_short_year(&self) -> bool {
        matches!(self, Self::Tokens(tokens) if tokens.contains(&FormatToken::ShortYear))
    }

    /// A text that both formats read, as two dates: such as 03/02/2001 for `DD/MM/YYYY` and
    /// `MM/DD/YYYY`. The text does not say which one is meant.
    pub(crate) fn ambiguous_text(&self, other: &Self) -> Option<String> {
        let years = ShortYears::Pivot(SAMPLE_PIVOT);
        SAMPLE_DATES.iter().find_map(|date| {
            let text = self.write_text(*date);
            let readings = [self, other].map(|format| format.read_text(&text, years));
            matches!(readings, [Some(this), Some(that)] if this != that).then_some(text)
        })
    }

    /// A day as a text of this format.
    fn write_text(&self, date: civil::Date) -> String {
        match self {
            Self::Iso => date.to_string(),
            Self::Tokens(tokens) => tokens.iter().map(|token| token.write(date)).collect(),
        }
    }

    /// What a text of this format says; none for a text of another format.
    pub(crate) fn read_text(&self, text: &str, years: ShortYears) -> Option<FormattedMoment> {
        let text = text.trim();
        match self {
            Self::Iso => WrittenTime::read(text).map(FormattedMoment::Dated),
            Self::Tokens(tokens) => match_tokens(tokens, text)?.into_moment(years),
        }
    }
}

/// The tokens of a format. A letter that belongs to no token is a mistake, except the `T` between
/// date and time.
fn parse_tokens(text: &str) -> Result<Vec<FormatToken>, String> {
    let mut parts = Vec::new();
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
        let (name, behind) = rest.split_at(length);
        parts.push((name, token));
        rest = behind;
    }

    check_digit_boundaries(&parts).map_err(|why| format!("the format `{text}`: {why}"))?;
    Ok(parts.into_iter().map(|(_, token)| token).collect())
}

/// Refuses `YYYYMD`: where digits follow each other without a separator, only numbers of a fixed
/// width can be told apart. `parts` are the tokens as they are written.
fn check_digit_boundaries(parts: &[(&str, FormatToken)]) -> Result<(), String> {
    let is_single = |part: &(&str, FormatToken)| part.0.len() == 1 && part.1.is_number();
    let unbounded = parts.windows(2).find_map(|pair| {
        let both_are_numbers = pair.iter().all(|part| part.1.is_number());
        pair.iter().find(|part| both_are_numbers && is_single(part))
    });
    match unbounded {
        None => Ok(()),
        Some((name, _)) => Err(format!(
            "`{name}` is one digit or two, and has no separator beside it: write `{name}{name}`"
        )),
    }
}

/// Whether exactly one token is one of these.
fn has_one_of(tokens: &[FormatToken], wanted: &[FormatToken]) -> bool {
    tokens.iter().filter(|token| wanted.contains(token)).count() == 1
}

/// The numbers that a text gives for the tokens of its format.
#[derive(Default)]
struct MatchedNumbers {
    year: Option<i16>,
    short_year: Option<i16>,
    month: Option<i16>,
    day: Option<i16>,
    hour: Option<i16>,
    minute: Option<i16>,
    second: Option<i16>,
}

impl MatchedNumbers {
    /// The date and the time of day; none when a number is out of its range.
    fn into_moment(self, years: ShortYears) -> Option<FormattedMoment> {
        let time = match self.hour {
            Some(hour) => Some(clock_time(hour, self.minute, self.second)?),
            None => None,
        };
        let (Some(month), Some(day)) = (self.month, self.day) else {
            return time.map(FormattedMoment::Clock);
        };

        let month_and_day = (i8::try_from(month).ok()?, i8::try_from(day).ok()?);
        let date = match (self.year, self.short_year) {
            (Some(year), _) => date_of(year, month_and_day)?,
            (None, Some(year)) => years.resolve(year, month_and_day)?,
            (None, None) => return time.map(FormattedMoment::Clock),
        };
        Some(FormattedMoment::Dated(WrittenTime::local(date, time)))
    }
}

impl ShortYears {
    /// The date of a year of two digits; none when there is no such day.
    fn resolve(self, year: i16, month_and_day: (i8, i8)) -> Option<civil::Date> {
        match self {
            Self::Undeclared => None,
            Self::Pivot(pivot) if year >= pivot => date_of(1900 + year, month_and_day),
            Self::Pivot(_) => date_of(2000 + year, month_and_day),
            Self::NotAfter(last) => {
                let century = last.year() / 100 * 100;
                [century, century - 100]
                    .into_iter()
                    .filter_map(|century| date_of(century + year, month_and_day))
                    .find(|date| *date <= last)
            }
        }
    }
}

fn date_of(year: i16, (month, day): (i8, i8)) -> Option<civil::Date> {
    civil::Date::new(year, month, day).ok()
}

/// Matches a full text with the tokens of a format.
fn match_tokens(tokens: &[FormatToken], text: &str) -> Option<MatchedNumbers> {
    let mut numbers = MatchedNumbers::default();
    let mut rest = text;
    for (index, token) in tokens.iter().enumerate() {
        let before = index.checked_sub(1).and_then(|before| tokens.get(before));
        let beside = before.into_iter().chain(tokens.get(index + 1));
        // Without a separator `2026111` could be the 11th of January and the 1st of November.
        let digits_min = 1 + usize::from(beside.copied().any(FormatToken::is_number));
        rest = match_token(*token, rest, digits_min, &mut numbers)?;
    }
    rest.is_empty().then_some(numbers)
}

/// Matches one token at the beginning of a text, and returns the rest.
fn match_token<'t>(
    token: FormatToken,
    text: &'t str,
    digits_min: usize,
    numbers: &mut MatchedNumbers,
) -> Option<&'t str> {
    let (target, (number, rest)) = match token {
        FormatToken::Plain(wanted) => return text.strip_prefix(wanted),
        FormatToken::Year => (&mut numbers.year, take_digits(text, 4, 4)?),
        FormatToken::ShortYear => (&mut numbers.short_year, take_digits(text, 2, 2)?),
        FormatToken::Month => (&mut numbers.month, take_digits(text, digits_min, 2)?),
        FormatToken::MonthName => (&mut numbers.month, take_month_name(text)?),
        FormatToken::Day => (&mut numbers.day, take_digits(text, digits_min, 2)?),
        FormatToken::Hour => (&mut numbers.hour, take_digits(text, digits_min, 2)?),
        FormatToken::Minute => (&mut numbers.minute, take_digits(text, 2, 2)?),
        FormatToken::Second => (&mut numbers.second, take_digits(text, 2, 2)?),
    };
    *target = Some(number);
    Some(rest)
}

/// A number of so many digits at the beginning, and the text after it.
fn take_digits(text: &str, minimum: usize, maximum: usize) -> Option<(i16, &str)> {
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

/// The number of a month that is written as its English name or the first letters of it, and the
/// text after it.
fn take_month_name(text: &str) -> Option<(i16, &str)> {
    let end = text
        .find(|c: char| !c.is_alphabetic())
        .unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let name = name.to_lowercase();
    let index = MONTH_NAMES
        .iter()
        .position(|month| month.starts_with(&name))
        .filter(|_| name.len() >= MONTH_LETTERS_MIN)?;
    Some((i16::try_from(index).ok()? + 1, rest))
}

/// A time of day; none when there is no such time. Minute and second are zero where a format lacks
/// them.
fn clock_time(hour: i16, minute: Option<i16>, second: Option<i16>) -> Option<civil::Time> {
    let hour = i8::try_from(hour).ok()?;
    let minute = i8::try_from(minute.unwrap_or(0)).ok()?;
    let second = i8::try_from(second.unwrap_or(0)).ok()?;
    civil::Time::new(hour, minute, second, 0).ok()
}

/// The time of a day as text, `HH:MM:SS`.
pub(crate) fn format_clock(micros: i64) -> String {
    let seconds = micros / 1_000_000;
    let hours = seconds / 3600;
    let minutes = seconds / 60 % 60;
    format!("{hours:02}:{minutes:02}:{:02}", seconds % 60)
}

#[cfg(test)]
mod tests;
