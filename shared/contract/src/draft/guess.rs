//! Guesses at what samples mean: the envelope, the key, the event types.

use std::collections::BTreeSet;

use serde_json::Value;

use super::fields::{SampleField, SampleFieldKind, append_step, collect_fields, to_snake_case};

/// How the samples are wrapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum GuessedEnvelope {
    EntityEvent,
    Cloudevents,
    Plain,
}

impl GuessedEnvelope {
    fn from_samples(samples: &[Value]) -> Self {
        if all_have_members(samples, &["eventType", "eventData"]) {
            Self::EntityEvent
        } else if all_have_members(samples, &["specversion", "type", "data"]) {
            Self::Cloudevents
        } else {
            Self::Plain
        }
    }

    /// The record that an event of this envelope holds.
    fn record_of(self, event: &Value) -> &Value {
        match self {
            Self::EntityEvent => &event["eventData"]["newData"],
            Self::Cloudevents => &event["data"],
            Self::Plain => event,
        }
    }

    /// The event types of the samples, sorted; one made up where the envelope has none.
    fn event_types(self, samples: &[Value]) -> Vec<String> {
        let member = match self {
            Self::EntityEvent => "eventType",
            Self::Cloudevents => "type",
            Self::Plain => return vec!["record".to_owned()],
        };
        let types: BTreeSet<&str> = samples
            .iter()
            .filter_map(|sample| sample[member].as_str())
            .collect();
        types.into_iter().map(str::to_owned).collect()
    }

    /// The name that a contract has for it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::EntityEvent => "entity-event",
            Self::Cloudevents => "cloudevents",
            Self::Plain => "plain",
        }
    }
}

fn all_have_members(samples: &[Value], names: &[&str]) -> bool {
    samples
        .iter()
        .all(|sample| names.iter().all(|name| sample.get(*name).is_some()))
}

/// What the samples seem to be.
#[derive(Debug)]
pub(super) struct SourceGuess {
    pub(super) envelope: GuessedEnvelope,
    /// The fields of the record.
    pub(super) record: Vec<SampleField>,
    /// The event types that were seen; one made up where events have none.
    pub(super) event_types: Vec<String>,
    /// The name of the field that tells records apart.
    key: String,
    /// The path to when the record changed.
    pub(super) time: Option<String>,
}

impl SourceGuess {
    /// Guesses from samples that are JSON objects.
    pub(super) fn from_samples(samples: &[Value]) -> Self {
        let envelope = GuessedEnvelope::from_samples(samples);
        let records: Vec<Value> = samples
            .iter()
            .map(|sample| envelope.record_of(sample).clone())
            .filter(Value::is_object)
            .collect();
        let record = collect_fields(&records);

        let key = guess_key(&record, &records).unwrap_or_else(|| "id".to_owned());
        let time = record
            .iter()
            .find(|field| is_change_time(field))
            .map(|field| append_step("$", &field.name));
        Self {
            event_types: envelope.event_types(samples),
            envelope,
            record,
            key,
            time,
        }
    }

    /// The path to the key in the event.
    pub(super) fn event_key_path(&self) -> String {
        match self.envelope {
            GuessedEnvelope::EntityEvent => "$.entityId".to_owned(),
            GuessedEnvelope::Cloudevents => "$.subject".to_owned(),
            GuessedEnvelope::Plain => append_step("$", &self.key),
        }
    }

    /// The key as a mapping writes it.
    pub(super) fn mapping_key(&self) -> String {
        format!("\"event:{}\"", self.event_key_path())
    }

    /// Members of the event that hold the record.
    pub(super) fn record_members(&self) -> Vec<&'static str> {
        match self.envelope {
            GuessedEnvelope::EntityEvent => vec!["newData", "oldData", "entity"],
            GuessedEnvelope::Cloudevents => vec!["data"],
            GuessedEnvelope::Plain => Vec::new(),
        }
    }
}

/// The field that tells records apart, by its name and its values; one called `id` before any
/// other.
fn guess_key(fields: &[SampleField], records: &[Value]) -> Option<String> {
    let mut candidates = fields
        .iter()
        .filter(|field| is_key_name(&field.name) && has_distinct_values(&field.name, records));
    let first = candidates.next()?;
    let id = std::iter::once(first)
        .chain(candidates)
        .find(|field| to_snake_case(&field.name) == "id");
    Some(id.unwrap_or(first).name.clone())
}

fn is_key_name(name: &str) -> bool {
    let name = to_snake_case(name);
    name == "id"
        || name == "ref"
        || name.ends_with("_id")
        || name.ends_with("reference")
        || name.ends_with("number")
}

/// Whether every record has a value of its own in the field.
fn has_distinct_values(name: &str, records: &[Value]) -> bool {
    let mut values: Vec<String> = records
        .iter()
        .map(|record| record[name].to_string())
        .collect();
    values.sort();
    let is_repeated = values.windows(2).any(|pair| pair[0] == pair[1]);
    !is_repeated && !values.contains(&"null".to_owned())
}

/// Whether a field seems to say when the record changed.
fn is_change_time(field: &SampleField) -> bool {
    let is_time = matches!(
        field.kind,
        SampleFieldKind::Timestamp | SampleFieldKind::Date
    );
    let name = to_snake_case(&field.name);
    is_time && contains_any(&name, &["updated", "modified", "changed", "timestamp"])
}

/// What an event type does, by its name.
pub(super) fn guess_operation(event_type: &str) -> &'static str {
    let name = event_type.to_lowercase();
    if contains_any(&name, &["delet", "remov", "erase", "cancel"]) {
        "delete"
    } else if contains_any(&name, &["updat", "chang", "edit", "amend"]) {
        "patch"
    } else {
        "upsert"
    }
}

fn contains_any(name: &str, parts: &[&str]) -> bool {
    parts.iter().any(|part| name.contains(part))
}
