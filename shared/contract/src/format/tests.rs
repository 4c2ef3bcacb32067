//! Dates and times as people write them.

use super::*;
use crate::time::parse_date;
use proptest::prelude::*;

fn day(format: &str, text: &str) -> Option<i32> {
    let format = DateFormat::parse(format).unwrap();
    match format.read_text(text, ShortYears::Pivot(30))? {
        FormattedMoment::Dated(written) => Some(written.day()),
        FormattedMoment::Clock(_) => None,
    }
}

fn past_day(last: &str, text: &str) -> Option<String> {
    let last = ShortYears::NotAfter(last.parse().unwrap());
    let format = DateFormat::parse("DD/MM/YY").unwrap();
    match format.read_text(text, last)? {
        FormattedMoment::Dated(written) => Some(crate::time::date_text(written.day())),
        FormattedMoment::Clock(_) => None,
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(
        text in "\\PC{0,30}",
        format in "[YMDHms/: .T-]{0,12}|\\PC{0,8}",
    ) {
        if let Ok(format) = DateFormat::parse(&format) {
            let _ = format.read_text(&text, ShortYears::Pivot(30));
            let _ = format.read_text(&text, ShortYears::NotAfter(civil::date(26, 2, 28)));
        }
    }

    #[test]
    fn a_date_of_the_past_is_the_latest_that_is_not_after_the_event(
        year in 0..=99i16, month in 1..=12i8, date in 1..=28i8, last in 0..50_000i32
    ) {
        let last = crate::time::civil_date(last).unwrap();
        let found = ShortYears::NotAfter(last).resolve(year, (month, date)).unwrap();
        prop_assert!(found <= last);
        prop_assert!(found.year() % 100 == year);
        prop_assert!(civil::date(found.year() + 100, month, date) > last);
    }
}

#[test]
fn dates_as_people_write_them() {
    assert_eq!(day("DD/MM/YYYY", "24/08/2017"), parse_date("2017-08-24"));
    assert_eq!(day("DD/MM/YYYY", "4/8/2017"), parse_date("2017-08-04"));
    assert_eq!(day("DD/MM/YYYY", "31/02/2017"), None);
    assert_eq!(day("DD/MM/YYYY", "24/08/17"), None);
    assert_eq!(day("MM/DD/YYYY", "08/24/2017"), parse_date("2017-08-24"));
    assert_eq!(day("D MMM YY", "1 September 25"), parse_date("2025-09-01"));
    assert_eq!(day("YYYYMMDD", "20260302"), parse_date("2026-03-02"));
    assert_eq!(
        day("DD.MM.YYYY HH:mm", "24.08.2017 23:59"),
        parse_date("2017-08-24")
    );
    assert_eq!(day("DD.MM.YYYY HH:mm", "24.08.2017 24:00"), None);
    assert_eq!(
        day("iso", "2017-08-24T23:59:00+01:00"),
        parse_date("2017-08-24")
    );
}

#[test]
fn digits_without_a_separator_have_a_fixed_width() {
    assert_eq!(day("YYYYMMDD", "2026111"), None);
    assert_eq!(day("DDMMYY", "20326"), None);
    assert_eq!(day("DDMMMYYYY", "1Sep2025"), parse_date("2025-09-01"));
    assert_eq!(
        day("YYYYMMDDTHHmm", "20260302T0805"),
        parse_date("2026-03-02")
    );
    for format in ["YYYYMD", "DMYYYY", "YYYY-MM-DD Hmm"] {
        let why = DateFormat::parse(format).unwrap_err();
        assert!(why.contains("no separator"), "{why}");
    }
}

#[test]
fn a_month_has_its_own_name() {
    for name in ["Mar", "march", "MARC"] {
        assert_eq!(
            day("D MMM YYYY", &format!("2 {name} 2026")),
            parse_date("2026-03-02")
        );
    }
    assert_eq!(day("D MMM YYYY", "2 Sept 2026"), parse_date("2026-09-02"));
    for name in ["Marble", "Ma", "Juny", "Okt", "Mär", ""] {
        assert_eq!(day("D MMM YYYY", &format!("2 {name} 2026")), None, "{name}");
    }
}

#[test]
fn two_orders_of_one_text_are_found() {
    let ambiguous = |first: &str, second: &str| {
        let second = DateFormat::parse(second).unwrap();
        DateFormat::parse(first).unwrap().ambiguous_text(&second)
    };
    for (first, second) in [
        ("DD/MM/YYYY", "MM/DD/YYYY"),
        ("D/M/YYYY", "MM/DD/YYYY"),
        ("DD-MM-YY", "YY-MM-DD"),
        ("DDMMYYYY", "YYYYMMDD"),
        ("DD/MM/YYYY HH:mm", "MM/DD/YYYY HH:mm"),
    ] {
        let found = ambiguous(first, second).or_else(|| ambiguous(second, first));
        assert!(found.is_some(), "{first} {second}");
    }
    for (first, second) in [
        ("DD/MM/YYYY", "DD/MM/YY"),
        ("DD/MM/YYYY", "iso"),
        ("DD/MM/YYYY", "MM-DD-YYYY"),
        ("D MMM YYYY", "DD/MM/YYYY"),
        ("DD/MM/YYYY", "D/M/YYYY"),
        ("DD/MM/YYYY", "DD/MM/YYYY HH:mm"),
        ("HH:mm", "HH:mm:ss"),
    ] {
        assert_eq!(ambiguous(first, second), None, "{first} {second}");
        assert_eq!(ambiguous(second, first), None, "{second} {first}");
    }
}

#[test]
fn years_of_two_digits_turn_at_the_declared_pivot() {
    assert_eq!(day("DD/MM/YY", "16/07/68"), parse_date("1968-07-16"));
    assert_eq!(day("DD/MM/YY", "16/07/30"), parse_date("1930-07-16"));
    assert_eq!(day("DD/MM/YY", "16/07/29"), parse_date("2029-07-16"));
    assert_eq!(day("DD/MM/YY", "29/02/00"), parse_date("2000-02-29"));
    let undeclared = DateFormat::parse("DD/MM/YY").unwrap();
    assert_eq!(
        undeclared.read_text("16/07/68", ShortYears::Undeclared),
        None
    );
}

#[test]
fn a_date_of_birth_is_not_after_the_event() {
    for (last, text, expected) in [
        ("2026-03-02", "16/07/68", Some("1968-07-16")),
        ("2026-03-02", "02/03/26", Some("2026-03-02")),
        ("2026-03-02", "03/03/26", Some("1926-03-03")),
        ("2026-03-02", "29/02/00", Some("2000-02-29")),
        ("1999-12-31", "29/02/00", None),
        ("2026-03-02", "29/02/23", None),
        ("2026-03-02", "31/02/20", None),
    ] {
        assert_eq!(
            past_day(last, text).as_deref(),
            expected,
            "{text} by {last}"
        );
    }
}

#[test]
fn a_wrong_format_is_told() {
    assert!(
        DateFormat::parse("DD/MM")
            .unwrap_err()
            .contains("no whole date")
    );
    assert!(
        DateFormat::parse("DD/XX/YYYY")
            .unwrap_err()
            .contains("unknown letter `X`")
    );
}

#[test]
fn a_clock_alone_is_a_time_of_day() {
    let format = DateFormat::parse("H:mm").unwrap();
    let clock = FormattedMoment::Clock(civil::time(7, 5, 0, 0));
    assert_eq!(
        format.read_text("7:05", ShortYears::Undeclared),
        Some(clock)
    );
    assert_eq!(format_clock(25_500_000_000), "07:05:00");
}
