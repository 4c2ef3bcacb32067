//! What an audit found: counts by source and table, and everything that does not reconcile.

use std::collections::BTreeMap;

use lake::{Chunk, DeclaredLoss, REDRIVE_PARTITION, Receipt, Sha256Digest};
use serde::Serialize;
use store::UnreadableObject;

use super::finding_kind::FindingKind;
use super::named_objects::NamedObjects;

/// Something that does not reconcile.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct AuditFinding {
    /// The object.
    pub object: String,
    /// The offset, when the finding is about one.
    pub offset: Option<i64>,
    /// The kind.
    pub kind: FindingKind,
    /// What does not reconcile, and what it means.
    pub what: String,
    /// What to do about it, with the command.
    pub next: String,
}

impl AuditFinding {
    pub(super) fn new(
        kind: FindingKind,
        object: impl Into<String>,
        offset: Option<i64>,
        what: impl Into<String>,
    ) -> Self {
        Self {
            object: object.into(),
            offset,
            kind,
            what: what.into(),
            next: kind.next_step(None),
        }
    }

    /// Whether the object is one that the platform did not write, and that nothing names: it can be
    /// deleted without a loss.
    pub(crate) fn is_added_object(&self) -> bool {
        match self.kind {
            FindingKind::SnapshotFileAdded
            | FindingKind::RefinedAdded
            | FindingKind::EventIndexAdded => true,
            // A raw object without its metadata is foreign too, and may hold records.
            FindingKind::RawForeign => Chunk::from_raw_key(&self.object).is_none(),
            _ => false,
        }
    }

    /// The finding as one about a day.
    pub(super) fn of_day(self, day: &str) -> Self {
        Self {
            next: self.kind.next_step(Some(day)),
            ..self
        }
    }

    /// That an object cannot be read, and what is to be done about it.
    pub(super) fn unreadable(object: UnreadableObject) -> Self {
        let what = format!("cannot be read: {}", object.cause);
        Self {
            next: object.next.to_owned(),
            ..Self::new(FindingKind::Unreadable, object.object, None, what)
        }
    }
}

/// What became of records.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct AuditCounts {
    /// Records in the raw zone.
    pub landed: u64,
    /// Records that became rows.
    pub refined: u64,
    /// Records of a type that the contract declares as one to ignore.
    pub ignored: u64,
    /// Refused records, by rule.
    pub quarantined: BTreeMap<String, u64>,
}

impl AuditCounts {
    pub(super) fn from_receipt(receipt: &Receipt) -> Self {
        Self {
            landed: receipt.landed,
            refined: receipt.refined,
            ignored: receipt.ignored,
            quarantined: receipt.quarantined.clone(),
        }
    }

    pub(super) fn add_counts(&mut self, other: &Self) {
        self.landed += other.landed;
        self.refined += other.refined;
        self.ignored += other.ignored;
        for (rule, count) in &other.quarantined {
            *self.quarantined.entry(rule.clone()).or_default() += count;
        }
    }

    /// Refused records, of all rules.
    #[must_use]
    pub fn quarantined_total(&self) -> u64 {
        self.quarantined.values().sum()
    }
}

/// One partition of one epoch of a topic.
#[derive(Clone, Debug, Serialize)]
pub struct StreamAudit {
    /// The topic's epoch.
    pub epoch: u32,
    /// The partition; -1 holds redriven records.
    pub partition: i32,
    /// The first offset that the audit covers.
    pub first: i64,
    /// The log end offset: that of the next record.
    pub next: i64,
    /// The offset behind everything that receipts or raw objects record: records up to it landed
    /// once, whether their raw objects are there or not.
    #[serde(skip)]
    pub(super) recorded_next: i64,
    /// Raw objects.
    pub objects: u64,
    /// Offset gaps, each with its first and last offset: transaction markers, compaction, filters.
    pub offset_gaps: Vec<(i64, i64)>,
    /// What became of its records.
    #[serde(flatten)]
    pub counts: AuditCounts,
    /// The objects that its receipts name.
    #[serde(skip)]
    pub(super) named: NamedObjects,
    /// Its declared losses.
    #[serde(skip)]
    pub(super) declared_lost: Vec<DeclaredLoss>,
}

/// A source.
#[derive(Clone, Debug, Serialize)]
pub struct SourceAudit {
    /// Its name.
    pub source: String,
    /// Its topic.
    pub topic: String,
    /// Records that Kafka has acknowledged since the raw log begins, when Kafka could be asked.
    pub accepted: Option<i64>,
    /// Its streams, those of Kafka and the redrive partition.
    pub streams: Vec<StreamAudit>,
}

impl SourceAudit {
    /// What became of the records that Kafka brought, or of those that were redriven.
    #[must_use]
    pub fn sum_counts(&self, redriven: bool) -> AuditCounts {
        let mut sum = AuditCounts::default();
        for stream in &self.streams {
            if (stream.partition == REDRIVE_PARTITION) == redriven {
                sum.add_counts(&stream.counts);
            }
        }
        sum
    }

    /// How many offsets no record has.
    #[must_use]
    pub fn missing_offsets(&self) -> i64 {
        let gaps = self.streams.iter().flat_map(|stream| &stream.offset_gaps);
        gaps.map(|(first, last)| last - first + 1).sum()
    }
}

/// A table's snapshot of a day.
#[derive(Clone, Debug, Serialize)]
pub struct TableAudit {
    /// The table.
    pub table: String,
    /// The day.
    pub date: String,
    /// The day that the snapshot was built on.
    pub base: Option<String>,
    /// Its rows.
    pub rows: u64,
    /// Rows that the base does not have: as the manifest says, or counted in the files where the
    /// audit reads every object.
    pub inserted: u64,
    /// Rows of the base that the snapshot does not have, found in the same way.
    pub deleted: u64,
}

/// The full audit.
#[derive(Clone, Debug, Serialize)]
pub struct LakeAudit {
    /// The sources, by name.
    pub sources: Vec<SourceAudit>,
    /// The snapshots, by table and day.
    pub tables: Vec<TableAudit>,
    /// The digest of each day's root, by day: who kept one can compare it.
    pub roots: BTreeMap<String, Sha256Digest>,
    /// Offsets whose records are lost, as an operator declared it: they are no findings.
    pub declared_lost: Vec<DeclaredLoss>,
    /// What does not reconcile; without findings the reconciliation balances.
    pub findings: Vec<AuditFinding>,
}

impl LakeAudit {
    /// Whether the reconciliation balances.
    #[must_use]
    pub fn is_reconciled(&self) -> bool {
        self.findings.is_empty()
    }
}
