//! A request's body, split into events without changing a byte of them.

use std::io::Read;

use flate2::read::MultiGzDecoder;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::problem::{ProblemDetails, RefusalReason};
use crate::{BODY_BYTES_MAX, EVENTS_MAX};

/// The types that the relay reads, as a problem names them.
const READ_TYPES: &str = "send application/json, application/x-ndjson, \
                          application/cloudevents+json or application/cloudevents-batch+json";

/// What a body is, by its content type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyKind {
    /// One JSON object, or an array of them.
    Json,
    /// A JSON object on each line.
    JsonLines,
    /// A CloudEvent in structured mode.
    CloudEvent,
    /// CloudEvents in batched mode.
    CloudEventBatch,
}

impl BodyKind {
    /// The kind that a content type names.
    ///
    /// # Errors
    /// A problem for every other type: it would be read as something that it is not. A problem
    /// also where there is none: a web page of another origin can send a form, text or a body
    /// without a type, and for all types above its browser asks the server first.
    pub(crate) fn from_content_type(content_type: &str) -> Result<Self, ProblemDetails> {
        let media_type = content_type.split(';').next().unwrap_or_default();
        match media_type.trim().to_ascii_lowercase().as_str() {
            "application/json" => Ok(Self::Json),
            "application/x-ndjson" | "application/ndjson" | "application/jsonl" => {
                Ok(Self::JsonLines)
            }
            "application/cloudevents+json" => Ok(Self::CloudEvent),
            "application/cloudevents-batch+json" => Ok(Self::CloudEventBatch),
            "" => Err(ProblemDetails::new(
                RefusalReason::UnsupportedType,
                format!("the request has no content-type; {READ_TYPES}"),
            )),
            _ => Err(ProblemDetails::new(
                RefusalReason::UnsupportedType,
                format!("the content-type is not one that is read; {READ_TYPES}"),
            )),
        }
    }

    /// What is wrong with an event of this kind. Of a CloudEvent, version 1.0 requires some
    /// attributes.
    pub(crate) fn cloud_event_fault(self, event: &Value) -> Option<&'static str> {
        if !matches!(self, Self::CloudEvent | Self::CloudEventBatch) {
            return None;
        }

        let has_attributes = ["id", "source", "type"]
            .into_iter()
            .all(|name| event[name].as_str().is_some_and(|text| !text.is_empty()));
        if event["specversion"] != "1.0" || !has_attributes {
            return Some("a CloudEvent has `specversion` 1.0, `id`, `source` and `type`");
        }

        (!event["data_base64"].is_null())
            .then_some("`data_base64` is not read; send JSON in `data`")
    }
}

/// The body without its compression.
///
/// # Errors
/// A problem when it is compressed otherwise than by gzip, or damaged. A body that is too large
/// once it is decompressed is cut off behind the limit, so that [`split_events`] refuses it.
pub(crate) fn decompress_body(body: Vec<u8>, encoding: &str) -> Result<Vec<u8>, ProblemDetails> {
    match encoding.trim().to_ascii_lowercase().as_str() {
        "" | "identity" => Ok(body),
        "gzip" | "x-gzip" => decompress_gzip(&body),
        _ => Err(ProblemDetails::new(
            RefusalReason::UnsupportedEncoding,
            "send the body plain, or with content-encoding gzip",
        )),
    }
}

fn decompress_gzip(body: &[u8]) -> Result<Vec<u8>, ProblemDetails> {
    let mut plain = Vec::new();
    // One byte more than the limit: a decompression bomb is not read any further.
    let decompressed = MultiGzDecoder::new(body)
        .take(BODY_BYTES_MAX as u64 + 1)
        .read_to_end(&mut plain);

    decompressed.map(|_| plain).map_err(|_| {
        ProblemDetails::new(
            RefusalReason::BodyDamaged,
            "the body is not gzip, or is cut off; compress all of it again, or send it plain",
        )
    })
}

/// The events of a body: one JSON object, a JSON array, or a line each.
///
/// # Errors
/// A problem of the whole request.
pub(crate) fn split_events(body: &[u8], kind: BodyKind) -> Result<Vec<Vec<u8>>, ProblemDetails> {
    if body.len() > BODY_BYTES_MAX {
        return Err(ProblemDetails::new(
            RefusalReason::BodyTooLarge,
            format!("the body has more than {BODY_BYTES_MAX} bytes; send smaller batches"),
        ));
    }

    let first_byte = body.iter().find(|byte| !byte.is_ascii_whitespace());
    let events = match (kind, first_byte) {
        (_, None) => Err(ProblemDetails::new(
            RefusalReason::BodyEmpty,
            "the body is empty; send one event or a list of events",
        )),
        (BodyKind::JsonLines, _) => Ok(split_json_lines(body)),
        (BodyKind::Json | BodyKind::CloudEventBatch, Some(b'[')) => split_json_array(body),
        (BodyKind::CloudEventBatch, _) => Err(ProblemDetails::new(
            RefusalReason::BodyNoBatch,
            "a CloudEvents batch is a list; send one event as application/cloudevents+json",
        )),
        _ => Ok(vec![body.trim_ascii().to_vec()]),
    }?;

    check_event_count(events.len())?;
    Ok(events)
}

fn check_event_count(count: usize) -> Result<(), ProblemDetails> {
    match count {
        0 => Err(ProblemDetails::new(
            RefusalReason::BodyEmpty,
            "the list has no events; send at least one",
        )),
        1..=EVENTS_MAX => Ok(()),
        _ => Err(ProblemDetails::new(
            RefusalReason::TooManyEvents,
            format!("the request has more than {EVENTS_MAX} events; send smaller batches"),
        )),
    }
}

