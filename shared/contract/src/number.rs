//! Exact numbers: a JSON number keeps every digit on its way to keys, texts and decimals.
//!
//! `serde_json` holds whole numbers of 64 bits and doubles. Before parsing, a number that neither
//! holds exactly becomes an object with one reserved member that holds its digits as text. The
//! member's name begins with NUL, which no accepted event holds, so no event can forge one.

use std::borrow::Cow;
use std::fmt::Write;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Number, Value};

/// The member that holds the digits of an exact number.
const NUMBER_MEMBER: &str = "\u{0}number";

/// The reserved object up to the digits, as JSON.
const NUMBER_OBJECT_START: &str = "{\"\\u0000number\":\"";

/// The most digits of a number in plain form. A double needs 341 at most; a longer number is a
/// mistake, and `1e999999999` would fill the memory.
const DIGITS_MAX: usize = 400;

/// The most digits of a decimal column.
const WHOLE_DIGITS_MAX: usize = 38;

/// A double holds every decimal number of so many digits: its shortest text has the same digits.
const DOUBLE_DIGITS: usize = 15;

/// Powers of ten up to this one are doubles themselves, so `serde_json` rounds once at most.
const DOUBLE_EXPONENT_MAX: i64 = 22;

/// How further digits than a column has places are rounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Rounding {
    /// A half goes to the even digit, as accountants and IEEE 754 do.
    HalfEven,
    /// A half goes away from zero.
    HalfUp,
}

/// A number's sign, digits, and exponent of ten: `-1.50e3` is minus 150 at exponent 1.
struct NumberParts {
    negative: bool,
    digits: String,
    exponent: i64,
}

impl NumberParts {
    /// The parts of a number as JSON writes it; none for any other text. More zeros or a plus
    /// before the number are no harm.
    fn parse(text: &str) -> Option<Self> {
        let (negative, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, parse_exponent(exponent)?),
            None => (unsigned, 0),
        };
        let (whole, fraction) = match mantissa.split_once('.') {
            Some((_, "")) => return None,
            Some(parts) => parts,
            None => (mantissa, ""),
        };
        if !is_digits(whole) || !(fraction.is_empty() || is_digits(fraction)) {
            return None;
        }

        let fraction_length = i64::try_from(fraction.len()).ok()?;
        Some(Self {
            negative,
            digits: format!("{whole}{fraction}")
                .trim_start_matches('0')
                .to_owned(),
            exponent: exponent.saturating_sub(fraction_length),
        })
    }

    /// The number without exponent, without zeros that say nothing, and without the sign of zero;
    /// none when it has too many digits.
    fn plain_text(&self) -> Option<String> {
        let significant = self.digits.trim_end_matches('0');
        if significant.is_empty() {
            return Some("0".to_owned());
        }
        let dropped = self.digits.len() - significant.len();
        let exponent = self.exponent.saturating_add(i64::try_from(dropped).ok()?);
        let zeros = usize::try_from(exponent.unsigned_abs()).ok()?;
        if zeros > DIGITS_MAX || significant.len() > DIGITS_MAX {
            return None;
        }

        let sign = if self.negative { "-" } else { "" };
        if exponent >= 0 {
            return Some(format!("{sign}{significant}{:0<zeros$}", ""));
        }
        let padded = format!("{significant:0>width$}", width = zeros + 1);
        let (whole, fraction) = padded.split_at(padded.len() - zeros);
        Some(format!("{sign}{whole}.{fraction}"))
    }

    /// Whether a double, as `serde_json` reads it, has these digits.
    fn fits_double(&self) -> bool {
        self.digits.len() <= DOUBLE_DIGITS && self.exponent.abs() <= DOUBLE_EXPONENT_MAX
    }
}

