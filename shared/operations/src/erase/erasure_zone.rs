//! The parts of the lake that an erasure changes.

use std::fmt;

use serde::Serialize;

/// A part of the lake. An erasure writes them in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum ErasureZone {
    Refined,
    Quarantine,
    Receipt,
    Raw,
    Curated,
}

impl ErasureZone {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Refined => "refined",
            Self::Quarantine => "quarantine",
            Self::Receipt => "receipt",
            Self::Raw => "raw",
            Self::Curated => "curated",
        }
    }
}

impl fmt::Display for ErasureZone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
