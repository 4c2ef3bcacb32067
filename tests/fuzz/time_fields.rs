//! Fields of dates and times.

use fastrand::Rng;

use super::fields::{or_null, unreadable, wrong_type};
use super::times::{Date, iso_time, london_day, no_time};
use super::values::{Number, Sample, json_text, one_of, spaced};

/// Texts that stand for "no date" in the mapping.
const PLACEHOLDERS: [&str; 6] = [
    "0001-01-01",
    "1900-01-01",
    "0001-01-01T00:00:00",
    "0001-01-01T00:00:00Z",
    "1899-12-31T23:58:45Z",
    "0000-12-31T23:00:00-01:00",
];

pub(super) fn right_day(rng: &mut Rng, _: i64) -> Sample {
    or_null(rng, "day", |rng| {
        let (text, day) = match rng.u8(..4) {
            0 => (one_of(rng, &PLACEHOLDERS).to_owned(), None),
            1 => {
                let date = Date::random(rng, 2..=9998);
                (
                    date.iso(),
                    (date.iso() != "1900-01-01").then(|| date.number()),
                )
            }
            _ => {
                let time = iso_time(rng);
                (time.text, Some(time.day))
            }
        };
        let cell = day.map(|day| day.to_string());
        let text = spaced(rng, &text);
        Sample::cell(json_text(rng, &text), "day", cell).in_csv(text)
    })
}

pub(super) fn right_instant(rng: &mut Rng, _: i64) -> Sample {
    or_null(rng, "instant", |rng| {
        let (text, instant) = match rng.u8(..5) {
            0 => (one_of(rng, &PLACEHOLDERS).to_owned(), None),
            _ => {
                let time = iso_time(rng);
                (time.text, Some(time.instant.to_string()))
            }
        };
        let text = spaced(rng, &text);
        Sample::cell(json_text(rng, &text), "instant", instant).in_csv(text)
    })
}

pub(super) fn wrong_time(rng: &mut Rng, column: &str, path: &str) -> Sample {
    if rng.u8(..4) == 0 {
        return wrong_type(rng, "t", path);
    }
    let text = no_time(rng);
    let rule = format!("mapping.thing.{column}");
    Sample::refused(json_text(rng, &text), &rule, path).in_csv(text)
}

pub(super) fn right_epoch(rng: &mut Rng, _: i64) -> Sample {
    or_null(rng, "epoch", |rng| {
        let millis = rng.i64(86_400_000..4_102_444_800_000);
        let json = Number::whole(millis.into()).spelled(rng);
        Sample::cell(json.clone(), "epoch", Some((millis * 1_000).to_string())).in_csv(json)
    })
}

pub(super) fn wrong_epoch(rng: &mut Rng) -> Sample {
    if rng.bool() {
        return wrong_type(rng, "n", "$.epoch");
    }
    let counts = [
        "253402300800000",
        "-62135596800001",
        "1e30",
        "1772438400000000",
    ];
    Sample::refused(one_of(rng, &counts), "mapping.thing.epoch", "$.epoch")
}

/// A date of birth with a year of two digits: of the latest century in which it is not after the
/// event.
pub(super) fn right_born(rng: &mut Rng, event_time: i64) -> Sample {
    or_null(rng, "born", |rng| {
        let last = london_day(event_time);
        let date = Date::of_number(last - rng.i64(0..36_000));
        let text = format!("{:02}/{:02}/{:02}", date.day, date.month, date.year % 100);
        Sample::cell(
            json_text(rng, &text),
            "born",
            Some(date.number().to_string()),
        )
        .in_csv(text)
    })
}

pub(super) fn wrong_born(rng: &mut Rng) -> Sample {
    if rng.u8(..4) == 0 {
        return wrong_type(rng, "t", "$.born");
    }
    let texts = [
        "31/02/68",
        "00/01/70",
        "1/13/70",
        "01/01/1970",
        "1970-01-01",
        "01-01-70",
    ];
    let text = one_of(rng, &texts);
    Sample::refused(json_text(rng, text), "mapping.thing.born", "$.born").in_csv(text)
}

/// A date that is null, counted and kept where it cannot be read.
pub(super) fn right_blurred(rng: &mut Rng, _: i64) -> Sample {
    if rng.bool() {
        let date = Date::random(rng, 1901..=2098);
        let text = format!("{}/{}/{:04}", date.day, date.month, date.year);
        let cells = vec![
            ("blurred", Some(date.number().to_string())),
            ("blurred_raw", None),
        ];
        return Sample::cells(json_text(rng, &text), cells).in_csv(text);
    }
    let raw = one_of(
        rng,
        &[
            "1850-81-01",
            "30/02/1990",
            "circa 1900",
            "0/0/0000",
            "1/1/70",
        ],
    );
    let text = spaced(rng, raw);
    let cells = vec![("blurred", None), ("blurred_raw", Some(raw.to_owned()))];
    unreadable(
        Sample::cells(json_text(rng, &text), cells).in_csv(text),
        "$.blurred",
    )
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// A date with a pivot: years from 30 on are of the 1900s.
pub(super) fn right_turned(rng: &mut Rng, _: i64) -> Sample {
    or_null(rng, "turned", |rng| {
        let date = Date::random(rng, 1930..=2029);
        let name = MONTHS[usize::try_from(date.month - 1).unwrap()];
        let letters = rng.usize(3..=name.len());
        let name = one_of(rng, &[name[..letters].to_owned(), name.to_uppercase()]);
        let text = match rng.bool() {
            true => date.iso(),
            false => format!("{} {name} {:02}", date.day, date.year % 100),
        };
        Sample::cell(
            json_text(rng, &text),
            "turned",
            Some(date.number().to_string()),
        )
        .in_csv(text)
    })
}

pub(super) fn wrong_turned(rng: &mut Rng) -> Sample {
    let texts = [
        "31 Apr 70",
        "1 Ja 70",
        "1 Foo 70",
        "1 January 1970",
        "70-01-01",
        "1 Jan",
    ];
    let text = one_of(rng, &texts);
    Sample::refused(json_text(rng, text), "mapping.thing.turned", "$.turned").in_csv(text)
}

pub(super) fn right_clock(rng: &mut Rng, _: i64) -> Sample {
    or_null(rng, "clock", |rng| {
        let (hour, minute) = (rng.u8(..24), rng.u8(..60));
        let text = match rng.bool() {
            true => format!("{hour:02}:{minute:02}"),
            false => format!("{hour}:{minute:02}"),
        };
        let cell = format!("{hour:02}:{minute:02}:00");
        Sample::cell(json_text(rng, &text), "clock", Some(cell)).in_csv(text)
    })
}

pub(super) fn wrong_clock(rng: &mut Rng) -> Sample {
    let texts = [
        "24:00", "7:60", "7:5", "07.30", "noon", "07:30:00", "07:30Z",
    ];
    let text = one_of(rng, &texts);
    Sample::refused(json_text(rng, text), "mapping.thing.clock", "$.clock").in_csv(text)
}
