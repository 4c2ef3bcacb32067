//! Texts and numbers of every form, each with what must become of it. Nothing here is shared with
//! the transform.

use fastrand::Rng;

/// What must become of an event for the sake of one field.
#[derive(Clone, Debug)]
pub(super) enum Meaning {
    /// These cells; null where there is no text.
    Cells(Vec<(&'static str, Option<String>)>),
    /// The event is refused under a rule, at a path.
    Refused(String, String),
}

/// A field's value as JSON, and what must become of it.
#[derive(Clone, Debug)]
pub(super) struct Sample {
    pub(super) json: String,
    /// The same value as a field of a CSV file, where one can hold it.
    pub(super) csv: Option<String>,
    pub(super) meaning: Meaning,
    /// The path at which a value is counted as unreadable.
    pub(super) unreadable: Option<String>,
}

impl Sample {
    pub(super) fn cell(json: String, column: &'static str, cell: Option<String>) -> Self {
        Self::cells(json, vec![(column, cell)])
    }

    pub(super) fn cells(json: String, cells: Vec<(&'static str, Option<String>)>) -> Self {
        Self {
            json,
            csv: None,
            meaning: Meaning::Cells(cells),
            unreadable: None,
        }
    }

    pub(super) fn refused(json: impl Into<String>, rule: &str, path: &str) -> Self {
        Self {
            json: json.into(),
            csv: None,
            meaning: Meaning::Refused(rule.to_owned(), path.to_owned()),
            unreadable: None,
        }
    }

    pub(super) fn in_csv(mut self, text: impl Into<String>) -> Self {
        self.csv = Some(text.into());
        self
    }
}

/// One of several values.
pub(super) fn one_of<T: Clone>(rng: &mut Rng, values: &[T]) -> T {
    values[rng.usize(..values.len())].clone()
}

/// A JSON value of a type that is none of `allowed`: `n` a number, `t` a text, `b` a boolean, `o`
/// an object, `l` a list.
pub(super) fn value_of_another_type(rng: &mut Rng, allowed: &str) -> String {
    let values = [
        ('n', "7"),
        ('n', "0.5"),
        ('n', "89441100000000000011"),
        ('t', "\"x\""),
        ('t', "\"7\""),
        ('b', "true"),
        ('o', "{}"),
        ('o', "{\"id\": \"7\"}"),
        ('l', "[]"),
        ('l', "[1]"),
        ('l', "[null]"),
        ('l', "[[\"x\"]]"),
    ];
    let others: Vec<&str> = values
        .iter()
        .filter(|(kind, _)| !allowed.contains(*kind))
        .map(|(_, json)| *json)
        .collect();
    one_of(rng, &others).to_owned()
}

/// A text as JSON writes it: characters as they are, or escaped in one of their ways.
pub(super) fn json_text(rng: &mut Rng, text: &str) -> String {
    let mut out = String::from("\"");
    for character in text.chars() {
        let must_escape = character < ' ' || character == '"' || character == '\\';
        if !must_escape && rng.u8(..8) > 0 {
            out.push(character);
        } else if matches!(character, '"' | '\\' | '/') && rng.bool() {
            out.extend(['\\', character]);
        } else {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                let hex = format!("{unit:04x}");
                let hex = if rng.bool() { hex.to_uppercase() } else { hex };
                out.push_str("\\u");
                out.push_str(&hex);
            }
        }
    }
    out.push('"');
    out
}

const PIECES: [&str; 20] = [
    "Robin",
    "Zo\u{eb}",
    "Zoe\u{308}",
    "\u{915}\u{943}\u{937}\u{94d}\u{923}",
    "O'Brien",
    "a\"b",
    "back\\slash",
    "\u{1f468}\u{200d}\u{1f469}",
    "\u{5d0}\u{202e}b",
    "line\nbreak",
    "tab\tted",
    "\u{1}",
    "\u{7f}",
    "x\u{feff}y",
    "<b>",
    "=1+1",
    "7",
    "NaN",
    "null",
    "a, b;c",
];

const SPACES: [&str; 7] = [" ", "  ", "\t", "\n", "\u{a0}", "\u{2003}", "\u{3000}"];

/// A text without outer spaces, of one to four pieces.
pub(super) fn word(rng: &mut Rng) -> String {
    let count = rng.usize(1..5);
    let pieces: Vec<&str> = (0..count).map(|_| one_of(rng, &PIECES)).collect();
    pieces.join(one_of(rng, &["", " ", "-"]))
}

/// A text with outer spaces, perhaps.
pub(super) fn spaced(rng: &mut Rng, core: &str) -> String {
    match rng.u8(..4) {
        0 => format!("{}{core}{}", one_of(rng, &SPACES), one_of(rng, &SPACES)),
        _ => core.to_owned(),
    }
}

pub(super) fn blank(rng: &mut Rng) -> &'static str {
    one_of(rng, &["", " ", "\t \u{a0}"])
}

/// A text that may be null, or blank.
pub(super) fn optional_text(rng: &mut Rng, column: &'static str) -> Sample {
    match rng.u8(..8) {
        0 => Sample::cell("null".into(), column, None).in_csv(""),
        1 => {
            let text = blank(rng);
            Sample::cell(json_text(rng, text), column, None).in_csv(text)
        }
        _ => {
            let core = word(rng);
            let text = spaced(rng, &core);
            Sample::cell(json_text(rng, &text), column, Some(core)).in_csv(text)
        }
    }
}

/// An exact number: digits times a power of ten.
#[derive(Clone, Debug)]
pub(super) struct Number {
    negative: bool,
    /// Without zeros at its beginning; `0` is zero.
    digits: String,
    exponent: i32,
}

impl Number {
    /// A number of so many digits at most, of which so many are behind the point.
    pub(super) fn random(rng: &mut Rng, whole_max: usize, places_max: usize) -> Self {
        let whole = rng.usize(0..=whole_max);
        let places = rng.usize(0..=places_max);
        let digits: String = (0..whole + places).map(|_| rng.digit(10)).collect();
        let digits = digits.trim_start_matches('0');
        Self {
            negative: rng.bool(),
            digits: if digits.is_empty() {
                "0".into()
            } else {
                digits.into()
            },
            exponent: -i32::try_from(places).unwrap(),
        }
    }

