//! One way to write the values that every source writes differently.

use std::borrow::Cow;

use icu_normalizer::ComposingNormalizerBorrowed;

use crate::conformance::compute_check_letter;
use crate::country_names::COUNTRY_NAMES;

/// A closed set of normalisers. Each gives none for a text that is not such a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Normaliser {
    /// A UK postcode: upper case, one space before the last three characters.
    Postcode,
    /// A property number: digits only, padded to twelve (the police dictionary's DS_011).
    Uprn,
    /// A telephone number in E.164; a number without a country is read as British.
    Phone,
    /// A person's name: trimmed, single spaces.
    Name,
    /// A vehicle's registration mark: upper case without spaces.
    Vrm,
    /// A National Insurance number: upper case without spaces, barred prefixes refused.
    Nino,
    /// An e-mail address: trimmed, lower case, one `@` within.
    Email,
    /// A Police National Computer id: `YYYY/NNNNNNND`, with a correct check letter.
    Pnc,
    /// A criminal records office number: `NNNNNN/YYD` or `SFYY/NNNNNND`, with a correct check
    /// letter.
    Cro,
    /// A country: three letters of ISO 3166-1, from two, from three, or from its English name.
    Country,
}

impl Normaliser {
    /// Every normaliser with the name that mappings use.
    pub const ALL: [(&'static str, Self); 10] = [
        ("postcode", Self::Postcode),
        ("uprn", Self::Uprn),
        ("phone", Self::Phone),
        ("name", Self::Name),
        ("vrm", Self::Vrm),
        ("nino", Self::Nino),
        ("email", Self::Email),
        ("pnc", Self::Pnc),
        ("cro", Self::Cro),
        ("country", Self::Country),
    ];

    /// The normaliser that mappings call `name`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, normaliser)| *normaliser)
    }

    /// The value in its one form, or none when `text` is no such value.
    #[must_use]
    pub fn normalise_text(self, text: &str) -> Option<String> {
        match self {
            Self::Postcode => normalise_postcode(text),
            Self::Uprn => normalise_uprn(text),
            Self::Phone => normalise_phone(text),
            Self::Name => normalise_name(text),
            Self::Vrm => Some(keep_alphanumerics(text)).filter(|vrm| (1..=11).contains(&vrm.len())),
            Self::Nino => normalise_nino(text),
            Self::Email => normalise_email(text),
            Self::Pnc => normalise_pnc(text),
            Self::Cro => normalise_cro(text),
            Self::Country => normalise_country(text),
        }
    }
}

/// Upper case letters and digits, everything else dropped.
fn keep_alphanumerics(text: &str) -> String {
    text.chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_uppercase())
        .collect()
}

/// A character class: `A` letter, `9` digit.
fn character_classes(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_ascii_digit() { '9' } else { 'A' })
        .collect()
}

fn normalise_postcode(text: &str) -> Option<String> {
    const OUTWARD: [&str; 7] = ["A9", "A99", "AA9", "AA99", "A9A", "AA9A", "AAA"];
    let code = keep_alphanumerics(text);
    let (outward, inward) = code.split_at_checked(code.len().checked_sub(3)?)?;
    let fits = OUTWARD.contains(&character_classes(outward).as_str())
        && character_classes(inward) == "9AA";
    // Only one postcode has an outward part of three letters: the old Girobank.
    let is_three_letters = character_classes(outward) == "AAA" && code != "GIR0AA";

    (fits && !is_three_letters && has_valid_postcode_letters(outward, inward))
        .then(|| format!("{outward} {inward}"))
}

/// Each position of a postcode allows certain letters only, so that handwriting is read correctly.
/// The area ZZ is no place: it is used for "no fixed abode", and by synthetic addresses.
fn has_valid_postcode_letters(outward: &str, inward: &str) -> bool {
    if outward.starts_with("ZZ") || outward == "GIR" {
        return true;
    }

    let has_one_letter_area = outward.as_bytes().get(1).is_some_and(u8::is_ascii_digit);
    let later_positions = if has_one_letter_area {
        allows_letter(outward, 2, "ABCDEFGHJKPSTUW")
    } else {
        allows_letter(outward, 1, "ABCDEFGHKLMNOPQRSTUVWXY")
            && allows_letter(outward, 3, "ABEHMNPRVWXY")
    };
    allows_letter(outward, 0, "ABCDEFGHIJKLMNOPRSTUWYZ")
        && later_positions
        && !inward.contains(['C', 'I', 'K', 'M', 'O', 'V'])
}

/// Whether the character at the position is one of the letters, is no letter, or is missing.
fn allows_letter(outward: &str, position: usize, letters: &str) -> bool {
    let character = outward
        .as_bytes()
        .get(position)
        .map(|byte| char::from(*byte));
    character
        .is_none_or(|character| !character.is_ascii_alphabetic() || letters.contains(character))
}

