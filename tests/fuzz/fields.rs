//! What each field of an event may hold, and what must become of it.

use fastrand::Rng;

use super::source::ARRIVAL;
use super::time_fields::{
    right_blurred, right_born, right_clock, right_day, right_epoch, right_instant, right_turned,
    wrong_born, wrong_clock, wrong_epoch, wrong_time, wrong_turned,
};
use super::times::{DAY, Date, SECOND, iso_time};
use super::values::{
    Number, Sample, blank, json_text, one_of, optional_text, spaced, value_of_another_type, word,
};

/// A field with a value, and perhaps what else must be known for it.
pub(super) struct Field {
    pub(super) name: &'static str,
    /// A value that is right. It may depend on when the event happened.
    pub(super) right: fn(&mut Rng, i64) -> Sample,
    /// A value for which the event is refused.
    pub(super) wrong: fn(&mut Rng) -> Sample,
}

const fn field(
    name: &'static str,
    right: fn(&mut Rng, i64) -> Sample,
    wrong: fn(&mut Rng) -> Sample,
) -> Field {
    Field { name, right, wrong }
}

/// The fields that fill columns of their own.
pub(super) const FIELDS: [Field; 20] = [
    field("name", right_name, wrong_name),
    field(
        "note",
        |rng, _| optional_text(rng, "note"),
        |rng| wrong_type(rng, "t", "$.note"),
    ),
    field("code", right_code, |rng| wrong_type(rng, "tn", "$.code")),
    field("count", right_count, wrong_count),
    field("loose", right_loose, wrong_loose),
    field("ratio", right_ratio, wrong_ratio),
    field("flag", right_flag, |rng| wrong_type(rng, "b", "$.flag")),
    field(
        "fee",
        |rng, _| money(rng, "fee"),
        |rng| wrong_money(rng, "fee", "$.fee"),
    ),
    field(
        "rent",
        |rng, _| rounded(rng, "rent", true),
        |rng| wrong_type(rng, "n", "$.rent"),
    ),
    field(
        "rate",
        |rng, _| rounded(rng, "rate", false),
        |rng| wrong_type(rng, "n", "$.rate"),
    ),
    field("wide", right_wide, wrong_wide),
    field("amount", right_amount, wrong_amount),
    field("day", right_day, |rng| wrong_time(rng, "day", "$.day")),
    field("instant", right_instant, |rng| {
        wrong_time(rng, "instant", "$.instant")
    }),
    field("epoch", right_epoch, wrong_epoch),
    field("born", right_born, wrong_born),
    field("blurred", right_blurred, |rng| {
        wrong_type(rng, "t", "$.blurred")
    }),
    field("turned", right_turned, wrong_turned),
    field("clock", right_clock, wrong_clock),
    field("details", right_details, wrong_details),
];

pub(super) fn wrong_type(rng: &mut Rng, allowed: &str, path: &str) -> Sample {
    Sample::refused(value_of_another_type(rng, allowed), "contract.type", path)
}

/// Null, now and then.
pub(super) fn or_null(
    rng: &mut Rng,
    column: &'static str,
    sample: impl FnOnce(&mut Rng) -> Sample,
) -> Sample {
    if rng.u8(..10) == 0 {
        return Sample::cell("null".into(), column, None).in_csv("");
    }
    sample(rng)
}

fn right_name(rng: &mut Rng, _: i64) -> Sample {
    let core = word(rng);
    let text = spaced(rng, &core);
    Sample::cell(json_text(rng, &text), "name", Some(core)).in_csv(text)
}

fn wrong_name(rng: &mut Rng) -> Sample {
    if rng.bool() {
        return wrong_type(rng, "t", "$.name");
    }
    let blank = blank(rng);
    let blank = json_text(rng, blank);
    let json = if rng.bool() { "null".to_owned() } else { blank };
    Sample::refused(json, "contract.required", "$.name")
}

