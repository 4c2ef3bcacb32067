//! The value of a column: read from JSON, and converted to the column's type.

use std::borrow::Cow;

use serde_json::Value;

use crate::calendar::Calendar;
use crate::column::ColumnType;
use crate::json::render_json;
use crate::number::{
    Rounding, exact_digits, is_plain_number, nearest_double, number_of_text, number_text,
    round_number,
};
use crate::time::{ExactInstant, date_text, timestamp_text};

/// A value for a column.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell<'v> {
    /// No value: absent, null or blank in the source.
    Null,
    /// Text.
    Text(Cow<'v, str>),
    /// A whole number.
    Integer(i64),
    /// A floating point number.
    Float(f64),
    /// A number that none of these holds exactly, in plain form. No column has this type.
    Exact(Cow<'v, str>),
    /// True or false.
    Boolean(bool),
    /// Days since 1970-01-01.
    Date(i32),
    /// Microseconds since 1970-01-01T00:00:00Z.
    Timestamp(i64),
    /// An exact number, without its point: 118.40 at scale 2 is 11840.
    Decimal(i128),
}

impl<'v> Cell<'v> {
    /// The cell of a JSON value. Text loses its outer spaces, and blank text is null; lists and
    /// objects become their JSON text.
    pub(crate) fn from_json(value: &'v Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Boolean(*value),
            Value::Number(number) => match number.as_i64() {
                Some(whole) => Self::Integer(whole),
                None => Self::from_number(value),
            },
            Value::String(text) => match text.trim() {
                "" => Self::Null,
                trimmed => Self::Text(Cow::Borrowed(trimmed)),
            },
            Value::Array(_) => Self::Text(Cow::Owned(render_json(value))),
            Value::Object(_) => match exact_digits(value) {
                Some(digits) => Self::Exact(Cow::Borrowed(digits)),
                None => Self::Text(Cow::Owned(render_json(value))),
            },
        }
    }

    /// The cell of a number that is no `i64`: `7.0` is the whole number 7.
    fn from_number(number: &Value) -> Self {
        let text = number_text(number).unwrap_or_default();
        if let Ok(whole) = text.parse() {
            return Self::Integer(whole);
        }
        match number.as_f64().filter(|double| double.fract() != 0.0) {
            Some(double) => Self::Float(double),
            None => Self::Exact(Cow::Owned(text.into_owned())),
        }
    }

    /// Whether the cell is a number.
    pub(crate) fn is_number(&self) -> bool {
        matches!(self, Self::Integer(_) | Self::Float(_) | Self::Exact(_))
    }

    /// The cell as text; none for null.
    pub(crate) fn into_text(self) -> Option<Cow<'v, str>> {
        Some(match self {
            Self::Null => return None,
            Self::Text(text) | Self::Exact(text) => text,
            Self::Integer(number) => Cow::Owned(number.to_string()),
            Self::Float(number) => Cow::Owned(number.to_string()),
            Self::Boolean(value) => Cow::Borrowed(if value { "true" } else { "false" }),
            Self::Date(days) => Cow::Owned(date_text(days)),
            Self::Timestamp(micros) => Cow::Owned(timestamp_text(micros)),
            Self::Decimal(number) => Cow::Owned(number.to_string()),
        })
    }

    /// The number at the column's places, where the mapping declares how it is rounded.
    pub(crate) fn round_to_places(self, kind: ColumnType, rounding: Rounding) -> Self {
        let places = match kind {
            ColumnType::Decimal(_, scale) => scale.unsigned_abs().into(),
            _ => 0,
        };
        match &self {
            Self::Float(_) | Self::Exact(_) | Self::Text(_) => {
                let text = self.clone().into_text().unwrap_or_default();
                if is_plain_number(&text, places) && matches!(kind, ColumnType::Decimal(..)) {
                    // Nearly every amount: there is nothing to round.
                    return Self::Exact(text);
                }
                let plain = number_of_text(&text);
                match plain.and_then(|plain| round_number(&plain, places, rounding)) {
                    Some(rounded) => Self::Text(Cow::Owned(rounded)),
                    None => self,
                }
            }
            _ => self,
        }
    }

    /// The cell in the column's type, or what the column expected. The value itself is never in the
    /// message.
    pub(crate) fn coerce_to_type(
        self,
        kind: ColumnType,
        calendar: &Calendar,
    ) -> Result<Self, &'static str> {
        if self == Self::Null {
            return Ok(self);
        }
        match kind {
            ColumnType::Text => Ok(self.into_text().map_or(Self::Null, Self::Text)),
            ColumnType::Integer => self
                .as_integer()
                .map(Self::Integer)
                .ok_or("a whole number of at most 64 bits was expected"),
            ColumnType::Float => self
                .as_float()
                .map(Self::Float)
                .ok_or("a number was expected"),
            ColumnType::Boolean => self
                .as_boolean()
                .map(Self::Boolean)
                .ok_or("true or false was expected"),
            ColumnType::Date => self.into_date(calendar),
            ColumnType::Timestamp => self.into_timestamp(calendar),
            ColumnType::Decimal(digits, scale) => self.into_decimal(digits, scale),
        }
    }

    fn as_integer(&self) -> Option<i64> {
        match self {
            Self::Integer(number) => Some(*number),
            Self::Text(text) => text
                .parse()
                .ok()
                .or_else(|| number_of_text(text)?.parse().ok()),
            _ => None,
        }
    }

    fn as_float(&self) -> Option<f64> {
        match self {
            Self::Integer(number) => Some(*number as f64),
            Self::Float(number) => Some(*number),
            Self::Text(text) | Self::Exact(text) => nearest_double(text),
            _ => None,
        }
    }

    fn as_boolean(&self) -> Option<bool> {
        match self {
            Self::Boolean(value) => Some(*value),
            Self::Integer(0) => Some(false),
            Self::Integer(1) => Some(true),
            Self::Text(text) => boolean_of_text(text),
            _ => None,
        }
    }

    fn into_date(self, calendar: &Calendar) -> Result<Self, &'static str> {
        let day = match &self {
            Self::Date(days) => calendar.check_day(*days)?,
            Self::Timestamp(micros) => match calendar.check_instant(whole_micros(*micros))? {
                Some(instant) => calendar.local_day(instant.micros),
                None => None,
            },
            Self::Text(text) => calendar.read_day(text.trim())?,
            _ => return Err("a date such as 2026-03-29 was expected"),
        };
        Ok(day.map_or(Self::Null, Self::Date))
    }

    fn into_timestamp(self, calendar: &Calendar) -> Result<Self, &'static str> {
        let instant = match &self {
            Self::Timestamp(micros) => calendar.check_instant(whole_micros(*micros))?,
            Self::Date(days) => match calendar.check_day(*days)? {
                Some(day) => calendar.midnight(day),
                None => None,
            },
            Self::Text(text) => calendar.read_instant(text.trim())?,
            _ => return Err("a timestamp such as 2026-02-17T09:41:07Z was expected"),
        };
        Ok(instant.map_or(Self::Null, |instant| Self::Timestamp(instant.micros)))
    }

    fn into_decimal(self, digits: u8, scale: i8) -> Result<Self, &'static str> {
        let text = match self {
            Self::Decimal(_) => return Ok(self),
            Self::Text(text) => number_of_text(&text).map(Cow::Owned),
            Self::Integer(_) | Self::Float(_) | Self::Exact(_) => self.into_text(),
            _ => None,
        };
        let text = text.ok_or(NO_AMOUNT)?;
        parse_decimal(&text, digits.into(), scale.unsigned_abs().into()).map(Self::Decimal)
    }
}

