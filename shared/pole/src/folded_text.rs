//! Texts in one spelling, so that a name is found however it was written.
//!
//! Case, accents and the width of letters are folded. A word is a run of letters or of digits; an
//! apostrophe, a hyphen, a line break and any other mark end it. Where a language is written
//! without spaces, each character is a word.

use std::ops::Range;

use icu_normalizer::DecomposingNormalizerBorrowed;

use crate::conformance::is_mark;

/// What a diaeresis is written as, where a keyboard has none.
const DIAERESIS: char = '\u{308}';

/// The ring of `å`.
const RING: char = '\u{30a}';

/// Letters that no decomposition reaches: in lower case, their plain spelling and the longer one
/// that is used where a keyboard does not have them.
const LETTER_SPELLINGS: [(char, &str, &str); 11] = [
    ('ß', "ss", "ss"),
    ('æ', "ae", "ae"),
    ('œ', "oe", "oe"),
    ('ø', "o", "oe"),
    ('ł', "l", "l"),
    ('đ', "d", "dj"),
    ('ð', "d", "d"),
    ('þ', "th", "th"),
    ('ı', "i", "i"),
    ('ħ', "h", "h"),
    ('ŋ', "n", "ng"),
];

/// A text as words, in its plain spelling (`Müller` is `muller`) and, where they differ, in its
/// longer one (`mueller`).
pub struct FoldedText {
    plain: Spelling,
    long: Option<Spelling>,
    /// Where each word stands in the text, in bytes.
    places: Vec<Range<usize>>,
}

/// The words of a text in one spelling.
#[derive(Clone, Default)]
pub struct Spelling {
    /// The letters and digits of all words, without anything between them.
    letters: String,
    /// Where each word ends in `letters`, in bytes.
    ends: Vec<usize>,
}

/// What a run of characters of one word consists of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum WordKind {
    Letters,
    Digits,
    /// One character of a script without spaces.
    Character,
}

impl FoldedText {
    /// Folds a text.
    ///
    /// ```
    /// let text = pole::FoldedText::of("Seán O’Brien");
    /// assert_eq!(text.plain().letters(), "seanobrien");
    /// assert_eq!(text.word_count(), 3);
    /// // Where the words of a name are joined otherwise, it is the same name.
    /// assert_eq!(text.plain().match_at(1, "obrien"), Some(3));
    /// assert_eq!(text.plain().match_at(1, "obri"), None);
    /// ```
    #[must_use]
    pub fn of(text: &str) -> Self {
        let mut folder = TextFolder::default();
        for (position, c) in text.char_indices() {
            if c.is_ascii() {
                folder.add_ascii(position, c);
            } else {
                folder.add_foreign(position, c);
            }
        }
        folder.end_word();
        folder.into_text()
    }

    /// How many words it has.
    #[must_use]
    pub fn word_count(&self) -> usize {
        self.places.len()
    }

    /// The plain spelling.
    #[must_use]
    pub fn plain(&self) -> &Spelling {
        &self.plain
    }

    /// Each spelling that the text has.
    pub fn spellings(&self) -> impl Iterator<Item = &Spelling> {
        std::iter::once(&self.plain).chain(&self.long)
    }

    /// Where words stand in the text, in bytes; an empty range stands nowhere.
    #[must_use]
    pub fn place_of(&self, words: Range<usize>) -> Range<usize> {
        let words = self.places.get(words).unwrap_or_default();
        match (words.first(), words.last()) {
            (Some(first), Some(last)) => first.start..last.end,
            _ => 0..0,
        }
    }
}

impl Spelling {
    /// The letters and digits of all words, joined.
    #[must_use]
    pub fn letters(&self) -> &str {
        &self.letters
    }

    /// A word; none beyond the last.
    #[must_use]
    pub fn word(&self, index: usize) -> Option<&str> {
        let end = *self.ends.get(index)?;
        self.letters.get(self.start_of(index)..end)
    }

