//! A mapping as `mapping.yaml` writes it. Its verbs are a closed set, so that every column's
//! lineage is known.

mod column_document;
mod text_documents;

use std::collections::BTreeMap;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

pub(crate) use self::column_document::{ColumnDocument, UnreadablePolicy};
pub(crate) use self::text_documents::{BlankDocument, LookupDocument, SplitDocument};

/// A mapping: how an event of a source becomes rows of POLE tables.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MappingDocument {
    /// The id of the contract beside it.
    pub(crate) source: String,
    /// The mapping's version, stamped on every row.
    pub(crate) version: String,
    /// Dates that stand for "no date": they become null.
    #[serde(default)]
    pub(crate) sentinels: Vec<String>,
    /// The time zone of local times, of the event's own time too, and the one in which an instant
    /// becomes a date.
    #[serde(default)]
    pub(crate) timezone: Option<String>,
    /// The kinds of rows that an event gives.
    pub(crate) records: Vec<RecordDocument>,
}

/// How long a record's row exists, and which event deletes it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RecordKind {
    /// The record that the event is about: the event's operation is the row's.
    #[default]
    Entity,
    /// Rows that belong to the record. Each event that states them replaces all of them.
    Set,
    /// A row that several records share, such as a location: never deleted with one of them.
    Shared,
    /// A row for the event itself: written once, for every operation.
    Log,
}

impl RecordKind {
    /// Whether its rows are made from the record's state, and not from single events.
    pub(crate) fn is_of_record(self) -> bool {
        matches!(self, Self::Entity | Self::Set)
    }
}

/// One kind of row.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RecordDocument {
    /// Its name within the mapping, which is part of the ids of rules and sets.
    pub(crate) name: String,
    /// The table that it fills.
    pub(crate) table: String,
    /// How long its row exists.
    #[serde(default)]
    pub(crate) kind: RecordKind,
    /// Only for these event types.
    #[serde(default)]
    pub(crate) events: Vec<String>,
    /// A row for every item of a list; with several paths, of a list within each item.
    #[serde(default)]
    pub(crate) for_each: Option<OneOrMany>,
    /// Only for items for which this condition holds.
    #[serde(default)]
    pub(crate) when: Option<WhenDocument>,
    /// What identifies the row.
    #[serde(default)]
    pub(crate) id: Option<IdDocument>,
    /// The two ends of a row that is a link.
    #[serde(default)]
    pub(crate) link: Option<LinkDocument>,
    /// What fills each column.
    #[serde(default)]
    pub(crate) columns: BTreeMap<String, ColumnDocument>,
}

/// A path, or several, each within an item of the one before.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "must be a path, or a list of paths")]
pub(crate) enum OneOrMany {
    /// One path.
    One(String),
    /// Several.
    Many(Vec<String>),
}

impl OneOrMany {
    /// The paths, from the outermost list to the innermost.
    pub(crate) fn paths(&self) -> &[String] {
        match self {
            Self::One(path) => std::slice::from_ref(path),
            Self::Many(paths) => paths,
        }
    }
}

/// The condition under which an item has a row.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WhenDocument {
    /// The path whose value decides.
    #[serde(default)]
    pub(crate) path: Option<String>,
    /// The expression whose value decides, where a path cannot say it.
    #[serde(default)]
    pub(crate) value: Option<Expression>,
    /// The value is one of these; null means that it is absent.
    #[serde(default)]
    pub(crate) is: Vec<Value>,
    /// Whether the value must be present or absent.
    #[serde(default)]
    pub(crate) present: Option<bool>,
}

/// What identifies a row.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct IdDocument {
    /// The kind of the key: sources that use the same namespace and key mean the same thing.
    #[serde(default)]
    pub(crate) namespace: Option<String>,
    /// The parts of the key.
    pub(crate) key: Vec<Expression>,
}

/// A row that links two others.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LinkDocument {
    /// The row that the link begins from.
    pub(crate) from: EndDocument,
    /// The row that the link leads to.
    pub(crate) to: EndDocument,
    /// The type of the link.
    #[serde(rename = "type")]
    pub(crate) link_type: Expression,
    /// The role that `from` has towards `to`.
    #[serde(default)]
    pub(crate) role: Option<Expression>,
}

