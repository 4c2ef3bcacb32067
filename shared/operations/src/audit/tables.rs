//! Snapshots: every row of a day is one of its base or was inserted, and every row of the base is
//! there or was deleted.

use std::collections::BTreeSet;
use std::fmt;

use lake::{
    Day, ManifestShard, Sha256Digest, ShardVersion, SnapshotManifest, manifest_key,
    manifest_prefix, parse_manifest_day, parse_shard_version, table_prefix,
};
use store::StoredObject;
use store::replacements::is_replaced_by;

use super::day_roots::ManifestDigests;
use super::files::{CheckedFiles, note_file};
use super::finding_kind::FindingKind;
use super::iceberg_metadata::audit_iceberg_metadata;
use super::removed_days::is_dropped;
use super::report::{AuditFinding, TableAudit};
use super::row_changes::count_row_changes;
use super::scope::AuditScope;
use crate::error::OperationError;
use crate::lake_handle::LakeHandle;

/// Audits every manifest of the scope; gives also the digest of each.
pub(super) async fn audit_tables(
    lake: &LakeHandle,
    scope: AuditScope,
    findings: &mut Vec<AuditFinding>,
) -> Result<(Vec<TableAudit>, ManifestDigests), OperationError> {
    let mut digests = ManifestDigests::new();
    let mut audits = Vec::new();
    for table in lake.catalogue.stored_tables() {
        let mut auditor = TableAuditor {
            lake,
            deep: scope.deep,
            checked: CheckedFiles::default(),
        };
        let mut passing = Some(BTreeSet::new());
        let prefix = manifest_prefix(&table.name);
        let entries = lake.curated.list(&prefix, None).await?;
        let step = format!("auditing the days of {}", table.name);
        for (done, entry) in entries.iter().enumerate() {
            lake.stage.tell(&step, done, entries.len());
            let date = entry.key.trim_start_matches(&prefix);
            if !scope.contains_date(date.trim_end_matches(".json")) {
                continue;
            }
            let object = lake.unreadable.note(lake.curated.get(&entry.key).await)?;
            let decoded = object.and_then(|object| decode_manifest(lake, &entry.key, &object));
            let Some((manifest, sha256)) = decoded else {
                // Which days readers are to see is not known then.
                passing = None;
                continue;
            };
            if let Some(day) = parse_manifest_day(&entry.key) {
                let of_day = digests.entry(day).or_default();
                of_day.insert(table.name.clone(), sha256);
            }
            check_identity(&entry.key, &table.name, &manifest, findings);
            if let Some(passing) = &mut passing {
                passing.extend(Day::parse(&manifest.date).filter(|_| manifest.passed));
            }
            let date = manifest.date.clone();
            let mut found = Vec::new();
            audits.push(audit_snapshot(&mut auditor, &entry.key, manifest, &mut found).await?);
            findings.extend(found.into_iter().map(|finding| finding.of_day(&date)));
        }
        find_added_files(lake, &table.name, &auditor.checked, findings).await?;
        audit_iceberg_metadata(lake, table, passing.as_ref(), scope, findings).await?;
    }
    Ok((audits, digests))
}

/// A manifest, and the SHA-256 of its content; none when it cannot be read, which is noted.
fn decode_manifest(
    lake: &LakeHandle,
    key: &str,
    object: &StoredObject,
) -> Option<(SnapshotManifest, Sha256Digest)> {
    let manifest = SnapshotManifest::from_json(&object.body);
    let manifest = lake.unreadable.note_decoded(key, manifest)?;
    Some((manifest, Sha256Digest::of_bytes(&object.body)))
}

/// Finds a manifest that stands under the key of another.
fn check_identity(
    key: &str,
    table: &str,
    manifest: &SnapshotManifest,
    findings: &mut Vec<AuditFinding>,
) {
    let named = Day::parse(&manifest.date).map(|day| manifest_key(&manifest.table, day));
    if named.as_deref() != Some(key) || manifest.table != table {
        let what = format!(
            "is the manifest of {} of `{}`",
            manifest.date, manifest.table
        );
        findings.push(AuditFinding::new(
            FindingKind::ManifestWrong,
            key,
            None,
            what,
        ));
    }
}