    /// Whether a joined name stands at this word and ends where a word ends; the index of the word
    /// behind it.
    #[must_use]
    pub fn match_at(&self, index: usize, name: &str) -> Option<usize> {
        let start = self.start_of(index);
        if name.is_empty() || !self.letters.get(start..)?.starts_with(name) {
            return None;
        }
        let wanted = start + name.len();
        let ends = self.ends.get(index..)?;
        let further = ends.iter().position(|end| *end >= wanted)?;
        (ends[further] == wanted).then_some(index + further + 1)
    }

    fn start_of(&self, index: usize) -> usize {
        match index.checked_sub(1) {
            Some(before) => self.ends.get(before).copied().unwrap_or(self.letters.len()),
            None => 0,
        }
    }
}

/// Folds one text, character by character.
#[derive(Default)]
struct TextFolder {
    plain: Spelling,
    long: Spelling,
    /// Whether any letter has two spellings.
    has_long: bool,
    places: Vec<Range<usize>>,
    /// The word that is not ended yet.
    word: Option<(WordKind, Range<usize>)>,
    /// The last letter, to which a mark may belong.
    last: Option<char>,
}

impl TextFolder {
    fn add_ascii(&mut self, position: usize, c: char) {
        let kind = match c {
            'a'..='z' | 'A'..='Z' => WordKind::Letters,
            '0'..='9' => WordKind::Digits,
            _ => return self.end_word(),
        };
        self.begin_character(kind, position..position + 1);
        self.push_letter(c.to_ascii_lowercase());
    }

    fn add_foreign(&mut self, position: usize, c: char) {
        let place = position..position + c.len_utf8();
        if is_invisible(c) {
            return;
        }
        if is_mark(c) {
            return self.add_mark(c, place.end);
        }

        for lower in c.to_lowercase() {
            let known = LETTER_SPELLINGS.iter().find(|(known, ..)| *known == lower);
            if let Some((_, plain, long)) = known {
                self.begin_character(WordKind::Letters, place.clone());
                self.push_spellings(plain, long);
            } else {
                self.add_decomposed(lower, &place);
            }
        }
    }

    fn add_decomposed(&mut self, c: char, place: &Range<usize>) {
        let nfkd = DecomposingNormalizerBorrowed::new_nfkd();
        for part in nfkd.normalize_iter(std::iter::once(c)) {
            if is_mark(part) {
                self.add_mark(part, place.end);
            } else if let Some(kind) = word_kind(part) {
                self.begin_character(kind, place.clone());
                part.to_lowercase()
                    .for_each(|lower| self.push_letter(lower));
            } else {
                self.end_word();
            }
        }
    }

    /// A mark belongs to the letter before it. Some marks have a spelling of their own.
    fn add_mark(&mut self, mark: char, end: usize) {
        if let Some((_, place)) = &mut self.word {
            place.end = end;
        }
        let spelling = match (self.last, mark) {
            (Some('a' | 'o' | 'u'), DIAERESIS) => "e",
            (Some('a'), RING) => "a",
            _ => return,
        };
        self.push_spellings("", spelling);
        self.last = None;
    }

    /// Begins a word with this character, or goes on with the one that is there.
    fn begin_character(&mut self, kind: WordKind, place: Range<usize>) {
        match &mut self.word {
            Some((known, known_place)) if *known == kind && kind != WordKind::Character => {
                known_place.end = place.end;
            }
            _ => {
                self.end_word();
                self.word = Some((kind, place));
            }
        }
    }

    fn push_letter(&mut self, letter: char) {
        self.plain.letters.push(letter);
        self.long.letters.push(letter);
        self.last = Some(letter);
    }

    fn push_spellings(&mut self, plain: &str, long: &str) {
        self.plain.letters.push_str(plain);
        self.long.letters.push_str(long);
        self.has_long |= plain != long;
        self.last = None;
    }

    fn end_word(&mut self) {
        if let Some((_, place)) = self.word.take() {
            self.places.push(place);
            self.plain.ends.push(self.plain.letters.len());
            self.long.ends.push(self.long.letters.len());
        }
        self.last = None;
    }

