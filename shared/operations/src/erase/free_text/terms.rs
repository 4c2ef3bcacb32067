//! What a search of free text looks for, and how it finds it in one text.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Range;

use pole::{FoldedText, NAME_TITLES, Spelling};

use super::birth_date::BirthDate;
use super::candidates::CandidateReason;

/// Words that may stand between a given name and a surname: middle names, an initial.
const NAME_GAP_WORDS: usize = 3;

/// Words that may stand between a surname and a date of birth.
const DATE_GAP_WORDS: usize = 12;

/// A part of a double-barrelled surname that counts alone: `de`, `van` and `bin` do not.
const SURNAME_PART_CHARS_MIN: usize = 4;

/// One letter is an initial, and any text has it.
const NAME_CHARS_MIN: usize = 2;

/// A field that holds a date and nothing else has at most so many words: a time may follow.
const DATE_FIELD_WORDS_MAX: usize = 9;

/// Places of one kind that are remembered for those that follow. A name beside itself takes two.
const RECENT_PLACES: usize = 4;

/// A member's name that holds a term of so many letters is not printed.
const HIDING_CHARS_MIN: usize = 3;

/// What is searched for. It has no `Debug`: it is the person's data.
#[derive(Default)]
pub(in crate::erase) struct FreeTextTerms {
    given: BTreeSet<String>,
    surnames: BTreeSet<String>,
    /// Parts of surnames that have several.
    surname_parts: BTreeSet<String>,
    full_names: BTreeSet<String>,
    birth_dates: BTreeSet<BirthDate>,
    texts: BTreeSet<String>,
}

/// What was found in a text.
pub(super) struct TextFinding {
    pub(super) reasons: BTreeSet<CandidateReason>,
    /// The words of the first finding.
    pub(super) words: Range<usize>,
}

/// What the value of a field is, where it is that and nothing else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct FieldMeaning {
    pub(super) is_given: bool,
    pub(super) is_surname: bool,
    pub(super) is_birth_date: bool,
}

impl FreeTextTerms {
    /// How many terms there are; none when nothing can be found by them. A given name alone finds
    /// nothing, nor does a surname or a date.
    pub(in crate::erase) fn count(&self) -> u64 {
        let has_pair = !self.surnames.is_empty() || !self.surname_parts.is_empty();
        let paired = if has_pair {
            self.given.len() + self.surnames.len() + self.birth_dates.len()
        } else {
            0
        };
        (paired + self.full_names.len() + self.texts.len()) as u64
    }

    /// Adds a name that stands beside a surname; of several words each counts alone too.
    pub(super) fn add_given(&mut self, name: &str) {
        let folded = FoldedText::of(name);
        for spelling in folded.spellings() {
            insert_name(&mut self.given, spelling.letters());
            for word in name_words(spelling) {
                insert_name(&mut self.given, word);
            }
        }
    }

    /// Adds a surname. A long part of one that has several counts too, as another reason.
    pub(super) fn add_surname(&mut self, name: &str) {
        let folded = FoldedText::of(name);
        for spelling in folded.spellings() {
            insert_name(&mut self.surnames, spelling.letters());
            if folded.word_count() > 1 {
                self.add_surname_parts(name_words(spelling));
            }
        }
    }

    /// Adds a name in one. Of two words the last is the surname, of more a part of it.
    pub(super) fn add_full_name(&mut self, name: &str) {
        let folded = FoldedText::of(name);
        for spelling in folded.spellings() {
            let words: Vec<&str> = name_words(spelling).collect();
            let (Some(first), Some(last), true) = (words.first(), words.last(), words.len() > 1)
            else {
                continue;
            };

            insert_name(&mut self.full_names, &words.concat());
            insert_name(&mut self.given, first);
            if words.len() == 2 {
                insert_name(&mut self.surnames, last);
            } else {
                self.add_surname_parts(std::iter::once(*last));
            }
        }
    }

    fn add_surname_parts<'w>(&mut self, words: impl Iterator<Item = &'w str>) {
        let long = words.filter(|word| word.chars().count() >= SURNAME_PART_CHARS_MIN);
        self.surname_parts.extend(long.map(str::to_owned));
    }

    /// Adds a date of birth, in days since 1970-01-01.
    pub(super) fn add_birth_date(&mut self, days: i32) {
        self.birth_dates.extend(BirthDate::from_days(days));
    }

    /// Adds a text of the operator.
    pub(super) fn add_text(&mut self, text: &str) {
        for spelling in FoldedText::of(text).spellings() {
            self.texts.insert(spelling.letters().to_owned());
        }
    }

    /// What the text holds of the terms; none when it holds nothing.
    pub(super) fn find_in(&self, text: &FoldedText) -> Option<TextFinding> {
        let mut found = BTreeMap::new();
        for spelling in text.spellings() {
            let scan = TextScan {
                terms: self,
                spelling,
                found: &mut found,
            };
            scan.find_all(text.word_count());
        }

        if found.contains_key(&CandidateReason::FullName) {
            found.remove(&CandidateReason::PartialName);
        }
        let words = found.values().min_by_key(|words| words.start)?.clone();
        Some(TextFinding {
            reasons: found.into_keys().collect(),
            words,
        })
    }

    /// What the text is, where it is a given name, a surname or the date of birth and nothing else.
    pub(super) fn field_meaning(&self, text: &FoldedText) -> FieldMeaning {
        let words = text.word_count();
        let is_one_of = |names: &BTreeSet<String>| {
            text.spellings()
                .any(|spelling| match_longest(names, spelling, 0) == Some(words))
        };

        FieldMeaning {
            is_given: is_one_of(&self.given),
            is_surname: is_one_of(&self.surnames),
            is_birth_date: words <= DATE_FIELD_WORDS_MAX
                && self.match_birth_date(text.plain(), 0).is_some(),
        }
    }

    /// How many words of a field are its meaning: behind a date, a time may follow.
    pub(super) fn field_words(&self, text: &FoldedText, meaning: FieldMeaning) -> usize {
        let date = meaning
            .is_birth_date
            .then(|| self.match_birth_date(text.plain(), 0));
        date.flatten().unwrap_or(text.word_count())
    }

    /// Whether the name of a member holds a term, so that it must not be printed.
    pub(super) fn occur_in_name(&self, name: &str) -> bool {
        let folded = FoldedText::of(name);
        let names = self.given.iter().chain(&self.surnames);
        let mut terms = names
            .chain(&self.surname_parts)
            .chain(&self.full_names)
            .chain(&self.texts);
        terms.any(|term| {
            folded.spellings().any(|spelling| {
                let is_long = term.chars().count() >= HIDING_CHARS_MIN;
                (is_long && spelling.letters().contains(term.as_str()))
                    || (0..folded.word_count()).any(|at| spelling.match_at(at, term).is_some())
            })
        })
    }

    fn match_birth_date(&self, words: &Spelling, index: usize) -> Option<usize> {
        let mut dates = self.birth_dates.iter();
        dates.find_map(|date| date.match_at(words, index))
    }
}

