//! Our extension of the standard, as contracts write it in the custom property `polelake`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::dialect::FileDialect;
use crate::fetch::FetchDocument;
use crate::mapping::Expression;
use crate::person_naming::PersonNaming;

/// What an event type does to its record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum EventOp {
    /// The event states the full record.
    Upsert,
    /// The event states some fields of the record; where the record is deleted, it changes nothing.
    Patch,
    /// The event states some fields of the record, and begins a new record where it is deleted.
    CreateOrPatch,
    /// The source has deleted the record.
    Delete,
    /// The event stays in the raw zone and changes no table.
    Ignore,
}

impl EventOp {
    /// Whether the event states only some fields of the record.
    #[must_use]
    pub fn is_partial(self) -> bool {
        matches!(self, Self::Patch | Self::CreateOrPatch)
    }
}

/// What carries a source's events from the relay to the landing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Transport {
    /// A topic of Kafka.
    Kafka,
    /// The deployment's events queue.
    Queue,
}

impl Transport {
    /// The transport as contracts and settings write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Kafka => "kafka",
            Self::Queue => "queue",
        }
    }

    /// The transport of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Kafka, Self::Queue]
            .into_iter()
            .find(|transport| transport.name() == name)
    }
}

impl std::str::FromStr for Transport {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::parse(name).ok_or_else(|| "it is `queue` or `kafka`".to_owned())
    }
}

/// Claims of a token that admit its bearer, all of them together.
pub type TokenClaims = BTreeMap<String, String>;

/// How an event wraps its record. The envelope gives the paths that the contract leaves out.
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
    /// The topic: letters, digits, `.`, `_` and `-`, at most 249. It names the raw log, and Kafka's
    /// topic where Kafka is the transport.
    pub(crate) topic: String,
    /// What carries the events: `kafka` or `queue`; what the deployment says where it is left out.
    #[serde(default)]
    pub(crate) transport: Option<Transport>,
    /// How events are wrapped.
    pub(crate) envelope: Envelope,
    /// Paths to the parts of the record's key.
    pub(crate) key: Vec<String>,
    /// Path to the event's id; the platform derives the id of other events from their bytes.
    #[serde(default)]
    pub(crate) event_id: Option<String>,
    /// Path to the event's type.
    #[serde(default)]
    pub(crate) event_type: Option<String>,
    /// The type of events that name none.
    #[serde(default)]
    pub(crate) event_type_default: Option<String>,
    /// When the event happened: a path to an ISO 8601 text, or an expression such as `parse` or
    /// `epoch`. Local times are of the mapping's `timezone`.
    #[serde(default)]
    pub(crate) event_time: Option<Expression>,
    /// When events happened that state no time.
    #[serde(default)]
    pub(crate) event_time_default: Option<String>,
    /// How far an event's time may be after the record's arrival, such as `30m`; an hour by
    /// default. A later event is quarantined.
    #[serde(default)]
    pub(crate) event_time_skew: Option<String>,
    /// Path to the record's version, a whole number that the source increases with every change.
    #[serde(default)]
    pub(crate) version: Option<String>,
    /// The object of `schema` that describes what `body`, `delete_body` and `state` lead to.
    #[serde(default)]
    pub(crate) record: Option<String>,
    /// Paths to the record: the first that holds one is used.
    #[serde(default)]
    pub(crate) body: Vec<String>,
    /// Paths to the old record of a deletion, where the source writes it to another member.
    #[serde(default)]
    pub(crate) delete_body: Vec<String>,
    /// Path to the record's full state, where the relay or a backfill adds it.
    #[serde(default)]
    pub(crate) state: Option<String>,
    /// The API that returns a record's full state.
    #[serde(default)]
    pub(crate) fetch: Option<FetchDocument>,
    /// What each event type does: `upsert`, `patch`, `create-or-patch`, `delete` or `ignore`.
    pub(crate) events: BTreeMap<String, EventOp>,
    /// How records of a file become events.
    #[serde(default)]
    pub(crate) backfill: Option<BackfillDocument>,
    /// How the source's files are written.
    #[serde(default)]
    pub(crate) files: Option<FileDialect>,
    /// What becomes of a record that cannot be mapped.
    #[serde(default)]
    pub(crate) bad_records: BadRecords,
    /// The callers that may push.
    pub(crate) push: PushPermissions,
}

/// What becomes of a record that cannot be mapped. Quarantine is the only choice: it loses no
/// record.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum BadRecords {
    /// The record is quarantined.
    #[default]
    Quarantine,
}

/// The callers that may push events.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PushPermissions {
    /// ARNs of IAM roles (without a path) or users, with their account, each in full: they are
    /// compared letter by letter, and `*` is refused.
    #[serde(default)]
    pub(crate) principals: Vec<String>,
    /// Claims of a token: all claims of one entry must match. Each entry needs `iss`, and a claim
    /// that identifies the caller. `aud` is checked where it is given. `*` is refused.
    #[serde(default)]
    pub(crate) claims: Vec<TokenClaims>,
}

/// How a record of a backfill file becomes an event.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BackfillDocument {
    /// The declared event type that it is sent as: one that states the full record.
    pub(crate) event_type: String,
    /// The declared event type as which a file's deletions are sent, such as those of an
    /// incremental export of DynamoDB: one that deletes.
    #[serde(default)]
    pub(crate) delete_event_type: Option<String>,
    /// Paths in the record to the parts of its key. `row-number` is its row in its file, and
    /// `file-name` the file's name, for rows that have no key of their own.
    pub(crate) key: Vec<String>,
    /// When the record last changed: a path in it, or an expression as `event_time` takes it.
    #[serde(default)]
    pub(crate) time: Option<Expression>,
    /// When records changed that state no time: long ago, so that none of them overwrites a live
    /// event.
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
    /// Which columns name a person: an erasure searches free text for what they hold.
    #[serde(default)]
    pub(crate) naming: Option<PersonNaming>,
}

/// The families of tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// People.
    Person,
    /// Things, also intangible ones: tenancies, cases, documents.
    Object,
    /// Places.
    Location,
    /// Events: what happened.
    Event,
    /// Links between rows of the other families.
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

/// The paths of an envelope, used where the contract leaves them out.
pub(crate) struct EnvelopeDefaults {
    pub(crate) id: Option<&'static str>,
    pub(crate) kind: Option<&'static str>,
    pub(crate) time: Option<&'static str>,
    pub(crate) body: &'static str,
}

impl EnvelopeDefaults {
    /// The expression of an event's time.
    pub(crate) fn time_expression(&self) -> Option<Expression> {
        self.time.map(|path| Expression::Copy(path.to_owned()))
    }

    /// The paths of `envelope`.
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