fn normalise_uprn(text: &str) -> Option<String> {
    let digits = text.trim();
    let is_not_zero = digits.bytes().any(|digit| digit != b'0');
    (is_not_zero && digits.len() <= 12 && is_digits(digits)).then(|| format!("{digits:0>12}"))
}

fn normalise_phone(text: &str) -> Option<String> {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let is_odd = text
        .chars()
        .any(|c| !c.is_ascii_digit() && !" +()-.".contains(c));

    let international = if text.trim_start().starts_with('+') {
        digits.replacen("440", "44", usize::from(digits.starts_with("440")))
    } else if text.trim_start().starts_with("00") {
        digits.get(2..)?.to_owned()
    } else {
        format!("44{}", digits.strip_prefix('0')?)
    };

    let fits = (8..=15).contains(&international.len()) && !international.starts_with('0');
    let fits_country = !international.starts_with("44")
        || ((11..=12).contains(&international.len()) && !international.starts_with("440"));
    (fits && fits_country && !is_odd).then(|| format!("+{international}"))
}

/// Letters and their marks in one form: `e` with a mark, and the letter of both, are one name
/// (NFC).
pub(crate) fn compose_text(text: &str) -> Cow<'_, str> {
    ComposingNormalizerBorrowed::new_nfc().normalize(text)
}

fn normalise_name(text: &str) -> Option<String> {
    let text = compose_text(text);
    let mut words = text.split_whitespace();
    let mut joined = words.next()?.to_owned();
    for word in words {
        joined.push(' ');
        joined.push_str(word);
    }
    Some(joined)
}

fn normalise_nino(text: &str) -> Option<String> {
    let code = keep_alphanumerics(text);
    let bytes = code.as_bytes();
    let fits = matches!(character_classes(&code).as_str(), "AA999999A")
        && (b'A'..=b'D').contains(bytes.get(8)?);

    let allows_first = !b"DFIQUV".contains(bytes.first()?);
    let allows_second = !b"DFIOQUV".contains(bytes.get(1)?);
    let is_barred = ["BG", "GB", "NK", "KN", "TN", "NT", "ZZ"].contains(&code.get(..2)?);
    (fits && allows_first && allows_second && !is_barred).then_some(code)
}

fn normalise_email(text: &str) -> Option<String> {
    let address = text.trim().to_lowercase();
    let (local, domain) = address.split_once('@')?;
    let fits =
        !local.is_empty() && domain.contains('.') && !domain.contains('@') && address.len() <= 120;
    (fits && !address.contains(char::is_whitespace)).then_some(address)
}

/// The year may have two digits, the serial number fewer than seven. The letter counts two digits
/// of the year.
fn normalise_pnc(text: &str) -> Option<String> {
    let code = text.trim().to_ascii_uppercase();
    let (year, rest) = code.split_once('/')?;
    let (serial, letter) = rest.split_at_checked(rest.len().checked_sub(1)?)?;
    if !is_digits(year) || !is_digits(serial) || serial.len() > 7 || !matches!(year.len(), 2 | 4) {
        return None;
    }

    let short_year = &year[year.len() - 2..];
    let expected = compute_check_letter(&format!("{short_year}{serial:0>7}"))?;
    let full_year = match year.len() {
        4 => year.to_owned(),
        _ => format!("{}{short_year}", pnc_century(short_year)?),
    };
    (expected.to_string() == letter).then(|| format!("{full_year}/{serial:0>7}{letter}"))
}

/// The century of a year of two digits. The computer began in 1974; older records were given the
/// year of the record.
fn pnc_century(short_year: &str) -> Option<&'static str> {
    let year: u32 = short_year.parse().ok()?;
    Some(if year >= 40 { "19" } else { "20" })
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The ordinary form names the serial number first, that of the old file series (`SF`) the year.
fn normalise_cro(text: &str) -> Option<String> {
    let code = text.trim().to_ascii_uppercase();
    let (head, tail) = code.split_once('/')?;
    let (number, letter) = tail.split_at_checked(tail.len().checked_sub(1)?)?;
    let old_series_year = head.strip_prefix("SF");
    let (year, serial) = old_series_year.map_or((number, head), |year| (year, number));
    if !is_digits(year) || !is_digits(serial) || year.len() != 2 || serial.len() > 6 {
        return None;
    }

    let is_old_series = old_series_year.is_some();
    let counted = if is_old_series {
        format!("{year}{serial}")
    } else {
        format!("{year}{serial:0>6}")
    };
    if compute_check_letter(&counted)?.to_string() != letter {
        return None;
    }

    Some(if is_old_series {
        format!("SF{year}/{serial}{letter}")
    } else {
        format!("{serial:0>6}/{year}{letter}")
    })
}

