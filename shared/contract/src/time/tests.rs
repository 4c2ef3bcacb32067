//! Every reading agrees with the library's, or is refused.

use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn dates_agree_with_the_library(day in FIRST_DAY..=LAST_DAY) {
        let date = civil::date(1970, 1, 1).checked_add(jiff::Span::new().days(day)).unwrap();
        prop_assert_eq!(parse_date(&date.to_string()), Some(day));
    }

    #[test]
    fn timestamps_agree_with_the_library(
        micros in -62_135_596_800_000_000..253_300_000_000_000_000i64,
    ) {
        let instant = jiff::Timestamp::from_microsecond(micros).unwrap();
        prop_assert_eq!(parse_timestamp(&instant.to_string()), Some(micros));
    }

    #[test]
    fn every_offset_to_the_second_is_exact(
        seconds in -64_800..=64_800i32,
        micros in 0..2_000_000_000_000_000i64,
    ) {
        let offset = Offset::from_seconds(seconds).unwrap();
        let local = offset.to_datetime(jiff::Timestamp::from_microsecond(micros).unwrap());
        let text = format!("{local}{}", signed_offset(seconds));
        prop_assert_eq!(parse_timestamp(&text), Some(micros));
    }

    #[test]
    fn local_times_agree_with_the_library(
        micros in -10_000_000_000_000_000..10_000_000_000_000_000i64,
    ) {
        let zone = TimeZone::get("Europe/London").unwrap();
        let instant = jiff::Timestamp::from_microsecond(micros).unwrap();
        let local = Offset::UTC.to_datetime(instant);
        let expected = local.to_zoned(zone.clone()).unwrap().timestamp().as_microsecond();
        let written = WrittenTime::read(&local.to_string()).unwrap();
        prop_assert_eq!(written.instant(Some(&zone)).micros, expected);
        let shown = micros + offset_micros(zone.to_offset(instant));
        prop_assert_eq!(local_micros(micros, Some(&zone)), shown);
    }

    #[test]
    fn texts_of_instants_and_days_are_read_back(
        micros in -62_135_596_800_000_000..=253_402_300_799_999_999i64,
    ) {
        prop_assert_eq!(parse_timestamp(&timestamp_text(micros)), Some(micros));
        let day = i32::try_from(micros.div_euclid(MICROS_PER_DAY)).unwrap();
        prop_assert_eq!(parse_date(&date_text(day)), Some(day));
    }

    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,40}|[0-9TZz:+. -]{0,40}") {
        let _ = (parse_date(&text), parse_timestamp(&text));
    }
}

/// `+01:00:00`.
fn signed_offset(seconds: i32) -> String {
    let sign = if seconds < 0 { '-' } else { '+' };
    let size = seconds.abs();
    format!(
        "{sign}{:02}:{:02}:{:02}",
        size / 3_600,
        size / 60 % 60,
        size % 60
    )
}

#[test]
fn texts_that_are_no_exact_time_are_refused() {
    for text in [
        "2026-03-02T12:00:00+1:00",
        "2026-03-02T12:00:00+01:75",
        "2026-03-02T12:00:00+01:00:60",
        "2026-03-02T12:00:00+25:00",
        "2026-03-02T12:00:00+18:00:01",
        "2026-03-02T12:00:00+01:00:00.5",
        "2026-03-02T12:00:00+0:100",
        "2026-03-02T12:00:00+01000",
        "2026-03-02T12:00:00:500Z",
        "2026-03-02T12:00:00ZZ",
        "2026-03-02T12:00:00Z+01:00",
        "2026-03-02T12:00:00+01:00Z",
        "2026-03-02TZ12:00:00",
        "2026-03-02Z",
        "2026-03-02T",
        "2026-03-02T24:00:00",
        "2026-03-02T23:60:00",
        "2016-12-31T23:59:60Z",
        "2016-12-31T23:59:60.5Z",
        "2016-12-31T235960Z",
        "2016-12-31T23:59:61Z",
        "2026-03-02T12:00:00.Z",
        "2026-03-02T12:00:00.1234567891Z",
        "2026-03-02T12:0:00Z",
        "2026-3-2",
        "20260302T120000Z",
        "2026-W10-1",
        "2026-061",
        "+02026-03-02",
        "-0001-03-02",
        "0000-03-02",
        "10000-03-02",
        "2026-02-30T00:00:00Z",
        "2026-03-02T12:00:00 Z",
        "2026-03-02T12:00:00+01:00[Europe/London]",
        "2026-03-02T12:00:00[Europe/Paris]",
        "2026-03-02_12:00:00",
        "2026-03-02T12:30.5Z",
        "2026-03-02T12:00:00\u{2212}01:00",
        "2026-03-02T12:00:00+01:0000",
        "2026-03-02T12:00:00 UTC",
        "2026-03",
        "1850-81-01",
        "26-03-02",
        "2026/03/02",
        " 2026-03-02",
    ] {
        assert_eq!(parse_timestamp(text), None, "{text}");
    }
}

