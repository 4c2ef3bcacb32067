//! The filter of `GetPartitions`: the condition of a WHERE clause over the partition keys.

use std::cmp::Ordering;

use regex::Regex;
use serde_json::Value;
use sqlparser::ast::{BinaryOperator, Expr, InTarget, UnaryOperator, Value as SqlValue};
use sqlparser::dialect::GenericDialect;
use sqlparser::parser::Parser;

/// The value of a partition of rows without a value, as Hive writes it.
const NULL_PARTITION: &str = "__HIVE_DEFAULT_PARTITION__";

/// A condition on the values of a partition.
#[derive(Debug)]
pub(super) enum PartitionFilter {
    All(Vec<PartitionFilter>),
    Any(Vec<PartitionFilter>),
    Not(Box<PartitionFilter>),
    Compare {
        key: usize,
        operator: BinaryOperator,
        value: KeyValue,
    },
    Like {
        key: usize,
        pattern: Regex,
    },
}

/// A value of a partition key. Dates and timestamps in the form of ISO 8601 compare as texts.
#[derive(Debug, PartialEq, PartialOrd)]
pub(super) enum KeyValue {
    Text(String),
    Number(i64),
}

/// The name and the type of each partition key, in their order.
struct PartitionKeys<'t>(Vec<(&'t str, KeyType)>);

#[derive(Clone, Copy)]
enum KeyType {
    Text,
    Number,
    /// One that this filter compares not, such as a decimal.
    Other,
}

impl PartitionFilter {
    /// Reads a condition over a table's `PartitionKeys`.
    ///
    /// # Errors
    /// When it is no condition, or one that Glue does not know.
    pub(super) fn parse(text: &str, keys: &Value) -> Result<Self, String> {
        let keys = PartitionKeys::of(keys);
        let mut parser = Parser::new(&GenericDialect {})
            .try_with_sql(text)
            .map_err(|error| format!("Expression cannot be read: {error}"))?;
        let condition = parser
            .parse_expr()
            .map_err(|error| format!("Expression cannot be read: {error}"))?;
        let rest = parser.peek_token();
        if rest.token != sqlparser::tokenizer::Token::EOF {
            return Err(format!("Expression goes on after its end, with `{rest}`"));
        }
        keys.read_condition(&condition)
    }

    /// Whether a partition with these values passes.
    pub(super) fn admits(&self, values: &[&str]) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.admits(values)),
            Self::Any(parts) => parts.iter().any(|part| part.admits(values)),
            Self::Not(part) => !part.admits(values),
            Self::Compare {
                key,
                operator,
                value,
            } => {
                let order = values.get(*key).and_then(|text| value.compare_with(text));
                order.is_some_and(|order| holds(operator, order))
            }
            Self::Like { key, pattern } => {
                values.get(*key).is_some_and(|text| pattern.is_match(text))
            }
        }
    }
}

/// Whether a comparison holds for a partition's value that stands in this order to the other.
fn holds(operator: &BinaryOperator, order: Ordering) -> bool {
    match operator {
        BinaryOperator::Eq => order.is_eq(),
        BinaryOperator::NotEq => order.is_ne(),
        BinaryOperator::Lt => order.is_lt(),
        BinaryOperator::LtEq => order.is_le(),
        BinaryOperator::Gt => order.is_gt(),
        _ => order.is_ge(),
    }
}

/// The operator for both sides exchanged; none when it is no comparison.
fn exchange_sides(operator: &BinaryOperator) -> Option<BinaryOperator> {
    Some(match operator {
        BinaryOperator::Eq => BinaryOperator::Eq,
        BinaryOperator::NotEq => BinaryOperator::NotEq,
        BinaryOperator::Lt => BinaryOperator::Gt,
        BinaryOperator::LtEq => BinaryOperator::GtEq,
        BinaryOperator::Gt => BinaryOperator::Lt,
        BinaryOperator::GtEq => BinaryOperator::LtEq,
        _ => return None,
    })
}

impl KeyValue {
    /// How a partition's value stands to this one; none when the types differ.
    fn compare_with(&self, text: &str) -> Option<Ordering> {
        match self {
            Self::Text(value) => Some(text.cmp(value)),
            Self::Number(value) => Some(text.parse::<i64>().ok()?.cmp(value)),
        }
    }
}

impl<'t> PartitionKeys<'t> {
    fn of(keys: &'t Value) -> Self {
        let keys = keys.as_array().into_iter().flatten().map(|key| {
            let name = key["Name"].as_str().unwrap_or_default();
            let kind = key["Type"].as_str().unwrap_or("string");
            (name, KeyType::of(kind))
        });
        Self(keys.collect())
    }

    fn read_condition(&self, condition: &Expr) -> Result<PartitionFilter, String> {
        match condition {
            Expr::Nested(inner) => self.read_condition(inner),
            Expr::UnaryOp {
                op: UnaryOperator::Not,
                expr,
            } => Ok(negate(self.read_condition(expr)?)),
            Expr::BinaryOp { left, op, right } => self.read_operator(left, op, right),
            Expr::IsNull(key) => self.read_null(key),
            Expr::IsNotNull(key) => Ok(negate(self.read_null(key)?)),
            Expr::Between {
                expr,
                negated,
                low,
                high,
            } => {
                let range = PartitionFilter::All(vec![
                    self.read_comparison(expr, &BinaryOperator::GtEq, low)?,
                    self.read_comparison(expr, &BinaryOperator::LtEq, high)?,
                ]);
                Ok(negate_if(*negated, range))
            }
            Expr::In {
                expr,
                target: InTarget::List(list),
                negated,
                global: false,
            } => {
                let equal = list
                    .iter()
                    .map(|value| self.read_comparison(expr, &BinaryOperator::Eq, value));
                let any = PartitionFilter::Any(equal.collect::<Result<_, _>>()?);
                Ok(negate_if(*negated, any))
            }
            Expr::Like {
                negated,
                expr,
                pattern,
                any: false,
                escape_char: None,
            } => Ok(negate_if(*negated, self.read_like(expr, pattern)?)),
            other => Err(format!(
                "Expression holds `{other}`, which Glue does not filter by"
            )),
        }
    }