/// A text, which stays as it is, or a number, which has one form.
fn right_code(rng: &mut Rng, _: i64) -> Sample {
    if rng.bool() {
        return optional_text(rng, "code");
    }
    let number = Number::random(rng, 40, 12);
    Sample::cell(number.spelled(rng), "code", Some(number.canonical()))
}

fn whole_number(rng: &mut Rng) -> Number {
    let edges = [
        0,
        i128::from(i64::MAX),
        i128::from(i64::MIN),
        1 << 53,
        (1 << 53) + 1,
    ];
    match rng.u8(..4) {
        0 => Number::whole(one_of(rng, &edges)),
        1 => Number::random(rng, 18, 0),
        _ => Number::random(rng, 4, 0),
    }
}

fn right_count(rng: &mut Rng, _: i64) -> Sample {
    or_null(rng, "count", |rng| {
        let number = whole_number(rng);
        let json = number.spelled(rng);
        let cell = number.as_whole().map(|whole| whole.to_string());
        Sample::cell(json.clone(), "count", cell).in_csv(json)
    })
}

fn wrong_count(rng: &mut Rng) -> Sample {
    match rng.u8(..3) {
        0 => wrong_type(rng, "n", "$.count"),
        1 => {
            let json = one_of(rng, &["7.5", "1e-3", "-0.000001", "12345678901234567890.5"]);
            Sample::refused(json, "contract.type", "$.count")
        }
        _ => {
            let edges = [
                i128::from(i64::MAX) + 1,
                i128::from(i64::MIN) - 1,
                i128::MAX,
            ];
            let number = Number::whole(one_of(rng, &edges));
            Sample::refused(number.spelled(rng), "mapping.thing.count", "$.count")
        }
    }
}

/// A whole number that may be a text. What is none is null, counted and kept.
fn right_loose(rng: &mut Rng, _: i64) -> Sample {
    let cells = |cell: Option<&str>, raw: Option<&str>| {
        vec![
            ("loose", cell.map(str::to_owned)),
            ("loose_raw", raw.map(str::to_owned)),
        ]
    };
    match rng.u8(..4) {
        0 => {
            let number = whole_number(rng);
            let whole = number.as_whole().map(|whole| whole.to_string());
            let text = number.spelled(rng);
            let text = spaced(rng, &text);
            Sample::cells(json_text(rng, &text), cells(whole.as_deref(), None)).in_csv(text)
        }
        1 => {
            let (text, cell) = one_of(rng, &[("007", "7"), ("+5", "5"), ("-0", "0")]);
            Sample::cells(json_text(rng, text), cells(Some(cell), None)).in_csv(text)
        }
        2 => {
            let text = one_of(
                rng,
                &["abc", "1,000", "\u{a3}5", "NaN", "7 7", "0x10", "seven"],
            );
            let sample = Sample::cells(json_text(rng, text), cells(None, Some(text)));
            unreadable(sample.in_csv(text), "$.loose")
        }
        _ => {
            let text = one_of(rng, &["9223372036854775808", "89441100000000000011"]);
            unreadable(
                Sample::cells(text.into(), cells(None, Some(text))),
                "$.loose",
            )
        }
    }
}

pub(super) fn unreadable(sample: Sample, path: &str) -> Sample {
    Sample {
        unreadable: Some(path.to_owned()),
        ..sample
    }
}

fn wrong_loose(rng: &mut Rng) -> Sample {
    if rng.bool() {
        return wrong_type(rng, "tn", "$.loose");
    }
    let json = one_of(rng, &["7.5", "\"7.5\"", "\" 1e-3 \""]);
    Sample::refused(json, "contract.type", "$.loose")
}

fn right_ratio(rng: &mut Rng, _: i64) -> Sample {
    or_null(rng, "ratio", |rng| {
        let number = match rng.u8(..3) {
            0 => Number::random(rng, 20, 20),
            1 => Number::of(
                one_of(rng, &["1", "9", "123456", "22250738585072014"]),
                rng.i32(-300..=290),
            ),
            _ => Number::random(rng, 3, 3),
        };
        let json = number.spelled(rng);
        let cell = number.as_double().map(|double| (double + 0.0).to_string());
        Sample::cell(json.clone(), "ratio", cell).in_csv(json)
    })
}

