//! One way to write the values that every source writes differently.

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
}

impl Normaliser {
    /// Every normaliser with the name that mappings use.
    pub const ALL: [(&'static str, Self); 7] = [
        ("postcode", Self::Postcode),
        ("uprn", Self::Uprn),
        ("phone", Self::Phone),
        ("name", Self::Name),
        ("vrm", Self::Vrm),
        ("nino", Self::Nino),
        ("email", Self::Email),
    ];

    /// The normaliser that mappings call `name`.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, normaliser)| *normaliser)
    }

    /// The value in its one form, or none when `text` is no such value.
    #[must_use]
    pub fn apply(self, text: &str) -> Option<String> {
        match self {
            Self::Postcode => postcode(text),
            Self::Uprn => uprn(text),
            Self::Phone => phone(text),
            Self::Name => name(text),
            Self::Vrm => Some(compact(text)).filter(|vrm| (2..=11).contains(&vrm.len())),
            Self::Nino => nino(text),
            Self::Email => email(text),
        }
    }
}

/// Upper case letters and digits, everything else dropped.
fn compact(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase()).collect()
}

/// A character class: `A` letter, `9` digit.
fn shape(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_digit() { '9' } else { 'A' }).collect()
}

fn postcode(text: &str) -> Option<String> {
    const OUTWARD: [&str; 7] = ["A9", "A99", "AA9", "AA99", "A9A", "AA9A", "AAA"];
    let code = compact(text);
    let (outward, inward) = code.split_at_checked(code.len().checked_sub(3)?)?;
    let fits = OUTWARD.contains(&shape(outward).as_str()) && shape(inward) == "9AA";
    // AAA is the shape of one place only: the old Girobank.
    let girobank = shape(outward) == "AAA" && code != "GIR0AA";
    (fits && !girobank).then(|| format!("{outward} {inward}"))
}

fn uprn(text: &str) -> Option<String> {
    let digits = text.trim();
    let fits = (1..=12).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    (fits && digits.bytes().any(|b| b != b'0')).then(|| format!("{digits:0>12}"))
}

fn phone(text: &str) -> Option<String> {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let odd = text.chars().any(|c| !c.is_ascii_digit() && !" +()-.".contains(c));
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

fn name(text: &str) -> Option<String> {
    let mut words = text.split_whitespace();
    let mut joined = words.next()?.to_owned();
    for word in words {
        joined.push(' ');
        joined.push_str(word);
    }
    Some(joined)
}

fn nino(text: &str) -> Option<String> {
    let code = compact(text);
    let bytes = code.as_bytes();
    let fits = matches!(shape(&code).as_str(), "AA999999A") && (b'A'..=b'D').contains(bytes.get(8)?);
    let first = !b"DFIQUV".contains(bytes.first()?);
    let second = !b"DFIOQUV".contains(bytes.get(1)?);
    let barred = ["BG", "GB", "NK", "KN", "TN", "NT", "ZZ"].contains(&code.get(..2)?);
    (fits && first && second && !barred).then_some(code)
}

fn email(text: &str) -> Option<String> {
    let address = text.trim().to_lowercase();
    let (local, domain) = address.split_once('@')?;
    let fits = !local.is_empty() && domain.contains('.') && !domain.contains('@') && address.len() <= 120;
    (fits && !address.contains(char::is_whitespace)).then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(normaliser: Normaliser, pairs: &[(&str, Option<&str>)]) {
        for (text, expected) in pairs {
            assert_eq!(normaliser.apply(text).as_deref(), *expected, "{text:?}");
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
                ("not one", None),
                ("", None),
                ("é1 1ZZ", None),
            ],
        );
    }

    #[test]
    fn property_numbers() {
        check(Normaliser::Uprn, &[("1234", Some("000000001234")), ("0", None), ("12a", None)]);
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
            &[("ab 12 34 56 c", Some("AB123456C")), ("GB123456A", None), ("QQ123456C", None)],
        );
        check(Normaliser::Email, &[(" A@B.org ", Some("a@b.org")), ("a@b", None), ("a b@c.d", None)]);
        check(Normaliser::Name, &[("  Mary   Ann ", Some("Mary Ann")), ("  ", None)]);
        check(Normaliser::Vrm, &[("ry52 apf", Some("RY52APF")), ("", None)]);
    }
}
