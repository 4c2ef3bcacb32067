//! The root of a day: the digest of every manifest of it. Its own digest stands for all that was
//! known at the day's end; an operator who keeps it elsewhere can prove that nothing was changed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::format::{decode_document, encode_pretty_document};
use crate::{Day, LakeError, Sha256Digest};

/// The prefix of every day's root.
const ROOTS_PREFIX: &str = "curated/_roots/";

/// The manifests of a day.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayRoot {
    /// The day, `YYYY-MM-DD`.
    pub date: String,
    /// The digest of each manifest, by table.
    pub manifests: BTreeMap<String, Sha256Digest>,
}

impl DayRoot {
    /// The key of a day's root, in the curated zone.
    #[must_use]
    pub fn key(day: Day) -> String {
        format!("{ROOTS_PREFIX}{day}.json")
    }

    /// The prefix of the roots of all days; they sort by day.
    #[must_use]
    pub fn prefix() -> &'static str {
        ROOTS_PREFIX
    }

    /// The root as JSON; the same manifests give the same bytes.
    ///
    /// # Errors
    /// Never for such a root; JSON's writer could refuse.
    pub fn to_json(&self) -> Result<Vec<u8>, LakeError> {
        encode_pretty_document(self)
    }

    /// Reads a root.
    ///
    /// # Errors
    /// When the bytes are no root, or one of another format.
    pub fn from_json(bytes: &[u8]) -> Result<Self, LakeError> {
        decode_document("root of a day", bytes)
    }
}
