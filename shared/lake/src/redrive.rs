//! Redriving: refused records are appended to a partition of their own and are processed as every
//! other record.
//!
//! The raw log needs nothing but storage. What was refined or refused of a redrive is
//! counted like all other records, apart from those that Kafka delivered (docs/adr/0010).

use std::fmt;

use serde_json::Value;

/// The partition of a topic that holds its redriven records. Kafka counts from 0.
pub const REDRIVE_PARTITION: i32 = -1;

/// The partition of a topic that holds what the first lane of the events queue brought; further
/// lanes count down from here. Neither Kafka nor a redrive uses them, so that a source may change
/// its transport and keep its raw log.
pub const FIRST_LANE_PARTITION: i32 = -2;

/// The header that says at which position a redriven record came first.
pub const REDRIVE_HEADER: &str = "redrive-of";

/// The header that marks a record whose key, value and headers were erased. Its position in the log
/// stays.
pub const ERASED_HEADER: &str = "polelake-erased";

/// The position at which a record came first: written `epoch/partition/offset/timestamp`.
///
/// ```
/// let timestamp = 1_772_438_400_000;
/// let origin = lake::RedriveOrigin { epoch: 1, partition: 0, offset: 17, timestamp };
/// assert_eq!(lake::RedriveOrigin::parse(&origin.to_string()), Some(origin));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RedriveOrigin {
    /// The topic's epoch.
    pub epoch: u32,
    /// The partition.
    pub partition: i32,
    /// The offset.
    pub offset: i64,
    /// When it was appended, in milliseconds since 1970: version precedence goes by it, not by the
    /// redrive.
    pub timestamp: i64,
}

impl RedriveOrigin {
    /// The origin that a text names.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('/');
        let origin = Self {
            epoch: parts.next()?.parse().ok()?,
            partition: parts.next()?.parse().ok()?,
            offset: parts.next()?.parse().ok()?,
            timestamp: parts.next()?.parse().ok()?,
        };
        parts.next().is_none().then_some(origin)
    }

    /// The origin that a redriven record's headers name.
    #[must_use]
    pub fn from_headers(headers: Option<&str>) -> Option<Self> {
        Self::parse(&find_header_text(headers, REDRIVE_HEADER)?)
    }
}

impl fmt::Display for RedriveOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}/{}/{}/{}",
            self.epoch, self.partition, self.offset, self.timestamp
        )
    }
}

/// The text of the first header of that name, in the form in which raw objects hold headers:
/// `[["name", "base64" | null], …]`.
#[must_use]
pub fn find_header_text(headers: Option<&str>, name: &str) -> Option<String> {
    // A cheap look first: most records have no such header.
    let headers = headers.filter(|headers| headers.contains(name))?;
    let pairs: Vec<(String, Value)> = serde_json::from_str(headers).ok()?;
    let (_, value) = pairs.into_iter().find(|(found, _)| found == name)?;
    String::from_utf8(base64_simd::STANDARD.decode_to_vec(value.as_str()?).ok()?).ok()
}

/// Headers in the form in which raw objects hold them, in their order, repeats kept.
#[must_use]
pub fn encode_headers<'h>(headers: impl Iterator<Item = (&'h str, Option<&'h [u8]>)>) -> String {
    let mut json = String::from("[");
    for (position, (name, value)) in headers.enumerate() {
        json.push_str(if position == 0 { "[" } else { ",[" });
        json.push_str(&Value::from(name).to_string());
        match value {
            None => json.push_str(",null]"),
            Some(bytes) => {
                json.push_str(",\"");
                base64_simd::STANDARD.encode_append(bytes, &mut json);
                json.push_str("\"]");
            }
        }
    }
    json.push(']');
    json
}

/// Every header of a record, by name and value; none where they cannot be read.
#[must_use]
pub fn header_values(headers: &str) -> Vec<(String, Option<Vec<u8>>)> {
    let pairs: Vec<(String, Value)> = serde_json::from_str(headers).unwrap_or_default();
    let values = pairs.into_iter().map(|(name, value)| {
        let value = value.as_str();
        let decoded = value.and_then(|text| base64_simd::STANDARD.decode_to_vec(text).ok());
        (name, decoded)
    });
    values.collect()
}

/// The headers with the origin first; an origin that they had before is replaced.
#[must_use]
pub fn headers_with_origin(headers: Option<&str>, origin: RedriveOrigin) -> String {
    let present: Vec<(String, Value)> = headers
        .and_then(|headers| serde_json::from_str(headers).ok())
        .unwrap_or_default();
    let encoded = base64_simd::STANDARD.encode_to_string(origin.to_string());

    let mut all = vec![(REDRIVE_HEADER.to_owned(), Value::String(encoded))];
    all.extend(
        present
            .into_iter()
            .filter(|(name, _)| name != REDRIVE_HEADER),
    );
    serde_json::to_string(&all).unwrap_or_default()
}

/// The headers of an erased record: the mark, and its origin when it was redriven. No person is in
/// either.
#[must_use]
pub fn erased_headers(origin: Option<RedriveOrigin>) -> String {
    let mark = format!(r#"[["{ERASED_HEADER}",null]]"#);
    origin.map_or_else(
        || mark.clone(),
        |origin| headers_with_origin(Some(&mark), origin),
    )
}

/// Whether a record's headers say that it was erased.
#[must_use]
pub fn has_erased_header(headers: Option<&str>) -> bool {
    let Some(headers) = headers.filter(|headers| headers.contains(ERASED_HEADER)) else {
        return false;
    };
    let pairs: Vec<(String, Value)> = serde_json::from_str(headers).unwrap_or_default();
    pairs.iter().any(|(name, _)| name == ERASED_HEADER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_erased_record_is_marked_and_keeps_its_origin() {
        let origin = RedriveOrigin {
            epoch: 2,
            partition: 1,
            offset: 5,
            timestamp: 9,
        };
        let marked = erased_headers(Some(origin));
        assert!(
            has_erased_header(Some(&marked))
                && RedriveOrigin::from_headers(Some(&marked)) == Some(origin)
        );
        assert!(has_erased_header(Some(&erased_headers(None))));
        assert!(
            !has_erased_header(None) && !has_erased_header(Some(r#"[["a","polelake-erased"]]"#))
        );
    }

    #[test]
    fn an_origin_travels_in_the_headers() {
        let origin = RedriveOrigin {
            epoch: 2,
            partition: 1,
            offset: 5,
            timestamp: 9,
        };
        let headers = headers_with_origin(Some(r#"[["a",null],["a","eA=="]]"#), origin);
        assert_eq!(RedriveOrigin::from_headers(Some(&headers)), Some(origin));
        assert_eq!(find_header_text(Some(&headers), "a"), None);
        let again = headers_with_origin(
            Some(&headers),
            RedriveOrigin {
                offset: 6,
                ..origin
            },
        );
        assert_eq!(
            RedriveOrigin::from_headers(Some(&again)).map(|origin| origin.offset),
            Some(6)
        );
        assert_eq!(again.matches(REDRIVE_HEADER).count(), 1);
        assert_eq!(
            find_header_text(Some(r#"[["event-id","eA=="]]"#), "event-id").as_deref(),
            Some("x")
        );
        assert_eq!(find_header_text(Some("damaged event-id"), "event-id"), None);
    }
}
