//! The verb `parse`: a text of a declared format becomes a date, time, timestamp or decimal.

use std::borrow::Cow;

use crate::calendar::Calendar;
use crate::cell::Cell;
use crate::format::{DateFormat, FormattedMoment, ShortYears, format_clock};
use crate::mapping::{ParseDocument, ParseKind};
use crate::number::number_of_text;
use crate::number_format::{COMMA_FORMAT, NUMBER_FORMATS, normalise_number};
use crate::time::{ExactInstant, MICROS_PER_DAY, WrittenTime, civil_date};

/// The greatest pivot: every year of two digits is then of the 2000s.
const PIVOT_MAX: u8 = 100;

/// How a text is parsed, and which texts stand for "no value".
#[derive(Clone, Debug)]
pub(crate) struct TextParser {
    formats: TextFormats,
    sentinels: Vec<String>,
    /// The first year of two digits that is of the 1900s.
    pivot: Option<u8>,
    /// Whether the date is never after the event.
    past: bool,
}

/// The formats that a text may have, by what it is parsed as.
#[derive(Clone, Debug)]
enum TextFormats {
    Date(Vec<DateFormat>),
    Time(Vec<DateFormat>),
    Timestamp(Vec<DateFormat>),
    Decimal(Vec<String>),
}

impl TextParser {
    pub(super) fn compile(document: &ParseDocument) -> Result<Self, String> {
        if document.formats.is_empty() {
            return Err("`parse` needs `formats`".into());
        }

        let formats = match document.kind {
            ParseKind::Date => TextFormats::Date(parse_date_formats(&document.formats)?),
            ParseKind::Time => TextFormats::Time(parse_date_formats(&document.formats)?),
            ParseKind::Timestamp => TextFormats::Timestamp(parse_date_formats(&document.formats)?),
            ParseKind::Decimal => {
                check_number_formats(&document.formats)?;
                TextFormats::Decimal(document.formats.clone())
            }
        };
        check_short_years(document, &formats)?;
        Ok(Self {
            formats,
            sentinels: document.sentinels.clone(),
            pivot: document.pivot,
            past: document.past,
        })
    }

    /// Whether the date is never after the event: then it needs an event's time.
    pub(super) fn is_past(&self) -> bool {
        self.past
    }

    /// Whether a timestamp in ISO form is one of the texts that it reads.
    pub(super) fn reads_iso_timestamps(&self) -> bool {
        match &self.formats {
            TextFormats::Timestamp(formats) => formats.contains(&DateFormat::Iso),
            _ => false,
        }
    }

    /// The value of a cell. A number is an amount already: 1.234 is no thousand, whatever the
    /// separators of the formats are.
    pub(super) fn parse_cell<'v>(
        &self,
        cell: Cell<'v>,
        calendar: &Calendar,
    ) -> Result<Cell<'v>, &'static str> {
        let is_amount = cell.is_number() && matches!(self.formats, TextFormats::Decimal(_));
        let text = cell.into_text().unwrap_or_default();
        if !is_amount {
            return self.parse_text(&text, calendar);
        }

        // The placeholder `0.00` is the number 0.
        let mut numbers = self
            .sentinels
            .iter()
            .filter_map(|text| number_of_text(text));
        let is_sentinel = numbers.any(|sentinel| sentinel == text);
        Ok(if is_sentinel {
            Cell::Null
        } else {
            Cell::Text(text)
        })
    }

    /// Whether it reads numbers with a comma as their point.
    pub(super) fn reads_comma_numbers(&self) -> bool {
        match &self.formats {
            TextFormats::Decimal(formats) => formats.iter().any(|format| format == COMMA_FORMAT),
            _ => false,
        }
    }

    /// The value of a text by the first format that it has, or what was expected.
    fn parse_text<'v>(&self, text: &str, calendar: &Calendar) -> Result<Cell<'v>, &'static str> {
        if self.is_sentinel(text) {
            return Ok(Cell::Null);
        }

        match &self.formats {
            TextFormats::Date(formats) => {
                let moment = self.read_moment(formats, text, calendar);
                let written = dated(moment).ok_or("a date in a declared format was expected")?;
                let day = calendar.day_of_written(written)?;
                self.check_past(day, local_event_day(calendar))?;
                Ok(day.map_or(Cell::Null, Cell::Date))
            }
            TextFormats::Time(formats) => self
                .read_moment(formats, text, calendar)
                .and_then(|moment| local_clock(moment, calendar))
                .map(|micros| Cell::Text(Cow::Owned(format_clock(micros))))
                .ok_or("a time in a declared format was expected"),
            TextFormats::Timestamp(_) => {
                let instant = self.parse_instant(text, calendar)?;
                Ok(instant.map_or(Cell::Null, |instant| Cell::Timestamp(instant.micros)))
            }
            TextFormats::Decimal(formats) => formats
                .iter()
                .find_map(|format| normalise_number(text, format))
                .map(|number| Cell::Text(Cow::Owned(number)))
                .ok_or("an amount in a declared format was expected"),
        }
    }

    /// The instant of a text to the nanosecond; none for a sentinel.
    pub(super) fn parse_instant(
        &self,
        text: &str,
        calendar: &Calendar,
    ) -> Result<Option<ExactInstant>, &'static str> {
        let (TextFormats::Date(formats) | TextFormats::Timestamp(formats)) = &self.formats else {
            return Err("a date and time were expected");
        };
        if self.is_sentinel(text) {
            return Ok(None);
        }

        let moment = self.read_moment(formats, text, calendar);
        let written = dated(moment).ok_or("a date and time in a declared format were expected")?;
        let instant = calendar.instant_of_written(written)?;
        let micros = instant.map(|instant| instant.micros);
        self.check_past(micros, calendar.event_time())?;
        Ok(instant)
    }

    fn is_sentinel(&self, text: &str) -> bool {
        let text = text.trim();
        self.sentinels.iter().any(|sentinel| sentinel == text)
    }

    /// What a text says by the first format that it has.
    fn read_moment(
        &self,
        formats: &[DateFormat],
        text: &str,
        calendar: &Calendar,
    ) -> Option<FormattedMoment> {
        let years = self.short_years(calendar);
        formats
            .iter()
            .find_map(|format| format.read_text(text, years))
    }

    /// To which century years of two digits belong, for an event.
    fn short_years(&self, calendar: &Calendar) -> ShortYears {
        if let Some(pivot) = self.pivot {
            return ShortYears::Pivot(pivot.into());
        }
        if !self.past {
            return ShortYears::Undeclared;
        }
        local_event_day(calendar)
            .and_then(civil_date)
            .map_or(ShortYears::Undeclared, ShortYears::NotAfter)
    }

    /// Refuses a date of the past that is after the event.
    fn check_past<T: PartialOrd>(
        &self,
        value: Option<T>,
        event: Option<T>,
    ) -> Result<(), &'static str> {
        match value.zip(event) {
            Some((value, event)) if self.past && value > event => {
                Err("a date that is not after the event was expected")
            }
            _ => Ok(()),
        }
    }
}

