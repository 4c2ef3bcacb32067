//! An event, read as far as the events of all sources are alike: id, type, time, version, key.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::extension::EventOp;
use crate::fault::EventFault;
use crate::fetch::{FETCHED_MEMBER, FetchVersion};
use crate::json::parse_document;
use crate::number::{canonical_number, number_text};
use crate::path::EventPath;
use crate::source::SourceContract;
use crate::time::parse_timestamp;

/// A parsed event.
#[derive(Clone, Debug)]
pub struct Event {
    /// The full event.
    pub value: Value,
    /// Its id; made from its bytes where the source gives none.
    pub id: String,
    /// Its type; empty where the source has only one.
    pub kind: String,
    /// When it happened, in microseconds since 1970.
    pub time: i64,
    /// The record's version, where the source counts them.
    pub version: Option<i64>,
    /// The record's key: its parts joined by `/`.
    pub key: String,
    /// Whether the relay requested the record's state and the source answered that there is none.
    pub state_missing: bool,
    /// Members that their object has more than once, by path. The last one holds.
    pub(crate) duplicates: BTreeMap<String, u64>,
    /// Why the event must make no rows, though it could be read so far.
    pub(crate) fault: Option<EventFault>,
}

/// Characters of an event's id at most: the id is a header of the Kafka record and a column of
/// every row.
pub const ID_CHARS_MAX: usize = 256;

/// Characters of a record's key at most.
pub const KEY_CHARS_MAX: usize = 1_024;

/// The version of a deletion of a source whose versions come from fetched states: no state comes
/// after it.
const DELETION_VERSION: i64 = i64::MAX;

impl Event {
    /// Reads an event of a source. `given` is the id that the relay gave it, for sources that give
    /// none.
    ///
    /// # Errors
    /// A fault that names the rule and the path, and never holds a value of the event.
    pub fn parse(
        source: &SourceContract,
        bytes: &[u8],
        given: Option<&str>,
    ) -> Result<Self, EventFault> {
        let mut document = parse_document(bytes)?;
        source.decode_lenient_fields(&mut document);
        let value = document.value;
        let id = read_event_id(source, &value, bytes, given)?;
        let kind = read_event_type(source, &value)?;
        let time = read_event_time(source, &value)?;
        let key = read_key(&source.paths.key, &value)?;

        let state_missing = fetched_member(source, &value).is_some_and(is_missing_state);
        let is_deletion = state_missing || source.events.get(&kind) == Some(&EventOp::Delete);
        let version = read_version(source, &value, is_deletion)?;

        Ok(Self {
            value,
            id,
            kind,
            time,
            version,
            key,
            state_missing,
            duplicates: document.duplicates,
            fault: document.fault,
        })
    }
}

/// The text or number at a path, as text without outer spaces; none for blank text and anything
/// else.
pub(crate) fn text_at_path(path: &EventPath, value: &Value) -> Option<String> {
    let text = match path.first_value(value)? {
        Value::String(text) => text.trim().to_owned(),
        number => number_text(number)?.into_owned(),
    };
    (!text.is_empty()).then_some(text)
}

/// The event's id: its own, the relay's, or one derived from the event's bytes.
fn read_event_id(
    source: &SourceContract,
    value: &Value,
    bytes: &[u8],
    given: Option<&str>,
) -> Result<String, EventFault> {
    let Some(path) = &source.paths.id else {
        return Ok(match given {
            Some(id) => id.to_owned(),
            None => pole::derived_event_id(&source.name, bytes).to_string(),
        });
    };
    let id = text_at_path(path, value)
        .ok_or_else(|| EventFault::new("event.id", path.text(), "the event has no id"))?;
    check_text("event.id", path.text(), &id, ID_CHARS_MAX)?;
    Ok(id)
}

fn read_event_type(source: &SourceContract, value: &Value) -> Result<String, EventFault> {
    let path = source.paths.event_type.as_ref();
    path.and_then(|path| text_at_path(path, value))
        .or_else(|| source.paths.event_type_default.clone())
        .ok_or_else(|| {
            let path = path.map_or("$", EventPath::text);
            EventFault::new("event.type", path, "the event has no type")
        })
}

/// When it happened, in microseconds since 1970.
fn read_event_time(source: &SourceContract, value: &Value) -> Result<i64, EventFault> {
    let default = source.paths.time_default;
    let Some(path) = &source.paths.time else {
        return Ok(default.unwrap_or_default());
    };
    let (time, reason) = match text_at_path(path, value) {
        Some(text) => (parse_timestamp(&text), "an ISO 8601 timestamp was expected"),
        None => (default, "the event has no time"),
    };
    time.ok_or_else(|| EventFault::new("event.time", path.text(), reason))
}

/// The parts of a record's key, joined.
pub(crate) fn read_key(paths: &[EventPath], value: &Value) -> Result<String, EventFault> {
    let mut key = String::new();
    for path in paths {
        let part = text_at_path(path, value).ok_or_else(|| {
            EventFault::new("event.key", path.text(), "the record's key is missing")
        })?;
        if !key.is_empty() {
            key.push('/');
        }
        key.push_str(&part);
    }

    let first_path = paths.first().map_or("$", EventPath::text);
    check_text("event.key", first_path, &key, KEY_CHARS_MAX)?;
    Ok(key)
}

/// What the relay added about a fetch, for a source that fetches states.
fn fetched_member<'v>(source: &SourceContract, value: &'v Value) -> Option<&'v Value> {
    value.get(FETCHED_MEMBER).filter(|_| source.fetch.is_some())
}

/// Whether the fetch was answered with 404 (not found) or 410 (gone).
fn is_missing_state(fetched: &Value) -> bool {
    matches!(fetched["status"].as_u64(), Some(404 | 410))
}

/// The record's version: that of the fetched state, or the one at the declared path.
fn read_version(
    source: &SourceContract,
    value: &Value,
    is_deletion: bool,
) -> Result<Option<i64>, EventFault> {
    match source.fetch.as_ref().and_then(|fetch| fetch.version) {
        Some(FetchVersion::Etag) if is_deletion => Ok(Some(DELETION_VERSION)),
        Some(FetchVersion::Etag) => {
            let fetched = fetched_member(source, value);
            Ok(fetched.and_then(|fetched| fetched["version"].as_i64()))
        }
        None => read_entity_version(source, value),
    }
}

fn read_entity_version(source: &SourceContract, value: &Value) -> Result<Option<i64>, EventFault> {
    let Some(path) = &source.paths.version else {
        return Ok(None);
    };
    let version = parse_version(path.first_value(value)).ok_or_else(|| {
        let reason = "the record's version is missing or not a whole number";
        EventFault::new("event.version", path.text(), reason)
    })?;
    Ok(Some(version))
}

/// A whole number, or the text of one: CloudEvents' `sequence` is text.
fn parse_version(value: Option<&Value>) -> Option<i64> {
    match value? {
        Value::String(text) => canonical_number(text.trim())?.parse().ok(),
        number => number_text(number)?.parse().ok(),
    }
}

/// Refuses a text that is too long for headers and rows, or that holds control characters.
fn check_text(rule: &str, path: &str, text: &str, chars_max: usize) -> Result<(), EventFault> {
    if text.chars().count() <= chars_max && !text.chars().any(char::is_control) {
        return Ok(());
    }
    let reason = format!("at most {chars_max} characters without control characters were expected");
    Err(EventFault::new(rule, path, &reason))
}
