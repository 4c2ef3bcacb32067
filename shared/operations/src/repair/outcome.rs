//! What a repair did, and what it could not do.

use std::collections::{BTreeMap, BTreeSet};

use lake::{DeclaredLoss, Sha256Digest};
use serde::Serialize;

use crate::audit::{AuditFinding, LakeAudit};

/// An object that is again what was recorded.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct RepairedObject {
    /// Its key.
    pub object: String,
    /// What it was made from.
    pub from: String,
}

/// Records that no raw object holds any more.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct LostRecords {
    /// The raw object that is missing or damaged: the first lost offset names it.
    pub object: String,
    /// The first offset.
    pub first: i64,
    /// The offset behind the last one; none where nothing records it.
    pub next: Option<i64>,
    /// How many records were landed there; none where nothing records it.
    pub records: Option<u64>,
    /// Whether the refined zone still has what they became, so that no day loses their rows.
    pub rows_kept: bool,
    /// Whether its receipt is there and cannot be read: then it is not known what else is lost.
    #[serde(skip_serializing_if = "is_false")]
    pub receipt_damaged: bool,
}

fn is_false(value: &bool) -> bool {
    !value
}

/// An object that could not be repaired.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct UnrepairedObject {
    /// Its key.
    pub object: String,
    /// Why.
    pub cause: String,
}

/// What a repair did.
#[derive(Clone, Debug, Serialize)]
pub struct RepairOutcome {
    /// Objects that are again what was recorded.
    pub repaired: Vec<RepairedObject>,
    /// Objects that were deleted: damaged ones that are made again when they are needed, and added
    /// ones.
    pub deleted: Vec<String>,
    /// Records that are lost.
    pub lost: Vec<LostRecords>,
    /// Records that an operator has declared lost: they are no damage.
    pub declared_lost: Vec<DeclaredLoss>,
    /// Objects that were not repaired, each with the reason.
    pub unrepaired: Vec<UnrepairedObject>,
    /// What the audit still finds.
    pub findings: Vec<AuditFinding>,
    /// The digest of each day's root now.
    pub roots: BTreeMap<String, Sha256Digest>,
}

impl RepairOutcome {
    /// Whether the lake is whole.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.findings.is_empty()
    }
}

/// What a repair has done so far.
#[derive(Debug, Default)]
pub(super) struct RepairNotes {
    repaired: BTreeSet<RepairedObject>,
    deleted: BTreeSet<String>,
    /// Of the last round: an earlier round's reason may be gone.
    unrepaired: BTreeSet<UnrepairedObject>,
    /// Of the last round.
    pub(super) lost: Vec<LostRecords>,
}

impl RepairNotes {
    pub(super) fn begin_round(&mut self) {
        self.unrepaired.clear();
    }

    /// How many objects were repaired or deleted.
    pub(super) fn done_count(&self) -> usize {
        self.repaired.len() + self.deleted.len()
    }

    pub(super) fn note_repaired(&mut self, object: &str, from: &str) {
        self.repaired.insert(RepairedObject {
            object: object.to_owned(),
            from: from.to_owned(),
        });
    }

    pub(super) fn note_deleted(&mut self, object: &str) {
        self.deleted.insert(object.to_owned());
    }

    pub(super) fn note_unrepaired(&mut self, object: &str, cause: impl Into<String>) {
        self.unrepaired.insert(UnrepairedObject {
            object: object.to_owned(),
            cause: cause.into(),
        });
    }

    pub(super) fn into_outcome(self, audit: LakeAudit) -> RepairOutcome {
        RepairOutcome {
            repaired: self.repaired.into_iter().collect(),
            deleted: self.deleted.into_iter().collect(),
            lost: self.lost,
            declared_lost: audit.declared_lost,
            unrepaired: self.unrepaired.into_iter().collect(),
            findings: audit.findings,
            roots: audit.roots,
        }
    }
}