/// Finds files beside the rows of a named version: readers that are given the folder would read
/// them too.
async fn find_added_files(
    lake: &LakeHandle,
    table: &str,
    checked: &CheckedFiles,
    findings: &mut Vec<AuditFinding>,
) -> Result<(), OperationError> {
    for entry in lake.curated.list(&table_prefix(table), None).await? {
        let Some((shard, version)) = parse_shard_version(&entry.key) else {
            continue;
        };
        let named = ShardVersion {
            table,
            shard,
            version,
        };
        if entry.key != named.rows_key() && checked.contains(&named.rows_key()) {
            let what = "lies in a folder that readers are given, and no manifest names it";
            findings.push(AuditFinding::new(
                FindingKind::SnapshotFileAdded,
                entry.key,
                None,
                what,
            ));
        }
    }
    Ok(())
}

/// The base of a manifest: the manifest that it was built on.
enum BaseManifest {
    /// The manifest has no base, or the base is lost, which is a finding already.
    Missing,
    /// A sweep has dropped it, or it cannot be read.
    Unknown,
    Found(Box<SnapshotManifest>),
}

/// Rows of a snapshot, and how they differ from those of its base.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct RowCounts {
    rows: u64,
    inserted: u64,
    deleted: u64,
}

impl fmt::Display for RowCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            rows,
            inserted,
            deleted,
        } = self;
        write!(f, "{rows} rows, {inserted} inserted and {deleted} deleted")
    }
}

impl RowCounts {
    fn from_manifest(manifest: &SnapshotManifest) -> Self {
        Self {
            rows: manifest.rows,
            inserted: manifest.inserted,
            deleted: manifest.deleted,
        }
    }

    fn into_audit(self, manifest: SnapshotManifest) -> TableAudit {
        TableAudit {
            table: manifest.table,
            date: manifest.date,
            base: manifest.base,
            rows: self.rows,
            inserted: self.inserted,
            deleted: self.deleted,
        }
    }
}

async fn audit_snapshot(
    audit: &mut TableAuditor<'_>,
    key: &str,
    manifest: SnapshotManifest,
    findings: &mut Vec<AuditFinding>,
) -> Result<TableAudit, OperationError> {
    let is_readable = audit.check_shards(&manifest.shards, findings).await?;
    let base = match read_base_manifest(audit.lake, key, &manifest, findings).await? {
        BaseManifest::Found(base) => Some(*base),
        BaseManifest::Missing => None,
        // The rows that this day is compared with are not known: only its own files can be checked.
        BaseManifest::Unknown => {
            return Ok(RowCounts::from_manifest(&manifest).into_audit(manifest));
        }
    };

    // With a file that cannot be read nothing can be counted; the file is the finding.
    let counted = if audit.deep && is_readable {
        audit
            .count_changes(key, &manifest, base.as_ref(), findings)
            .await?
    } else {
        None
    };
    let counts = counted.unwrap_or_else(|| RowCounts {
        rows: manifest.shards.iter().map(|shard| shard.rows).sum(),
        ..RowCounts::from_manifest(&manifest)
    });
    check_row_counts(key, &manifest, base.as_ref(), counts, findings);
    Ok(counts.into_audit(manifest))
}

/// Audits the snapshots of a table.
struct TableAuditor<'a> {
    lake: &'a LakeHandle,
    deep: bool,
    checked: CheckedFiles,
}

impl TableAuditor<'_> {
    /// Checks the files of shards; whether the rows of all can be read.
    async fn check_shards(
        &mut self,
        shards: &[ManifestShard],
        findings: &mut Vec<AuditFinding>,
    ) -> Result<bool, OperationError> {
        let mut are_readable = true;
        for shard in shards {
            let checked = self
                .checked
                .check_shard(self.lake, shard, self.deep, findings);
            are_readable &= checked.await?;
        }
        Ok(are_readable)
    }

    /// Counts the rows of a snapshot, those that its base does not have, and those that only the
    /// base has; none when a file cannot be read, which is noted. A shard that both share is not
    /// read.
    async fn count_changes(
        &self,
        key: &str,
        manifest: &SnapshotManifest,
        base: Option<&SnapshotManifest>,
        findings: &mut Vec<AuditFinding>,
    ) -> Result<Option<RowCounts>, OperationError> {
        let no_shards = Vec::new();
        let base_shards = base.map_or(&no_shards, |base| &base.shards);
        let old = shards_without(base_shards, &manifest.shards);
        let new = shards_without(&manifest.shards, base_shards);
        let counted = count_row_changes(&self.lake.curated, old, new).await;
        let Some(changes) = note_file(self.lake, counted)? else {
            return Ok(None);
        };

        if changes.repeated > 0 {
            let what = format!("holds {} rows more than once", changes.repeated);
            findings.push(AuditFinding::new(
                FindingKind::ManifestWrong,
                key,
                None,
                what,
            ));
        }
        Ok(Some(RowCounts {
            rows: manifest.shards.iter().map(|shard| shard.rows).sum(),
            inserted: changes.inserted,
            deleted: changes.deleted,
        }))
    }
}

