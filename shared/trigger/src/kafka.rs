//! Batches of Kafka records, as the MSK event source mapping delivers them.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use lake::encode_headers;
use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// Text that is borrowed from the payload unless it was escaped there.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct PayloadText<'e>(pub Cow<'e, str>);

struct PayloadTextVisitor;

impl<'e> Visitor<'e> for PayloadTextVisitor {
    type Value = PayloadText<'e>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text")
    }

    fn visit_borrowed_str<E>(self, text: &'e str) -> Result<PayloadText<'e>, E> {
        Ok(PayloadText(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<PayloadText<'e>, E> {
        Ok(PayloadText(Cow::Owned(text.to_owned())))
    }
}

impl<'de: 'e, 'e> Deserialize<'de> for PayloadText<'e> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(PayloadTextVisitor)
    }
}

/// A batch: records by partition, in no particular order.
#[derive(Debug, Default, Deserialize)]
pub struct KafkaEvent<'e> {
    /// The records. The map's keys are not split: topics contain `-`.
    #[serde(borrow, default)]
    pub records: Option<BTreeMap<PayloadText<'e>, Vec<KafkaRecord<'e>>>>,
}

impl<'e> KafkaEvent<'e> {
    /// Reads a payload.
    ///
    /// # Errors
    /// When it is no Kafka batch at all.
    pub fn parse(payload: &'e str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(payload)
    }
}

/// One record. Key and value are base64, not decoded yet.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KafkaRecord<'e> {
    /// The topic.
    #[serde(borrow)]
    pub topic: PayloadText<'e>,
    /// The partition.
    pub partition: i32,
    /// The offset.
    pub offset: i64,
    /// Milliseconds since 1970.
    #[serde(default)]
    pub timestamp: i64,
    /// `CREATE_TIME` or `LOG_APPEND_TIME`.
    #[serde(borrow, default)]
    pub timestamp_type: Option<PayloadText<'e>>,
    /// The key in base64.
    #[serde(borrow, default)]
    pub key: Option<PayloadText<'e>>,
    /// The value in base64; none for a tombstone.
    #[serde(borrow, default)]
    pub value: Option<PayloadText<'e>>,
    /// The headers, in their order, repeats kept.
    #[serde(borrow, default)]
    pub headers: KafkaHeaders<'e>,
}

/// Headers: each a name, and bytes or null.
#[derive(Debug, Default)]
pub struct KafkaHeaders<'e>(pub Vec<(PayloadText<'e>, Option<Vec<u8>>)>);

impl KafkaHeaders<'_> {
    /// The headers as JSON, `[["name", "base64" | null], …]`; none when there are none.
    #[must_use]
    pub fn to_json(&self) -> Option<String> {
        if self.0.is_empty() {
            return None;
        }
        let headers = self.0.iter();
        let headers = headers.map(|(name, value)| (name.0.as_ref(), value.as_deref()));
        Some(encode_headers(headers))
    }
}

impl<'de: 'e, 'e> Deserialize<'de> for KafkaHeaders<'e> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(KafkaHeadersVisitor)
    }
}

struct KafkaHeadersVisitor;

impl<'e> Visitor<'e> for KafkaHeadersVisitor {
    type Value = KafkaHeaders<'e>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of headers")
    }

    fn visit_unit<E>(self) -> Result<KafkaHeaders<'e>, E> {
        Ok(KafkaHeaders::default())
    }

    fn visit_seq<A: SeqAccess<'e>>(self, mut list: A) -> Result<KafkaHeaders<'e>, A::Error> {
        let mut headers = KafkaHeaders::default();
        while let Some(entry) = list.next_element::<KafkaHeaderEntry<'e>>()? {
            headers.0.extend(entry.0);
        }
        Ok(headers)
    }

    fn visit_map<A: MapAccess<'e>>(self, mut map: A) -> Result<KafkaHeaders<'e>, A::Error> {
        let mut headers = KafkaHeaders::default();
        while let Some((name, value)) = map.next_entry::<PayloadText<'e>, KafkaHeaderValue>()? {
            headers.0.push((name, value.0));
        }
        Ok(headers)
    }
}

/// A one-entry object in the list of headers.
struct KafkaHeaderEntry<'e>(Vec<(PayloadText<'e>, Option<Vec<u8>>)>);