fn wrong_ratio(rng: &mut Rng) -> Sample {
    match rng.u8(..3) {
        0 => wrong_type(rng, "n", "$.ratio"),
        1 => {
            let exponent = one_of(rng, &[310, 350, -380, -340]);
            let number = Number::of(one_of(rng, &["1", "9", "1234"]), exponent);
            Sample::refused(number.spelled(rng), "mapping.thing.ratio", "$.ratio")
        }
        _ => {
            let exponent = one_of(rng, &["410", "-410", "999999999", "-99999999999999999999"]);
            Sample::refused(format!("12.5e{exponent}"), "event.number", "$.ratio")
        }
    }
}

fn right_flag(rng: &mut Rng, _: i64) -> Sample {
    or_null(rng, "flag", |rng| {
        let flag = rng.bool();
        let words = if flag {
            ["true", "yes", "Y", "1"]
        } else {
            ["False", "NO", "n", "0"]
        };
        let word = one_of(rng, &words);
        Sample::cell(flag.to_string(), "flag", Some(flag.to_string())).in_csv(word)
    })
}

fn money(rng: &mut Rng, column: &'static str) -> Sample {
    or_null(rng, column, |rng| {
        let number = Number::random(rng, 10, 2);
        let json = number.spelled(rng);
        Sample::cell(json.clone(), column, number.at_scale(12, 2)).in_csv(json)
    })
}

fn wrong_money(rng: &mut Rng, column: &str, path: &str) -> Sample {
    if rng.u8(..3) == 0 {
        return wrong_type(rng, "n", path);
    }
    let number = match rng.u8(..3) {
        0 => Number::of(one_of(rng, &["1005", "1", "89441100000000000011"]), -3),
        1 => Number::of("123", rng.i32(9..60)),
        _ => Number::of("12345678901", one_of(rng, &[0, 1])),
    };
    Sample::refused(
        number.spelled(rng),
        &format!("mapping.thing.{column}"),
        path,
    )
}

fn rounded(rng: &mut Rng, column: &'static str, half_even: bool) -> Sample {
    or_null(rng, column, |rng| {
        let mut number = Number::random(rng, 9, 10);
        if rng.bool() {
            // A half exactly.
            number = Number::of(&format!("{}5", rng.u32(1..1_000_000)), -3);
        }
        let json = number.spelled(rng);
        let cell = number.rounded(half_even).at_scale(12, 2);
        Sample::cell(json.clone(), column, cell).in_csv(json)
    })
}

fn right_wide(rng: &mut Rng, _: i64) -> Sample {
    or_null(rng, "wide", |rng| {
        let number = Number::random(rng, 20, 18);
        let json = number.spelled(rng);
        Sample::cell(json.clone(), "wide", number.at_scale(38, 18)).in_csv(json)
    })
}

fn wrong_wide(rng: &mut Rng) -> Sample {
    let number = match rng.bool() {
        true => Number::of("12345678901234567890123", -19),
        false => Number::of("123456789012345678901", 0),
    };
    Sample::refused(number.spelled(rng), "mapping.thing.wide", "$.wide")
}

fn right_amount(rng: &mut Rng, _: i64) -> Sample {
    or_null(rng, "amount", |rng| {
        let (whole, pence) = (rng.u64(..9_999_999_999), rng.u64(..100));
        let digits = if rng.bool() {
            whole.to_string()
        } else {
            grouped(whole)
        };
        let (before, behind, sign) = one_of(
            rng,
            &[
                ("", "", ""),
                ("\u{a3}", "", ""),
                ("", " \u{20ac}", ""),
                ("-", "", "-"),
                ("(", ")", "-"),
                ("-\u{a3}", "", "-"),
                ("(\u{a3}", ")", "-"),
                ("+", "", ""),
            ],
        );
        let text = format!("{before}{digits}.{pence:02}{behind}");
        let unscaled = i128::from(whole) * 100 + i128::from(pence);
        let sign = if unscaled == 0 { "" } else { sign };
        let cell = format!("{sign}{unscaled}");
        Sample::cell(json_text(rng, &text), "amount", Some(cell)).in_csv(text)
    })
}

