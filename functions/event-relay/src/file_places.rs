//! The request header `polelake-file`: of which file the events of a request are records, and at
//! which places of it. `polelake backfill` sends it, so that a record that is refused later can be
//! found in its file.
//!
//! ```text
//! polelake-file: name=missed%20bins.csv; row=2-400,402
//! ```

use contract::percent_encode;
use lake::FileOrigin;

use crate::EVENTS_MAX;

/// The header's name.
pub const FILE_HEADER: &str = "polelake-file";

/// Characters of a file's name at most.
const NAME_CHARS_MAX: usize = 255;

/// What is counted in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlaceUnit {
    /// Rows of a table, as the reader of the file counts them.
    Row,
    /// Records of another file.
    Record,
}

impl PlaceUnit {
    /// The word for one of them.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Row => "row",
            Self::Record => "record",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Row, Self::Record]
            .into_iter()
            .find(|unit| unit.label() == text)
    }
}

/// The file of some events, and the place of each of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilePlaces {
    name: String,
    unit: PlaceUnit,
    places: Vec<u64>,
}

impl FilePlaces {
    /// The places of events in a file of this name. Of a name that is none for a header, what does
    /// not fit is replaced or left out.
    #[must_use]
    pub fn new(name: &str, unit: PlaceUnit, places: Vec<u64>) -> Self {
        let visible = name.chars().map(|c| match c.is_control() {
            true => char::REPLACEMENT_CHARACTER,
            false => c,
        });
        Self {
            name: visible.take(NAME_CHARS_MAX).collect(),
            unit,
            places,
        }
    }

    /// The places of some of the events.
    #[must_use]
    pub fn slice(&self, first: usize, count: usize) -> Self {
        let places = self.places.iter().skip(first).take(count);
        Self {
            name: self.name.clone(),
            unit: self.unit,
            places: places.copied().collect(),
        }
    }

    /// The header's text.
    #[must_use]
    pub fn header_text(&self) -> String {
        format!(
            "name={}; {}={}",
            percent_encode(&self.name),
            self.unit.label(),
            ranges_text(&self.places)
        )
    }

    /// The places that a header's text gives to so many events.
    pub(crate) fn parse(text: &str, events: usize) -> Option<Self> {
        let (name, places) = text.split_once(';')?;
        let name = percent_decode(name.trim().strip_prefix("name=")?)?;
        let is_name = (1..=NAME_CHARS_MAX).contains(&name.chars().count());
        if !is_name || name.chars().any(char::is_control) {
            return None;
        }

        let (unit, ranges) = places.trim().split_once('=')?;
        let places = parse_ranges(ranges)?;
        (places.len() == events).then_some(Self {
            name,
            unit: PlaceUnit::parse(unit)?,
            places,
        })
    }

    /// The origin of the event at an index.
    pub(crate) fn origin_of(&self, index: usize) -> Option<FileOrigin> {
        let place = self.places.get(index)?;
        Some(FileOrigin {
            name: self.name.clone(),
            place: format!("{} {place}", self.unit.label()),
        })
    }
}

/// Numbers in ascending runs: `2-400,402`.
fn ranges_text(numbers: &[u64]) -> String {
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    for number in numbers.iter().copied() {
        match ranges.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(number) => *last = number,
            _ => ranges.push((number, number)),
        }
    }
    let texts: Vec<String> = ranges
        .into_iter()
        .map(|(first, last)| match first == last {
            true => first.to_string(),
            false => format!("{first}-{last}"),
        })
        .collect();
    texts.join(",")
}

/// The numbers of such a text; none of a text with more of them than a request has events.
fn parse_ranges(text: &str) -> Option<Vec<u64>> {
    let mut numbers = Vec::new();
    for range in text.split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last): (u64, u64) = (first.parse().ok()?, last.parse().ok()?);
        let count = usize::try_from(last.checked_sub(first)?).ok()?;
        if numbers.len().saturating_add(count) >= EVENTS_MAX {
            return None;
        }
        numbers.extend(first..=last);
    }
    Some(numbers)
}

/// The text behind `%20` and the like.
fn percent_decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        if *first != b'%' {
            bytes.push(*first);
            rest = behind;
            continue;
        }
        let (digits, behind) = behind.split_at_checked(2)?;
        let digits = std::str::from_utf8(digits).ok()?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = behind;
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let name = "bins, mai; 50 % ü.csv";
        let places = FilePlaces::new(name, PlaceUnit::Row, vec![2, 3, 4, 9, 7, 8]);
        let text = places.header_text();
        assert!(
            text.is_ascii() && text.ends_with("; row=2-4,9,7-8"),
            "{text}"
        );
        assert_eq!(FilePlaces::parse(&text, 6), Some(places.clone()));

        let origin = places.origin_of(3).unwrap();
        assert_eq!(
            (origin.name.as_str(), origin.place.as_str()),
            (name, "row 9")
        );
        assert_eq!(places.origin_of(6), None);
        assert_eq!(
            places.slice(4, 5).header_text().rsplit('=').next(),
            Some("7-8")
        );
        let odd = FilePlaces::new(
            &format!("a\n{}", "x".repeat(300)),
            PlaceUnit::Record,
            vec![1],
        );
        assert!(FilePlaces::parse(&odd.header_text(), 1).is_some());
    }

    #[test]
    fn what_does_not_fit_the_events_is_none() {
        for (text, events) in [
            ("", 1),
            ("name=a.csv", 1),
            ("name=; row=1", 1),
            ("name=a.csv; row=1-2", 1),
            ("name=a.csv; row=1", 2),
            ("name=a.csv; line=1", 1),
            ("name=a.csv; row=2-1", 1),
            ("name=a.csv; row=1-99999999999999", 1),
            ("name=a.csv; row=0-18446744073709551615", 1),
            ("name=%0a.csv; row=1", 1),
            ("name=%zz; row=1", 1),
            ("name=%e4; row=1", 1),
            ("name=%; row=1", 1),
        ] {
            assert_eq!(FilePlaces::parse(text, events), None, "{text}");
        }
    }
}
