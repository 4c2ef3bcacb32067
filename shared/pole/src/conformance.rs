//! The forms that identifiers and names must have, by the Minimum POLE Data Standards and what they
//! refer to.
//!
//! `docs/pole-standard.md` says how each is interpreted, and names its source.

use icu_properties::CodePointMapData;
use icu_properties::props::{GeneralCategory, GeneralCategoryGroup};

use crate::Normaliser;

/// A closed set of checks that a contract can apply to a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConformanceCheck {
    /// A Police National Computer id: `YYYY/NNNNNNND`, the last a check letter (DS_072).
    PncId,
    /// A criminal records office number: `NNNNNN/YYD` or `SFYY/NNNNNND` (DS_071).
    CroNumber,
    /// An arrest summons number: `YYFFUUSSNNNNNNNNNNND`, the last a check letter (DS_073).
    ArrestSummonsNumber,
    /// A National Insurance number without spaces (DS_060).
    Nino,
    /// A driving licence number of Great Britain, 16 characters (DS_061).
    DrivingLicence,
    /// A passport number of the United Kingdom, old or new (DS_056).
    UkPassport,
    /// A postcode in capitals with one space (DS_010).
    Postcode,
    /// A registration mark without spaces (DS_065).
    Vrm,
    /// A telephone number in E.164, with its `+` (DS_053).
    E164,
    /// An e-mail address (DS_054).
    Email,
    /// A property number of twelve digits (DS_011).
    Uprn,
    /// A country in three letters of ISO 3166-1 (DS_004).
    Country,
    /// A machine-readable zone: its characters and its length (ICAO 9303).
    Mrz,
    /// A name: letters, hyphens, apostrophes, single spaces, no title before it (DS_031 to DS_033).
    PersonName,
    /// A Home Office classification: `NNN/NN` (DS_074).
    HoClassification,
    /// An offence code of the criminal justice system (DS_080).
    OffenceCode,
}

/// The check letters of the police's numbers: A to Z without I, O and S; Z is the letter of
/// remainder 0.
const CHECK_LETTERS: &[u8; 23] = b"ZABCDEFGHJKLMNPQRTUVWXY";

impl ConformanceCheck {
    /// Every check with the name that contracts use.
    pub const ALL: [(&'static str, Self); 16] = [
        ("pnc_id", Self::PncId),
        ("cro_number", Self::CroNumber),
        ("arrest_summons_number", Self::ArrestSummonsNumber),
        ("nino", Self::Nino),
        ("driving_licence", Self::DrivingLicence),
        ("uk_passport", Self::UkPassport),
        ("postcode", Self::Postcode),
        ("vrm", Self::Vrm),
        ("e164", Self::E164),
        ("email", Self::Email),
        ("uprn", Self::Uprn),
        ("country", Self::Country),
        ("mrz", Self::Mrz),
        ("person_name", Self::PersonName),
        ("ho_classification", Self::HoClassification),
        ("offence_code", Self::OffenceCode),
    ];

    /// The check that contracts call `name`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, check)| *check)
    }

    /// Whether `text` has the form as it is: a text that a normaliser would have to correct does
    /// not pass.
    ///
    /// ```
    /// assert!(pole::ConformanceCheck::PncId.accepts_text("2001/0171310W"));
    /// assert!(!pole::ConformanceCheck::PncId.accepts_text("2001/0171310X"));
    /// ```
    #[must_use]
    pub fn accepts_text(self, text: &str) -> bool {
        let unchanged =
            |normaliser: Normaliser| normaliser.normalise_text(text).as_deref() == Some(text);
        match self {
            Self::PncId => unchanged(Normaliser::Pnc),
            Self::CroNumber => unchanged(Normaliser::Cro),
            Self::ArrestSummonsNumber => is_arrest_summons_number(text),
            Self::Nino => unchanged(Normaliser::Nino),
            Self::DrivingLicence => is_driving_licence(text),
            Self::UkPassport => ["A999999", "999999A", "999999999"]
                .iter()
                .any(|form| matches_form(text, form)),
            Self::Postcode => unchanged(Normaliser::Postcode),
            Self::Vrm => unchanged(Normaliser::Vrm),
            Self::E164 => unchanged(Normaliser::Phone),
            Self::Email => unchanged(Normaliser::Email),
            Self::Uprn => unchanged(Normaliser::Uprn),
            Self::Country => rust_iso3166::from_alpha3(text).is_some(),
            Self::Mrz => is_machine_readable_zone(text),
            Self::PersonName => is_person_name(text),
            Self::HoClassification => matches_form(text, "999/99"),
            Self::OffenceCode => is_offence_code(text),
        }
    }
}