/// A whole number with commas between groups of three digits.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn wrong_amount(rng: &mut Rng) -> Sample {
    if rng.u8(..3) == 0 {
        return wrong_type(rng, "t", "$.amount");
    }
    let texts = [
        "12p",
        "1,23",
        "1.234,00",
        "--5",
        "(-5)",
        "0,123",
        "1e3",
        "NaN",
        "five",
        "1.005",
        "12345678901",
        "\u{a3}",
        "()",
        "1,,000",
        ".",
        "1.",
        "\u{663}",
    ];
    let text = one_of(rng, &texts);
    Sample::refused(json_text(rng, text), "mapping.thing.amount", "$.amount").in_csv(text)
}

/// An object, as such or as the text of a JSON document.
fn right_details(rng: &mut Rng, _: i64) -> Sample {
    let nothing = vec![("size", None), ("remark", None)];
    match rng.u8(..8) {
        0 => Sample::cells("null".into(), nothing),
        1 => {
            let blank = blank(rng);
            Sample::cells(json_text(rng, blank), nothing)
        }
        _ => {
            let size = whole_number(rng);
            let core = word(rng);
            let text = spaced(rng, &core);
            let remark = json_text(rng, &text);
            let json = format!("{{\"size\": {}, \"remark\": {remark}}}", size.spelled(rng));
            let json = if rng.bool() {
                json
            } else {
                json_text(rng, &json)
            };
            let whole = size.as_whole().map(|whole| whole.to_string());
            Sample::cells(json, vec![("size", whole), ("remark", Some(core))])
        }
    }
}

fn wrong_details(rng: &mut Rng) -> Sample {
    let kind = "contract.type";
    let (json, rule, path) = one_of(
        rng,
        &[
            ("7", kind, "$.details"),
            ("[]", kind, "$.details"),
            ("\"no JSON\"", kind, "$.details"),
            ("\"[1]\"", kind, "$.details"),
            ("\"7\"", kind, "$.details"),
            ("\"{\\\"size\\\": 1\"", kind, "$.details"),
            ("{\"size\": \"1\"}", kind, "$.details.size"),
            ("\"{\\\"size\\\": \\\"1\\\"}\"", kind, "$.details.size"),
            (
                "\"{\\\"size\\\": 1e500}\"",
                "event.number",
                "$.details.size",
            ),
            (
                "\"{\\\"remark\\\": \\\"a\\\\u0000\\\"}\"",
                "event.nul",
                "$.details.remark",
            ),
            ("{\"remark\": \"\\u0000\"}", "event.nul", "$.details.remark"),
            (
                "{\"size\": 9223372036854775808}",
                "mapping.thing.size",
                "$.details.size",
            ),
        ],
    );
    Sample::refused(json, rule, path)
}

/// When an event happened: a text, microseconds since 1970, and nanoseconds beyond them.
pub(super) fn right_event_time(rng: &mut Rng) -> (String, i64, i64) {
    loop {
        let time = iso_time(rng);
        if time.instant <= ARRIVAL + 3_600 * SECOND {
            return (time.text, time.instant, time.nanos);
        }
    }
}

/// A time that is more than an hour after the arrival.
pub(super) fn time_ahead(rng: &mut Rng) -> String {
    let day = ARRIVAL.div_euclid(DAY) + rng.i64(1..2_900_000);
    format!("{}T12:00:00Z", Date::of_number(day).iso())
}