/// The local day on which the event happened.
fn local_event_day(calendar: &Calendar) -> Option<i32> {
    calendar.local_day(calendar.event_time()?)
}

/// A moment that has a date.
fn dated(moment: Option<FormattedMoment>) -> Option<WrittenTime> {
    match moment? {
        FormattedMoment::Dated(written) => Some(written),
        FormattedMoment::Clock(_) => None,
    }
}

/// Microseconds since midnight that clocks in the zone show; none for a date alone.
fn local_clock(moment: FormattedMoment, calendar: &Calendar) -> Option<i64> {
    match moment {
        FormattedMoment::Clock(time) => {
            let since_midnight = time.duration_since(jiff::civil::Time::midnight());
            i64::try_from(since_midnight.as_micros()).ok()
        }
        FormattedMoment::Dated(written) => written.has_time().then(|| {
            written
                .local_micros(calendar.zone())
                .rem_euclid(MICROS_PER_DAY)
        }),
    }
}

fn parse_date_formats(texts: &[String]) -> Result<Vec<DateFormat>, String> {
    let formats = texts
        .iter()
        .map(|text| DateFormat::parse(text))
        .collect::<Result<Vec<_>, _>>()?;

    for (index, format) in formats.iter().enumerate() {
        for (earlier, text) in formats.iter().zip(texts).take(index) {
            let both = format
                .ambiguous_text(earlier)
                .or_else(|| earlier.ambiguous_text(format));
            if let Some(both) = both {
                return Err(format!(
                    "`{both}` is one date by the format `{text}` and another by `{}`: leave out \
                     the one that the source does not write",
                    texts[index]
                ));
            }
        }
    }
    Ok(formats)
}

/// A year of two digits has no century of its own: the mapping declares it, and declares nothing
/// that has no effect.
fn check_short_years(document: &ParseDocument, formats: &TextFormats) -> Result<(), String> {
    let (dates, can_be_past): (&[DateFormat], bool) = match formats {
        TextFormats::Date(dates) | TextFormats::Timestamp(dates) => (dates, true),
        TextFormats::Time(dates) => (dates, false),
        TextFormats::Decimal(_) => (&[], false),
    };
    let short = dates
        .iter()
        .position(DateFormat::has_short_year)
        .filter(|_| can_be_past);

    match (short, document.pivot) {
        (Some(index), None) if !document.past => Err(format!(
            "the format `{}` has a year of two digits: say with `pivot: 30` that years from 30 on \
             are of the 1900s, or with `past: true` that the date is never after the event",
            document.formats[index]
        )),
        (None, Some(_)) => Err("`pivot` needs a date format with the year `YY`".into()),
        (_, Some(pivot)) if pivot > PIVOT_MAX => {
            Err(format!("`pivot` is a year of two digits, or {PIVOT_MAX}"))
        }
        (_, Some(_)) if document.past => {
            Err("`pivot` and `past` both decide the century; leave one of them out".into())
        }
        _ if document.past && !can_be_past => {
            Err("`past` is for dates and timestamps alone".into())
        }
        _ => Ok(()),
    }
}

fn check_number_formats(formats: &[String]) -> Result<(), String> {
    match formats
        .iter()
        .find(|format| !NUMBER_FORMATS.contains(&format.as_str()))
    {
        None => Ok(()),
        Some(format) => Err(format!(
            "the format `{format}` of a decimal is not one of {}",
            NUMBER_FORMATS.join(" or ")
        )),
    }
}