/// Whether `text` has this form: `9` a digit, `A` a capital letter, everything else itself.
fn matches_form(text: &str, form: &str) -> bool {
    text.len() == form.len()
        && text
            .bytes()
            .zip(form.bytes())
            .all(|(byte, wanted)| match wanted {
                b'9' => byte.is_ascii_digit(),
                b'A' => byte.is_ascii_uppercase(),
                other => byte == other,
            })
}

/// The check letter of a number: its remainder by 23, as a letter. None when `digits` is no number.
pub(crate) fn compute_check_letter(digits: &str) -> Option<char> {
    let number: u64 = digits.parse().ok()?;
    let remainder = usize::try_from(number % 23).ok()?;
    CHECK_LETTERS
        .get(remainder)
        .map(|letter| char::from(*letter))
}

/// Year, force and unit, system, eleven digits, letter. The letter checks the digits of all parts
/// but the unit. No document describes the letter of the longer form: there any check letter
/// passes.
fn is_arrest_summons_number(text: &str) -> bool {
    if !text.is_ascii() || !matches!(text.len(), 20 | 21) {
        return false;
    }
    let (number, letter) = text.split_at(text.len() - 1);
    let (head, serial) = number.split_at(number.len() - 11);
    let (year, office) = head.split_at(2);
    let has_form = is_all_digits(year)
        && is_all_digits(serial)
        && is_capitals_and_digits(office)
        && letter.bytes().all(|byte| CHECK_LETTERS.contains(&byte));
    if !has_form || office.len() != 6 {
        return has_form;
    }

    let office_digits = [&office[..2], &office[4..]]
        .into_iter()
        .filter(|part| is_all_digits(part));
    let checked: String = office_digits.chain([year, serial]).collect();
    compute_check_letter(&checked).is_some_and(|expected| letter.starts_with(expected))
}

fn is_all_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_capitals_and_digits(text: &str) -> bool {
    text.bytes()
        .all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase())
}

/// Five of the surname filled up with 9, the date of birth in a mixed order, two initials, three of
/// DVLA's own.
fn is_driving_licence(text: &str) -> bool {
    if text.len() != 16 || !text.is_ascii() {
        return false;
    }
    let (surname, rest) = text.split_at(5);
    let (birth, rest) = rest.split_at(6);
    let (initials, agency) = rest.split_at(2);

    let letters = surname.trim_end_matches('9');
    let has_surname = !letters.is_empty() && letters.bytes().all(|byte| byte.is_ascii_uppercase());
    let has_initials = matches_form(initials, "AA")
        || matches_form(initials, "A9") && initials.ends_with('9')
        || initials == "99";
    let has_agency_part = is_capitals_and_digits(&agency[..1]) && matches_form(&agency[1..], "AA");
    has_surname && is_licence_birth(birth) && has_initials && has_agency_part
}

/// A date of birth as a licence has it: the year's digits around month and day. A woman's month is
/// counted from 51.
fn is_licence_birth(birth: &str) -> bool {
    let month = birth[1..3].parse::<u32>().unwrap_or(0);
    let day = birth[3..5].parse::<u32>().unwrap_or(0);
    matches_form(birth, "999999") && matches!(month, 1..=12 | 51..=62) && matches!(day, 1..=31)
}

fn is_machine_readable_zone(text: &str) -> bool {
    let mut length = 0;
    for line in text.lines() {
        let has_allowed_characters = line
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'<');
        if !has_allowed_characters {
            return false;
        }
        length += line.len();
    }
    // Passports have 2 lines of 44, visas and cards 2 of 36 or 3 of 30; some systems give one line
    // of them.
    [30, 36, 44, 72, 88, 90].contains(&length)
}

/// Titles before a name, which are no part of it.
pub const NAME_TITLES: [&str; 12] = [
    "mr",
    "mrs",
    "ms",
    "miss",
    "mx",
    "dr",
    "prof",
    "professor",
    "rev",
    "reverend",
    "sir",
    "lady",
];

fn is_person_name(text: &str) -> bool {
    let has_single_spaces = !text.starts_with(' ') && !text.ends_with(' ') && !text.contains("  ");
    let has_title = text
        .split_once(' ')
        .is_some_and(|(first, _)| NAME_TITLES.contains(&first.to_lowercase().as_str()));

    let is_letter = |c: char| c.is_alphabetic() || is_mark(c);
    has_single_spaces
        && !has_title
        && text.chars().any(char::is_alphabetic)
        && !text.starts_with(is_mark)
        && text
            .chars()
            .all(|c| is_letter(c) || matches!(c, '-' | '\'' | '’' | ' '))
}

