//! The record of how a lake's ids are derived: by which rules, and under which key.

use pole::{IDENTITY_FORMAT, IdentityKey};
use serde::{Deserialize, Serialize};

use crate::LakeError;
use crate::format::{decode_document, encode_pretty_document};

/// The key of the record, in the refined zone.
pub const IDENTITY_RECORD_KEY: &str = "refined/_identity.json";

/// How the ids of a lake are derived. It says nothing about the key itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdentityRecord {
    /// The number of the rules ([`pole::IDENTITY_FORMAT`]).
    pub identity_format: u32,
    /// What tells the key from others.
    pub key_fingerprint: String,
}

impl IdentityRecord {
    /// The record of a key under the rules of this version.
    #[must_use]
    pub fn of_key(key: &IdentityKey) -> Self {
        Self {
            identity_format: IDENTITY_FORMAT,
            key_fingerprint: key.fingerprint().to_owned(),
        }
    }

    /// The record as JSON.
    ///
    /// # Errors
    /// Never for such a record; JSON's writer could refuse.
    pub fn to_json(&self) -> Result<Vec<u8>, LakeError> {
        encode_pretty_document(self)
    }

    /// Reads a record.
    ///
    /// # Errors
    /// When the bytes are no such record.
    pub fn from_json(bytes: &[u8]) -> Result<Self, LakeError> {
        decode_document("identity record", bytes)
    }
}
