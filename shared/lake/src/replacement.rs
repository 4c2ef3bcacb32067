//! What an erasure replaced: the digest that an object had, and the one that it has since. Whoever
//! recorded the old digest, such as the manifest of a later day, still accepts the object.

use serde::{Deserialize, Serialize};

use crate::format::{decode_document, encode_document};
use crate::{LakeError, Sha256Digest};

/// The prefix of every record of a replaced object.
const REPLACEMENTS_PREFIX: &str = "curated/_replaced/";

/// An object that an erasure replaced. It names no person and holds no value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replacement {
    /// The object's key.
    pub object: String,
    /// The SHA-256 of its content before.
    pub before: Sha256Digest,
    /// That of its content since.
    pub after: Sha256Digest,
}

impl Replacement {
    /// The key of the record, in the curated zone.
    #[must_use]
    pub fn key(&self) -> String {
        format!(
            "{}{}.json",
            Self::prefix_of_content(&self.before),
            self.after
        )
    }

    /// The prefix of the records that say what replaced this content.
    #[must_use]
    pub fn prefix_of_content(before: &Sha256Digest) -> String {
        format!("{REPLACEMENTS_PREFIX}{before}/")
    }

    /// The prefix of every record.
    #[must_use]
    pub fn prefix() -> &'static str {
        REPLACEMENTS_PREFIX
    }

    /// The content that a record's key says was there before, and the one that is there since.
    #[must_use]
    pub fn parse_key(key: &str) -> Option<(Sha256Digest, Sha256Digest)> {
        let (before, after) = key.strip_prefix(REPLACEMENTS_PREFIX)?.split_once('/')?;
        let after = Sha256Digest::parse(after.strip_suffix(".json")?)?;
        Some((Sha256Digest::parse(before)?, after))
    }

    /// The record as JSON.
    ///
    /// # Errors
    /// Never for such a record; JSON's writer could refuse.
    pub fn to_json(&self) -> Result<Vec<u8>, LakeError> {
        encode_document(self)
    }

    /// Reads a record.
    ///
    /// # Errors
    /// When the bytes are no such record.
    pub fn from_json(bytes: &[u8]) -> Result<Self, LakeError> {
        decode_document("record of a replaced object", bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_of_a_record_says_what_it_holds() {
        let replacement = Replacement {
            object: "raw/t/x".into(),
            before: Sha256Digest::of_bytes(b"before"),
            after: Sha256Digest::of_bytes(b"after"),
        };
        let key = replacement.key();
        assert!(key.starts_with(&Replacement::prefix_of_content(&replacement.before)));
        let contents = (replacement.before, replacement.after);
        assert_eq!(Replacement::parse_key(&key), Some(contents));
        assert_eq!(Replacement::parse_key("curated/_replaced/x/y.json"), None);

        let json = replacement.to_json().unwrap();
        assert_eq!(Replacement::from_json(&json).unwrap(), replacement);
    }
}
