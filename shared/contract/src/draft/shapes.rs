//! What the texts of a column look like, counted over all rows: numbers, dates in which formats,
//! addresses and numbers of people.

use std::collections::BTreeMap;

use jiff::civil::Date;
use pole::Normaliser;

use super::date_formats::{COMPILED_FORMATS, DATE_FORMATS, can_stand_together, swapped_format};
use super::sample_place::SamplePlace;
use super::stray_dates::{StrayDate, StrayTexts};
use crate::cell::boolean_of_text;
use crate::format::{FormattedMoment, ShortYears};
use crate::number::number_of_text;
use crate::number_format::{COMMA_FORMAT, normalise_number};
use crate::time::{civil_date, parse_timestamp};

/// Digits that a number surely keeps: a longer one is a reference.
const NUMBER_DIGITS_MAX: usize = 15;

/// The longest text that is a code and not a sentence.
const CODE_CHARS_MAX: usize = 24;

/// What the texts of a field look like.
#[derive(Clone, Debug, Default)]
pub(super) struct TextShapes {
    /// Texts that are not blank.
    count: u64,
    integers: u64,
    numbers: u64,
    money: u64,
    comma_money: u64,
    with_comma: u64,
    booleans: u64,
    /// How many texts have which of [`DATE_FORMATS`], as bits.
    dates: BTreeMap<u32, u64>,
    iso_days: u64,
    /// ISO dates and times, with and without an offset.
    iso_times: u64,
    emails: u64,
    phones: u64,
    ninos: u64,
    postcodes: u64,
    /// Texts without a space, not longer than a code.
    codes: u64,
    with_digit: u64,
    earliest_year: Option<i16>,
    /// Texts that are no date in any format.
    strays: StrayTexts,
}

/// A way to reach a person that texts have the shape of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ContactShape {
    /// E-mail addresses.
    Email,
    /// Telephone numbers.
    Phone,
}

/// How a column writes dates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DateGuess {
    pub(super) formats: Vec<&'static str>,
    pub(super) has_time: bool,
    /// Whether day and month may be the other way round.
    pub(super) is_ambiguous: bool,
    pub(super) has_short_year: bool,
}

impl DateGuess {
    /// The formats as a mapping writes them.
    pub(super) fn yaml(&self) -> String {
        format!("[{}]", self.quoted().join(", "))
    }

    fn quoted(&self) -> Vec<String> {
        let quote = |format: &&str| match format.contains(':') {
            true => format!("\"{format}\""),
            false => (*format).to_owned(),
        };
        self.formats.iter().map(quote).collect()
    }
}

impl TextShapes {
    /// Counts a text.
    pub(super) fn add(&mut self, text: &str, place: SamplePlace) {
        let text = text.trim();
        if text.is_empty() {
            return;
        }
        self.count += 1;
        let count = |counter: &mut u64, holds: bool| *counter += u64::from(holds);
        let digits = text.bytes().filter(u8::is_ascii_digit).count();
        let is_short = text.chars().count() <= CODE_CHARS_MAX;
        count(&mut self.codes, is_short && !text.contains(' '));
        count(&mut self.with_digit, digits > 0);
        count(&mut self.iso_times, parse_timestamp(text).is_some());
        count(
            &mut self.emails,
            Normaliser::Email.normalise_text(text).is_some(),
        );
        if !is_short {
            self.strays.add(text, place);
            return;
        }

        count(
            &mut self.booleans,
            digits == 0 && boolean_of_text(text).is_some(),
        );
        if digits == 0 {
            self.strays.add(text, place);
            return;
        }
        self.add_number(text, digits);
        self.add_date(text, place);
        let has_phone_form = text.starts_with(['0', '+', '(']) && digits >= 9;
        count(
            &mut self.phones,
            has_phone_form && Normaliser::Phone.normalise_text(text).is_some(),
        );
        count(
            &mut self.ninos,
            Normaliser::Nino.normalise_text(text).is_some(),
        );
        count(
            &mut self.postcodes,
            Normaliser::Postcode.normalise_text(text).is_some(),
        );
    }

    fn add_number(&mut self, text: &str, digits: usize) {
        let unsigned = text.trim_start_matches(['-', '+']);
        let is_zero_led = unsigned.len() > 1
            && unsigned.starts_with('0')
            && unsigned.as_bytes()[1].is_ascii_digit();
        if is_zero_led || digits > NUMBER_DIGITS_MAX {
            return;
        }
        let is_plain = number_of_text(text).is_some() && !text.contains(['e', 'E']);
        let is_integer = is_plain && !text.contains('.');
        self.integers += u64::from(is_integer);
        self.numbers += u64::from(is_plain);
        self.money += u64::from(normalise_number(text, "1,234.56").is_some());
        self.comma_money += u64::from(normalise_number(text, COMMA_FORMAT).is_some());
        self.with_comma += u64::from(text.contains(','));
    }

    fn add_date(&mut self, text: &str, place: SamplePlace) {
        let mut mask = 0_u32;
        for (index, format) in COMPILED_FORMATS.iter().enumerate() {
            if let Some(FormattedMoment::Dated(written)) =
                format.read_text(text, ShortYears::Pivot(30))
            {
                mask |= 1 << index;
                let year = civil_date(written.day()).map(Date::year);
                let earliest = self.earliest_year.into_iter().chain(year).min();
                self.earliest_year = earliest;
                self.iso_days += u64::from(index == 0 && !written.has_time());
            }
        }
        match mask {
            0 => self.strays.add(text, place),
            mask => *self.dates.entry(mask).or_default() += 1,
        }
    }

