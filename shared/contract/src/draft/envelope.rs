//! How events wrap their records: in an envelope that is known, or by the names that applications
//! usually give to an event's id, type, time, version and record.

use serde_json::{Map, Value};

use super::fields::{append_step, to_snake_case};

/// How the samples are wrapped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum GuessedEnvelope {
    EntityEvent,
    Cloudevents,
    /// Events of an application's own making.
    Event(EventMembers),
    Plain,
    /// Rows of a table of texts.
    Table,
}

/// The members of an event that say what it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct EventMembers {
    pub(super) id: Option<String>,
    pub(super) event_type: Option<String>,
    pub(super) time: Option<String>,
    pub(super) version: Option<String>,
    /// The member that holds the record; without it the event is the record.
    pub(super) body: Option<String>,
}

/// The usual names of an event's members.
const ID_NAMES: &[&str] = &[
    "event_id",
    "message_id",
    "event_uuid",
    "event_guid",
    "event_identifier",
    "notification_id",
    "id",
];
const TYPE_NAMES: &[&str] = &[
    "event_type",
    "event_name",
    "message_type",
    "detail_type",
    "event",
    "type",
    "action",
];
const TIME_NAMES: &[&str] = &[
    "occurred_at",
    "event_time",
    "occurred_on",
    "event_date_time",
    "event_timestamp",
    "timestamp",
    "date_time",
    "emitted_at",
    "created_at",
    "sent_at",
    "published_at",
    "time",
];
const VERSION_NAMES: &[&str] = &[
    "version",
    "entity_version",
    "record_version",
    "revision",
    "sequence_number",
    "aggregate_version",
];
const BODY_NAMES: &[&str] = &[
    "data", "payload", "body", "record", "detail", "entity", "new_data", "object", "content",
];

impl GuessedEnvelope {
    pub(super) fn from_samples(samples: &[Value]) -> Self {
        if all_have_members(samples, &["eventType", "eventData"]) {
            Self::EntityEvent
        } else if all_have_members(samples, &["specversion", "type", "data"]) {
            Self::Cloudevents
        } else {
            EventMembers::from_samples(samples).map_or(Self::Plain, Self::Event)
        }
    }

    /// The record that an event of this envelope holds.
    pub(super) fn record_of<'e>(
        &self,
        event: &'e Map<String, Value>,
    ) -> Option<&'e Map<String, Value>> {
        match self {
            Self::EntityEvent => event.get("eventData")?.get("newData")?.as_object(),
            Self::Cloudevents => event.get("data")?.as_object(),
            Self::Event(EventMembers {
                body: Some(body), ..
            }) => event.get(body)?.as_object(),
            Self::Event(_) | Self::Plain | Self::Table => Some(event),
        }
    }

    /// The event's type, where the envelope has one.
    pub(super) fn event_type<'e>(&self, event: &'e Map<String, Value>) -> Option<&'e str> {
        let member = match self {
            Self::EntityEvent => "eventType",
            Self::Cloudevents => "type",
            Self::Event(members) => members.event_type.as_deref()?,
            Self::Plain | Self::Table => return None,
        };
        event.get(member)?.as_str()
    }

    /// Whether events hold their record in a member.
    pub(super) fn holds_record(&self) -> bool {
        match self {
            Self::EntityEvent | Self::Cloudevents => true,
            Self::Event(members) => members.body.is_some(),
            Self::Plain | Self::Table => false,
        }
    }

    /// Members of the event that hold the record.
    pub(super) fn record_members(&self) -> Vec<&str> {
        match self {
            Self::EntityEvent => vec!["newData", "oldData", "entity"],
            Self::Cloudevents => vec!["data"],
            Self::Event(members) => members.body.iter().map(String::as_str).collect(),
            Self::Plain | Self::Table => Vec::new(),
        }
    }

    /// The name that a contract has for it.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::EntityEvent => "entity-event",
            Self::Cloudevents => "cloudevents",
            Self::Event(_) | Self::Plain => "plain",
            Self::Table => "csv",
        }
    }

    /// Whether the envelope itself says when an event happened.
    pub(super) fn has_own_time(&self) -> bool {
        matches!(self, Self::EntityEvent | Self::Cloudevents)
    }
}

impl EventMembers {
    /// The members of events that have an id and a type by their usual names; none for records.
    fn from_samples(samples: &[Value]) -> Option<Self> {
        let find = |names: &[&str]| find_member(samples, names);
        let event_type = find(TYPE_NAMES).filter(|name| {
            let snake = to_snake_case(name);
            snake != "type" || find(&BODY_NAMES[..3]).is_some()
        })?;
        let id = find(ID_NAMES)?;
        let time = find(TIME_NAMES);
        let is_surely_event = to_snake_case(&id).contains("event")
            || to_snake_case(&event_type).contains("event")
            || time.is_some();
        if !is_surely_event {
            return None;
        }
        let body = find(BODY_NAMES).filter(|name| {
            let is_object = |sample: &Value| sample[name].is_object() || sample[name].is_null();
            samples.iter().all(is_object)
        });
        let version =
            find(VERSION_NAMES).filter(|name| samples.iter().all(|sample| sample[name].is_u64()));
        Some(Self {
            id: Some(id),
            event_type: Some(event_type),
            time,
            version,
            body,
        })
    }
}

/// The first of these names, however it is written, that all samples have.
fn find_member(samples: &[Value], names: &[&str]) -> Option<String> {
    let first = samples.first()?.as_object()?;
    names.iter().find_map(|name| {
        let member = first.keys().find(|member| to_snake_case(member) == *name)?;
        all_have_members(samples, &[member.as_str()]).then(|| member.clone())
    })
}

fn all_have_members(samples: &[Value], names: &[&str]) -> bool {
    samples
        .iter()
        .all(|sample| names.iter().all(|name| sample.get(*name).is_some()))
}

/// The path to a member of the event.
pub(super) fn member_path(name: &str) -> String {
    append_step("$", name)
}
