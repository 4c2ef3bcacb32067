//! The verb `parse`: a text of a declared format becomes a date, time, timestamp or decimal.

use std::borrow::Cow;

use crate::cell::{Calendar, Cell};
use crate::format::{COMMA_FORMAT, DateFormat, NUMBER_FORMATS, format_clock, normalise_number};
use crate::mapping::{ParseDocument, ParseKind};
use crate::number::number_of_text;

/// How a text is parsed, and which texts stand for "no value".
#[derive(Clone, Debug)]
pub(crate) struct TextParser {
    formats: TextFormats,
    sentinels: Vec<String>,
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
        Ok(Self {
            formats,
            sentinels: document.sentinels.clone(),
        })
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
        if self
            .sentinels
            .iter()
            .any(|sentinel| sentinel == text.trim())
        {
            return Ok(Cell::Null);
        }

        match &self.formats {
            TextFormats::Date(formats) => formats
                .iter()
                .find_map(|format| format.read_text(text)?.day)
                .map(Cell::Date)
                .ok_or("a date in a declared format was expected"),
            TextFormats::Time(formats) => formats
                .iter()
                .find_map(|format| format.read_text(text)?.clock)
                .map(|micros| Cell::Text(Cow::Owned(format_clock(micros))))
                .ok_or("a time in a declared format was expected"),
            TextFormats::Timestamp(formats) => formats
                .iter()
                .find_map(|format| format.read_instant(text, calendar.zone.as_ref()))
                .map(Cell::Timestamp)
                .ok_or("a date and time in a declared format were expected"),
            TextFormats::Decimal(formats) => formats
                .iter()
                .find_map(|format| normalise_number(text, format))
                .map(|number| Cell::Text(Cow::Owned(number)))
                .ok_or("an amount in a declared format was expected"),
        }
    }
}

fn parse_date_formats(formats: &[String]) -> Result<Vec<DateFormat>, String> {
    formats.iter().map(|text| DateFormat::parse(text)).collect()
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
