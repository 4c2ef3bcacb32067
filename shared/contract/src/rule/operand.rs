//! Comparisons: their operands, read in the units of the column's type.

use serde_json::Value;

use super::compile::{RuleContext, known_column};
use super::document::CompareDocument;
use super::{Expectation, Operand, Operator};
use crate::table::ColumnType;
use crate::time::{parse_date, parse_timestamp};

/// The comparison that a rule writes out; `column` is the column that it stands at.
pub(crate) fn compile_comparison(
    document: &CompareDocument,
    column: Option<&str>,
    around: RuleContext<'_>,
) -> Result<Expectation, String> {
    let left = match (column, &document.left) {
        (Some(column), None) => column.to_owned(),
        (None, Some(left)) => known_column(left, around)?,
        (Some(_), Some(_)) => return Err("on a column, `compare` has no `left`".into()),
        (None, None) => return Err("on a table, `compare` needs `left`, a column".into()),
    };
    let operator = parse_operator(&document.is)?;
    let kind = column_type(&left, around);
    let right = match (&document.column, &document.value) {
        (Some(other), None) => {
            let other = known_column(other, around)?;
            if kind != self::column_type(&other, around) {
                return Err(format!(
                    "the columns `{left}` and `{other}` are of different types"
                ));
            }
            Operand::Column(other)
        }
        (None, Some(value)) => parse_literal(&left, kind, value)?,
        _ => return Err("`compare` is with a `column` or with a `value`".into()),
    };
    Ok(Expectation::Compare(left, operator, right))
}

fn parse_operator(sign: &str) -> Result<Operator, String> {
    let known = Operator::ALL
        .iter()
        .find(|(known, _)| *known == sign)
        .map(|(_, operator)| *operator);
    let signs = Operator::ALL.map(|(sign, _)| sign);
    known.ok_or_else(|| format!("`{sign}` is not one of {}", signs.join(" ")))
}

fn column_type(column: &str, around: RuleContext<'_>) -> Option<ColumnType> {
    around
        .table
        .columns
        .iter()
        .find(|known| known.name == column)
        .map(|known| known.kind)
}

/// A value in the units of a column.
pub(crate) fn parse_literal(
    column: &str,
    kind: Option<ColumnType>,
    value: &Value,
) -> Result<Operand, String> {
    let text = value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned);
    let operand = match kind {
        Some(ColumnType::Text) => value.as_str().map(|text| Operand::Text(text.to_owned())),
        Some(ColumnType::Integer) => text
            .parse::<i64>()
            .ok()
            .map(|number| Operand::Whole(number.into())),
        Some(ColumnType::Float) => text.parse().ok().map(Operand::Real),
        Some(ColumnType::Date) => parse_date(&text).map(|day| Operand::Whole(day.into())),
        Some(ColumnType::Timestamp) => parse_timestamp(&text).map(|at| Operand::Whole(at.into())),
        Some(ColumnType::Decimal(_, scale)) => parse_unscaled(&text, scale).map(Operand::Whole),
        Some(ColumnType::Boolean) | None => None,
    };
    let what = kind.map(|kind| kind.glue_type()).unwrap_or_default();
    operand.ok_or_else(|| format!("`{text}` is no value of the column `{column}` of type {what}"))
}

/// A decimal without its point.
fn parse_unscaled(text: &str, scale: i8) -> Option<i128> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let places = usize::try_from(scale).ok()?;
    if part.len() > places {
        return None;
    }
    format!("{whole}{part:0<places$}").parse().ok()
}

/// Limits as `logicalTypeOptions` has them: (name, the comparison that it demands).
pub(crate) const OPTION_OPERATORS: [(&str, Operator); 4] = [
    ("minimum", Operator::AtLeast),
    ("maximum", Operator::AtMost),
    ("exclusiveMinimum", Operator::Greater),
    ("exclusiveMaximum", Operator::Less),
];

/// A name for an operator, for messages about a column.
pub(crate) fn operator_sign(operator: Operator) -> &'static str {
    Operator::ALL
        .iter()
        .find(|(_, known)| *known == operator)
        .map_or("", |(sign, _)| sign)
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