    pub(super) fn of(digits: &str, exponent: i32) -> Self {
        Self {
            negative: false,
            digits: digits.to_owned(),
            exponent,
        }
    }

    pub(super) fn whole(number: i128) -> Self {
        Self {
            negative: number < 0,
            digits: number.unsigned_abs().to_string(),
            exponent: 0,
        }
    }

    /// The number in one of the ways in which JSON writes it.
    pub(super) fn spelled(&self, rng: &mut Rng) -> String {
        let sign = if self.negative { "-" } else { "" };
        let unsigned = match rng.u8(..3) {
            0 => self.with_exponent(rng),
            _ => self.in_plain_form(one_of(rng, &["", "", "0", "000"])),
        };
        format!("{sign}{unsigned}")
    }

    fn in_plain_form(&self, zeros: &str) -> String {
        let places = usize::try_from(-self.exponent.min(0)).unwrap();
        let more = usize::try_from(self.exponent.max(0)).unwrap();
        let more = if self.digits == "0" { 0 } else { more };
        let digits = format!("{}{}", self.digits, "0".repeat(more));
        let digits = format!("{digits:0>width$}", width = places + 1);
        let (whole, fraction) = digits.split_at(digits.len() - places);
        match format!("{fraction}{zeros}") {
            none if none.is_empty() => whole.to_owned(),
            fraction => format!("{whole}.{fraction}"),
        }
    }

    fn with_exponent(&self, rng: &mut Rng) -> String {
        let point = rng.usize(1..=self.digits.len());
        let (whole, fraction) = self.digits.split_at(point);
        let exponent = self.exponent + i32::try_from(fraction.len()).unwrap();
        let letter = one_of(rng, &["e", "E"]);
        let plus = if exponent >= 0 {
            one_of(rng, &["", "+"])
        } else {
            "-"
        };
        let zero = one_of(rng, &["", "0"]);
        let point = if fraction.is_empty() { "" } else { "." };
        format!(
            "{whole}{point}{fraction}{letter}{plus}{zero}{}",
            exponent.unsigned_abs()
        )
    }

    /// Digits and exponent without zeros at the end.
    fn trimmed(&self) -> (String, i32) {
        let digits = self.digits.trim_end_matches('0');
        if digits.is_empty() {
            return ("0".into(), 0);
        }
        let dropped = i32::try_from(self.digits.len() - digits.len()).unwrap();
        (digits.to_owned(), self.exponent + dropped)
    }

    /// The one form of the number as text.
    pub(super) fn canonical(&self) -> String {
        let (digits, exponent) = self.trimmed();
        let sign = if self.negative && digits != "0" {
            "-"
        } else {
            ""
        };
        let number = Self {
            negative: false,
            digits,
            exponent,
        };
        format!("{sign}{}", number.in_plain_form(""))
    }

    /// The number as a whole one of 64 bits; none when it is none.
    pub(super) fn as_whole(&self) -> Option<i64> {
        let text = self.canonical();
        if text.contains('.') {
            None
        } else {
            text.parse().ok()
        }
    }

    /// The number times 10 to the power of `places`, as the text of a decimal column of so many
    /// digits; none where it does not fit without rounding.
    pub(super) fn at_scale(&self, digits_max: usize, places: i32) -> Option<String> {
        let (digits, exponent) = self.trimmed();
        if digits == "0" {
            return Some("0".into());
        }
        let zeros = usize::try_from(exponent + places).ok()?;
        let unscaled = format!("{digits}{}", "0".repeat(zeros));
        let sign = if self.negative { "-" } else { "" };
        (unscaled.len() <= digits_max).then(|| format!("{sign}{unscaled}"))
    }

    /// The number at two places, a half to the even digit or away from zero.
    pub(super) fn rounded(&self, half_even: bool) -> Self {
        let cut = u32::try_from(-self.exponent.min(-2) - 2).unwrap();
        if cut == 0 {
            return self.clone();
        }
        let unit = 10_i128.pow(cut);
        let all: i128 = self.digits.parse().unwrap();
        let (kept, rest) = (all / unit, all % unit);
        let is_more = match (rest * 2).cmp(&unit) {
            std::cmp::Ordering::Less => false,
            std::cmp::Ordering::Equal => !half_even || kept % 2 == 1,
            std::cmp::Ordering::Greater => true,
        };
        Self {
            negative: self.negative,
            digits: (kept + i128::from(is_more)).to_string(),
            exponent: -2,
        }
    }

    /// The nearest double, as std reads it; none where there is none.
    pub(super) fn as_double(&self) -> Option<f64> {
        let text = self.canonical();
        let double: f64 = text.parse().unwrap();
        (double.is_finite() && (double != 0.0 || text == "0")).then_some(double)
    }
}
