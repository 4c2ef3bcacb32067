//! SQS messages, and the S3 and SNS notifications that they wrap.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::Value;

/// The answer to an SQS batch: the messages that SQS delivers again.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SqsFailures {
    /// The failures.
    pub batch_item_failures: Vec<SqsFailure>,
}

/// One message.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SqsFailure {
    /// The message's id.
    pub item_identifier: String,
}

impl SqsFailures {
    /// Asks SQS to deliver the message again.
    pub fn add_message(&mut self, message_id: &str) {
        self.batch_item_failures.push(SqsFailure {
            item_identifier: message_id.to_owned(),
        });
    }
}

/// An object that was created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectCreated {
    /// The bucket.
    pub bucket: String,
    /// The key, decoded.
    pub key: String,
}

/// The objects that a message names: an S3 notification, directly or from SNS, or in EventBridge's
/// form. A test event names none.
///
/// # Errors
/// When the message is none of these.
pub fn objects_created(body: &str) -> Result<Vec<ObjectCreated>, String> {
    let text = unwrap_sns(body);
    let message: Value =
        serde_json::from_str(&text).map_err(|_| "the message is not JSON".to_owned())?;

    if message["Event"] == "s3:TestEvent" {
        return Ok(Vec::new());
    }
    if let Some(records) = message["Records"].as_array() {
        return records.iter().map(parse_s3_record).collect();
    }
    if message["detail-type"] == "Object Created" {
        // EventBridge does not encode the key.
        let detail = &message["detail"];
        return parse_created_object(
            &detail["bucket"]["name"],
            &detail["object"]["key"],
            str::to_owned,
        )
        .map(|object| vec![object]);
    }
    Err("the message is no S3 notification".into())
}

fn parse_s3_record(record: &Value) -> Result<ObjectCreated, String> {
    parse_created_object(
        &record["s3"]["bucket"]["name"],
        &record["s3"]["object"]["key"],
        decode_form_text,
    )
}

fn parse_created_object(
    bucket: &Value,
    key: &Value,
    decode: fn(&str) -> String,
) -> Result<ObjectCreated, String> {
    match (bucket.as_str(), key.as_str()) {
        (Some(bucket), Some(key)) => Ok(ObjectCreated {
            bucket: bucket.to_owned(),
            key: decode(key),
        }),
        _ => Err("the notification names no object".into()),
    }
}

/// Keys come form-encoded: `+` is a space, `dt%3D2026` is `dt=2026`.
fn decode_form_text(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let hex = after.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        let byte = hex
            .filter(|_| *first == b'%')
            .and_then(|two| u8::from_str_radix(two, 16).ok());
        rest = if byte.is_some() { &after[2..] } else { after };
        bytes.push(byte.unwrap_or(if *first == b'+' { b' ' } else { *first }));
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The message within an SNS notification; the body itself when SNS delivers raw.
#[must_use]
pub fn unwrap_sns(body: &str) -> Cow<'_, str> {
    // A cheap check first: most bodies are not wrapped.
    if !body.contains("\"TopicArn\"") {
        return Cow::Borrowed(body);
    }
    let Ok(Value::Object(mut message)) = serde_json::from_str(body) else {
        return Cow::Borrowed(body);
    };

    let is_wrapped = message
        .get("Type")
        .is_some_and(|kind| kind == "Notification")
        && message.contains_key("TopicArn");
    match message.remove("Message") {
        Some(Value::String(text)) if is_wrapped => Cow::Owned(text),
        _ => Cow::Borrowed(body),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notifications_of_every_form() {
        let plain = r#"{"Records":[{"eventVersion":"2.6","s3":{"bucket":{"name":"b"},"object":{"key":"dt%3D2026/a+b%2Bc.parquet"}}}]}"#;
        let expected = vec![ObjectCreated {
            bucket: "b".into(),
            key: "dt=2026/a b+c.parquet".into(),
        }];
        assert_eq!(objects_created(plain).unwrap(), expected);
        let wrapped =
            serde_json::json!({"Type":"Notification","TopicArn":"arn","Message":plain}).to_string();
        assert_eq!(objects_created(&wrapped).unwrap(), expected);
        let bridge = r#"{"detail-type":"Object Created","detail":{"bucket":{"name":"b"},"object":{"key":"dt=2026/a b+c.parquet"}}}"#;
        assert_eq!(objects_created(bridge).unwrap(), expected);
    }

    #[test]
    fn a_test_event_names_no_object_and_nonsense_is_refused() {
        assert_eq!(
            objects_created(r#"{"Service":"Amazon S3","Event":"s3:TestEvent"}"#).unwrap(),
            vec![]
        );
        assert!(objects_created("{").is_err());
        assert!(objects_created("{}").is_err());
    }

    #[test]
    fn a_percent_without_digits_stays() {
        assert_eq!(decode_form_text("100%zz%4"), "100%zz%4");
    }
}
