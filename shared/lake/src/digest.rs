//! Digests: what the content of an object must be.
//!
//! A receipt or a manifest names each object with its size and SHA-256. An object that is read as a
//! whole has one digest, [`ObjectDigest`]. A sorted file is read in parts: its footer holds a digest
//! of each column chunk, and the manifest that of the file's tail, in which the footer is,
//! [`FileDigest`]. Whatever part is read, the reader knows that it is what was written.

use std::fmt;

use serde::de::{Deserializer, Error, Visitor};
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::LakeError;
use crate::limits::{FILE_TAIL_BYTES_MAX, check_limit};

/// A SHA-256, as 64 hex digits in documents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sha256Digest([u8; Self::BYTES]);

impl Sha256Digest {
    /// Bytes of a digest.
    pub const BYTES: usize = 32;

    /// The digest of these bytes.
    #[must_use]
    pub fn of_bytes(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The digest of parts that follow each other.
    #[must_use]
    pub fn of_parts<'p>(parts: impl IntoIterator<Item = &'p [u8]>) -> Self {
        let mut hasher = Sha256::new();
        for part in parts {
            hasher.update(part);
        }
        Self::finish(hasher)
    }

    pub(crate) fn finish(hasher: Sha256) -> Self {
        Self(hasher.finalize().into())
    }

    /// The digest that these bytes are.
    #[must_use]
    pub fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }

    /// The digest that 64 hex digits are; none of another text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.as_bytes();
        if digits.len() != 2 * Self::BYTES {
            return None;
        }
        let mut bytes = [0; Self::BYTES];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = parse_hex_digit(pair[0])? << 4 | parse_hex_digit(pair[1])?;
        }
        Some(Self(bytes))
    }
}

/// The value of a lower-case hex digit: a digest has one text only.
fn parse_hex_digit(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

impl fmt::Display for Sha256Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl Serialize for Sha256Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Sha256Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(DigestText)
    }
}

struct DigestText;

impl Visitor<'_> for DigestText {
    type Value = Sha256Digest;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a SHA-256 as 64 hex digits")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Sha256Digest::parse(text).ok_or_else(|| E::custom("a SHA-256 of 64 hex digits is expected"))
    }
}

/// The content of an object that is read as a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ObjectDigest {
    /// Its bytes.
    pub bytes: u64,
    /// Their SHA-256.
    pub sha256: Sha256Digest,
}

impl ObjectDigest {
    /// The digest of this content.
    #[must_use]
    pub fn of_content(content: &[u8]) -> Self {
        Self {
            bytes: content.len() as u64,
            sha256: Sha256Digest::of_bytes(content),
        }
    }

    /// Refuses content that is not the one that this digest is of.
    ///
    /// # Errors
    /// When the size or the SHA-256 differs.
    pub fn check(&self, content: &[u8]) -> Result<(), LakeError> {
        check_size(self.bytes, content.len() as u64)?;
        check_sha256("the object", self.sha256, Sha256Digest::of_bytes(content))
    }
}

/// The content of a sorted file. Its tail, which is everything behind the last column chunk, holds
/// the digests of the chunks: the SHA-256 of the tail stands for the whole file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FileDigest {
    /// Bytes of the file.
    pub bytes: u64,
    /// Bytes of its tail.
    pub tail_bytes: u64,
    /// The tail's SHA-256.
    pub tail_sha256: Sha256Digest,
}

impl FileDigest {
    /// Sixteen hex digits that name the content: two files have the same with a chance of one in
    /// 10^19.
    #[must_use]
    pub fn content_name(&self) -> String {
        let mut name = self.tail_sha256.to_string();
        name.truncate(16);
        name
    }

    /// Where the tail begins in the file.
    #[must_use]
    pub fn tail_start(&self) -> u64 {
        self.bytes.saturating_sub(self.tail_bytes)
    }

    /// Refuses a size that no merge writes: nothing is allocated for it.
    ///
    /// # Errors
    /// When the tail is larger than the file, or over the limit of tails.
    pub fn check_size(&self) -> Result<(), LakeError> {
        let what = "indexes, filters and footer have";
        check_limit(what, self.tail_bytes, FILE_TAIL_BYTES_MAX, "bytes")?;
        if self.tail_bytes <= self.bytes {
            return Ok(());
        }
        let message = "its tail was recorded with more bytes than the file";
        Err(LakeError::Unexpected(message.into()))
    }

    /// Refuses a tail that is not the one that this digest is of.
    ///
    /// # Errors
    /// When its SHA-256 differs.
    pub fn check_tail(&self, tail: &[u8]) -> Result<(), LakeError> {
        check_sha256(
            "the file's tail",
            self.tail_sha256,
            Sha256Digest::of_bytes(tail),
        )
    }
}

/// An object that is read as a whole, as a document names it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct NamedObject {
    /// Its key.
    pub key: String,
    /// Its content.
    #[serde(flatten)]
    pub digest: ObjectDigest,
}

/// A sorted file, as a document names it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct NamedFile {
    /// Its key.
    pub key: String,
    /// Its content.
    #[serde(flatten)]
    pub digest: FileDigest,
}

/// Refuses an object of another size than was recorded.
///
/// # Errors
/// When the sizes differ.
pub fn check_size(recorded: u64, found: u64) -> Result<(), LakeError> {
    if recorded == found {
        return Ok(());
    }
    Err(LakeError::Unexpected(format!(
        "it has {found} bytes, and {recorded} were written"
    )))
}

/// Refuses content of another SHA-256 than was recorded. `what` names the part in the error.
///
/// # Errors
/// When the digests differ.
pub(crate) fn check_sha256(
    what: &str,
    recorded: Sha256Digest,
    found: Sha256Digest,
) -> Result<(), LakeError> {
    if recorded == found {
        return Ok(());
    }
    Err(LakeError::Unexpected(format!(
        "{what} is not what was written: its SHA-256 is {found}, and {recorded} was recorded"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_the_one_that_other_tools_give() {
        // printf abc | sha256sum
        let text = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let digest = Sha256Digest::of_bytes(b"abc");
        assert_eq!(digest.to_string(), text);
        assert_eq!(Sha256Digest::parse(text), Some(digest));

        let json = serde_json::to_string(&ObjectDigest::of_content(b"abc")).unwrap();
        assert_eq!(json, format!("{{\"bytes\":3,\"sha256\":\"{text}\"}}"));
        let read: ObjectDigest = serde_json::from_str(&json).unwrap();
        assert_eq!(read.sha256, digest);
    }

    #[test]
    fn what_is_no_digest_is_refused() {
        let good = Sha256Digest::of_bytes(b"abc").to_string();
        for text in [
            "",
            &good[1..],
            &good.to_uppercase(),
            &good.replace('b', "x"),
            "é",
        ] {
            assert_eq!(Sha256Digest::parse(text), None, "{text}");
        }
        let json = r#"{"bytes": 3, "sha256": "ab"}"#;
        assert!(serde_json::from_str::<ObjectDigest>(json).is_err());
    }

    #[test]
    fn other_content_is_refused_with_what_was_recorded() {
        let digest = ObjectDigest::of_content(b"abc");
        assert!(digest.check(b"abc").is_ok());
        let error = digest.check(b"abx").unwrap_err().to_string();
        assert!(error.contains(&digest.sha256.to_string()), "{error}");
        let error = digest.check(b"ab").unwrap_err().to_string();
        assert_eq!(error, "it has 2 bytes, and 3 were written");
    }
}