    fn into_text(self) -> FoldedText {
        FoldedText {
            plain: self.plain,
            long: self.has_long.then_some(self.long),
            places: self.places,
        }
    }
}

/// What a character is part of; none for one that ends a word.
fn word_kind(c: char) -> Option<WordKind> {
    if is_unspaced(c) {
        return Some(WordKind::Character);
    }
    if is_modifier(c) {
        return None;
    }
    if c.is_alphabetic() {
        return Some(WordKind::Letters);
    }
    c.is_numeric().then_some(WordKind::Digits)
}

/// Characters without a width or an effect on what a word is: joiners, a soft hyphen, marks of the
/// direction.
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{61c}' | '\u{640}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{2069}' | '\u{feff}'
    )
}

/// Letters by their category that writers use as apostrophes.
fn is_modifier(c: char) -> bool {
    matches!(c, '\u{2b0}'..='\u{2ff}' | '\u{a78b}' | '\u{a78c}')
}

/// Scripts that are written without spaces between words.
fn is_unspaced(c: char) -> bool {
    matches!(
        c,
        '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}'
            | '\u{3005}'..='\u{3007}' | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}'
            | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        let folded = FoldedText::of(text);
        let plain = folded.plain();
        (0..folded.word_count())
            .map(|index| plain.word(index).unwrap().to_owned())
            .collect()
    }

    fn letters(text: &str) -> Vec<String> {
        let folded = FoldedText::of(text);
        folded
            .spellings()
            .map(|spelling| spelling.letters().to_owned())
            .collect()
    }

    #[test]
    fn case_accents_and_marks_are_folded() {
        assert_eq!(
            words("ZOË Ångström-D’Arcy"),
            ["zoe", "angstrom", "d", "arcy"]
        );
        assert_eq!(words("Jose\u{301} ＲＯＢ"), ["jose", "rob"]);
        assert_eq!(words("İbrahim ışık"), ["ibrahim", "isik"]);
        assert_eq!(
            words("Łukasz Đorđević Søren"),
            ["lukasz", "dordevic", "soren"]
        );
        assert_eq!(words("Иван Йорданов"), ["иван", "иорданов"]);
        assert_eq!(words("O\u{2bc}Neill"), ["o", "neill"]);
        assert_eq!(
            words("soft\u{ad}hyphen zero\u{200b}width"),
            ["softhyphen", "zerowidth"]
        );
    }

    #[test]
    fn letters_and_digits_are_words_of_their_own() {
        assert_eq!(
            words("1980-03-05T00Z_x"),
            ["1980", "03", "05", "t", "00", "z", "x"]
        );
        assert_eq!(
            words("robin.sample17@example.org")[..3],
            ["robin", "sample", "17"]
        );
        assert_eq!(words("王芳さん"), ["王", "芳", "さ", "ん"]);
        assert_eq!(words(" \n--"), [] as [String; 0]);
    }

    #[test]
    fn an_umlaut_has_two_spellings_and_its_decomposed_form_the_same() {
        for text in ["Müller", "Mu\u{308}ller", "MÜLLER"] {
            assert_eq!(letters(text), ["muller", "mueller"], "{text}");
        }
        assert_eq!(letters("Mueller"), ["mueller"]);
        assert_eq!(letters("Åse Bjørn"), ["asebjorn", "aasebjoern"]);
        assert_eq!(letters("Weiß"), ["weiss"]);
    }

    #[test]
    fn a_joined_name_begins_and_ends_with_words() {
        let text = FoldedText::of("to Anna Smith-Jones, Smithson");
        let plain = text.plain();
        assert_eq!(plain.match_at(2, "smithjones"), Some(4));
        assert_eq!(plain.match_at(2, "smith"), Some(3));
        assert_eq!(plain.match_at(4, "smith"), None);
        assert_eq!(plain.match_at(9, "smith"), None);
        assert_eq!(text.place_of(1..4), 3..19);
        assert_eq!(text.place_of(9..9), 0..0);
    }
}
