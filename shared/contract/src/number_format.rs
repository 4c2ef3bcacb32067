//! Formats of numbers that mappings declare: `1,234.56` or `1.234,56`.

/// The format of numbers with a comma as their point.
pub(crate) const COMMA_FORMAT: &str = "1.234,56";

/// The names of the formats of numbers.
pub(crate) const NUMBER_FORMATS: [&str; 2] = ["1,234.56", COMMA_FORMAT];

/// The signs of currencies, which may precede or follow a number.
const CURRENCY_SIGNS: [char; 4] = ['£', '€', '$', ' '];

/// A number as people write it, without currency signs and the thousands' separators of `format`.
pub(crate) fn normalise_number(text: &str, format: &str) -> Option<String> {
    let (thousands, point) = if format == COMMA_FORMAT {
        ('.', ',')
    } else {
        (',', '.')
    };
    let (negative, number) = split_sign(text.trim().trim_matches(CURRENCY_SIGNS));

    let (whole, fraction) = match number.split_once(point) {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (number, None),
    };
    if fraction.is_some_and(|fraction| !is_digits(fraction)) {
        return None;
    }

    let sign = if negative { "-" } else { "" };
    let whole = join_groups(whole, thousands)?;
    let fraction = fraction
        .map(|digits| format!(".{digits}"))
        .unwrap_or_default();
    Some(format!("{sign}{whole}{fraction}"))
}

/// Whether a number is negative, by a minus or by the brackets of accountants, and the number
/// without them.
fn split_sign(text: &str) -> (bool, &str) {
    let bracketed = text
        .strip_prefix('(')
        .and_then(|rest| rest.strip_suffix(')'));
    let inner = bracketed.unwrap_or(text).trim_matches(CURRENCY_SIGNS);
    match inner.strip_prefix('-') {
        // Brackets around a minus say one thing twice, or its contrary.
        Some(_) if bracketed.is_some() => (true, ""),
        Some(rest) => (true, rest.trim_start_matches(CURRENCY_SIGNS)),
        None => (
            bracketed.is_some(),
            inner.strip_prefix('+').unwrap_or(inner),
        ),
    }
}

/// The digits of a whole number without its separators. A separator must precede three digits, and
/// no zero begins the first group: 12,50 is not 1250, and 0,123 is not 123.
fn join_groups(whole: &str, thousands: char) -> Option<String> {
    let groups: Vec<&str> = whole.split(thousands).collect();
    let (first, others) = groups.split_first()?;
    let grouped = others
        .iter()
        .all(|group| group.len() == 3 && is_digits(group))
        && (others.is_empty() || (first.len() <= 3 && !first.starts_with('0')));
    (is_digits(first) && grouped).then(|| groups.concat())
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,30}") {
            for format in NUMBER_FORMATS {
                let _ = normalise_number(&text, format);
            }
        }
    }

    #[test]
    fn money_as_people_write_it() {
        for (text, format, plain) in [
            ("£1,234.50", "1,234.56", Some("1234.50")),
            ("1.234,50 €", "1.234,56", Some("1234.50")),
            ("(12.00)", "1,234.56", Some("-12.00")),
            ("-7", "1,234.56", Some("-7")),
            ("1,234,567.8", "1,234.56", Some("1234567.8")),
            ("258", "1,234.56", Some("258")),
            ("-£5.00", "1,234.56", Some("-5.00")),
            ("£-5.00", "1,234.56", Some("-5.00")),
            ("(£1,000.50)", "1,234.56", Some("-1000.50")),
            ("+5", "1,234.56", Some("5")),
            ("(-5)", "1,234.56", None),
            ("0,123", "1,234.56", None),
            ("0.123", "1.234,56", None),
            ("0123", "1,234.56", Some("0123")),
            ("1e3", "1,234.56", None),
            ("NaN", "1,234.56", None),
            ("12p", "1,234.56", None),
            ("--5", "1,234.56", None),
            ("£12,50", "1,234.56", None),
            ("1.234,00", "1,234.56", None),
            ("1,23", "1,234.56", None),
            ("1.2.3", "1,234.56", None),
            ("a lot", "1,234.56", None),
            ("", "1,234.56", None),
        ] {
            assert_eq!(normalise_number(text, format).as_deref(), plain, "{text}");
        }
    }
}
