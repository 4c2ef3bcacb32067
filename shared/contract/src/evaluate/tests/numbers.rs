//! Numbers from events to columns and keys: every digit, one form, rounding only where declared.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::number::canonical_number;

#[test]
fn an_amount_is_exact_or_refused() {
    for (rent, wanted) in [
        ("118.4", "11840"),
        ("118.400000000000000000", "11840"),
        ("1.184e2", "11840"),
        ("11840E-2", "11840"),
        ("0.01", "1"),
        ("-0.01", "-1"),
        ("-0", "0"),
        ("-0.0e10", "0"),
        ("1e-400000", "refused"),
        ("1.005", "refused"),
        ("0.30000000000000004", "refused"),
        ("1e-3", "refused"),
        ("9999999999.99", "999999999999"),
        ("10000000000", "refused"),
        ("1e10", "refused"),
        ("12345678901234567.89", "refused"),
        ("1e300", "refused"),
    ] {
        let event = whole(&format!(r#""rent": {rent}"#));
        if wanted == "refused" {
            let (rule, path) = refusal(&event);
            let is_right = rule == "mapping.thing.rent" || rule == "event.number";
            assert!(is_right && path == "$.rent", "{rent}: {rule} {path}");
        } else {
            assert_eq!(column_of(&event, "rent").as_deref(), Some(wanted), "{rent}");
        }
    }
}

#[test]
fn rounding_is_what_the_mapping_declares() {
    for (number, wanted) in [
        ("1.005", "100"),
        ("1.015", "102"),
        ("1.0050000000000000000001", "101"),
        ("-1.005", "-100"),
        ("0.995", "100"),
        ("99.999", "10000"),
        ("2", "200"),
        ("0.30000000000000004", "30"),
        ("1e-9", "0"),
    ] {
        let event = whole(&format!(r#""rounded": {number}"#));
        assert_eq!(
            column_of(&event, "rounded").as_deref(),
            Some(wanted),
            "{number}"
        );
    }
    assert_refused(
        &whole(r#""rounded": 9999999999.995"#),
        "mapping.thing.rounded",
        "$.rounded",
    );
}

#[test]
fn whole_numbers_and_doubles_hold_what_they_can() {
    for (pages, wanted) in [
        ("7", "7"),
        ("7.0", "7"),
        ("7e0", "7"),
        ("-0", "0"),
        ("9223372036854775807", "9223372036854775807"),
        ("9007199254740993.0", "9007199254740993"),
        ("9.223372036854775807e18", "9223372036854775807"),
    ] {
        let event = whole(&format!(r#""pages": {pages}"#));
        assert_eq!(
            column_of(&event, "pages").as_deref(),
            Some(wanted),
            "{pages}"
        );
    }
    for pages in [
        "9223372036854775808",
        "18446744073709551615",
        "1e19",
        "1e400",
    ] {
        assert_refused(
            &whole(&format!(r#""pages": {pages}"#)),
            "mapping.thing.pages",
            "$.pages",
        );
    }

    for (width, wanted) in [
        ("0.1", "0.1"),
        ("3", "3"),
        ("-0", "0"),
        ("5e-324", "5e-324"),
    ] {
        let event = whole(&format!(r#""width": {width}"#));
        let found: f64 = column_of(&event, "width").unwrap().parse().unwrap();
        assert_eq!(found, wanted.parse::<f64>().unwrap(), "{width}");
    }
    for width in ["1e309", "-1e400", "1e-399"] {
        assert_refused(
            &whole(&format!(r#""width": {width}"#)),
            "mapping.thing.width",
            "$.width",
        );
    }
    assert_refused(&whole(r#""width": 1e999"#), "event.number", "$.width");
}

#[test]
fn money_as_people_write_it_is_read_where_the_mapping_says_how() {
    for (money, wanted) in [
        (r#""£1,234.50""#, "123450"),
        (r#""(£12.00)""#, "-1200"),
        (r#""-£5""#, "-500"),
    ] {
        let event = whole(&format!(r#""money": {money}"#));
        assert_eq!(
            column_of(&event, "money").as_deref(),
            Some(wanted),
            "{money}"
        );
    }
    for money in [
        r#""£12,50""#,
        r#""0,123""#,
        r#""1.005""#,
        r#""12p""#,
        r#""1e3""#,
        r#""NaN""#,
    ] {
        let event = whole(&format!(r#""money": {money}"#));
        assert_refused(&event, "mapping.thing.money", "$.money");
    }
}

/// The key and the id that an event gives its record.
fn identity_of(event: &str) -> (String, String) {
    let shop = shop();
    let mapping = shop.mapping_of_source("shop").unwrap();
    let event = Event::parse(&mapping.contract, event.as_bytes(), None).unwrap();
    let Ok(EvaluatedEvent::Rows(rows)) = mapping.evaluate(&event, &TEST_KEY) else {
        panic!("{event:?}");
    };
    (event.key.clone(), rows[0].pole_id.to_string())
}

#[test]
fn a_number_as_key_has_every_digit_and_one_form() {
    let of = |id: &str| identity_of(&format!(r#"{{"id": {id}, "name": "A"}}"#));
    let same: BTreeSet<_> = ["7", "7.0", "7e0", "70e-1", "\"7\"", "\" 7 \""]
        .map(of)
        .into();
    assert_eq!(same.len(), 1, "{same:?}");

    let long = ["89441100000000000011", "89441100000000000012", "8.94411e19"].map(of);
    let keys: Vec<&str> = long.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(
        keys,
        [
            "89441100000000000011",
            "89441100000000000012",
            "89441100000000000000"
        ]
    );
    assert_eq!(BTreeSet::from(long).len(), 3);
    // The texts of a text field are kept as they are.
    assert_ne!(of("\"07\""), of("\"7\""));
}

#[test]
fn the_text_of_a_declared_number_is_the_number() {
    for (code, wanted) in [
        ("7", "7"),
        ("\"7.0\"", "7"),
        ("\"+7\"", "+7"),
        ("\"007\"", "007"),
        ("\"1e3\"", "1000"),
        ("\" 0.50 \"", "0.5"),
        ("\"89441100000000000011\"", "89441100000000000011"),
        ("89441100000000000011", "89441100000000000011"),
        ("\"n/a\"", "n/a"),
    ] {
        let event = whole(&format!(r#""code": {code}"#));
        assert_eq!(column_of(&event, "code").as_deref(), Some(wanted), "{code}");
    }
    assert_eq!(column_of(&whole(r#""code": " ""#), "code"), None);
}

#[test]
fn a_declared_number_is_not_parsed_with_a_comma() {
    let mapping = MAPPING.replace(
        "code: $.code",
        "code: {parse: {from: $.code, as: decimal, formats: ['1.234,56']}}",
    );
    let problems = compile_shop(CONTRACT.to_owned(), mapping).unwrap_err();
    assert!(
        problems[0]
            .message
            .contains("declares a number at `$.code`"),
        "{problems:?}"
    );
}

#[test]
fn a_constant_has_every_digit_or_is_refused() {
    let compile = |constant: &str| {
        let to = format!("width: {{constant: {constant}}}");
        compile_shop(CONTRACT.to_owned(), MAPPING.replace("width: $.width", &to))
    };
    for constant in [
        "12345678901234567.89",
        "89441100000000000011",
        "0.30000000000000004",
    ] {
        let problems = compile(constant).unwrap_err();
        assert!(
            problems[0].message.contains("more digits"),
            "{constant}: {problems:?}"
        );
    }
    for constant in ["118.4", "7", "-0.5", "'12345678901234567.89'"] {
        assert!(compile(constant).is_ok(), "{constant}");
    }
}

#[test]
fn a_placeholder_of_an_amount_is_one_as_number_and_as_text() {
    let mapping = MAPPING.replace(
        "from: $.money, as: decimal, formats: ['1,234.56']",
        "from: $.code, as: decimal, formats: ['1,234.56'], sentinels: ['0.00', '-1']",
    );
    let shop = compile_shop(CONTRACT.to_owned(), mapping).unwrap();
    for (code, wanted) in [
        ("0", None),
        ("0.00", None),
        ("\"0.00\"", None),
        ("-1.0", None),
        ("\"-1\"", None),
        ("1", Some("100")),
        ("\"£1\"", Some("100")),
    ] {
        let (rows, _) = rows_of(&shop, whole(&format!(r#""code": {code}"#)).as_bytes()).unwrap();
        let money = rows[0].1.iter().find(|(name, _)| name == "money");
        assert_eq!(money.map(|(_, text)| text.as_str()), wanted, "{code}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// The oracle is the number's own digits: a text column and a key have all of them.
    #[test]
    fn every_number_keeps_its_digits(digits in "[1-9][0-9]{0,60}", places in "(\\.[0-9]{1,40})?", power in -30..30_i32) {
        let number = format!("{digits}{places}e{power}");
        let wanted = canonical_number(&number).unwrap();
        let event = format!(r#"{{"id": {number}, "name": "A", "code": {number}}}"#);
        prop_assert_eq!(&identity_of(&event).0, &wanted);
        prop_assert_eq!(column_of(&event, "code"), Some(wanted));
    }

    /// No value of any member makes a panic, and each is right or refused with a path.
    #[test]
    fn any_value_is_right_or_refused_with_a_path(
        member in prop::sample::select(vec![
            "name", "other", "rent", "rounded", "pages", "width", "is_open", "born", "money", "code",
            "free", "tags", "person", "parts", "loose", "doc",
        ]),
        value in prop::sample::select(vec![
            "null", "true", "\"\"", "\" \"", "7", "-0", "1e5", "1.005", "1e-400", "1e999",
            "89441100000000000011", "\"NaN\"", "\"£1,000.00\"", "\"yes\"", "\"{}\"", "\"[]\"",
            "\"1850-81-01\"", "{}", "[]", "[null]", "[[]]", "[{}]", "{\"id\":\"1\"}",
            "[{\"id\":\"1\"},{\"id\":\"1\"}]", "{\"items\":[7]}", "\"\\u0000\"",
        ]),
        kind in prop::sample::select(vec!["Whole", "Part", "Gone"]),
    ) {
        let event = format!(r#"{{"id": "1", "type": "{kind}", "name": "A", "{member}": {value}}}"#);
        if let Err(fault) = rows_of(&shop(), event.as_bytes()) {
            prop_assert!(fault.path.starts_with(&format!("$.{member}")), "{event}: {fault}");
        }
    }
}