/// Whether a character belongs to the letter before it: an accent, a vowel sign, a joiner.
pub(crate) fn is_mark(c: char) -> bool {
    let category = CodePointMapData::<GeneralCategory>::new().get(c);
    GeneralCategoryGroup::Mark.contains(category) || matches!(c, '\u{200c}' | '\u{200d}')
}

/// An act and seven characters, or common law, or an offence without an act; perhaps attempted,
/// aided and so on.
fn is_offence_code(text: &str) -> bool {
    let code = text
        .strip_suffix(['A', 'B', 'C', 'I'])
        .filter(|code| code.len() >= 7)
        .unwrap_or(text);
    ["AA99999", "COML999", "COML 999", "XX00999", "XX00 999"]
        .iter()
        .any(|form| matches_form(code, form))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(check: ConformanceCheck, valid: &[&str], invalid: &[&str]) {
        for text in valid {
            assert!(check.accepts_text(text), "{check:?} refuses {text:?}");
        }
        for text in invalid {
            assert!(!check.accepts_text(text), "{check:?} takes {text:?}");
        }
    }

    #[test]
    fn police_numbers() {
        check(
            ConformanceCheck::PncId,
            &["2001/0171310W"],
            &[
                "2001/0171310X",
                "01/0171310W",
                "2001/171310W",
                "2001/0171310w",
                "",
            ],
        );
        check(
            ConformanceCheck::ArrestSummonsNumber,
            &["1101ZD0100000448754K"],
            &[
                "1101ZD01000004487",
                "1101zd0100000448754K",
                "1101ZD0100000448754A",
                "é",
            ],
        );
        check(
            ConformanceCheck::HoClassification,
            &["008/01"],
            &["8/1", "008-01"],
        );
        check(
            ConformanceCheck::OffenceCode,
            &["TH68001", "TH68001A", "COML 025", "COML025A"],
            &["TH6800", "th68001", "TH68001Z", "123"],
        );
    }

    #[test]
    fn licences_and_passports() {
        check(
            ConformanceCheck::DrivingLicence,
            &["SAMPL708153RS9AB", "FOX99661222J99ZZ", "SPECI001011XY9CD"],
            &[
                "SAMPL713153RS9AB",
                "SAMPL708003RS9AB",
                "99999708153RS9AB",
                "SAMPL708153RS9A",
                "SÄMPL708153RS9A",
            ],
        );
        check(
            ConformanceCheck::UkPassport,
            &["123456789", "A123456", "123456A"],
            &["12345678", "AB12345", ""],
        );
        let line = "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<";
        let second = "L898902C36UTO7408122F1204159ZE184226B<<<<<10";
        let both = format!("{line}\n{second}");
        check(
            ConformanceCheck::Mrz,
            &[line, both.as_str()],
            &["P<UTO", "p<utoeriksson<<anna<maria<<<<<<<<<<<<<<<<<<<"],
        );
    }

    #[test]
    fn names() {
        check(
            ConformanceCheck::PersonName,
            &[
                "Anne-Marie",
                "O'Dowd",
                "Zoë",
                "Zoe\u{308}",
                "कृष्ण",
                "Nguyễn",
                "محمّد",
                "Mary Ann",
                "Dr",
            ],
            &[
                "Mr Sample",
                "Mary  Ann",
                " Ann",
                "R2D2",
                "Sample Ltd.",
                "\u{308}Ann",
                "-",
                "",
            ],
        );
    }

    #[test]
    fn what_a_normaliser_would_correct_does_not_pass() {
        check(
            ConformanceCheck::Postcode,
            &["ZZ1 1ZZ"],
            &["ZZ11ZZ", "zz1 1zz"],
        );
        check(
            ConformanceCheck::E164,
            &["+442079460000"],
            &["020 7946 0000", "+4402079460000"],
        );
        check(ConformanceCheck::Uprn, &["000000001234"], &["1234"]);
        check(
            ConformanceCheck::Nino,
            &["AB123456C"],
            &["AB 12 34 56 C", "GB123456A"],
        );
        check(
            ConformanceCheck::Vrm,
            &["RY52APF"],
            &["RY52 APF", "ry52apf"],
        );
        check(
            ConformanceCheck::Country,
            &["GBR", "IRL"],
            &["UTO", "GB", "gbr"],
        );
        check(
            ConformanceCheck::Email,
            &["a@example.org"],
            &["A@example.org", "a.example.org"],
        );
    }
}
