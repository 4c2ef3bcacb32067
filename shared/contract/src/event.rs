//! An event, read as far as every source's events are alike: id, type, time, version, key.

use serde_json::Value;

use crate::NESTING_MAX;
use crate::extension::EventOp;
use crate::fault::EventFault;
use crate::fetch::{FETCHED_MEMBER, FetchVersion};
use crate::path::EventPath;
use crate::source::SourceContract;
use crate::time::parse_timestamp;

/// A parsed event.
#[derive(Clone, Debug)]
pub struct Event {
    /// The whole event.
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
    /// Whether the relay asked for the record's state and was told that there is none.
    pub state_missing: bool,
}

/// Characters of an event's id at most: it travels in a header and stands in every row.
pub const ID_CHARS_MAX: usize = 256;

/// Characters of a record's key at most.
pub const KEY_CHARS_MAX: usize = 1_024;

/// The version of a deletion of a source whose versions come from fetched states: no state comes after it.
const DELETION_VERSION: i64 = i64::MAX;

impl Event {
    /// Reads an event of a source. `given` is the id that the relay gave it, for sources that give none.
    ///
    /// # Errors
    /// A fault that names the rule and the place, and never holds a value of the event.
    pub fn parse(
        source: &SourceContract,
        bytes: &[u8],
        given: Option<&str>,
    ) -> Result<Self, EventFault> {
        let value = parse_json(bytes)?;
        let id = match &source.event_id {
            Some(path) => bounded_text(
                text_at_path(path, &value).ok_or_else(|| {
                    EventFault::new("event.id", path.text(), "the event has no id")
                })?,
                ("event.id", path.text(), ID_CHARS_MAX),
            )?,
            None => given.map_or_else(
                || pole::derived_event_id(&source.name, bytes).to_string(),
                str::to_owned,
            ),
        };
        let kind = source
            .event_type
            .as_ref()
            .and_then(|path| text_at_path(path, &value));
        let kind = kind
            .or_else(|| source.event_type_default.clone())
            .ok_or_else(|| {
                let path = source.event_type.as_ref().map_or("$", EventPath::text);
                EventFault::new("event.type", path, "the event has no type")
            })?;
        let (time, key) = (
            read_event_time(source, &value)?,
            read_key(&source.key, &value)?,
        );
        let fetched = value.get(FETCHED_MEMBER).filter(|_| source.fetch.is_some());
        let gone =
            fetched.is_some_and(|fetched| matches!(fetched["status"].as_u64(), Some(404 | 410)));
        let ends = gone || source.events.get(&kind) == Some(&EventOp::Delete);
        let version = match source.fetch.as_ref().and_then(|fetch| fetch.version) {
            Some(FetchVersion::Etag) if ends => Some(DELETION_VERSION),
            Some(FetchVersion::Etag) => fetched.and_then(|fetched| fetched["version"].as_i64()),
            None => read_entity_version(source, &value)?,
        };
        Ok(Self {
            value,
            id,
            kind,
            time,
            version,
            key,
            state_missing: gone,
        })
    }
}

pub(crate) fn text_at_path(path: &EventPath, value: &Value) -> Option<String> {
    match path.first_value(value) {
        Some(Value::String(text)) if !text.is_empty() => Some(text.clone()),
        Some(Value::Number(number)) => Some(number.to_string()),
        _ => None,
    }
}

/// A text that is short enough to travel in headers and in every row, and holds nothing that cannot be seen.
fn bounded_text(
    text: String,
    (rule, path, chars): (&str, &str, usize),
) -> Result<String, EventFault> {
    if text.chars().count() <= chars && !text.chars().any(char::is_control) {
        return Ok(text);
    }
    let reason = format!("at most {chars} characters without control characters were expected");
    Err(EventFault::new(rule, path, &reason))
}

/// When it happened, in microseconds since 1970.
fn read_event_time(source: &SourceContract, value: &Value) -> Result<i64, EventFault> {
    let Some(path) = &source.event_time else {
        return Ok(source.event_time_default.unwrap_or_default());
    };
    match text_at_path(path, value) {
        Some(at) => parse_timestamp(&at).ok_or_else(|| {
            EventFault::new(
                "event.time",
                path.text(),
                "an ISO 8601 timestamp was expected",
            )
        }),
        None => source
            .event_time_default
            .ok_or_else(|| EventFault::new("event.time", path.text(), "the event has no time")),
    }
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
    bounded_text(
        key,
        (
            "event.key",
            paths.first().map_or("$", EventPath::text),
            KEY_CHARS_MAX,
        ),
    )
}

fn read_entity_version(source: &SourceContract, value: &Value) -> Result<Option<i64>, EventFault> {
    let Some(path) = &source.entity_version else {
        return Ok(None);
    };
    parse_version(path.first_value(value))
        .map(Some)
        .ok_or_else(|| {
            EventFault::new(
                "event.version",
                path.text(),
                "the record's version is missing or not a whole number",
            )
        })
}

/// A whole number, or the text of one: CloudEvents' `sequence` is text.
fn parse_version(value: Option<&Value>) -> Option<i64> {
    match value? {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

fn parse_json(bytes: &[u8]) -> Result<Value, EventFault> {
    if depth_exceeds(bytes, NESTING_MAX) {
        let reason = format!("the event is nested deeper than {NESTING_MAX}");
        return Err(EventFault {
            rule: "event.nesting".into(),
            path: "$".into(),
            reason,
        });
    }
    serde_json::from_slice(bytes).map_err(|error| {
        // Line and column tell the place; the parser's own text could quote the event.
        let reason = format!("not JSON: line {}, column {}", error.line(), error.column());
        EventFault {
            rule: "event.json".into(),
            path: "$".into(),
            reason,
        }
    })
}

/// Whether the brackets of a JSON text are nested deeper than `limit`. Looks at no more than it must.
#[must_use]
pub fn depth_exceeds(bytes: &[u8], limit: usize) -> bool {
    // Most events have fewer opening brackets than the limit; counting them takes vectors, looking at them does not.
    if bytes
        .iter()
        .filter(|byte| matches!(byte, b'{' | b'['))
        .count()
        <= limit
    {
        return false;
    }
    let (mut depth, mut text, mut escaped) = (0usize, false, false);
    for byte in bytes {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if text => escaped = true,
            b'"' => text = !text,
            b'{' | b'[' if !text => {
                depth += 1;
                if depth > limit {
                    return true;
                }
            }
            b'}' | b']' if !text => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nesting_bomb_is_seen_and_brackets_in_text_are_not_counted() {
        let bomb = "[".repeat(100_000);
        assert!(depth_exceeds(bomb.as_bytes(), 64));
        let text = format!("{{\"a\":\"{}\\\"[[\"}}", "[".repeat(200));
        assert!(!depth_exceeds(text.as_bytes(), 64));
    }
}
