//! Numbers keep every digit, and have one form. The oracle is arithmetic on whole numbers of 128
//! bits.

use proptest::prelude::*;
use serde_json::json;

use super::*;

#[test]
fn a_number_has_one_form() {
    for (text, wanted) in [
        ("7", "7"),
        ("7.0", "7"),
        ("7e0", "7"),
        ("70E-1", "7"),
        ("0.7e+1", "7"),
        ("-0", "0"),
        ("-0.00e5", "0"),
        ("007", "7"),
        ("1.50", "1.5"),
        ("-1e-7", "-0.0000001"),
        ("8.94411e19", "89441100000000000000"),
        ("12345678901234567.89", "12345678901234567.89"),
    ] {
        assert_eq!(canonical_number(text).as_deref(), Some(wanted), "{text}");
    }
    for text in [
        "", "-", "1.", ".5", "1e", "1,5", "NaN", "Infinity", "0x7", "1e401", "1e-999",
    ] {
        assert_eq!(canonical_number(text), None, "{text}");
    }
}

#[test]
fn what_64_bits_hold_stays_a_plain_number() {
    for text in [
        "0",
        "-7",
        "118.4",
        "9223372036854775807",
        "18446744073709551615",
        "1e3",
    ] {
        let bytes = format!("[{text}]");
        assert_eq!(rewrite_inexact_numbers(bytes.as_bytes()), None, "{text}");
    }
    let rewritten = |text: &str| {
        let bytes = rewrite_inexact_numbers(text.as_bytes()).unwrap();
        String::from_utf8(bytes).unwrap()
    };
    assert_eq!(rewritten("[1.5000000000000000000]"), "[1.5]");
    assert_eq!(
        rewritten(r#"{"a\"1":[-89441100000000000011]}"#),
        r#"{"a\"1":[{"\u0000number":"-89441100000000000011"}]}"#
    );
    assert_eq!(
        number_text(&json!(1e21)).as_deref(),
        Some("1000000000000000000000")
    );
}

/// A number as it can be written: sign, digits before and behind the point, exponent.
fn written_numbers() -> impl Strategy<Value = (String, i128, i64)> {
    (any::<bool>(), 0..10_u128.pow(30), 0..12_usize, -8..8_i64).prop_map(
        |(negative, digits, places, exponent)| {
            let sign = if negative { "-" } else { "" };
            let padded = format!("{digits:0>width$}", width = places + 1);
            let (whole, fraction) = padded.split_at(padded.len() - places);
            let point = if places > 0 { "." } else { "" };
            let power = match exponent {
                0 => String::new(),
                exponent => format!("e{exponent}"),
            };
            let text = format!("{sign}{whole}{point}{fraction}{power}");
            let number = i128::try_from(digits).unwrap() * if negative { -1 } else { 1 };
            (text, number, exponent - i64::try_from(places).unwrap())
        },
    )
}

/// The digits and exponent of a number in plain form, brought to an exponent.
fn at_exponent(plain: &str, exponent: i64) -> i128 {
    let (whole, fraction) = plain.split_once('.').unwrap_or((plain, ""));
    let zeros = usize::try_from(-exponent).unwrap() - fraction.len();
    format!("{whole}{fraction}{:0<zeros$}", "").parse().unwrap()
}

proptest! {
    #[test]
    fn no_digit_is_lost((text, number, exponent) in written_numbers(), pad in 0..40_usize) {
        let document = format!("{}{{\"a 12345678901234567890\":[{text} ]}}", " ".repeat(pad));
        let read = crate::json::read_json(document.as_bytes()).unwrap();
        let value = &read["a 12345678901234567890"][0];
        let plain = number_text(value).unwrap().into_owned();
        // Both at one exponent that is low enough for either.
        let low = exponent.min(-20);
        if let Some(wanted) = 10_i128
            .checked_pow(u32::try_from(exponent - low).unwrap())
            .and_then(|power| number.checked_mul(power))
        {
            prop_assert_eq!(at_exponent(&plain, low), wanted, "{}", text);
        }
        prop_assert_eq!(Some(plain), canonical_number(&text));
        prop_assert_eq!(exact_number(&text), Some(value.clone()));
        prop_assert_eq!(exact_number(&crate::json::render_json(value)), Some(value.clone()));
    }

    #[test]
    fn rounding_agrees_with_whole_numbers(number in -10_i128.pow(20)..10_i128.pow(20), cut in 0..8_u32) {
        let power = 10_i128.pow(cut);
        let digits = number.unsigned_abs().to_string();
        let padded = format!("{digits:0>width$}", width = cut as usize + 3);
        let (whole, fraction) = padded.split_at(padded.len() - cut as usize - 2);
        let sign = if number < 0 { "-" } else { "" };
        let text = format!("{sign}{whole}.{fraction}");

        let (floor, rest) = (number.abs() / power, number.abs() % power);
        let up = i128::from(rest * 2 >= power && cut > 0);
        let is_half = rest * 2 == power && cut > 0;
        let even = if is_half { floor % 2 } else { up };
        for (rounding, added) in [(Rounding::HalfUp, up), (Rounding::HalfEven, even)] {
            let rounded = round_number(&text, 2, rounding).unwrap();
            let wanted = (floor + added) * number.signum();
            prop_assert_eq!(at_exponent(&rounded, -2), wanted, "{} {:?}", text, rounding);
        }
    }

    #[test]
    fn a_plain_number_has_nothing_to_round(
        text in "-?[0-9]{1,40}([.][0-9]{1,4})?",
        places in 0..5_usize,
    ) {
        if is_plain_number(&text, places) {
            let rounded = round_number(&text, places, Rounding::HalfEven);
            prop_assert_eq!(rounded, canonical_number(&text), "{} {}", text, places);
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..60), text in "[-+0-9.eE\"\\\\u{}]{0,40}") {
        let _ = (rewrite_inexact_numbers(&bytes), has_long_number(&bytes));
        let _ = (canonical_number(&text), crate::json::read_json(text.as_bytes()));
        let _ = (rewrite_inexact_numbers(text.as_bytes()), exact_number(&text));
    }
}