    fn all(&self, count: u64) -> bool {
        self.count > 0 && count == self.count
    }

    pub(super) fn are_booleans(&self) -> bool {
        self.all(self.booleans)
    }

    pub(super) fn are_integers(&self) -> bool {
        self.all(self.integers)
    }

    pub(super) fn are_numbers(&self) -> bool {
        self.all(self.numbers)
    }

    /// Whether they are amounts, with signs of currencies or commas between thousands.
    pub(super) fn are_money(&self) -> bool {
        self.all(self.money)
    }

    /// Whether they are numbers with a comma as their point, and cannot be others.
    pub(super) fn are_comma_numbers(&self) -> bool {
        self.all(self.comma_money) && self.with_comma > 0 && !self.all(self.money)
    }

    /// Whether they are ISO dates without a time.
    pub(super) fn are_iso_days(&self) -> bool {
        self.all(self.iso_days)
    }

    /// Whether they are ISO dates and times.
    pub(super) fn are_iso_times(&self) -> bool {
        self.all(self.iso_times)
    }

    /// Whether they are codes: short, without spaces.
    pub(super) fn are_codes(&self) -> bool {
        self.all(self.codes)
    }

    /// Whether they have digits, as references have.
    pub(super) fn have_digits(&self) -> bool {
        self.all(self.with_digit)
    }

    /// What shows that they are of people: half of the texts, or more, have such a shape.
    pub(super) fn personal_shape(&self) -> Option<&'static str> {
        let shapes = [
            (self.emails, "e-mail addresses"),
            (self.phones, "telephone numbers"),
            (self.ninos, "National Insurance numbers"),
            (self.postcodes, "postcodes"),
        ];
        let mut found = shapes
            .iter()
            .filter(|(count, _)| *count > 0 && count * 2 >= self.count);
        found.next().map(|(_, shape)| *shape)
    }

    /// Whether half of the texts, or more, are e-mail addresses or telephone numbers.
    pub(super) fn contact_shape(&self) -> Option<ContactShape> {
        let shapes = [
            (self.emails, ContactShape::Email),
            (self.phones, ContactShape::Phone),
        ];
        let mut found = shapes
            .iter()
            .filter(|(count, _)| *count > 0 && count * 2 >= self.count);
        found.next().map(|(_, shape)| *shape)
    }

    /// Whether no text has anything in it.
    pub(super) fn are_blank(&self) -> bool {
        self.count == 0
    }

    /// Whether any text has the shape of an address or number of a person.
    pub(super) fn has_personal_texts(&self) -> bool {
        self.emails + self.phones + self.ninos + self.postcodes > 0
    }

    /// Whether the dates go back so far that they may be birth dates.
    pub(super) fn are_long_ago(&self) -> bool {
        self.earliest_year
            .is_some_and(|year| (1900..=1990).contains(&year))
    }

    /// In which formats they are dates; none where they are not, or where day and month are written
    /// in both orders.
    pub(super) fn dates(&self) -> Option<DateGuess> {
        if !self.are_mostly_dates() {
            return None;
        }
        let covers = |set: u32| self.dates.keys().all(|mask| mask & set != 0);
        let indexes = 0..DATE_FORMATS.len();
        let single = indexes.clone().map(|index| vec![index]);
        let pairs = indexes.clone().flat_map(|first| {
            (first + 1..DATE_FORMATS.len()).map(move |second| vec![first, second])
        });
        let set = single.chain(pairs).find(|set| {
            covers(set.iter().fold(0, |bits, index| bits | 1_u32 << *index))
                && can_stand_together(set)
        })?;

        let swapped = |index: &usize| {
            let other = swapped_format(DATE_FORMATS[*index]);
            let other = DATE_FORMATS
                .iter()
                .position(|format| Some(*format) == other.as_deref());
            other.is_some_and(|other| covers(1 << other))
        };
        Some(DateGuess {
            has_time: set.iter().any(|index| self.has_time(*index)),
            is_ambiguous: set.len() == 1 && set.iter().any(swapped),
            has_short_year: set
                .iter()
                .any(|index| COMPILED_FORMATS[*index].has_short_year()),
            formats: set.iter().map(|index| DATE_FORMATS[*index]).collect(),
        })
    }

    /// How many texts are dates.
    fn count_dated(&self) -> u64 {
        self.dates.values().sum()
    }

    /// Whether all texts are dates but for a few, which a person decides on: a tenth of them, or one
    /// that has the form of a date.
    fn are_mostly_dates(&self) -> bool {
        let dated = self.count_dated();
        let count = self.strays.count;
        let few = self.count / 10;
        let is_one_impossible = count == 1 && self.strays.has_impossible;
        dated > 0 && count < dated && (count <= few || is_one_impossible)
    }

    /// The texts that are no dates, where the others are: the first ones, and how many there are.
    pub(super) fn stray_dates(&self) -> (&[StrayDate], u64) {
        match self.dates() {
            Some(_) => (&self.strays.shown, self.strays.count),
            None => (&[], 0),
        }
    }

    fn has_time(&self, index: usize) -> bool {
        match index {
            0 => self.iso_days < self.count_dated(),
            _ => DATE_FORMATS[index].contains("HH"),
        }
    }

    /// Whether most texts are dates, but not in one order of day and month.
    pub(super) fn are_mixed_dates(&self) -> bool {
        self.are_mostly_dates() && self.dates().is_none()
    }
}

#[cfg(test)]
mod tests;