/// One end of a link.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EndDocument {
    /// The table of the end's row.
    pub(crate) table: String,
    /// The namespace of its key.
    pub(crate) namespace: String,
    /// The parts of its key.
    pub(crate) key: Vec<Expression>,
}

/// An expression as it is written: a path, or one verb with what it needs.
#[derive(Clone, Debug)]
pub(crate) enum Expression {
    Copy(String),
    Constant(Value),
    Concat {
        parts: Vec<Expression>,
        separator: String,
    },
    Coalesce(Vec<Expression>),
    CodeMap(CodeMapDocument),
    Parse(ParseDocument),
    Epoch(EpochDocument),
    Normalise(NormaliseDocument),
    Sentinel(String),
    Identity(IdentityDocument),
    Split(SplitDocument),
    Blank(BlankDocument),
    Lookup(LookupDocument),
}

/// A value that is looked up in a reference list.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CodeMapDocument {
    /// The value that is looked up.
    pub(crate) from: Box<Expression>,
    /// The reference list, `contracts/lists/<list>.yaml`.
    pub(crate) list: String,
    /// What the value becomes: the list's code, or its label.
    #[serde(default)]
    pub(crate) to: CodeOrLabel,
    /// What becomes of a value that is not in the list.
    #[serde(default)]
    pub(crate) unknown: UnknownValuePolicy,
}

/// The result of a code-map.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum CodeOrLabel {
    /// The list's code; a synonym becomes the code that it stands for.
    #[default]
    Code,
    /// The label for people.
    Label,
}

/// What becomes of a value that a list or a normaliser does not know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum UnknownValuePolicy {
    /// The column holds the value as the event states it.
    #[default]
    Keep,
    /// The column is null.
    Null,
    /// The event is quarantined.
    Quarantine,
}

/// A text that is parsed as a date, time, timestamp or decimal.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ParseDocument {
    /// The text that is parsed.
    pub(crate) from: Box<Expression>,
    /// What it is parsed as.
    #[serde(default, rename = "as")]
    pub(crate) kind: ParseKind,
    /// Its formats, tried in their order: `iso`, or YYYY, YY, MM, MMM, DD, HH, mm, ss with
    /// separators; of a decimal `1,234.56` or `1.234,56`.
    pub(crate) formats: Vec<String>,
    /// Texts that stand for "no value", besides the mapping's own sentinels.
    #[serde(default)]
    pub(crate) sentinels: Vec<String>,
    /// The first year of two digits that is of the 1900s; those below it are of the 2000s.
    #[serde(default)]
    pub(crate) pivot: Option<u8>,
    /// Whether the date is never after the event, as a date of birth. A year of two digits is of
    /// the latest century in which this holds; a date after the event is refused.
    #[serde(default)]
    pub(crate) past: bool,
}

/// A count since 1970 that becomes an instant.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EpochDocument {
    /// The count, a number or its text.
    pub(crate) from: Box<Expression>,
    /// What is counted since 1970-01-01T00:00:00Z.
    pub(crate) unit: EpochUnit,
    /// Texts that stand for "no value", such as "0".
    #[serde(default)]
    pub(crate) sentinels: Vec<String>,
}

/// What an epoch number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum EpochUnit {
    /// Seconds.
    Seconds,
    /// Milliseconds.
    Millis,
    /// Microseconds.
    Micros,
    /// Nanoseconds.
    Nanos,
}

/// What a text is parsed as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ParseKind {
    /// A day.
    #[default]
    Date,
    /// A time of the day, as the text HH:MM:SS.
    Time,
    /// An instant: local time of the mapping's time zone where the text names no offset.
    Timestamp,
    /// An exact number.
    Decimal,
}

/// A value that is written in one standard form.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NormaliseDocument {
    /// The value that is normalised.
    pub(crate) from: Box<Expression>,
    /// The normaliser: postcode, uprn, phone, name, vrm, nino, email, pnc, cro, country.
    #[serde(rename = "as")]
    pub(crate) normaliser: String,
    /// What becomes of a value that does not have the form.
    #[serde(default)]
    pub(crate) unknown: UnknownValuePolicy,
}

/// The `pole_id` of another record.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct IdentityDocument {
    /// The namespace of its key.
    pub(crate) namespace: String,
    /// The parts of its key.
    pub(crate) key: Vec<Expression>,
}