/// An instant without nanoseconds.
fn whole_micros(micros: i64) -> ExactInstant {
    ExactInstant { micros, nanos: 0 }
}

/// True or false, as a word or digit of a text says it.
pub(crate) fn boolean_of_text(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "yes" | "y" | "1" => Some(true),
        "false" | "no" | "n" | "0" => Some(false),
        _ => None,
    }
}

/// Why a value is no amount.
const NO_AMOUNT: &str = "an amount such as 118.40 was expected";

/// The digits of a plain number at a scale. No digit is dropped: 1.005 is no amount of pence, and
/// the mapping says how it is rounded.
fn parse_decimal(plain: &str, digits: usize, scale: usize) -> Result<i128, &'static str> {
    let (sign, unsigned) = match plain.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, plain),
    };
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let whole = whole.trim_start_matches('0');
    if fraction.len() > scale {
        return Err("the amount has more places than the column; `round` says how it is rounded");
    }
    if whole.len() + scale > digits {
        return Err("the amount has more digits than the column");
    }

    let number: i128 = format!("0{whole}{fraction:0<scale$}")
        .parse()
        .map_err(|_| NO_AMOUNT)?;
    Ok(sign * number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::number::exact_number;
    use crate::time::parse_date;
    use jiff::tz::TimeZone;
    use serde_json::json;

    fn coerced(value: &Value, kind: ColumnType) -> Result<Cell<'_>, &'static str> {
        let calendar = Calendar::new(vec![parse_date("1900-01-01").unwrap()], None);
        Cell::from_json(value).coerce_to_type(kind, &calendar)
    }

    #[test]
    fn money_is_exact_from_every_form() {
        for value in [
            json!(118.4),
            json!("118.40"),
            json!("0118.4"),
            json!(118.400),
        ] {
            assert_eq!(
                coerced(&value, ColumnType::Decimal(12, 2)),
                Ok(Cell::Decimal(11840)),
                "{value}"
            );
        }
        assert_eq!(
            coerced(&json!(250), ColumnType::Decimal(12, 2)),
            Ok(Cell::Decimal(25000))
        );
        assert_eq!(
            coerced(&json!(-0.0), ColumnType::Decimal(12, 2)),
            Ok(Cell::Decimal(0))
        );
        for more_places in [json!(1.005), json!("1.005"), json!(118.399999999)] {
            let refused = coerced(&more_places, ColumnType::Decimal(12, 2)).unwrap_err();
            assert!(refused.contains("more places"), "{refused}");
        }
        assert!(coerced(&json!(1e15), ColumnType::Decimal(12, 2)).is_err());
        assert!(coerced(&json!("1,000"), ColumnType::Decimal(12, 2)).is_err());
    }

    #[test]
    fn sentinels_and_blanks_are_nothing() {
        assert_eq!(
            coerced(&json!("1900-01-01T00:00:00Z"), ColumnType::Date),
            Ok(Cell::Null)
        );
        assert_eq!(
            coerced(&json!("1900-01-01T00:00:00Z"), ColumnType::Timestamp),
            Ok(Cell::Null)
        );
        assert_eq!(coerced(&json!("  "), ColumnType::Integer), Ok(Cell::Null));
    }

    #[test]
    fn a_placeholder_is_one_in_every_zone() {
        let zone = TimeZone::get("Europe/London").unwrap();
        let calendar = Calendar::new(vec![parse_date("0001-01-01").unwrap()], Some(zone));
        for text in [
            "0001-01-01T00:00:00",
            "0001-01-01T00:00:00Z",
            " 0001-01-01 ",
        ] {
            assert_eq!(
                Cell::from_json(&json!(text)).coerce_to_type(ColumnType::Date, &calendar),
                Ok(Cell::Null),
                "{text}"
            );
        }
        let summer = json!("2026-06-30T23:00:00Z");
        let july = Cell::Date(parse_date("2026-07-01").unwrap());
        assert_eq!(
            Cell::from_json(&summer).coerce_to_type(ColumnType::Date, &calendar),
            Ok(july)
        );
    }

    #[test]
    fn numbers_come_as_int_or_float() {
        assert_eq!(
            coerced(&json!(3.0), ColumnType::Integer),
            Ok(Cell::Integer(3))
        );
        assert!(coerced(&json!(3.5), ColumnType::Integer).is_err());
        assert_eq!(coerced(&json!(3), ColumnType::Float), Ok(Cell::Float(3.0)));
        assert_eq!(
            coerced(&json!(3), ColumnType::Text),
            Ok(Cell::Text("3".into()))
        );
    }

    #[test]
    fn a_number_beyond_64_bits_keeps_its_digits_or_is_refused() {
        let id = exact_number("89441100000000000011").unwrap();
        assert_eq!(
            coerced(&id, ColumnType::Text),
            Ok(Cell::Text("89441100000000000011".into()))
        );
        assert_eq!(
            coerced(&id, ColumnType::Decimal(38, 2)),
            Ok(Cell::Decimal(8_944_110_000_000_000_001_100))
        );
        let refused = coerced(&id, ColumnType::Integer).unwrap_err();
        assert!(refused.contains("64 bits"), "{refused}");
        assert!(coerced(&json!(u64::MAX), ColumnType::Integer).is_err());
        assert_eq!(
            coerced(&json!("7.0"), ColumnType::Integer),
            Ok(Cell::Integer(7))
        );
    }

    #[test]
    fn a_number_is_rounded_only_as_the_mapping_says() {
        let calendar = Calendar::default();
        for (text, rounding, wanted) in [
            ("1.005", Rounding::HalfEven, 100),
            ("1.015", Rounding::HalfEven, 102),
            ("1.005", Rounding::HalfUp, 101),
            ("-1.005", Rounding::HalfUp, -101),
            ("0.9951", Rounding::HalfEven, 100),
        ] {
            for value in [json!(text), exact_number(text).unwrap()] {
                let kind = ColumnType::Decimal(12, 2);
                let cell = Cell::from_json(&value).round_to_places(kind, rounding);
                assert_eq!(
                    cell.coerce_to_type(kind, &calendar),
                    Ok(Cell::Decimal(wanted)),
                    "{text} {rounding:?}"
                );
            }
        }
    }

    #[test]
    fn outer_spaces_are_no_part_of_a_text() {
        assert_eq!(
            coerced(&json!(" Zo\u{eb}\u{a0} "), ColumnType::Text),
            Ok(Cell::Text("Zo\u{eb}".into()))
        );
    }
}
