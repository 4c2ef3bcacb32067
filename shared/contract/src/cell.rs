//! The value of a column: read from JSON, and converted to the column's type.

use std::borrow::Cow;

use serde_json::Value;

use crate::calendar::Calendar;
use crate::column::ColumnType;
use crate::time::{ExactInstant, date_text, timestamp_text};

/// The most digits before the point of an amount. With eight after it, `i128` still holds the
/// number: it has 38.
const WHOLE_DIGITS_MAX: usize = 30;

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
    /// The cell of a JSON value. Blank text is null; lists and objects become their JSON text.
    pub(crate) fn from_json(value: &'v Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Boolean(*value),
            Value::Number(number) => match number.as_i64() {
                Some(whole) => Self::Integer(whole),
                None => number.as_f64().map_or(Self::Null, Self::Float),
            },
            Value::String(text) if text.trim().is_empty() => Self::Null,
            Value::String(text) => Self::Text(Cow::Borrowed(text)),
            Value::Array(_) | Value::Object(_) => Self::Text(Cow::Owned(value.to_string())),
        }
    }

    /// The cell as text; none for null.
    pub(crate) fn into_text(self) -> Option<Cow<'v, str>> {
        Some(match self {
            Self::Null => return None,
            Self::Text(text) => text,
            Self::Integer(number) => Cow::Owned(number.to_string()),
            Self::Float(number) => Cow::Owned(number.to_string()),
            Self::Boolean(value) => Cow::Borrowed(if value { "true" } else { "false" }),
            Self::Date(days) => Cow::Owned(date_text(days)),
            Self::Timestamp(micros) => Cow::Owned(timestamp_text(micros)),
            Self::Decimal(number) => Cow::Owned(number.to_string()),
        })
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
                .ok_or("a whole number was expected"),
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
            // Above 2^53 a double cannot hold every whole number.
            Self::Float(number)
                if number.fract() == 0.0 && number.abs() <= 9_007_199_254_740_992.0 =>
            {
                Some(*number as i64)
            }
            Self::Text(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    fn as_float(&self) -> Option<f64> {
        match self {
            Self::Integer(number) => Some(*number as f64),
            Self::Float(number) => Some(*number),
            Self::Text(text) => text
                .trim()
                .parse()
                .ok()
                .filter(|number: &f64| number.is_finite()),
            _ => None,
        }
    }

    fn as_boolean(&self) -> Option<bool> {
        match self {
            Self::Boolean(value) => Some(*value),
            Self::Integer(0) => Some(false),
            Self::Integer(1) => Some(true),
            Self::Text(text) => match text.trim().to_ascii_lowercase().as_str() {
                "true" | "yes" | "y" | "1" => Some(true),
                "false" | "no" | "n" | "0" => Some(false),
                _ => None,
            },
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
            Self::Integer(_) | Self::Float(_) | Self::Text(_) => self.into_text(),
            _ => None,
        };
        let number = text
            .and_then(|text| parse_decimal(text.trim(), scale.unsigned_abs().into()))
            .ok_or("an amount such as 118.40 was expected")?;

        if number.unsigned_abs() < 10u128.pow(digits.into()) {
            Ok(Self::Decimal(number))
        } else {
            Err("the amount has more digits than the column")
        }
    }
}

/// An instant without nanoseconds.
fn whole_micros(micros: i64) -> ExactInstant {
    ExactInstant { micros, nanos: 0 }
}

/// The digits of a decimal text at a scale; further digits are rounded, half away from zero.
fn parse_decimal(text: &str, scale: usize) -> Option<i128> {
    let (sign, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text),
    };
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let is_number = whole.len() + fraction.len() > 0
        && whole
            .bytes()
            .chain(fraction.bytes())
            .all(|byte| byte.is_ascii_digit());
    if !is_number || whole.len() > WHOLE_DIGITS_MAX {
        return None;
    }

    let digits_at_scale: String = fraction
        .chars()
        .chain(std::iter::repeat('0'))
        .take(scale)
        .collect();
    let number: i128 = format!("0{whole}{digits_at_scale}").parse().ok()?;
    let rounds_up = fraction
        .as_bytes()
        .get(scale)
        .is_some_and(|digit| *digit >= b'5');
    Some(sign * (number + i128::from(rounds_up)))
}

#[cfg(test)]
mod tests {
    use super::*;
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
            json!("118.4"),
            json!(118.399999999),
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
            coerced(&json!(-0.005), ColumnType::Decimal(12, 2)),
            Ok(Cell::Decimal(-1))
        );
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
}
