//! One way to write the values that every source writes differently.

use crate::conformance::compute_check_letter;

/// A closed set of normalisers. Each gives none for a text that is not such a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Normaliser {
    /// A UK postcode: upper case, one space before the last three characters.
    Postcode,
    /// A property number: digits only, padded to twelve (the police dictionary's DS_011).
    Uprn,
    /// A telephone number in E.164; a number without a country is taken as British.
    Phone,
    /// A person's name: trimmed, single spaces.
    Name,
    /// A vehicle's registration mark: upper case without spaces.
    Vrm,
    /// A National Insurance number: upper case without spaces, barred prefixes refused.
    Nino,
    /// An e-mail address: trimmed, lower case, one `@` within.
    Email,
    /// A Police National Computer id: `YYYY/NNNNNNND`, with a right check letter.
    Pnc,
    /// A criminal records office number: `NNNNNN/YYD` or `SFYY/NNNNNND`, with a right check letter.
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
    // AAA is the shape of one place only: the old Girobank.
    let girobank = character_classes(outward) == "AAA" && code != "GIR0AA";
    (fits && !girobank && has_valid_postcode_letters(outward, inward))
        .then(|| format!("{outward} {inward}"))
}

/// Some letters stand in some places only, so that handwriting is read right. The area ZZ is given to nowhere: it is used
/// for "no fixed abode", and by invented addresses.
fn has_valid_postcode_letters(outward: &str, inward: &str) -> bool {
    if outward.starts_with("ZZ") || outward == "GIR" {
        return true;
    }
    let letter = |place: usize| {
        outward[place..]
            .chars()
            .next()
            .filter(char::is_ascii_alphabetic)
    };
    let allowed =
        |letter: Option<char>, letters: &str| letter.is_none_or(|letter| letters.contains(letter));
    let one_letter = outward.as_bytes().get(1).is_some_and(u8::is_ascii_digit);
    allowed(letter(0), "ABCDEFGHIJKLMNOPRSTUWYZ")
        && (one_letter || allowed(letter(1), "ABCDEFGHKLMNOPQRSTUVWXY"))
        && (!one_letter || outward.len() < 3 || allowed(letter(2), "ABCDEFGHJKPSTUW"))
        && (one_letter || outward.len() < 4 || allowed(letter(3), "ABEHMNPRVWXY"))
        && !inward.contains(['C', 'I', 'K', 'M', 'O', 'V'])
}

fn normalise_uprn(text: &str) -> Option<String> {
    let digits = text.trim();
    let fits = (1..=12).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    (fits && digits.bytes().any(|b| b != b'0')).then(|| format!("{digits:0>12}"))
}

fn normalise_phone(text: &str) -> Option<String> {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let odd = text
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
    let british = !international.starts_with("44")
        || ((11..=12).contains(&international.len()) && !international.starts_with("440"));
    (fits && british && !odd).then(|| format!("+{international}"))
}

fn normalise_name(text: &str) -> Option<String> {
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
    let first = !b"DFIQUV".contains(bytes.first()?);
    let second = !b"DFIOQUV".contains(bytes.get(1)?);
    let barred = ["BG", "GB", "NK", "KN", "TN", "NT", "ZZ"].contains(&code.get(..2)?);
    (fits && first && second && !barred).then_some(code)
}

fn normalise_email(text: &str) -> Option<String> {
    let address = text.trim().to_lowercase();
    let (local, domain) = address.split_once('@')?;
    let fits =
        !local.is_empty() && domain.contains('.') && !domain.contains('@') && address.len() <= 120;
    (fits && !address.contains(char::is_whitespace)).then_some(address)
}

/// The year may have two digits, the serial number fewer than seven. The letter counts two digits of the year.
fn normalise_pnc(text: &str) -> Option<String> {
    let code = text.trim().to_ascii_uppercase();
    let (year, rest) = code.split_once('/')?;
    let (serial, letter) = rest.split_at_checked(rest.len().checked_sub(1)?)?;
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !digits(year) || !digits(serial) || serial.len() > 7 || !matches!(year.len(), 2 | 4) {
        return None;
    }
    let short = &year[year.len() - 2..];
    let fits = compute_check_letter(&format!("{short}{serial:0>7}"))?.to_string() == letter;
    // The computer began in 1974; records older than that were given the year of the record.
    let century = if short.parse::<u32>().ok()? >= 40 {
        "19"
    } else {
        "20"
    };
    let year = if year.len() == 4 {
        year.to_owned()
    } else {
        format!("{century}{short}")
    };
    fits.then(|| format!("{year}/{serial:0>7}{letter}"))
}

/// The ordinary form names the serial number first, that of the old file series (`SF`) the year.
fn normalise_cro(text: &str) -> Option<String> {
    let code = text.trim().to_ascii_uppercase();
    let (head, tail) = code.split_once('/')?;
    let (number, letter) = tail.split_at_checked(tail.len().checked_sub(1)?)?;
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let (file, year, serial) = match head.strip_prefix("SF") {
        Some(year) => (true, year, number),
        None => (false, number, head),
    };
    if !digits(year) || !digits(serial) || year.len() != 2 || serial.len() > 6 {
        return None;
    }
    let counted = if file {
        format!("{year}{serial}")
    } else {
        format!("{year}{serial:0>6}")
    };
    let fits = compute_check_letter(&counted)?.to_string() == letter;
    let written = if file {
        format!("SF{year}/{serial}{letter}")
    } else {
        format!("{serial:0>6}/{year}{letter}")
    };
    fits.then_some(written)
}

fn normalise_country(text: &str) -> Option<String> {
    let name = text.trim();
    let code = name.to_ascii_uppercase();
    let found = match code.len() {
        2 => rust_iso3166::from_alpha2(&code),
        3 => rust_iso3166::from_alpha3(&code),
        _ => rust_iso3166::ALL
            .iter()
            .find(|country| country.name.eq_ignore_ascii_case(name))
            .copied(),
    };
    found.map(|country| country.alpha3.to_owned())
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
            &[("  Mary   Ann ", Some("Mary Ann")), ("  ", None)],
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
                ("Utopia", None),
                ("UTO", None),
            ],
        );
    }
}
