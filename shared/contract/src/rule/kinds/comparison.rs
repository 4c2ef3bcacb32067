//! Comparisons of two values of one type: `compare`, and the limits of a column.

use std::cmp::Ordering;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::value::plain_text;
use super::{CompiledKind, Expectation, Implementation, RuleContext};
use crate::column::ColumnType;
use crate::time::{parse_date, parse_timestamp};

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CompareDocument {
    /// The column on the left; on a column's own rule it is that column.
    #[serde(default)]
    pub(crate) left: Option<String>,
    /// `<`, `<=`, `=`, `!=`, `>=` or `>`.
    pub(crate) is: String,
    /// The column on the right.
    #[serde(default)]
    pub(crate) column: Option<String>,
    /// The value on the right: a number, a text, a date or an instant.
    #[serde(default)]
    pub(crate) value: Option<serde_json::Value>,
}

/// How two values compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `>=`
    AtLeast,
    /// `>`
    Greater,
}

impl Operator {
    /// The operators, each with the sign that it is written with.
    pub const ALL: [(&'static str, Self); 6] = [
        ("<", Self::Less),
        ("<=", Self::AtMost),
        ("=", Self::Equal),
        ("!=", Self::NotEqual),
        (">=", Self::AtLeast),
        (">", Self::Greater),
    ];

    /// Whether two values of this ordering fit the operator.
    #[must_use]
    pub fn accepts_ordering(self, ordering: Ordering) -> bool {
        match self {
            Self::Less => ordering.is_lt(),
            Self::AtMost => ordering.is_le(),
            Self::Equal => ordering.is_eq(),
            Self::NotEqual => ordering.is_ne(),
            Self::AtLeast => ordering.is_ge(),
            Self::Greater => ordering.is_gt(),
        }
    }

    /// The sign that it is written with.
    pub(in crate::rule) fn sign(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(_, operator)| *operator == self)
            .map_or("", |(sign, _)| sign)
    }
}

/// What a value is compared with.
#[derive(Clone, Debug, PartialEq)]
pub enum Operand {
    /// The value of another column, of the same type.
    Column(String),
    /// Days, microseconds, a whole number, or a decimal without its point, as the column has them.
    Whole(i128),
    /// A number of a column of floating point.
    Real(f64),
    /// A text.
    Text(String),
}

/// `compare: {is, column}` or `compare: {is, value}` on a column; with `left: column` on the table.
pub(super) fn compile_compare(
    fields: &Implementation,
    column: Option<&str>,
    context: RuleContext<'_>,
) -> CompiledKind {
    let Some(document) = &fields.compare else {
        return Ok(None);
    };
    let left = match (column, &document.left) {
        (Some(column), None) => column.to_owned(),
        (None, Some(left)) => context.known_column(left)?,
        (Some(_), Some(_)) => return Err("on a column, `compare` has no `left`".into()),
        (None, None) => return Err("on a table, `compare` needs `left`, a column".into()),
    };
    let operator = parse_operator(&document.is)?;
    let right = compile_operand(document, &left, context)?;
    Ok(Some(Expectation::Compare(left, operator, right)))
}

/// The right side of a comparison with the column `left`.
fn compile_operand(
    document: &CompareDocument,
    left: &str,
    context: RuleContext<'_>,
) -> Result<Operand, String> {
    let kind = context.column_type(left);
    match (&document.column, &document.value) {
        (Some(other), None) => {
            let other = context.known_column(other)?;
            if kind != context.column_type(&other) {
                return Err(format!(
                    "the columns `{left}` and `{other}` are of different types"
                ));
            }
            Ok(Operand::Column(other))
        }
        (None, Some(value)) => parse_literal(left, kind, value),
        _ => Err("`compare` is with a `column` or with a `value`".into()),
    }
}

fn parse_operator(sign: &str) -> Result<Operator, String> {
    let known = Operator::ALL.iter().find(|(known, _)| *known == sign);
    known.map(|(_, operator)| *operator).ok_or_else(|| {
        let signs = Operator::ALL.map(|(sign, _)| sign);
        format!("`{sign}` is not one of {}", signs.join(" "))
    })
}

/// A value in the units of a column.
pub(in crate::rule) fn parse_literal(
    column: &str,
    kind: Option<ColumnType>,
    value: &Value,
) -> Result<Operand, String> {
    let text = plain_text(value);
    let operand = match kind {
        Some(ColumnType::Text) => value.as_str().map(|text| Operand::Text(text.to_owned())),
        Some(ColumnType::Integer) => text
            .parse::<i64>()
            .ok()
            .map(|number| Operand::Whole(number.into())),
        Some(ColumnType::Float) => text.parse().ok().map(Operand::Real),
        Some(ColumnType::Date) => parse_date(&text).map(|day| Operand::Whole(day.into())),
        Some(ColumnType::Timestamp) => {
            parse_timestamp(&text).map(|micros| Operand::Whole(micros.into()))
        }
        Some(ColumnType::Decimal(_, scale)) => parse_unscaled(&text, scale).map(Operand::Whole),
        Some(ColumnType::Boolean) | None => None,
    };

    operand.ok_or_else(|| {
        let type_name = kind.map(|kind| kind.glue_type()).unwrap_or_default();
        format!("`{text}` is no value of the column `{column}` of type {type_name}")
    })
}

/// A decimal without its point.
fn parse_unscaled(text: &str, scale: i8) -> Option<i128> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let places = usize::try_from(scale).ok()?;
    if fraction.len() > places {
        return None;
    }
    format!("{whole}{fraction:0<places$}").parse().ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_read_in_the_units_of_the_column() {
        let read = |kind, value| parse_literal("c", Some(kind), &value).ok();
        assert_eq!(
            read(ColumnType::Decimal(12, 2), json!("12.5")),
            Some(Operand::Whole(1_250))
        );
        assert_eq!(
            read(ColumnType::Decimal(12, 2), json!(-7)),
            Some(Operand::Whole(-700))
        );
        assert_eq!(read(ColumnType::Decimal(12, 2), json!("0.125")), None);
        assert_eq!(
            read(ColumnType::Date, json!("1970-01-03")),
            Some(Operand::Whole(2))
        );
        assert_eq!(read(ColumnType::Integer, json!(4.5)), None);
        assert_eq!(
            read(ColumnType::Float, json!(4.5)),
            Some(Operand::Real(4.5))
        );
        assert_eq!(read(ColumnType::Boolean, json!(true)), None);
    }

    #[test]
    fn an_operator_takes_what_its_sign_says() {
        use std::cmp::Ordering::{Equal, Greater, Less};
        for (sign, takes) in [
            ("<", [true, false, false]),
            ("<=", [true, true, false]),
            ("=", [false, true, false]),
            ("!=", [true, false, true]),
            (">=", [false, true, true]),
            (">", [false, false, true]),
        ] {
            let operator = parse_operator(sign).unwrap();
            assert_eq!(
                [Less, Equal, Greater].map(|ordering| operator.accepts_ordering(ordering)),
                takes,
                "{sign}"
            );
        }
        assert!(parse_operator("=>").is_err());
    }
}
