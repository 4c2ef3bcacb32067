//! A mapping as it is written in `mapping.yaml`: a closed set of verbs, so that every column's lineage is known.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MappingDocument {
    pub(crate) source: String,
    pub(crate) version: String,
    #[serde(default)]
    pub(crate) sentinels: Vec<String>,
    #[serde(default)]
    pub(crate) timezone: Option<String>,
    pub(crate) records: Vec<RecordDocument>,
}

/// How long a record's row lives, and who may end it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RecordKind {
    /// The record that the event is about: the event's operation is the row's.
    #[default]
    Entity,
    /// Rows that belong to the record and are stated anew as a whole.
    Set,
    /// A row that several records share, such as a location: never deleted with one of them.
    Shared,
    /// A row for the event itself: written once, for every operation.
    Log,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RecordDocument {
    pub(crate) name: String,
    pub(crate) table: String,
    #[serde(default)]
    pub(crate) kind: RecordKind,
    #[serde(default)]
    pub(crate) events: Vec<String>,
    #[serde(default)]
    pub(crate) for_each: Option<String>,
    #[serde(default)]
    pub(crate) when: Option<WhenDocument>,
    #[serde(default)]
    pub(crate) id: Option<IdDocument>,
    #[serde(default)]
    pub(crate) link: Option<LinkDocument>,
    #[serde(default)]
    pub(crate) columns: BTreeMap<String, Expression>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WhenDocument {
    pub(crate) path: String,
    #[serde(default)]
    pub(crate) is: Vec<Value>,
    #[serde(default)]
    pub(crate) present: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct IdDocument {
    #[serde(default)]
    pub(crate) namespace: Option<String>,
    pub(crate) key: Vec<Expression>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LinkDocument {
    pub(crate) from: EndDocument,
    pub(crate) to: EndDocument,
    #[serde(rename = "type")]
    pub(crate) link_type: Expression,
    #[serde(default)]
    pub(crate) role: Option<Expression>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EndDocument {
    pub(crate) table: String,
    pub(crate) namespace: String,
    pub(crate) key: Vec<Expression>,
}

/// An expression as it is written: a path, or one verb with what it needs.
#[derive(Clone, Debug)]
pub(crate) enum Expression {
    Copy(String),
    Constant(Value),
    Concat { parts: Vec<Expression>, separator: String },
    Coalesce(Vec<Expression>),
    CodeMap(CodeMapDocument),
    Parse(ParseDocument),
    Normalise(NormaliseDocument),
    Sentinel(String),
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CodeMapDocument {
    pub(crate) from: Box<Expression>,
    pub(crate) list: String,
    #[serde(default)]
    pub(crate) unknown: Unknown,
}

/// What becomes of a value that a list or a normaliser does not know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Unknown {
    #[default]
    Keep,
    Null,
    Quarantine,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ParseDocument {
    pub(crate) from: Box<Expression>,
    pub(crate) formats: Vec<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NormaliseDocument {
    pub(crate) from: Box<Expression>,
    #[serde(rename = "as")]
    pub(crate) normaliser: String,
    #[serde(default)]
    pub(crate) unknown: Unknown,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ConcatDocument {
    parts: Vec<Expression>,
    #[serde(default)]
    separator: String,
}

/// The verbs, for messages.
const VERBS: [&str; 8] =
    ["copy", "constant", "concat", "coalesce", "code-map", "parse", "normalise", "sentinel"];

impl<'de> Deserialize<'de> for Expression {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ExpressionVisitor)
    }
}

struct ExpressionVisitor;

impl<'de> Visitor<'de> for ExpressionVisitor {
    type Value = Expression;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a path such as $.name, or one of {}", VERBS.join(", "))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Expression, E> {
        Ok(Expression::Copy(text.to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Expression, A::Error> {
        let Some(verb) = map.next_key::<String>()? else {
            return Err(de::Error::custom("an expression has exactly one verb, this one has none"));
        };
        let expression = match verb.as_str() {
            "copy" => Expression::Copy(map.next_value()?),
            "constant" => Expression::Constant(map.next_value()?),
            "concat" => {
                let ConcatDocument { parts, separator } = map.next_value()?;
                Expression::Concat { parts, separator }
            }
            "coalesce" => Expression::Coalesce(map.next_value()?),
            "code-map" => Expression::CodeMap(map.next_value()?),
            "parse" => Expression::Parse(map.next_value()?),
            "normalise" => Expression::Normalise(map.next_value()?),
            "sentinel" => Expression::Sentinel(map.next_value()?),
            other => return Err(de::Error::unknown_variant(other, &VERBS)),
        };
        match map.next_key::<String>()? {
            None => Ok(expression),
            Some(second) => {
                Err(de::Error::custom(format!("an expression has exactly one verb; `{second}` is too many")))
            }
        }
    }
}