/// The shards whose files the other list does not have.
fn shards_without(shards: &[ManifestShard], others: &[ManifestShard]) -> Vec<ManifestShard> {
    let shared: BTreeSet<&str> = others
        .iter()
        .map(|other| other.rows_file.key.as_str())
        .collect();
    let own = shards
        .iter()
        .filter(|shard| !shared.contains(shard.rows_file.key.as_str()));
    own.cloned().collect()
}

/// Compares the rows that the files have with those that the manifest and its base say.
fn check_row_counts(
    key: &str,
    manifest: &SnapshotManifest,
    base: Option<&SnapshotManifest>,
    counted: RowCounts,
    findings: &mut Vec<AuditFinding>,
) {
    let declared = RowCounts::from_manifest(manifest);
    if counted != declared {
        let what = format!("says {declared}, and the files have {counted}");
        findings.push(AuditFinding::new(
            FindingKind::ManifestWrong,
            key,
            None,
            what,
        ));
    }

    let before = base.map_or(0, |base| base.rows);
    let RowCounts {
        rows,
        inserted,
        deleted,
    } = counted;
    if before + inserted != rows + deleted {
        let what = format!(
            "{before} rows of the base + {inserted} inserted - {deleted} deleted are not {rows}"
        );
        findings.push(AuditFinding::new(
            FindingKind::ManifestWrong,
            key,
            None,
            what,
        ));
    }
}

/// Finds a base that is not the one that the day was built on, unless an erasure rewrote it.
async fn check_base_digest(
    lake: &LakeHandle,
    key: &str,
    manifest: &SnapshotManifest,
    found: Sha256Digest,
    findings: &mut Vec<AuditFinding>,
) -> Result<(), OperationError> {
    let recorded = manifest.base_sha256.unwrap_or_default();
    if !is_replaced_by(&*lake.curated, recorded, found).await? {
        let what = format!(
            "was built on another manifest of {}: its SHA-256 was {recorded}, and is {found}",
            manifest.base.as_deref().unwrap_or_default()
        );
        findings.push(AuditFinding::new(FindingKind::BaseChanged, key, None, what));
    }
    Ok(())
}

async fn read_base_manifest(
    lake: &LakeHandle,
    key: &str,
    manifest: &SnapshotManifest,
    findings: &mut Vec<AuditFinding>,
) -> Result<BaseManifest, OperationError> {
    let Some(day) = manifest.base.as_deref().and_then(Day::parse) else {
        return Ok(BaseManifest::Missing);
    };

    let base_key = manifest_key(&manifest.table, day);
    let object = lake.curated.get_if_present(&base_key).await;
    match lake.unreadable.note(object)? {
        None => Ok(BaseManifest::Unknown),
        Some(Some(object)) => {
            let Some((base, sha256)) = decode_manifest(lake, &base_key, &object) else {
                return Ok(BaseManifest::Unknown);
            };
            check_base_digest(lake, key, manifest, sha256, findings).await?;
            Ok(BaseManifest::Found(Box::new(base)))
        }
        Some(None) if is_dropped(lake, &manifest.table, day).await? => Ok(BaseManifest::Unknown),
        Some(None) => {
            let what = format!("was built on {day}, whose manifest is not there");
            findings.push(AuditFinding::new(FindingKind::BaseMissing, key, None, what));
            Ok(BaseManifest::Missing)
        }
    }
}