/// An exponent; one beyond 18 digits counts as that of a number that is too long.
fn parse_exponent(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if !is_digits(digits) {
        return None;
    }
    let size = digits.parse().unwrap_or(i64::MAX / 2);
    Some(if text.starts_with('-') { -size } else { size })
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The one form that a number has as text and in keys: `7`, `7.0` and `7e0` are `7`. None for a
/// text that is no number, or has more than 400 digits.
pub(crate) fn canonical_number(text: &str) -> Option<String> {
    NumberParts::parse(text)?.plain_text()
}

/// A number as a JSON value that keeps all of its digits, such as one that a file holds as text;
/// none for a text that is no number, or has more than 400 digits.
///
/// ```
/// let id = contract::exact_number("89441100000000000011").unwrap();
/// assert_eq!(contract::render_json(&id), "89441100000000000011");
/// assert_eq!(contract::exact_number("7.0"), Some(serde_json::json!(7)));
/// assert_eq!(contract::exact_number("seven"), None);
/// ```
#[must_use]
pub fn exact_number(text: &str) -> Option<Value> {
    let plain = canonical_number(text)?;
    Some(match held_number(&plain) {
        Some(number) => Value::Number(number),
        None => Value::Object(Map::from_iter([(NUMBER_MEMBER.to_owned(), plain.into())])),
    })
}

/// The number that a text is exactly as JSON writes it; none for `007` and `+7`, which may be
/// codes.
pub(crate) fn written_number(text: &str) -> Option<Value> {
    is_json_number(text).then(|| exact_number(text)).flatten()
}

/// The number of a plain text, where 64 bits hold it exactly.
fn held_number(plain: &str) -> Option<Number> {
    if let Ok(whole) = plain.parse::<i64>() {
        return Some(whole.into());
    }
    if let Ok(whole) = plain.parse::<u64>() {
        return Some(whole.into());
    }
    let double = NumberParts::parse(plain)?.fits_double();
    double
        .then(|| plain.parse().ok().and_then(Number::from_f64))
        .flatten()
}

/// The one form of a number that a text holds: as JSON writes it, or with no digit before or behind
/// its point. None for a text that is no number, such as `1,000` or `£5`: `parse` says how those
/// are read.
pub(crate) fn number_of_text(text: &str) -> Option<String> {
    canonical_number(text).or_else(|| {
        let (sign, unsigned) = text.split_at(usize::from(text.starts_with(['-', '+'])));
        match unsigned.strip_suffix('.') {
            Some(whole) => canonical_number(&format!("{sign}{whole}")),
            None if unsigned.starts_with('.') => canonical_number(&format!("{sign}0{unsigned}")),
            None => None,
        }
    })
}

/// The double next to a number; none for a text that is no number, and for a number that is too
/// large or too small for one.
pub(crate) fn nearest_double(text: &str) -> Option<f64> {
    let plain = number_of_text(text)?;
    let double: f64 = plain.parse().ok()?;
    let is_held = double.is_finite() && (double != 0.0 || plain == "0");
    is_held.then_some(double)
}

/// The digits of an exact number that 64 bits do not hold; none for any other value. Empty digits
/// are those of a number that has too many.
pub(crate) fn exact_digits(value: &Value) -> Option<&str> {
    let object = value.as_object().filter(|object| object.len() == 1)?;
    let digits = object.get(NUMBER_MEMBER)?.as_str()?;
    let mut bytes = digits.bytes();
    bytes
        .all(|byte| is_number_byte(byte) || byte == b'-')
        .then_some(digits)
}

/// A number in its one form as text: `7.0` is `7`, and a number with more digits than 64 bits hold
/// has all of them. None for a value that is no number.
///
/// ```
/// let event = contract::read_json(b"[7.0, 89441100000000000011]").unwrap();
/// assert_eq!(contract::number_text(&event[0]).as_deref(), Some("7"));
/// assert_eq!(contract::number_text(&event[1]).as_deref(), Some("89441100000000000011"));
/// ```
#[must_use]
pub fn number_text(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::Number(number) => Some(Cow::Owned(held_text(number))),
        _ => exact_digits(value).map(Cow::Borrowed),
    }
}

/// The text of a number that 64 bits hold. A double's shortest text has the digits that were
/// written, for it has 15 at most.
fn held_text(number: &Number) -> String {
    match number.as_f64().filter(|_| number.is_f64()) {
        Some(0.0) => "0".to_owned(),
        Some(double) => double.to_string(),
        None => number.to_string(),
    }
}

/// Whether a number of a YAML file may have had more digits than its reader kept.
pub(crate) fn may_have_lost_digits(value: &Value) -> bool {
    let double = value.as_f64().filter(|_| value.is_f64());
    double.is_some_and(|double| {
        let digits = double
            .to_string()
            .bytes()
            .filter(u8::is_ascii_digit)
            .count();
        digits > DOUBLE_DIGITS
    })
}

/// Whether a value is a number, and a whole one.
pub(crate) fn is_whole_number(value: &Value) -> bool {
    match value {
        Value::Number(number) if number.is_f64() => {
            number.as_f64().is_some_and(|double| double.fract() == 0.0)
        }
        Value::Number(_) => true,
        _ => exact_digits(value).is_some_and(|digits| !digits.contains('.')),
    }
}

/// Whether a text is a number in digits alone, of so many places at most and 38 digits before them.
pub(crate) fn is_plain_number(text: &str, places: usize) -> bool {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (whole, has_few_places) = match unsigned.split_once('.') {
        Some((whole, fraction)) => (whole, fraction.len() <= places && is_digits(fraction)),
        None => (unsigned, true),
    };
    has_few_places && whole.len() <= WHOLE_DIGITS_MAX && is_digits(whole)
}

/// A number at so many places, further digits rounded.
pub(crate) fn round_number(text: &str, places: usize, rounding: Rounding) -> Option<String> {
    let plain = canonical_number(text)?;
    let Some((whole, fraction)) = plain.split_once('.').filter(|(_, all)| all.len() > places)
    else {
        return Some(plain);
    };
    let (kept, cut) = fraction.split_at(places);
    let (sign, whole) = match whole.strip_prefix('-') {
        Some(whole) => ("-", whole),
        None => ("", whole),
    };

    let digits = format!("{whole}{kept}");
    let digits = if rounds_up(&digits, cut, rounding) {
        add_one(&digits)
    } else {
        digits
    };
    let (whole, kept) = digits.split_at(digits.len() - places);
    let point = if places > 0 { "." } else { "" };
    canonical_number(&format!("{sign}{whole}{point}{kept}"))
}

