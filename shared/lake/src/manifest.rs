//! Manifests: a table's snapshot of a day, named by immutable files. Writing one is the commit.

use std::collections::BTreeMap;

use contract::{Rule, Severity};
use quality::RuleCount;
use serde::{Deserialize, Serialize};

use crate::format::{decode_document, encode_pretty_document};
use crate::receipt::StreamKey;
use crate::{LakeError, NamedFile, NamedObject, OwnerRange, Sha256Digest};

/// How far a snapshot has consumed a stream: every record before `next` is in it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CommittedOffset {
    /// The stream.
    #[serde(flatten)]
    pub stream: StreamKey,
    /// The first offset that was not consumed; the next day begins there.
    pub next: i64,
    /// The offset that names the raw object with `next` in it: a day ends within the object that
    /// spans midnight.
    pub object: i64,
    /// The first offset that this day or one before it has consumed.
    pub first: i64,
}

/// One shard of a snapshot.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestShard {
    /// The shard, from 0.
    pub shard: u32,
    /// The version, which names its files.
    pub version: String,
    /// Rows in it.
    pub rows: u64,
    /// The file of the rows that readers see.
    pub rows_file: NamedFile,
    /// The file of the rows that the merge remembers; none when it remembers none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_file: Option<NamedFile>,
    /// The measurements of each row group, so that a group that is copied is not measured again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<NamedObject>,
}

/// How a rule was evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RuleVerdict {
    /// The rule holds.
    Pass,
    /// It does not, and the owner of the data should look.
    Warn,
    /// It does not, and the snapshot does not become current.
    Fail,
}

/// A rule's result: how many of the checked rows failed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RuleResult {
    /// The rule's stable id.
    pub rule: String,
    /// What it expects.
    pub description: String,
    /// Its dimension.
    pub dimension: String,
    /// The column it is about; none for the full table.
    pub column: Option<String>,
    /// `warn` or `block`: what a failure leads to.
    #[serde(default)]
    pub severity: String,
    /// Rows that failed.
    pub failed: u64,
    /// Rows that were checked.
    pub checked: u64,
    /// What is tolerated, in words.
    pub target: String,
    /// The verdict.
    pub verdict: RuleVerdict,
}

impl RuleResult {
    /// The result of a rule's count in a table of so many rows.
    #[must_use]
    pub fn from_count(rule: &Rule, count: RuleCount, rows: u64) -> Self {
        Self {
            rule: rule.id.clone(),
            description: rule.description.clone(),
            dimension: rule.dimension.clone(),
            column: rule.column.clone(),
            severity: rule.severity.as_str().into(),
            failed: count.failed,
            checked: count.checked,
            target: rule.tolerance_text(),
            verdict: match (count.is_within(rule.tolerance, rows), rule.severity) {
                (true, _) => RuleVerdict::Pass,
                (false, Severity::Warn) => RuleVerdict::Warn,
                (false, Severity::Block) => RuleVerdict::Fail,
            },
        }
    }
}

/// What was measured of a column's values.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ColumnProfile {
    /// Rows with a value.
    pub filled: u64,
    /// Different values, estimated within 2.3 %.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distinct: Option<u64>,
    /// Bytes of the longest text.
    #[serde(default)]
    pub max_bytes: u64,
    /// Bytes of all texts.
    #[serde(default)]
    pub bytes: u64,
    /// The minimum: days, microseconds, whole numbers, decimals without their point. Never of a
    /// personal column.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum: Option<i64>,
    /// The maximum.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maximum: Option<i64>,
    /// The 5th, 25th, 50th, 75th and 95th percentile, in the units of `minimum`, within 1.7 % of
    /// the rank. Never of a personal column.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percentiles: Option<[i64; 5]>,
    /// The commonest character patterns of the values and the rows that have them: `9` for a digit,
    /// `A` and `a` for letters, one sign for each character. Of a personal column only patterns of
    /// many rows.
    #[serde(default, rename = "patterns", skip_serializing_if = "Vec::is_empty")]
    pub character_patterns: Vec<(String, u64)>,
    /// The same, with one sign for a run of characters of one kind.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub coarse_patterns: Vec<(String, u64)>,
    /// How many rows have each code, of a column with a closed list that is not personal.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub codes: Vec<(String, u64)>,
}

