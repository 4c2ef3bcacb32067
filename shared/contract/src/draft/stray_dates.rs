//! Texts of a column of dates that are none: a day that there is not, or a text of another kind.

use super::date_formats::is_date;
use super::sample_place::SamplePlace;

/// Texts of a column that are no dates, where the others may be: the first ones, and how many.
#[derive(Clone, Debug, Default)]
pub(super) struct StrayTexts {
    pub(super) shown: Vec<StrayDate>,
    pub(super) count: u64,
    /// Whether one of the first has the form of a date, of a day that there is not.
    pub(super) has_impossible: bool,
}

/// A text that is no date, in a column of dates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StrayDate {
    pub(super) place: SamplePlace,
    /// The text where it has the form of a date: the 30th of February.
    pub(super) impossible: Option<String>,
}

/// The longest text that may be a date.
const DATE_BYTES_MAX: usize = 24;

/// Texts that are no dates and are named.
const STRAYS_SHOWN: usize = 3;

impl StrayTexts {
    /// Counts a text that is no date.
    pub(super) fn add(&mut self, text: &str, place: SamplePlace) {
        self.count += 1;
        if self.shown.len() == STRAYS_SHOWN {
            return;
        }
        let is_impossible = text.len() <= DATE_BYTES_MAX && is_impossible_date(text);
        self.has_impossible |= is_impossible;
        self.shown.push(StrayDate {
            place,
            impossible: is_impossible.then(|| text.to_owned()),
        });
    }
}

/// Whether a text is written as a date is, of a day that there is not: with another day or month it
/// would be one, or it is made of zeros.
fn is_impossible_date(text: &str) -> bool {
    let is_digit = |byte: &u8| byte.is_ascii_digit();
    let zeros = text.bytes().filter(|byte| *byte == b'0').count();
    let signs = text.bytes().filter(|byte| b"/-.".contains(byte)).count();
    if zeros >= 6 && zeros + signs == text.len() {
        return true;
    }
    let bytes = text.as_bytes();
    let mut begin = 0;
    for group in bytes.chunk_by(|a, b| is_digit(a) == is_digit(b)) {
        let end = begin + group.len();
        if group.len() <= 2 && group.iter().all(is_digit) {
            let repaired = format!("{}{:0>2}{}", &text[..begin], 1, &text[end..]);
            if is_date(&repaired) {
                return true;
            }
        }
        begin = end;
    }
    false
}