/// Whether the digits that are cut make the last one that stays greater by one.
fn rounds_up(kept: &str, cut: &str, rounding: Rounding) -> bool {
    let is_half = cut.starts_with('5') && cut[1..].bytes().all(|digit| digit == b'0');
    if is_half && rounding == Rounding::HalfEven {
        let last = kept.bytes().next_back().unwrap_or(b'0');
        return (last - b'0') % 2 == 1;
    }
    cut.as_bytes().first().is_some_and(|digit| *digit >= b'5')
}

/// A whole number of any length plus one.
fn add_one(digits: &str) -> String {
    let kept = digits.trim_end_matches('9');
    let nines = digits.len() - kept.len();
    let (head, last) = match kept.char_indices().next_back() {
        Some((index, last)) => (&kept[..index], last),
        None => ("", '0'),
    };
    let next = char::from_digit(last.to_digit(10).unwrap_or_default() + 1, 10).unwrap_or('0');
    format!("{head}{next}{:0<nines$}", "")
}

/// The most bytes that a number of 15 digits has with its point. A run of digits and points that is
/// as long may be a number that 64 bits do not hold.
const LONG_RUN: usize = 16;

/// Whether the bytes hold a run of digits and points that is so long that a number in it needs a
/// closer look. Looks at every sixteenth byte: such a run cannot lie between two of them.
pub(crate) fn has_long_number(bytes: &[u8]) -> bool {
    let mut index = LONG_RUN - 1;
    while let Some(byte) = bytes.get(index) {
        if is_number_byte(*byte) {
            let (before, after) = bytes.split_at(index);
            let left = before
                .iter()
                .rev()
                .take_while(|byte| is_number_byte(**byte));
            let right = after.iter().take_while(|byte| is_number_byte(**byte));
            if left.count() + right.count() >= LONG_RUN {
                return true;
            }
        }
        index += LONG_RUN;
    }
    false
}

fn is_number_byte(byte: u8) -> bool {
    byte.is_ascii_digit() || byte == b'.'
}

/// The JSON text with every number that 64 bits do not hold as a reserved object; none when it has
/// no such number. What is no JSON stays as it is.
pub(crate) fn rewrite_inexact_numbers(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut rewritten: Option<Vec<u8>> = None;
    let mut copied = 0;
    let mut index = 0;
    while let Some(byte) = bytes.get(index) {
        match byte {
            b'"' => index = end_of_text(bytes, index),
            b'-' | b'0'..=b'9' => {
                let end = end_of_number(bytes, index);
                if let Some(exact) = rewrite_number(&bytes[index..end]) {
                    let out = rewritten.get_or_insert_with(Vec::new);
                    out.extend_from_slice(&bytes[copied..index]);
                    out.extend_from_slice(exact.as_bytes());
                    copied = end;
                }
                index = end;
            }
            _ => index += 1,
        }
    }

    let mut out = rewritten?;
    out.extend_from_slice(&bytes[copied..]);
    Some(out)
}

/// The index behind the text that begins at `start`.
fn end_of_text(bytes: &[u8], start: usize) -> usize {
    let mut index = start + 1;
    while let Some(byte) = bytes.get(index) {
        match byte {
            b'\\' => index += 2,
            b'"' => return index + 1,
            _ => index += 1,
        }
    }
    index
}

/// The index behind the number that begins at `start`.
fn end_of_number(bytes: &[u8], start: usize) -> usize {
    let length = bytes[start..]
        .iter()
        .take_while(|byte| is_number_byte(**byte) || matches!(byte, b'+' | b'-' | b'e' | b'E'))
        .count();
    start + length
}

/// The reserved object of a number that 64 bits do not hold; none for every other number, and for
/// what JSON does not take for one.
fn rewrite_number(token: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(token).ok()?;
    if !is_json_number(text) {
        return None;
    }
    let parts = NumberParts::parse(text)?;
    let is_whole = !text.contains(['.', 'e', 'E']);
    let is_held = if is_whole {
        text.parse::<i64>().is_ok() || text.parse::<u64>().is_ok()
    } else {
        parts.fits_double()
    };
    if is_held {
        return None;
    }

    let plain = parts.plain_text().unwrap_or_default();
    if held_number(&plain).is_some() {
        return Some(plain);
    }
    let mut object = String::from(NUMBER_OBJECT_START);
    let _ = write!(object, "{plain}\"}}");
    Some(object)
}

/// Whether JSON takes a text for a number: it has no zero before other digits.
fn is_json_number(text: &str) -> bool {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let mut bytes = unsigned.bytes();
    let leads_with_zero = bytes.next() == Some(b'0');
    let second_is_digit = bytes.next().is_some_and(|byte| byte.is_ascii_digit());
    let has_extra_zero = leads_with_zero && second_is_digit;
    !has_extra_zero && !unsigned.starts_with(['+', '.'])
}

#[cfg(test)]
mod tests;
