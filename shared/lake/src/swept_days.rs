//! The days that sweeps and drops removed: an audit that finds no manifest of such a day knows by
//! the list that the manifest is not lost.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::LakeError;
use crate::format::{decode_document, encode_document};

/// The days of a table that were removed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SweptDays {
    /// The days, `YYYY-MM-DD`.
    pub days: BTreeSet<String>,
}

impl SweptDays {
    /// The key of a table's list, in the curated zone.
    #[must_use]
    pub fn key(table: &str) -> String {
        format!("curated/_swept/{table}.json")
    }

    /// The list as JSON.
    ///
    /// # Errors
    /// Never for such a list; JSON's writer could refuse.
    pub fn to_json(&self) -> Result<Vec<u8>, LakeError> {
        encode_document(self)
    }

    /// Reads a list.
    ///
    /// # Errors
    /// When the bytes are no such list, or not what was written.
    pub fn from_json(bytes: &[u8]) -> Result<Self, LakeError> {
        decode_document("list of removed days", bytes)
    }
}