/// Values that are joined into one text.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ConcatDocument {
    /// The parts that are joined; absent parts are left out.
    parts: Vec<Expression>,
    /// The text between two parts.
    #[serde(default)]
    separator: String,
}

/// The verbs, for messages.
const EXPRESSION_VERBS: [&str; 13] = [
    "copy",
    "constant",
    "concat",
    "coalesce",
    "code-map",
    "parse",
    "epoch",
    "normalise",
    "sentinel",
    "identity",
    "split",
    "blank",
    "lookup",
];

impl JsonSchema for Expression {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Expression".into()
    }

    /// A path, or an object of one verb, as [`ExpressionVisitor`] reads it.
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let path = json_schema!({
            "type": "string",
            "description": "A path such as $.name, body:$.name, parent:$.name, event:$.id"
        });
        let verbs = [
            ("copy", path.clone()),
            ("constant", json_schema!({"description": "A value"})),
            ("concat", generator.subschema_for::<ConcatDocument>()),
            ("coalesce", generator.subschema_for::<Vec<Expression>>()),
            ("code-map", generator.subschema_for::<CodeMapDocument>()),
            ("parse", generator.subschema_for::<ParseDocument>()),
            ("epoch", generator.subschema_for::<EpochDocument>()),
            ("normalise", generator.subschema_for::<NormaliseDocument>()),
            ("sentinel", path.clone()),
            ("identity", generator.subschema_for::<IdentityDocument>()),
            ("split", generator.subschema_for::<SplitDocument>()),
            ("blank", generator.subschema_for::<BlankDocument>()),
            ("lookup", generator.subschema_for::<LookupDocument>()),
        ];

        let mut forms = vec![path];
        forms.extend(verbs.map(|(name, schema)| verb_schema(name, &schema)));
        json_schema!({ "oneOf": forms })
    }
}

/// An object with one verb as its only member.
fn verb_schema(name: &str, schema: &Schema) -> Schema {
    json_schema!({
        "type": "object",
        "properties": {name: schema},
        "required": [name],
        "additionalProperties": false,
    })
}

impl<'de> Deserialize<'de> for Expression {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ExpressionVisitor)
    }
}

/// Reads an expression: a text is a path, an object has one verb.
struct ExpressionVisitor;

impl<'de> Visitor<'de> for ExpressionVisitor {
    type Value = Expression;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "a path such as $.name, or one of {}",
            EXPRESSION_VERBS.join(", ")
        )
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Expression, E> {
        Ok(Expression::Copy(text.to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Expression, A::Error> {
        let Some(verb) = map.next_key::<String>()? else {
            return Err(de::Error::custom(
                "an expression has exactly one verb, this one has none",
            ));
        };

        let expression = read_verb(&verb, &mut map)?;
        match map.next_key::<String>()? {
            None => Ok(expression),
            Some(second) => Err(de::Error::custom(format!(
                "an expression has exactly one verb; `{second}` is too many"
            ))),
        }
    }
}

/// The expression of a verb whose value comes next.
fn read_verb<'de, A: MapAccess<'de>>(verb: &str, map: &mut A) -> Result<Expression, A::Error> {
    Ok(match verb {
        "copy" => Expression::Copy(map.next_value()?),
        "constant" => Expression::Constant(map.next_value()?),
        "concat" => {
            let ConcatDocument { parts, separator } = map.next_value()?;
            Expression::Concat { parts, separator }
        }
        "coalesce" => Expression::Coalesce(map.next_value()?),
        "code-map" => Expression::CodeMap(map.next_value()?),
        "parse" => Expression::Parse(map.next_value()?),
        "epoch" => Expression::Epoch(map.next_value()?),
        "normalise" => Expression::Normalise(map.next_value()?),
        "sentinel" => Expression::Sentinel(map.next_value()?),
        "identity" => Expression::Identity(map.next_value()?),
        "split" => Expression::Split(map.next_value()?),
        "blank" => Expression::Blank(map.next_value()?),
        "lookup" => Expression::Lookup(map.next_value()?),
        other => return Err(de::Error::unknown_variant(other, &EXPRESSION_VERBS)),
    })
}