/// A table's snapshot of a day.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SnapshotManifest {
    /// The table.
    pub table: String,
    /// The logical day, `YYYY-MM-DD`.
    pub date: String,
    /// The table contract's version.
    pub contract_version: String,
    /// The day of the snapshot that this one was built on.
    pub base: Option<String>,
    /// The digest of the base's manifest; none without a base.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_sha256: Option<Sha256Digest>,
    /// Whether no blocking rule failed: only such a snapshot becomes current.
    pub passed: bool,
    /// Rows that readers see.
    pub rows: u64,
    /// Rows that are new since the base.
    pub inserted: u64,
    /// Rows that differ from the base.
    pub updated: u64,
    /// Rows of the base that were deleted.
    pub deleted: u64,
    /// The shards.
    pub shards: Vec<ManifestShard>,
    /// How far every stream was consumed.
    pub committed_offsets: Vec<CommittedOffset>,
    /// The results of the rules.
    pub rules: Vec<RuleResult>,
    /// What was measured of the columns, by name.
    pub columns: BTreeMap<String, ColumnProfile>,
    /// The latest event time in it, in microseconds since 1970.
    pub newest_event: Option<i64>,
    /// Of a table that is made from others, the digest of the manifest of each of them: its rows
    /// are kept as long as theirs are those of these snapshots.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub made_from: BTreeMap<String, Sha256Digest>,
    /// The sources with patches that fill the table: their rows are made from the snapshot of their
    /// records of the same day.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub patched_sources: Vec<String>,
    /// Records that the day changed and whose state does not fit the mapping, by rule: they have no
    /// rows.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub withheld: BTreeMap<String, u64>,
}

impl ManifestShard {
    /// Bytes of the rows that readers see.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.rows_file.digest.bytes
    }

    /// The files of the shard: that of the rows, and that of what the merge remembers.
    pub fn files(&self) -> impl Iterator<Item = &NamedFile> {
        std::iter::once(&self.rows_file).chain(&self.state_file)
    }
}

impl SnapshotManifest {
    /// How far a stream was consumed; none when no record of it was.
    #[must_use]
    pub fn committed_offset(&self, stream: &StreamKey) -> Option<&CommittedOffset> {
        self.committed_offsets
            .iter()
            .find(|offset| offset.stream == *stream)
    }

    /// The shards that reach into a range of owners.
    #[must_use]
    pub fn shards_overlapping(&self, owners: &OwnerRange) -> Vec<&ManifestShard> {
        let count = u32::try_from(self.shards.len()).unwrap_or(u32::MAX);
        self.shards
            .iter()
            .filter(|shard| OwnerRange::of_shard(shard.shard, count).overlaps(owners))
            .collect()
    }

    /// The shard with this number out of `shards`; none when the table is cut into another number
    /// of them.
    #[must_use]
    pub fn find_shard(&self, shard: u32, shards: u32) -> Option<&ManifestShard> {
        if self.shards.len() != shards as usize {
            return None;
        }
        self.shards.iter().find(|known| known.shard == shard)
    }

    /// The manifest as JSON; the same manifest gives the same bytes.
    ///
    /// # Errors
    /// Never for a manifest of the merge; JSON's writer could refuse.
    pub fn to_json(&self) -> Result<Vec<u8>, LakeError> {
        encode_pretty_document(self)
    }

    /// Reads a manifest.
    ///
    /// # Errors
    /// When the bytes are no manifest, or one of another format.
    pub fn from_json(bytes: &[u8]) -> Result<Self, LakeError> {
        decode_document("snapshot manifest", bytes)
    }
}
