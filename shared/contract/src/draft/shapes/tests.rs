//! What is seen in the texts of a column.

use super::*;

fn shapes(texts: &[&str]) -> TextShapes {
    let mut shapes = TextShapes::default();
    for text in texts {
        shapes.add(text, SamplePlace::default());
    }
    shapes
}

#[test]
fn every_format_compiles() {
    assert_eq!(COMPILED_FORMATS.len(), DATE_FORMATS.len());
}

#[test]
fn dates_are_known_by_all_rows() {
    let formats = |texts: &[&str]| shapes(texts).dates().map(|guess| guess.formats);
    assert_eq!(
        formats(&["01/02/2026", "13/02/2026"]),
        Some(vec!["DD/MM/YYYY"])
    );
    assert_eq!(
        formats(&["02/13/2026", "01/02/2026"]),
        Some(vec!["MM/DD/YYYY"])
    );
    assert_eq!(
        formats(&["2026-02-01", "13/02/2026"]),
        Some(vec!["iso", "DD/MM/YYYY"])
    );
    assert_eq!(formats(&["13/02/2026", "02/13/2026"]), None);
    assert_eq!(formats(&["13/02/2026", "x"]), None);
    assert!(shapes(&["13/02/2026", "02/13/2026"]).are_mixed_dates());
    assert!(shapes(&["01/02/2026"]).dates().unwrap().is_ambiguous);
    assert!(!shapes(&["13/02/2026"]).dates().unwrap().is_ambiguous);
    assert!(shapes(&["13/02/2026 09:30"]).dates().unwrap().has_time);
    assert!(shapes(&["13/02/68"]).dates().unwrap().has_short_year);
}

#[test]
fn a_day_that_there_is_not_does_not_decide_the_order() {
    for impossible in ["30/02/2024", "31/11/2023", "45/13/2023", "00/00/0000"] {
        let found = shapes(&["13/02/2026", impossible, "01/02/2026"]);
        let dates = found.dates().unwrap();
        assert_eq!(dates.formats, ["DD/MM/YYYY"], "{impossible}");
        assert!(!dates.is_ambiguous && !found.are_mixed_dates());
        let (strays, count) = found.stray_dates();
        assert_eq!(count, 1);
        assert_eq!(strays[0].impossible.as_deref(), Some(impossible));
    }
    for (dates, impossible, format) in [
        (["2026-02-13", "2026-03-01"], "2026-02-30", "iso"),
        (["13 Feb 2026", "01 Mar 2026"], "31 Nov 2026", "DD MMM YYYY"),
    ] {
        let found = shapes(&[dates[0], dates[1], impossible]);
        assert_eq!(found.dates().unwrap().formats, [format]);
        assert!(!found.are_iso_days());
    }
    // One text of another kind among many dates is named, and not repeated.
    let mut texts = vec!["13/02/2026"; 12];
    texts.push("ask the clerk");
    let found = shapes(&texts);
    assert_eq!(found.dates().unwrap().formats, ["DD/MM/YYYY"]);
    assert_eq!(found.stray_dates().0[0].impossible, None);
    // Most of them are no dates: it is a column of texts.
    assert_eq!(shapes(&["13/02/2026", "30/02/2026"]).dates(), None);
    assert_eq!(shapes(&["13/02/2026", "x", "y"]).dates(), None);
    assert!(!shapes(&["1/2", "12345678", "AB12"]).are_mixed_dates());
}

#[test]
fn zeros_that_a_number_would_lose_make_a_text() {
    assert!(shapes(&["7", "12"]).are_integers());
    assert!(!shapes(&["7", "012"]).are_integers());
    assert!(!shapes(&["1234567890123456"]).are_numbers());
    assert!(shapes(&["0.5", "-3", "0"]).are_numbers());
    assert!(shapes(&["£1,234.50", "3"]).are_money());
    assert!(shapes(&["1.234,50", "3,1"]).are_comma_numbers());
    assert!(!shapes(&["1,234", "5"]).are_comma_numbers());
}

#[test]
fn what_is_of_people_is_known_by_its_shape() {
    for (text, shape) in [
        ("a.b@example.org", "e-mail addresses"),
        ("01632 960001", "telephone numbers"),
        ("JC 12 34 56 A", "National Insurance numbers"),
        ("zz1 1zz", "postcodes"),
    ] {
        assert_eq!(shapes(&[text]).personal_shape(), Some(shape));
    }
    assert_eq!(shapes(&["2026/0012", "Bin", "17"]).personal_shape(), None);
}
