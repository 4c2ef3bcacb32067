//! A request's body, taken apart into events without changing a byte of them.

use serde_json::value::RawValue;

use crate::problem::Problem;
use crate::{BODY_BYTES_MAX, EVENTS_MAX};

/// The events of a body: one JSON object, a JSON array, or a line each.
///
/// # Errors
/// A problem of the whole request.
pub(crate) fn events(body: &[u8], content_type: &str) -> Result<Vec<Vec<u8>>, Problem> {
    if body.len() > BODY_BYTES_MAX {
        let detail =
            format!("the body has {} bytes, more than {BODY_BYTES_MAX}; send smaller batches", body.len());
        return Err(Problem::new(413, "body.too-large", detail));
    }
    let first = body.iter().find(|byte| !byte.is_ascii_whitespace());
    let lines = ["application/x-ndjson", "application/jsonl", "application/ndjson"];
    let events = match first {
        None => {
            return Err(Problem::new(
                400,
                "body.empty",
                "the body is empty; send one event or a list of events",
            ));
        }
        Some(_) if lines.iter().any(|kind| content_type.starts_with(kind)) => by_line(body),
        Some(b'[') => array(body)?,
        Some(_) => vec![body.trim_ascii().to_vec()],
    };
    match events.len() {
        0 => Err(Problem::new(400, "body.empty", "the list has no events")),
        count if count > EVENTS_MAX => {
            let detail =
                format!("the request has {count} events, more than {EVENTS_MAX}; send smaller batches");
            Err(Problem::new(413, "body.too-many-events", detail))
        }
        _ => Ok(events),
    }
}

fn by_line(body: &[u8]) -> Vec<Vec<u8>> {
    body.split(|byte| *byte == b'\n')
        .map(<[u8]>::trim_ascii)
        .filter(|line| !line.is_empty())
        .map(<[u8]>::to_vec)
        .collect()
}

fn array(body: &[u8]) -> Result<Vec<Vec<u8>>, Problem> {
    // The parser recurses: a bomb is refused before it is let in. One level is the list's own.
    if contract::depth_exceeds(body, contract::NESTING_MAX + 1) {
        let detail = format!("an event is nested deeper than {}", contract::NESTING_MAX);
        return Err(Problem::new(422, "event.nesting", detail));
    }
    let events: Vec<&RawValue> = serde_json::from_slice(body).map_err(|error| {
        let detail = format!("the list is not JSON: line {}, column {}", error.line(), error.column());
        Problem::new(400, "event.json", detail)
    })?;
    Ok(events.into_iter().map(|event| event.get().as_bytes().to_vec()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_keep_their_bytes() {
        let spaced = br#"[ {"a" : 1.10 } , {"b":"\u00e9"}]"#;
        assert_eq!(
            events(spaced, "application/json").unwrap(),
            [br#"{"a" : 1.10 }"#.to_vec(), br#"{"b":"\u00e9"}"#.to_vec()]
        );
        assert_eq!(events(b" {\"a\":1}\n", "application/json").unwrap(), [b"{\"a\":1}".to_vec()]);
        let lines = events(b"{\"a\":1}\r\n\n{bad\n", "application/x-ndjson").unwrap();
        assert_eq!(lines, [b"{\"a\":1}".to_vec(), b"{bad".to_vec()]);
    }

    #[test]
    fn what_is_no_batch_is_refused() {
        let status = |body: &[u8]| events(body, "application/json").unwrap_err().status;
        assert_eq!(status(b""), 400);
        assert_eq!(status(b"[]"), 400);
        assert_eq!(status(b"[1,"), 400);
        assert_eq!(status(&vec![b'x'; BODY_BYTES_MAX + 1]), 413);
        assert_eq!(status("[".repeat(100_000).as_bytes()), 422);
        assert_eq!(status(format!("[{}]", vec!["1"; 501].join(",")).as_bytes()), 413);
    }
}
