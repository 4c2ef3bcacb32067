//! The JSON documents that the platform keeps. Each begins with its format number, which is checked
//! before anything else is read, and ends with its own digest, by which a reader knows that it is
//! what was written.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::LakeError;
use crate::digest::{Sha256Digest, check_sha256};
use crate::limits::check_document_size;

/// The format that this version of polelake writes and reads. A field that changes its name or
/// meaning needs the next number.
pub const DOCUMENT_FORMAT: u32 = 3;

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

/// How a document ends: the last member is the SHA-256 of the document without that member.
struct DigestMember {
    before: &'static [u8],
    after: &'static [u8],
    /// How the document ends without the member.
    end: &'static [u8],
}

/// The end of a document in one line.
const COMPACT_DIGEST: DigestMember = DigestMember {
    before: b",\"document_sha256\":\"",
    after: b"\"}",
    end: b"}",
};

/// The end of a document with a line for every field.
const PRETTY_DIGEST: DigestMember = DigestMember {
    before: b",\n  \"document_sha256\": \"",
    after: b"\"\n}",
    end: b"\n}",
};

impl DigestMember {
    /// The document with its digest as its last member.
    fn append_to(&self, mut document: Vec<u8>) -> Vec<u8> {
        let digest = Sha256Digest::of_bytes(&document).to_string();
        document.truncate(document.len() - self.end.len());
        document.extend_from_slice(self.before);
        document.extend_from_slice(digest.as_bytes());
        document.extend_from_slice(self.after);
        document
    }

    /// The digest that a document records, and that of its content; none when it ends otherwise.
    fn read_from(&self, document: &[u8]) -> Option<(Sha256Digest, Sha256Digest)> {
        let document = document.strip_suffix(self.after)?;
        let (document, digits) = document.split_at_checked(document.len().checked_sub(64)?)?;
        let content = document.strip_suffix(self.before)?;
        let recorded = Sha256Digest::parse(std::str::from_utf8(digits).ok()?)?;

        Some((recorded, Sha256Digest::of_parts([content, self.end])))
    }
}

/// A document as JSON in one line; the same document gives the same bytes.
///
/// # Errors
/// When the document is no JSON object, or JSON's writer refuses it.
pub fn encode_document<T: Serialize>(document: &T) -> Result<Vec<u8>, LakeError> {
    let document = serde_json::to_vec(&FormattedDocument::new(document))?;
    Ok(COMPACT_DIGEST.append_to(document))
}

/// The same with a line for every field, for documents that people read.
///
/// # Errors
/// When the document is no JSON object, or JSON's writer refuses it.
pub fn encode_pretty_document<T: Serialize>(document: &T) -> Result<Vec<u8>, LakeError> {
    let document = serde_json::to_vec_pretty(&FormattedDocument::new(document))?;
    Ok(PRETTY_DIGEST.append_to(document))
}

/// Reads a document of [`DOCUMENT_FORMAT`]. `kind` names it in errors, such as `receipt`.
///
/// # Errors
/// When the bytes are no such document, have another format number or none, or are not what was
/// written.
pub fn decode_document<T: DeserializeOwned>(
    kind: &'static str,
    bytes: &[u8],
) -> Result<T, LakeError> {
    check_document_size(bytes)?;
    check_format(kind, probe_format(bytes)?.as_ref())?;
    check_document_digest(bytes)?;

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

fn check_document_digest(bytes: &[u8]) -> Result<(), LakeError> {
    let digests = COMPACT_DIGEST.read_from(bytes);
    let (recorded, found) = digests
        .or_else(|| PRETTY_DIGEST.read_from(bytes))
        .ok_or_else(|| {
            let what = "the document is not what was written: it does not end with its SHA-256";
            LakeError::Unexpected(what.into())
        })?;
    check_sha256("the document", recorded, found)
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
        let text = String::from_utf8(bytes).unwrap();
        assert!(
            text.starts_with(r#"{"format":3,"a":1,"document_sha256":"#),
            "{text}"
        );
        assert_eq!(decode(&text).unwrap()["a"], 1);

        let pretty = String::from_utf8(encode_pretty_document(&counts).unwrap()).unwrap();
        assert!(pretty.starts_with("{\n  \"format\": 3,"), "{pretty}");
        assert_eq!(decode(&pretty).unwrap()["a"], 1);
    }

    #[test]
    fn a_document_that_was_changed_anywhere_is_refused() {
        let counts = Counts::from([
            ("a".to_owned(), Value::from(1)),
            ("b".to_owned(), Value::Null),
        ]);
        for bytes in [
            encode_document(&counts).unwrap(),
            encode_pretty_document(&counts).unwrap(),
        ] {
            for position in 0..bytes.len() {
                let mut changed = bytes.clone();
                changed[position] ^= 0x01;
                let read: Result<Counts, LakeError> = decode_document("receipt", &changed);
                assert!(read.is_err(), "byte {position}");
                let cut: Result<Counts, LakeError> = decode_document("receipt", &bytes[..position]);
                assert!(cut.is_err(), "cut at {position}");
            }
        }
        let error = decode(r#"{"format": 3, "a": 1}"#).unwrap_err().to_string();
        assert!(error.contains("does not end with its SHA-256"), "{error}");
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
            (
                r#"{"format": 2}"#,
                "format 2",
                "unreleased build before 0.1.0",
            ),
            (r#"{"format": 4}"#, "format 4", "a newer polelake"),
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
            for part in ["the receipt", found, reader, "reads format 3"] {
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