fn normalise_country(text: &str) -> Option<String> {
    let name = compose_text(text.trim());
    let code = name.to_ascii_uppercase();
    let by_code = match code.len() {
        2 => rust_iso3166::from_alpha2(&code),
        3 => rust_iso3166::from_alpha3(&code),
        _ => None,
    };
    let by_code = by_code.map(|country| country.alpha3);
    by_code
        .or_else(|| country_of_name(&name))
        .map(str::to_owned)
}

/// The country of an English name.
fn country_of_name(name: &str) -> Option<&'static str> {
    let name = name.to_lowercase();
    let mut listed = rust_iso3166::ALL.iter();
    let by_iso = listed.find(|country| country.name.to_lowercase() == name);
    let by_iso = by_iso.map(|country| country.alpha3);
    by_iso.or_else(|| {
        let mut names = COUNTRY_NAMES.iter();
        names
            .find(|(known, _)| known.to_lowercase() == name)
            .map(|(_, code)| *code)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(normaliser: Normaliser, pairs: &[(&str, Option<&str>)]) {
        for (text, expected) in pairs {
            assert_eq!(
                normaliser.normalise_text(text).as_deref(),
                *expected,
                "{text:?}"
            );
        }
    }

    #[test]
    fn postcodes() {
        check(
            Normaliser::Postcode,
            &[
                ("zz11zz", Some("ZZ1 1ZZ")),
                (" wn3  4nl ", Some("WN3 4NL")),
                ("EC1A 1BB", Some("EC1A 1BB")),
                ("gir 0aa", Some("GIR 0AA")),
                ("ABC 1AA", None),
                ("QA1 1AA", None),
                ("W1P 1AA", Some("W1P 1AA")),
                ("EC1C 1AA", None),
                ("M1 1CA", None),
                ("ZZ99 3VZ", Some("ZZ99 3VZ")),
                ("not one", None),
                ("", None),
                ("é1 1ZZ", None),
            ],
        );
    }

    #[test]
    fn property_numbers() {
        check(
            Normaliser::Uprn,
            &[("1234", Some("000000001234")), ("0", None), ("12a", None)],
        );
    }

    #[test]
    fn telephones() {
        check(
            Normaliser::Phone,
            &[
                ("020 7946 0000", Some("+442079460000")),
                ("+44 (0)20 7946 0000", Some("+442079460000")),
                ("0033 1 23 45 67 89", Some("+33123456789")),
                ("0-(070)893-3322", None),
                ("5-(997)640-5104", None),
                ("12", None),
            ],
        );
    }

    #[test]
    fn insurance_numbers_and_mail() {
        check(
            Normaliser::Nino,
            &[
                ("ab 12 34 56 c", Some("AB123456C")),
                ("GB123456A", None),
                ("QQ123456C", None),
            ],
        );
        check(
            Normaliser::Email,
            &[
                (" A@B.org ", Some("a@b.org")),
                ("a@b", None),
                ("a b@c.d", None),
            ],
        );
        check(
            Normaliser::Name,
            &[
                ("  Mary   Ann ", Some("Mary Ann")),
                ("Zoe\u{308}", Some("Zoë")),
                ("  ", None),
            ],
        );
        check(
            Normaliser::Vrm,
            &[("ry52 apf", Some("RY52APF")), ("", None)],
        );
    }

    #[test]
    fn police_numbers_and_countries() {
        check(
            Normaliser::Pnc,
            &[
                ("01/171310w", Some("2001/0171310W")),
                ("2001/0171310W", Some("2001/0171310W")),
                ("2001/0171310X", None),
                ("2001/W", None),
                ("é/é", None),
            ],
        );
        check(
            Normaliser::Cro,
            &[
                ("265416/21g", Some("265416/21G")),
                ("SF05/482703J", Some("SF05/482703J")),
                ("SF83/50058Z", Some("SF83/50058Z")),
                ("265416/21H", None),
                ("/", None),
            ],
        );
        check(
            Normaliser::Country,
            &[
                ("gb", Some("GBR")),
                ("IRL", Some("IRL")),
                ("Nigeria", Some("NGA")),
                ("United Kingdom", Some("GBR")),
                ("UK", Some("GBR")),
                ("russia", Some("RUS")),
                ("South Korea", Some("KOR")),
                ("Cote d'Ivoire", Some("CIV")),
                ("Co\u{302}te d'Ivoire", Some("CIV")),
                ("Türkiye", Some("TUR")),
                ("Turkey", Some("TUR")),
                ("United States", Some("USA")),
                ("Utopia", None),
                ("UTO", None),
            ],
        );
    }
}