#[test]
fn offsets_of_every_form_are_exact() {
    let noon = parse_timestamp("2026-03-02T12:00:00Z");
    for text in [
        "2026-03-02T13:00:00+01:00",
        "2026-03-02T13:00:00+0100",
        "2026-03-02T13:00:00+01",
        "2026-03-02T13:00+01:00",
        "2026-03-02T12:19:32+00:19:32",
        "2026-03-02T11:59:59-00:00:01",
        "2026-03-02T17:45:00+05:45",
        "2026-03-03T02:00:00+14:00",
        "2026-03-02T12:00:00-00:00",
        "2026-03-02t12:00:00z",
        "2026-03-02 12:00:00",
        "2026-03-02T12:00:00.000000000Z",
        "2026-03-02T12:00:00,000Z",
        "2026-03-02T120000Z",
    ] {
        assert_eq!(parse_timestamp(text), noon, "{text}");
    }
}

#[test]
fn the_first_and_the_last_instant_are_exact() {
    let last = parse_timestamp("9999-12-31T23:59:59.9999999Z").unwrap();
    assert_eq!(last, 253_402_300_799_999_999);
    assert_eq!(parse_timestamp("9999-12-31T23:59:59-00:01"), None);
    assert_eq!(
        parse_timestamp("0001-01-01T00:00:00Z"),
        Some(-62_135_596_800_000_000)
    );
    assert_eq!(parse_timestamp("0001-01-01T00:00:00+00:01"), None);
}

#[test]
fn the_last_day_has_a_text() {
    let last = parse_timestamp("9999-12-31T23:59:59.5Z").unwrap();
    assert_eq!(timestamp_text(last), "9999-12-31T23:59:59.5Z");
    assert_eq!(date_text(LAST_DAY), "9999-12-31");
    for text in ["1969-12-31T23:59:59.999999200Z", "2026-03-02T08:00:00Z"] {
        let instant = WrittenTime::read(text).unwrap().instant(None);
        assert_eq!(instant_text(instant), text);
    }
    assert_eq!(timestamp_text(-1), "1969-12-31T23:59:59.999999Z");
}

#[test]
fn nanoseconds_are_the_rest_beyond_the_microsecond_before_1970_too() {
    let instant = |text: &str| WrittenTime::read(text).unwrap().instant(None);
    assert_eq!(
        instant("1970-01-01T00:00:00.000001234Z"),
        ExactInstant {
            micros: 1,
            nanos: 234
        }
    );
    assert_eq!(
        instant("1969-12-31T23:59:59.999999200Z"),
        ExactInstant {
            micros: -1,
            nanos: 200
        }
    );
    assert_eq!(
        ExactInstant::from_nanos(-800),
        Some(instant("1969-12-31T23:59:59.999999200Z"))
    );
}

#[test]
fn british_midnight_is_the_next_day() {
    let zone = TimeZone::get("Europe/London").unwrap();
    let micros = parse_timestamp("2026-06-30T23:00:00Z").unwrap();
    assert_eq!(local_day(micros, Some(&zone)), parse_date("2026-07-01"));
    let winter = parse_timestamp("2026-01-31T23:00:00Z").unwrap();
    assert_eq!(local_day(winter, Some(&zone)), parse_date("2026-01-31"));
}

#[test]
fn a_time_in_the_gap_moves_forward_and_one_that_comes_twice_is_the_first() {
    let zone = TimeZone::get("Europe/London").unwrap();
    let read = |text: &str| WrittenTime::read(text).unwrap().instant(Some(&zone)).micros;
    for (local, utc) in [
        ("2026-03-29T00:59:59", "2026-03-29T00:59:59Z"),
        ("2026-03-29T01:00:00", "2026-03-29T01:00:00Z"),
        ("2026-03-29T01:30:00", "2026-03-29T01:30:00Z"),
        ("2026-03-29T02:00:00", "2026-03-29T01:00:00Z"),
        ("2026-10-25T00:59:59", "2026-10-24T23:59:59Z"),
        ("2026-10-25T01:00:00", "2026-10-25T00:00:00Z"),
        ("2026-10-25T01:30:00", "2026-10-25T00:30:00Z"),
        ("2026-10-25T02:00:00", "2026-10-25T02:00:00Z"),
    ] {
        assert_eq!(Some(read(local)), parse_timestamp(utc), "{local}");
    }
}
