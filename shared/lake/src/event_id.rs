//! The ids of events whose source gives none.

use crate::{Chunk, RedriveOrigin, find_header_text};

/// The header in which the relay writes the id of an event that it accepted.
pub const EVENT_ID_HEADER: &str = "event-id";

/// The id of a record of a source that gives its events none: the one that the relay gave the event
/// when it accepted it, or one of the record's place in the log. Two equal records are two events,
/// for the place tells them apart; a redriven record has the id of its first place.
#[must_use]
pub fn accepted_event_id(
    source: &str,
    headers: Option<&str>,
    chunk: &Chunk,
    offset: i64,
) -> String {
    if let Some(id) = find_header_text(headers, EVENT_ID_HEADER) {
        return id;
    }
    let (epoch, partition, offset) = match RedriveOrigin::from_headers(headers) {
        Some(origin) => (origin.epoch, origin.partition, origin.offset),
        None => (chunk.epoch, chunk.partition, offset),
    };
    let place = format!("log\n{}\n{epoch}\n{partition}\n{offset}", chunk.topic);
    pole::derived_event_id(source, place.as_bytes()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{REDRIVE_PARTITION, headers_with_origin};

    fn chunk(partition: i32) -> Chunk {
        Chunk {
            topic: "planning".into(),
            epoch: 1,
            partition,
            offset: 0,
        }
    }

    #[test]
    fn equal_records_at_two_places_are_two_events() {
        let first = accepted_event_id("planning", None, &chunk(0), 7);
        assert_ne!(first, accepted_event_id("planning", None, &chunk(0), 8));
        assert_ne!(first, accepted_event_id("planning", None, &chunk(1), 7));
        assert_eq!(
            first,
            accepted_event_id("planning", Some("[]"), &chunk(0), 7)
        );
    }

    #[test]
    fn a_redriven_record_keeps_its_id() {
        let origin = RedriveOrigin {
            epoch: 1,
            partition: 0,
            offset: 7,
            timestamp: 5,
        };
        let headers = headers_with_origin(None, origin);
        let redriven = accepted_event_id("planning", Some(&headers), &chunk(REDRIVE_PARTITION), 0);
        assert_eq!(redriven, accepted_event_id("planning", None, &chunk(0), 7));
    }

    #[test]
    fn the_relays_id_comes_first() {
        let headers = r#"[["event-id","eA=="]]"#;
        assert_eq!(
            accepted_event_id("planning", Some(headers), &chunk(0), 7),
            "x"
        );
    }
}