fn split_json_lines(body: &[u8]) -> Vec<Vec<u8>> {
    body.split(|byte| *byte == b'\n')
        .map(<[u8]>::trim_ascii)
        .filter(|line| !line.is_empty())
        // One more than the limit: the request is refused anyway, and the rest needs no memory.
        .take(EVENTS_MAX + 1)
        .map(<[u8]>::to_vec)
        .collect()
}

fn split_json_array(body: &[u8]) -> Result<Vec<Vec<u8>>, ProblemDetails> {
    // The parser recurses: a nesting bomb is refused before it is parsed. One level is the list's
    // own.
    if contract::depth_exceeds(body, contract::NESTING_MAX + 1) {
        return Err(ProblemDetails::new(
            RefusalReason::EventNesting,
            format!(
                "an event is nested deeper than {}; send its parts as events of their own",
                contract::NESTING_MAX
            ),
        ));
    }

    let events: Vec<&RawValue> = serde_json::from_slice(body).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        ProblemDetails::new(
            RefusalReason::EventNotJson,
            format!("the list is not JSON: line {line}, column {column}; nothing of it is kept"),
        )
    })?;

    Ok(events
        .into_iter()
        .take(EVENTS_MAX + 1)
        .map(|event| event.get().as_bytes().to_vec())
        .collect())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn events_keep_their_bytes() {
        let spaced = br#"[ {"a" : 1.10 } , {"b":"\u00e9"}]"#;
        assert_eq!(
            split_events(spaced, BodyKind::Json).unwrap(),
            [br#"{"a" : 1.10 }"#.to_vec(), br#"{"b":"\u00e9"}"#.to_vec()]
        );
        assert_eq!(
            split_events(b" {\"a\":1}\n", BodyKind::Json).unwrap(),
            [b"{\"a\":1}".to_vec()]
        );
        let lines = split_events(b"{\"a\":1}\r\n\n{bad\n", BodyKind::JsonLines).unwrap();
        assert_eq!(lines, [b"{\"a\":1}".to_vec(), b"{bad".to_vec()]);
    }

    #[test]
    fn what_is_no_batch_is_refused() {
        let status = |body: &[u8]| {
            split_events(body, BodyKind::Json)
                .unwrap_err()
                .status_code()
        };
        assert_eq!(status(b""), 400);
        assert_eq!(status(b"[]"), 400);
        assert_eq!(status(b"[1,"), 400);
        assert_eq!(status(&vec![b'x'; BODY_BYTES_MAX + 1]), 413);
        assert_eq!(status("[".repeat(100_000).as_bytes()), 422);
        assert_eq!(
            status(format!("[{}]", vec!["1"; 501].join(",")).as_bytes()),
            413
        );
        assert_eq!(
            split_events(b"{}", BodyKind::CloudEventBatch)
                .unwrap_err()
                .status_code(),
            400
        );
    }

    #[test]
    fn a_bomb_is_unpacked_no_further_than_it_may_be() {
        let bomb = gzip(&vec![b' '; 200 * 1024 * 1024]);
        assert!(bomb.len() < 400_000);
        let plain = decompress_body(bomb, "gzip").unwrap();
        assert_eq!(plain.len(), BODY_BYTES_MAX + 1);
        assert_eq!(
            split_events(&plain, BodyKind::Json)
                .unwrap_err()
                .status_code(),
            413
        );
        assert_eq!(decompress_body(gzip(b"{}"), "GZIP").unwrap(), b"{}");
        assert_eq!(
            decompress_body(b"{}".to_vec(), "gzip")
                .unwrap_err()
                .status_code(),
            400
        );
        assert_eq!(
            decompress_body(b"{}".to_vec(), "br")
                .unwrap_err()
                .status_code(),
            415
        );
    }

    #[test]
    fn what_a_form_or_a_page_can_send_unasked_is_refused_and_the_answer_names_the_types() {
        let types = [
            "",
            " ",
            ";",
            "text/plain",
            "text/plain; application/json",
            "text/plain;charset=UTF-8",
            "multipart/form-data; boundary=application/json",
            "application/x-www-form-urlencoded",
            "application/json, text/plain",
            "application/jsonp",
            "*/*",
        ];
        for content_type in types {
            let problem = BodyKind::from_content_type(content_type).unwrap_err();
            let shown = problem.to_json();
            assert_eq!(
                (problem.status_code(), &shown["rule"]),
                (415, &"body.type".into())
            );
            let detail = shown["detail"].as_str().unwrap();
            for accepted in [
                "application/json",
                "application/x-ndjson",
                "cloudevents-batch+json",
            ] {
                assert!(detail.contains(accepted), "{content_type}: {detail}");
            }
        }
    }

    #[test]
    fn types_are_told_apart() {
        assert_eq!(
            BodyKind::from_content_type("Application/JSON; charset=utf-8").unwrap(),
            BodyKind::Json
        );
        assert_eq!(
            BodyKind::from_content_type("application/cloudevents-batch+json").unwrap(),
            BodyKind::CloudEventBatch
        );
        let event =
            serde_json::json!({"specversion": "1.0", "id": "1", "source": "/s", "type": "t"});
        assert_eq!(BodyKind::CloudEvent.cloud_event_fault(&event), None);
        assert!(
            BodyKind::CloudEvent
                .cloud_event_fault(&serde_json::json!({"id": "1"}))
                .is_some()
        );
    }
}