impl<'de: 'e, 'e> Deserialize<'de> for KafkaHeaderEntry<'e> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer
            .deserialize_map(KafkaHeadersVisitor)
            .map(|headers| Self(headers.0))
    }
}

/// A header's bytes, signed as in Java or unsigned; none for null and `{}`.
struct KafkaHeaderValue(Option<Vec<u8>>);

impl<'de> Deserialize<'de> for KafkaHeaderValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(KafkaHeaderValueVisitor)
    }
}

struct KafkaHeaderValueVisitor;

impl<'de> Visitor<'de> for KafkaHeaderValueVisitor {
    type Value = KafkaHeaderValue;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bytes from -128 to 255, text or nothing")
    }

    fn visit_unit<E>(self) -> Result<KafkaHeaderValue, E> {
        Ok(KafkaHeaderValue(None))
    }

    fn visit_str<E>(self, text: &str) -> Result<KafkaHeaderValue, E> {
        Ok(KafkaHeaderValue(Some(text.as_bytes().to_vec())))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<KafkaHeaderValue, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(KafkaHeaderValue(None))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<KafkaHeaderValue, A::Error> {
        let mut bytes = Vec::with_capacity(list.size_hint().unwrap_or(40));
        while let Some(number) = list.next_element::<i16>()? {
            // The low eight bits are the byte, whether it came as -1 or as 255.
            bytes.push(number.to_le_bytes()[0]);
        }
        Ok(KafkaHeaderValue(Some(bytes)))
    }
}

/// The answer to a Kafka batch: for each partition, the first offset that was not processed.
///
/// Lambda continues from there; partitions that are not named are processed. An identifier that is
/// not in the batch makes Lambda repeat the full batch.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KafkaFailures {
    /// The failures.
    pub batch_item_failures: Vec<KafkaFailure>,
}

/// One partition's failure.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KafkaFailure {
    /// The position that failed.
    pub item_identifier: KafkaItemIdentifier,
}

/// A position in a batch.
#[derive(Debug, Serialize)]
pub struct KafkaItemIdentifier {
    /// `<topic>-<partition>`.
    pub partition: String,
    /// The offset.
    pub offset: i64,
}

impl KafkaFailures {
    /// Names the first offset of a partition that was not processed.
    pub fn add_offset(&mut self, topic: &str, partition: i32, offset: i64) {
        let item_identifier = KafkaItemIdentifier {
            partition: format!("{topic}-{partition}"),
            offset,
        };
        self.batch_item_failures
            .push(KafkaFailure { item_identifier });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(json: &str) -> Option<String> {
        let payload = format!(
            r#"{{"records":{{"a-b-0":[{{"topic":"a-b","partition":0,"offset":1,"headers":{json}}}]}}}}"#
        );
        let event = KafkaEvent::parse(&payload).unwrap();
        event.records.unwrap().into_values().next().unwrap()[0]
            .headers
            .to_json()
    }

    #[test]
    fn odd_headers_are_read() {
        assert_eq!(headers("null"), None);
        assert_eq!(headers("[]"), None);
        assert_eq!(headers("[{}]"), None);
        assert_eq!(
            headers(r#"[{"a":null},{"a":{}}]"#).unwrap(),
            r#"[["a",null],["a",null]]"#
        );
        assert_eq!(
            headers(r#"[{"a":[-1,0,127]}]"#).unwrap(),
            r#"[["a","/wB/"]]"#
        );
        assert_eq!(
            headers(r#"[{"a":[255]},{"b\"":"x"}]"#).unwrap(),
            r#"[["a","/w=="],["b\"","eA=="]]"#
        );
    }

    #[test]
    fn an_empty_batch_is_a_batch() {
        assert!(KafkaEvent::parse("{}").unwrap().records.is_none());
        assert!(
            KafkaEvent::parse(r#"{"records":null}"#)
                .unwrap()
                .records
                .is_none()
        );
    }

    #[test]
    fn the_answer_has_the_form_that_lambda_knows() {
        let mut failures = KafkaFailures::default();
        assert_eq!(
            serde_json::to_string(&failures).unwrap(),
            r#"{"batchItemFailures":[]}"#
        );
        failures.add_offset("a-b", 3, 42);
        assert_eq!(
            serde_json::to_string(&failures).unwrap(),
            r#"{"batchItemFailures":[{"itemIdentifier":{"partition":"a-b-3","offset":42}}]}"#
        );
    }
}
