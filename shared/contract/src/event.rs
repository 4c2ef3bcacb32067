//! An event, read as far as the events of all sources are alike: id, type, time, version, key.

use std::collections::BTreeMap;

use pole::KeyCase;
use serde_json::Value;

use crate::EVENT_BYTES_MAX;
use crate::extension::EventOp;
use crate::fault::EventFault;
use crate::fetch::{FETCHED_MEMBER, FetchVersion};
use crate::json::parse_document;
use crate::number::{canonical_number, number_text};
use crate::path::EventPath;
use crate::source::SourceContract;
use crate::statement::Statement;

/// A parsed event.
#[derive(Clone, Debug)]
pub struct Event {
    /// The full event.
    pub value: Value,
    /// Its id: the source's own, or the one that the platform gave it. A CloudEvent's has its
    /// `source` too, for producers number their events apart from each other.
    pub id: String,
    /// Its type; empty where the source has only one.
    pub kind: String,
    /// When it happened, in microseconds since 1970.
    pub time: i64,
    /// Nanoseconds of its time beyond the microsecond: 0 to 999.
    pub time_nanos: i16,
    /// Whether the event states its time itself.
    pub is_time_stated: bool,
    /// When the record arrived, in microseconds since 1970, where the caller knows it.
    pub arrived: Option<i64>,
    /// The record's version, where the source counts them.
    pub version: Option<i64>,
    /// The record's key in its canonical form: its parts joined by `/` ([`pole::join_key_parts`]).
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
    /// Reads an event of a source. `given` is the id that the platform gave it, for sources that
    /// give none. Without it the event has an id of its bytes: that serves for a sample, and for a
    /// reader that does not use the id; in a log, two equal events are two.
    ///
    /// # Errors
    /// A fault that names the rule and the path, and never holds a value of the event.
    pub fn parse(
        source: &SourceContract,
        bytes: &[u8],
        given: Option<&str>,
    ) -> Result<Self, EventFault> {
        check_size(bytes)?;
        let mut document = parse_document(bytes)?;
        source.decode_lenient_fields(&mut document);
        let value = document.value;
        let id = read_event_id(source, &value, bytes, given)?;
        let kind = read_event_type(source, &value)?;
        let time = source.clock.read_time("event.time", &value)?;
        let key = read_key(&source.paths.key, source.key_case, &value)?;

        let state_missing = fetched_member(source, &value).is_some_and(is_missing_state);
        let is_deletion = state_missing || source.events.get(&kind) == Some(&EventOp::Delete);
        let version = read_version(source, &value, is_deletion)?;

        Ok(Self {
            value,
            id,
            kind,
            time: time.instant.micros,
            time_nanos: time.instant.nanos,
            is_time_stated: time.is_stated,
            arrived: None,
            version,
            key,
            state_missing,
            duplicates: document.duplicates,
            fault: document.fault,
        })
    }

    /// The event of a stored statement, for the rows of a resolved record: the caller fills what
    /// the platform's columns say.
    #[must_use]
    pub fn of_statement(statement: &Statement, event_time: (i64, i16), arrived: i64) -> Self {
        Self {
            value: statement.event.clone(),
            id: String::new(),
            kind: statement.kind.clone(),
            time: event_time.0,
            time_nanos: event_time.1,
            is_time_stated: statement.is_time_stated,
            arrived: Some(arrived),
            version: None,
            key: String::new(),
            state_missing: false,
            duplicates: BTreeMap::new(),
            fault: None,
        }
    }

    /// Notes when the record arrived.
    ///
    /// # Errors
    /// The fault `event.time_ahead` when the event says to have happened after that, by more than
    /// the source's `event_time_skew`.
    pub fn arrived_at(&mut self, source: &SourceContract, micros: i64) -> Result<(), EventFault> {
        self.arrived = Some(micros);
        source
            .skew
            .check_time(&source.clock.path_text(), self.time, micros)
    }

    /// The instant that no date of the past is after: the event's own time, or else its arrival.
    pub(crate) fn reference_time(&self) -> i64 {
        match self.arrived {
            Some(arrived) if !self.is_time_stated => arrived,
            _ => self.time,
        }
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
    match cloud_event_source(value) {
        Some(producer) if path.text() == "$.id" => cloud_event_id(source, producer, &id),
        _ => Ok(id),
    }
}

/// The `source` of a CloudEvent; none for other events.
fn cloud_event_source(value: &Value) -> Option<&str> {
    value.get("specversion")?.as_str()?;
    value
        .get("source")?
        .as_str()
        .filter(|text| !text.is_empty())
}

/// CloudEvents are identified by `source` and `id` together. A pair that is too long for a header
/// becomes a hash.
fn cloud_event_id(
    contract: &SourceContract,
    producer: &str,
    id: &str,
) -> Result<String, EventFault> {
    let pair = pole::join_key_parts(&[producer, id]);
    if pair.chars().count() > ID_CHARS_MAX {
        return Ok(pole::derived_event_id(&contract.name, pair.as_bytes()).to_string());
    }
    check_text("event.id", "$.source", &pair, ID_CHARS_MAX)?;
    Ok(pair)
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

/// The parts of a record's key in their canonical form, joined.
pub(crate) fn read_key(
    paths: &[EventPath],
    case: KeyCase,
    value: &Value,
) -> Result<String, EventFault> {
    let mut parts = Vec::with_capacity(paths.len());
    for path in paths {
        let part = text_at_path(path, value)
            .map(|text| pole::canonical_key_part(&text, case).into_owned())
            .filter(|text| !text.is_empty())
            .ok_or_else(|| {
                EventFault::new("event.key", path.text(), "the record's key is missing")
            })?;
        parts.push(part);
    }
    let key = pole::join_key_parts(&parts);

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

fn check_size(bytes: &[u8]) -> Result<(), EventFault> {
    let length = bytes.len();
    if length <= EVENT_BYTES_MAX {
        return Ok(());
    }
    let reason = format!("the event has {length} bytes, over the limit of {EVENT_BYTES_MAX}");
    Err(EventFault::new("event.too-large", "$", &reason))
}
