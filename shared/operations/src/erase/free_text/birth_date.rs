//! A date of birth as people write it.

use contract::MONTH_NAMES;
use jiff::Span;
use jiff::civil::Date;
use pole::Spelling;

/// What may stand behind the number of a day: the 5th of March.
const DAY_ENDINGS: [&str; 5] = ["st", "nd", "rd", "th", "of"];

/// The letters of a month's short name.
const SHORT_MONTH_CHARS: usize = 3;

/// A date of birth.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct BirthDate(Date);

impl BirthDate {
    /// The date of so many days since 1970-01-01; none beyond the calendar.
    pub(super) fn from_days(days: i32) -> Option<Self> {
        let span = Span::new().try_days(days).ok()?;
        let date = Date::constant(1970, 1, 1).checked_add(span).ok()?;
        Some(Self(date))
    }

    /// Whether the date stands at this word, in figures or with the month's English name; the index
    /// of the word behind it.
    pub(super) fn match_at(self, words: &Spelling, index: usize) -> Option<usize> {
        self.match_joined(words, index)
            .or_else(|| self.match_figures(words, index))
            .or_else(|| self.match_day_first(words, index))
            .or_else(|| self.match_month_first(words, index))
    }

    /// `19800305` and `05031980`.
    fn match_joined(self, words: &Spelling, index: usize) -> Option<usize> {
        let word = words.word(index).filter(|word| word.len() == 8)?;
        let (year, month, day) = (self.0.year(), self.0.month(), self.0.day());
        let is_date = word == format!("{year:04}{month:02}{day:02}")
            || word == format!("{day:02}{month:02}{year:04}");
        is_date.then_some(index + 1)
    }

    /// Three numbers: year, month, day; day, month, year; or month, day, year. A year may have two
    /// digits where it stands last.
    fn match_figures(self, words: &Spelling, index: usize) -> Option<usize> {
        let number = |at: usize| words.word(at).and_then(small_number);
        let (first, second, third) = (number(index)?, number(index + 1)?, number(index + 2)?);
        let (month, day) = (i32::from(self.0.month()), i32::from(self.0.day()));

        let year_first = self.is_full_year(first) && second == month && third == day;
        let is_day = (first, second) == (day, month) || (first, second) == (month, day);
        let year_last = is_day && self.is_year(third);
        (year_first || year_last).then_some(index + 3)
    }

    /// `5 March 1980`, `5th of Mar 80`.
    fn match_day_first(self, words: &Spelling, index: usize) -> Option<usize> {
        let behind_day = self.match_day(words, index)?;
        let behind_month = self.match_month(words, behind_day)?;
        self.match_year(words, behind_month)
    }

    /// `March 5th, 1980`.
    fn match_month_first(self, words: &Spelling, index: usize) -> Option<usize> {
        let behind_month = self.match_month(words, index)?;
        let behind_day = self.match_day(words, behind_month)?;
        self.match_year(words, behind_day)
    }

    fn match_day(self, words: &Spelling, index: usize) -> Option<usize> {
        let day = small_number(words.word(index)?)?;
        let mut behind = index + 1;
        while words
            .word(behind)
            .is_some_and(|word| DAY_ENDINGS.contains(&word))
        {
            behind += 1;
        }
        (day == i32::from(self.0.day())).then_some(behind)
    }

    fn match_month(self, words: &Spelling, index: usize) -> Option<usize> {
        let word = words.word(index)?;
        let number = usize::from(self.0.month().unsigned_abs());
        let name = MONTH_NAMES.get(number.checked_sub(1)?)?.to_lowercase();
        let is_short = word.len() == SHORT_MONTH_CHARS || word == "sept";
        (word == name || (is_short && name.starts_with(word))).then_some(index + 1)
    }

    fn match_year(self, words: &Spelling, index: usize) -> Option<usize> {
        let year = small_number(words.word(index)?)?;
        self.is_year(year).then_some(index + 1)
    }

    fn is_full_year(self, year: i32) -> bool {
        year == i32::from(self.0.year())
    }

    fn is_year(self, year: i32) -> bool {
        self.is_full_year(year) || year == i32::from(self.0.year()).rem_euclid(100)
    }
}

/// A number of at most four digits.
fn small_number(word: &str) -> Option<i32> {
    (word.len() <= 4).then(|| word.parse().ok()).flatten()
}
