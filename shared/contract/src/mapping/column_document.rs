//! What fills a column: an expression, or one with what becomes of values that do not fit.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::{EXPRESSION_VERBS, Expression, read_verb};
use crate::number::Rounding;

/// What fills a column.
#[derive(Clone, Debug)]
pub(crate) struct ColumnDocument {
    pub(crate) value: Expression,
    pub(crate) round: Option<Rounding>,
    pub(crate) unreadable: UnreadablePolicy,
    pub(crate) keep_raw: Option<String>,
}

/// What becomes of a value that a column cannot read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum UnreadablePolicy {
    /// The record is quarantined.
    #[default]
    Quarantine,
    /// The column is null, and the value is counted by path.
    NullAndCount,
}

/// The value of a column, with what becomes of one that does not fit.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ColumnOptions {
    /// The value.
    value: Expression,
    /// How a number with more places than the column is rounded; such a number is quarantined where
    /// this is not said.
    #[serde(default)]
    round: Option<Rounding>,
    /// What becomes of a value that the column cannot read.
    #[serde(default)]
    unreadable: UnreadablePolicy,
    /// The text column of the same table that keeps the text of a value that could not be read.
    #[serde(default)]
    keep_raw: Option<String>,
}

/// The members of an object that says more than a verb.
const OPTION_NAMES: [&str; 4] = ["value", "round", "unreadable", "keep_raw"];

impl From<Expression> for ColumnDocument {
    fn from(value: Expression) -> Self {
        Self {
            value,
            round: None,
            unreadable: UnreadablePolicy::Quarantine,
            keep_raw: None,
        }
    }
}

impl From<ColumnOptions> for ColumnDocument {
    fn from(options: ColumnOptions) -> Self {
        Self {
            value: options.value,
            round: options.round,
            unreadable: options.unreadable,
            keep_raw: options.keep_raw,
        }
    }
}

impl JsonSchema for ColumnDocument {
    fn schema_name() -> Cow<'static, str> {
        "ColumnDocument".into()
    }

    /// An expression, or an object with `value`, as [`ColumnVisitor`] reads it.
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let forms = [
            generator.subschema_for::<Expression>(),
            generator.subschema_for::<ColumnOptions>(),
        ];
        json_schema!({ "anyOf": forms })
    }
}

impl<'de> Deserialize<'de> for ColumnDocument {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ColumnVisitor)
    }
}

/// Reads a column: a text is a path; an object has one verb, or `value` with options.
struct ColumnVisitor;

impl<'de> Visitor<'de> for ColumnVisitor {
    type Value = ColumnDocument;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "a path such as $.name, one of {}, or `value` with `round`, `unreadable` or `keep_raw`",
            EXPRESSION_VERBS.join(", ")
        )
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<ColumnDocument, E> {
        Ok(Expression::Copy(text.to_owned()).into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ColumnDocument, A::Error> {
        let Some(first) = map.next_key::<String>()? else {
            return Err(de::Error::custom(
                "a column has an expression with one verb, this one has none",
            ));
        };
        if OPTION_NAMES.contains(&first.as_str()) {
            let members = WithFirstKey {
                first: Some(first),
                rest: map,
            };
            let options = ColumnOptions::deserialize(MapAccessDeserializer::new(members))?;
            return Ok(options.into());
        }

        let expression = read_verb(&first, &mut map)?;
        match map.next_key::<String>()? {
            None => Ok(expression.into()),
            Some(second) if OPTION_NAMES.contains(&second.as_str()) => Err(de::Error::custom(
                format!("`{second}` stands beside `value`: {{value: {{{first}: …}}, {second}: …}}"),
            )),
            Some(second) => Err(de::Error::custom(format!(
                "an expression has exactly one verb; `{second}` is too many"
            ))),
        }
    }
}

/// A map of which the first key was read already.
struct WithFirstKey<A> {
    first: Option<String>,
    rest: A,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for WithFirstKey<A> {
    type Error = A::Error;

    fn next_key_seed<K: de::DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, A::Error> {
        match self.first.take() {
            Some(first) => {
                let key = de::value::StringDeserializer::new(first);
                seed.deserialize(key).map(Some)
            }
            None => self.rest.next_key_seed(seed),
        }
    }

    fn next_value_seed<V: de::DeserializeSeed<'de>>(
        &mut self,
        seed: V,
    ) -> Result<V::Value, A::Error> {
        self.rest.next_value_seed(seed)
    }
}
