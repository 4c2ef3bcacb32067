//! The format number of the JSON documents that the platform keeps: written first, and checked
//! before anything else is read.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::LakeError;
use crate::limits::check_document_size;

/// The format that this version of polelake writes and reads. A field that changes its name or
/// meaning needs the next number.
pub const DOCUMENT_FORMAT: u32 = 2;

/// A document with its format number in front.
#[derive(Serialize)]
struct FormattedDocument<'d, T> {
    format: u32,
    #[serde(flatten)]
    document: &'d T,
}

impl<'d, T> FormattedDocument<'d, T> {
    fn new(document: &'d T) -> Self {
        Self {
            format: DOCUMENT_FORMAT,
            document,
        }
    }
}

/// As much of a document as says its format.
#[derive(Deserialize)]
struct FormatProbe {
    #[serde(default)]
    format: Option<Value>,
}

/// A document as JSON in one line, its format number first; the same document gives the same bytes.
///
/// # Errors
/// When the document is no JSON object, or JSON's writer refuses it.
pub fn encode_document<T: Serialize>(document: &T) -> Result<Vec<u8>, LakeError> {
    Ok(serde_json::to_vec(&FormattedDocument::new(document))?)
}

/// The same with a line for every field, for documents that people read.
///
/// # Errors
/// When the document is no JSON object, or JSON's writer refuses it.
pub fn encode_pretty_document<T: Serialize>(document: &T) -> Result<Vec<u8>, LakeError> {
    Ok(serde_json::to_vec_pretty(&FormattedDocument::new(
        document,
    ))?)
}

/// Reads a document of [`DOCUMENT_FORMAT`]. `kind` names it in errors, such as `receipt`.
///
/// # Errors
/// When the bytes are no such document, or have another format number or none.
pub fn decode_document<T: DeserializeOwned>(
    kind: &'static str,
    bytes: &[u8],
) -> Result<T, LakeError> {
    check_document_size(bytes)?;
    check_format(kind, probe_format(bytes)?.as_ref())?;

    Ok(serde_json::from_slice(bytes)?)
}

/// The format number as it is written; none in an array, which the erasure list of format 1 was.
fn probe_format(bytes: &[u8]) -> Result<Option<Value>, LakeError> {
    if bytes.trim_ascii_start().starts_with(b"[") {
        return Ok(None);
    }
    let probe: FormatProbe = serde_json::from_slice(bytes)?;
    Ok(probe.format)
}

fn check_format(kind: &'static str, found: Option<&Value>) -> Result<(), LakeError> {
    if found.and_then(Value::as_u64) == Some(u64::from(DOCUMENT_FORMAT)) {
        return Ok(());
    }
    Err(LakeError::Format {
        kind,
        found: describe_number(found),
        reader: describe_reader(found),
    })
}

/// The number that was found. Another value is not repeated: it may be long, or about a person.
fn describe_number(found: Option<&Value>) -> String {
    match found {
        None => "none".to_owned(),
        Some(Value::Number(number)) => number.to_string(),
        Some(_) => "that is no number".to_owned(),
    }
}

/// Which polelake reads a document of a format that this one does not read.
fn describe_reader(found: Option<&Value>) -> &'static str {
    let Some(found) = found else {
        return "an unreleased build before 0.1.0 wrote it";
    };
    match found.as_u64() {
        Some(number) if number < u64::from(DOCUMENT_FORMAT) => {
            "an unreleased build before 0.1.0 wrote it"
        }
        Some(_) => "a newer polelake wrote it, and reads it",
        None => "no polelake writes such a number",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    type Counts = BTreeMap<String, Value>;

    fn decode(text: &str) -> Result<Counts, LakeError> {
        decode_document("receipt", text.as_bytes())
    }

    #[test]
    fn the_format_is_written_first_and_read() {
        let counts = Counts::from([("a".to_owned(), Value::from(1))]);
        let bytes = encode_document(&counts).unwrap();
        assert_eq!(String::from_utf8(bytes).unwrap(), r#"{"format":2,"a":1}"#);

        let pretty = String::from_utf8(encode_pretty_document(&counts).unwrap()).unwrap();
        assert!(pretty.starts_with("{\n  \"format\": 2,"), "{pretty}");
        assert_eq!(decode(&pretty).unwrap()["a"], 1);
    }

    #[test]
    fn another_format_is_refused_by_kind_number_and_reader() {
        for (text, found, reader) in [
            (
                r#"{"a": 1}"#,
                "format none",
                "unreleased build before 0.1.0",
            ),
            (
                r#"{"format": 1}"#,
                "format 1",
                "unreleased build before 0.1.0",
            ),
            (r#"{"format": 3}"#, "format 3", "a newer polelake"),
            (
                r#"{"format": "2"}"#,
                "format that is no number",
                "no polelake",
            ),
            (
                r#"[{"hash": "a"}]"#,
                "format none",
                "unreleased build before 0.1.0",
            ),
            (r#"{"format": -2}"#, "format -2", "no polelake"),
        ] {
            let error = decode(text).unwrap_err().to_string();
            for part in ["the receipt", found, reader, "reads format 2"] {
                assert!(error.contains(part), "{part} in {error}");
            }
        }
    }

    #[test]
    fn what_is_no_document_is_refused() {
        for text in ["", "{\"format\": 2", "7"] {
            assert!(matches!(decode(text), Err(LakeError::Json(_))), "{text}");
        }
    }
}
