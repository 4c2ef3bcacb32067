//! Our extension of the standard, as it is written in the custom property `polelake`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::fetch::Fetch;

/// What an event type does to its record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum EventOp {
    /// The whole record is stated.
    Upsert,
    /// Some fields of the record are stated.
    Patch,
    /// The record is gone.
    Delete,
    /// The event is kept in the raw zone and goes no further.
    Ignore,
}

/// Claims of a token that admit its bearer, all of them together.
pub type TokenClaims = BTreeMap<String, String>;

/// How an event is wrapped; gives the defaults of where things stand in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Envelope {
    /// `id`, `eventType`, `dateTime`, the record in `eventData.newData`.
    EntityEvent,
    /// `id`, `type`, `time`, the record in `data`.
    Cloudevents,
    /// The event is the record.
    Plain,
    /// The event is a row of a table: a record of texts.
    Csv,
}

/// What a source contract says beyond the standard.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SourceExtension {
    /// The Kafka topic.
    pub(crate) topic: String,
    /// How events are wrapped.
    pub(crate) envelope: Envelope,
    /// Paths to the parts of the record's key.
    pub(crate) key: Vec<String>,
    /// Path to the event's id; events without ids are told by their bytes.
    #[serde(default)]
    pub(crate) event_id: Option<String>,
    /// Path to the event's type.
    #[serde(default)]
    pub(crate) event_type: Option<String>,
    /// The type of events that do not say theirs.
    #[serde(default)]
    pub(crate) event_type_default: Option<String>,
    /// Path to when it happened.
    #[serde(default)]
    pub(crate) event_time: Option<String>,
    /// When events happened that do not say it.
    #[serde(default)]
    pub(crate) event_time_default: Option<String>,
    /// Path to the record's version, a whole number that its source counts up.
    #[serde(default)]
    pub(crate) version: Option<String>,
    /// The object of `schema` that describes what `body`, `delete_body` and `state` lead to.
    #[serde(default)]
    pub(crate) record: Option<String>,
    /// Paths to the record: the first that is there.
    #[serde(default)]
    pub(crate) body: Vec<String>,
    /// The same for deletions, where the old record stands elsewhere.
    #[serde(default)]
    pub(crate) delete_body: Vec<String>,
    /// Path to the record's whole state, where the relay or a backfill adds it.
    #[serde(default)]
    pub(crate) state: Option<String>,
    /// The API that knows a record's whole state.
    #[serde(default)]
    pub(crate) fetch: Option<Fetch>,
    /// What each event type does: `upsert`, `patch`, `delete` or `ignore`.
    pub(crate) events: BTreeMap<String, EventOp>,
    /// How records of a file become events.
    #[serde(default)]
    pub(crate) backfill: Option<BackfillDocument>,
    /// What becomes of a record that cannot be mapped.
    #[serde(default)]
    pub(crate) bad_records: BadRecords,
    /// Who may push.
    pub(crate) push: PushPermissions,
}

/// Only one answer for now, and it loses nothing.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum BadRecords {
    #[default]
    Quarantine,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PushPermissions {
    /// IAM ARNs; `*` stands for any run of characters.
    #[serde(default)]
    pub(crate) principals: Vec<String>,
    /// Claims of a token, all of one entry together; each entry needs `iss`.
    #[serde(default)]
    pub(crate) claims: Vec<TokenClaims>,
}

/// How a record of a backfill file becomes an event.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BackfillDocument {
    /// The declared event type that it is sent as: one that states the whole record.
    pub(crate) event_type: String,
    /// Paths in the record to the parts of its key.
    pub(crate) key: Vec<String>,
    /// Path in the record to when it last changed.
    #[serde(default)]
    pub(crate) time: Option<String>,
    /// When records changed that do not say it: long ago, so that none overwrites a live event.
    pub(crate) time_default: String,
    /// Path in the record to its version.
    #[serde(default)]
    pub(crate) version: Option<String>,
}

/// What a table contract says beyond the standard.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TableExtension {
    /// The family of POLE that the table belongs to.
    pub(crate) family: Family,
}

/// The families of tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// People.
    Person,
    /// Things, also those that are none to the touch: tenancies, cases, documents.
    Object,
    /// Places.
    Location,
    /// What happened.
    Event,
    /// What belongs together.
    Link,
}

impl Family {
    /// The family as contracts write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Object => "object",
            Self::Location => "location",
            Self::Event => "event",
            Self::Link => "link",
        }
    }
}

/// Where things stand in an event, where the contract does not say it.
pub(crate) struct EnvelopeDefaults {
    pub(crate) id: Option<&'static str>,
    pub(crate) kind: Option<&'static str>,
    pub(crate) time: Option<&'static str>,
    pub(crate) body: &'static str,
}

impl EnvelopeDefaults {
    pub(crate) fn for_envelope(envelope: Envelope) -> Self {
        match envelope {
            Envelope::EntityEvent => Self {
                id: Some("$.id"),
                kind: Some("$.eventType"),
                time: Some("$.dateTime"),
                body: "$.eventData.newData",
            },
            Envelope::Cloudevents => Self {
                id: Some("$.id"),
                kind: Some("$.type"),
                time: Some("$.time"),
                body: "$.data",
            },
            Envelope::Plain | Envelope::Csv => Self {
                id: None,
                kind: None,
                time: None,
                body: "$",
            },
        }
    }
}
