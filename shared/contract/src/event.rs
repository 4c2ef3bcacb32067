//! An event, read as far as every source's events are alike: id, type, time, version, key.

use serde_json::Value;

use crate::evaluate::Fault;
use crate::source::SourceContract;
use crate::{NESTING_MAX, parse_timestamp};

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
}

impl Event {
    /// Reads an event of a source.
    ///
    /// # Errors
    /// A fault that names the rule and the place, and never holds a value of the event.
    pub fn parse(source: &SourceContract, bytes: &[u8]) -> Result<Self, Fault> {
        Self::read(source, parse_json(bytes)?, bytes)
    }

    /// Reads an event that is parsed already; `bytes` are what it was parsed from.
    ///
    /// # Errors
    /// As [`Event::parse`].
    pub fn read(source: &SourceContract, value: Value, bytes: &[u8]) -> Result<Self, Fault> {
        let text = |path: &crate::path::Path| match path.first(&value) {
            Some(Value::String(text)) if !text.is_empty() => Some(text.clone()),
            Some(Value::Number(number)) => Some(number.to_string()),
            _ => None,
        };
        let id = match &source.event_id {
            Some(path) => {
                text(path).ok_or_else(|| Fault::new("event.id", path.text(), "the event has no id"))?
            }
            None => pole::event_id_of(&source.name, bytes).to_string(),
        };
        let kind = match &source.event_type {
            Some(path) => {
                text(path).ok_or_else(|| Fault::new("event.type", path.text(), "the event has no type"))?
            }
            None => String::new(),
        };
        let time = match source.event_time.as_ref().map(|path| (path, text(path))) {
            Some((path, Some(at))) => parse_timestamp(&at)
                .ok_or_else(|| Fault::new("event.time", path.text(), "an ISO 8601 timestamp was expected"))?,
            Some((path, None)) => source
                .event_time_default
                .ok_or_else(|| Fault::new("event.time", path.text(), "the event has no time"))?,
            None => source.event_time_default.unwrap_or_default(),
        };
        let mut key = String::new();
        for path in &source.key {
            let part = text(path)
                .ok_or_else(|| Fault::new("event.key", path.text(), "the record's key is missing"))?;
            if !key.is_empty() {
                key.push('/');
            }
            key.push_str(&part);
        }
        let version = match source.entity_version.as_ref().map(|path| (path, path.first(&value))) {
            None => None,
            Some((path, found)) => Some(version(found).ok_or_else(|| {
                Fault::new(
                    "event.version",
                    path.text(),
                    "the record's version is missing or not a whole number",
                )
            })?),
        };
        Ok(Self { value, id, kind, time, version, key })
    }
}

/// A whole number, or the text of one: CloudEvents' `sequence` is text.
fn version(value: Option<&Value>) -> Option<i64> {
    match value? {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

fn parse_json(bytes: &[u8]) -> Result<Value, Fault> {
    if depth_exceeds(bytes, NESTING_MAX) {
        let reason = format!("the event is nested deeper than {NESTING_MAX}");
        return Err(Fault { rule: "event.nesting".into(), path: "$".into(), reason });
    }
    serde_json::from_slice(bytes).map_err(|error| {
        // Line and column tell the place; the parser's own text could quote the event.
        let reason = format!("not JSON: line {}, column {}", error.line(), error.column());
        Fault { rule: "event.json".into(), path: "$".into(), reason }
    })
}

/// Whether the brackets of a JSON text are nested deeper than `limit`. Looks at no more than it must.
#[must_use]
pub fn depth_exceeds(bytes: &[u8], limit: usize) -> bool {
    // Most events have fewer opening brackets than the limit; counting them takes vectors, looking at them does not.
    if bytes.iter().filter(|byte| matches!(byte, b'{' | b'[')).count() <= limit {
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