    fn read_operator(
        &self,
        left: &Expr,
        operator: &BinaryOperator,
        right: &Expr,
    ) -> Result<PartitionFilter, String> {
        let parts = |this: &Self| -> Result<Vec<PartitionFilter>, String> {
            Ok(vec![
                this.read_condition(left)?,
                this.read_condition(right)?,
            ])
        };
        match operator {
            BinaryOperator::And => Ok(PartitionFilter::All(parts(self)?)),
            BinaryOperator::Or => Ok(PartitionFilter::Any(parts(self)?)),
            _ => self.read_comparison(left, operator, right),
        }
    }

    /// A comparison of a key with a value, in either order.
    fn read_comparison(
        &self,
        left: &Expr,
        operator: &BinaryOperator,
        right: &Expr,
    ) -> Result<PartitionFilter, String> {
        let Some(exchanged) = exchange_sides(operator) else {
            return Err(format!(
                "Expression holds `{operator}`, which Glue does not filter by"
            ));
        };
        let (key, operator, literal) = match (is_name(left), is_name(right)) {
            (true, false) => (left, operator.clone(), right),
            (false, true) => (right, exchanged, left),
            _ => {
                return Err(format!(
                    "`{left} {operator} {right}` compares no partition key with a value"
                ));
            }
        };

        let (key, kind) = self.find_key(key)?;
        let value = kind.read_literal(literal)?;
        Ok(PartitionFilter::Compare {
            key,
            operator,
            value,
        })
    }

    /// Whether a partition is that of rows without a value.
    fn read_null(&self, key: &Expr) -> Result<PartitionFilter, String> {
        let (key, _) = self.find_key(key)?;
        Ok(PartitionFilter::Compare {
            key,
            operator: BinaryOperator::Eq,
            value: KeyValue::Text(NULL_PARTITION.to_owned()),
        })
    }

    fn read_like(&self, key: &Expr, pattern: &Expr) -> Result<PartitionFilter, String> {
        let (key, _) = self.find_key(key)?;
        let pattern = like_to_regex(&read_text(pattern)?)
            .map_err(|error| format!("Expression has a pattern that is too long: {error}"))?;
        Ok(PartitionFilter::Like { key, pattern })
    }

    fn find_key(&self, key: &Expr) -> Result<(usize, KeyType), String> {
        let name = match key {
            Expr::Identifier(name) => name.value.to_lowercase(),
            other => return Err(format!("`{other}` is no partition key")),
        };
        let known = self.0.iter().enumerate();
        known
            .filter(|(_, (known, _))| *known == name)
            .map(|(index, (_, kind))| (index, *kind))
            .next()
            .ok_or_else(|| format!("`{name}` is no partition key of the table"))
    }
}

fn is_name(expression: &Expr) -> bool {
    matches!(expression, Expr::Identifier(_))
}

fn negate(filter: PartitionFilter) -> PartitionFilter {
    PartitionFilter::Not(Box::new(filter))
}

fn negate_if(negated: bool, filter: PartitionFilter) -> PartitionFilter {
    if negated { negate(filter) } else { filter }
}

/// A pattern of LIKE: `%` is any text, and `_` any letter.
fn like_to_regex(pattern: &str) -> Result<Regex, regex::Error> {
    let mut text = String::from("(?s)^");
    for letter in pattern.chars() {
        match letter {
            '%' => text.push_str(".*"),
            '_' => text.push('.'),
            other => text.push_str(&regex::escape(other.encode_utf8(&mut [0; 4]))),
        }
    }
    text.push('$');
    Regex::new(&text)
}

impl KeyType {
    fn of(kind: &str) -> Self {
        match kind.split('(').next().unwrap_or_default() {
            "string" | "varchar" | "char" | "date" | "timestamp" => Self::Text,
            "tinyint" | "smallint" | "int" | "integer" | "bigint" | "long" => Self::Number,
            _ => Self::Other,
        }
    }

    fn read_literal(self, literal: &Expr) -> Result<KeyValue, String> {
        match self {
            Self::Text => read_text(literal).map(KeyValue::Text),
            Self::Number => read_number(literal)
                .map(KeyValue::Number)
                .ok_or_else(|| format!("`{literal}` is no whole number")),
            Self::Other => Err("a partition key of this type is not filtered by here".to_owned()),
        }
    }
}

/// A quoted text, as it is or with a type before it: `DATE '2026-03-01'`.
fn read_text(literal: &Expr) -> Result<String, String> {
    let value = match literal {
        Expr::Value(value) => &value.value,
        Expr::TypedString(typed) => &typed.value.value,
        other => return Err(format!("`{other}` is no text in single quotes")),
    };
    match value {
        SqlValue::SingleQuotedString(text) => Ok(text.clone()),
        other => Err(format!("`{other}` is no text in single quotes")),
    }
}

/// A whole number, in quotes or without.
fn read_number(literal: &Expr) -> Option<i64> {
    match literal {
        Expr::Value(value) => match &value.value {
            SqlValue::Number(digits, _) | SqlValue::SingleQuotedString(digits) => {
                digits.parse().ok()
            }
            _ => None,
        },
        Expr::UnaryOp {
            op: UnaryOperator::Minus,
            expr,
        } => read_number(expr).map(i64::wrapping_neg),
        _ => None,
    }
}