/// The words of a name, without titles.
fn name_words(spelling: &Spelling) -> impl Iterator<Item = &str> {
    let words = (0..).map_while(|index| spelling.word(index));
    words.filter(|word| !NAME_TITLES.contains(word))
}

fn insert_name(names: &mut BTreeSet<String>, name: &str) {
    if name.chars().count() >= NAME_CHARS_MIN || !(name.is_empty() || name.is_ascii()) {
        names.insert(name.to_owned());
    }
}

/// The longest of the names that stands at this word; the index of the word behind it.
fn match_longest(names: &BTreeSet<String>, words: &Spelling, index: usize) -> Option<usize> {
    let ends = names.iter().filter_map(|name| words.match_at(index, name));
    ends.max()
}

/// The last places of one kind of term.
#[derive(Default)]
struct RecentPlaces(VecDeque<Range<usize>>);

impl RecentPlaces {
    fn push(&mut self, place: Range<usize>) {
        if self.0.len() == RECENT_PLACES {
            self.0.pop_front();
        }
        self.0.push_back(place);
    }

    /// Where the place nearest before this word begins, with at most `gap` words between them.
    fn start_before(&self, index: usize, gap: usize) -> Option<usize> {
        let near = self.0.iter().rev().find(|place| {
            let distance = index.checked_sub(place.end);
            distance.is_some_and(|distance| distance <= gap)
        });
        near.map(|place| place.start)
    }
}

/// The search in one spelling of a text.
struct TextScan<'s> {
    terms: &'s FreeTextTerms,
    spelling: &'s Spelling,
    found: &'s mut BTreeMap<CandidateReason, Range<usize>>,
}

impl TextScan<'_> {
    fn find_all(mut self, word_count: usize) {
        let mut given = RecentPlaces::default();
        let mut surnames = RecentPlaces::default();
        let mut parts = RecentPlaces::default();
        let mut dates = RecentPlaces::default();

        for index in 0..word_count {
            self.find_alone(index);
            let at = |names| match_longest(names, self.spelling, index).map(|end| index..end);
            let given_here = at(&self.terms.given);
            let surname_here = at(&self.terms.surnames);
            let part_here = at(&self.terms.surname_parts);
            let date = self.terms.match_birth_date(self.spelling, index);
            let date_here = date.map(|end| index..end);

            use CandidateReason::{FullName, PartialName, SurnameAndBirthDate};
            self.pair(FullName, &surname_here, &given, NAME_GAP_WORDS);
            self.pair(FullName, &given_here, &surnames, NAME_GAP_WORDS);
            self.pair(PartialName, &part_here, &given, NAME_GAP_WORDS);
            self.pair(PartialName, &given_here, &parts, NAME_GAP_WORDS);
            self.pair(SurnameAndBirthDate, &surname_here, &dates, DATE_GAP_WORDS);
            self.pair(SurnameAndBirthDate, &date_here, &surnames, DATE_GAP_WORDS);

            given_here.into_iter().for_each(|place| given.push(place));
            surname_here
                .into_iter()
                .for_each(|place| surnames.push(place));
            part_here.into_iter().for_each(|place| parts.push(place));
            date_here.into_iter().for_each(|place| dates.push(place));
        }
    }

    /// Notes what needs nothing beside it.
    fn find_alone(&mut self, index: usize) {
        if let Some(end) = match_longest(&self.terms.full_names, self.spelling, index) {
            self.note(CandidateReason::FullName, index..end);
        }
        if let Some(end) = match_longest(&self.terms.texts, self.spelling, index) {
            self.note(CandidateReason::Text, index..end);
        }
    }

    /// Notes a term that stands near another one before it.
    fn pair(
        &mut self,
        reason: CandidateReason,
        here: &Option<Range<usize>>,
        before: &RecentPlaces,
        gap: usize,
    ) {
        let Some(here) = here else { return };
        if let Some(start) = before.start_before(here.start, gap) {
            self.note(reason, start..here.end);
        }
    }

    fn note(&mut self, reason: CandidateReason, words: Range<usize>) {
        self.found.entry(reason).or_insert(words);
    }
}
