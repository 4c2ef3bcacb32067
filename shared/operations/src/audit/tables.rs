//! Snapshots: every row of a day is one of its base or was inserted, and every row of the base is
//! there or was deleted.

use std::collections::BTreeSet;

use lake::{Day, ManifestShard, SnapshotManifest, manifest_prefix, swept_days_key};
use store::read_json_if_present;

use super::finding_kind::FindingKind;
use super::report::{AuditFinding, TableAudit};
use super::scope::AuditScope;
use crate::error::OperationError;
use crate::lake_handle::LakeHandle;

/// Audits every manifest of the scope.
pub(super) async fn audit_tables(
    lake: &LakeHandle,
    scope: AuditScope,
    findings: &mut Vec<AuditFinding>,
) -> Result<Vec<TableAudit>, OperationError> {
    let mut audits = Vec::new();
    let mut decoded = BTreeSet::new();
    for table in lake.catalogue.stored_tables() {
        let prefix = manifest_prefix(&table.name);
        for entry in lake.curated.list(&prefix, None).await? {
            let date = entry.key.trim_start_matches(&prefix);
            if !scope.contains_date(date.trim_end_matches(".json")) {
                continue;
            }
            let Some(manifest) = read_listed_manifest(lake, &entry.key).await? else {
                continue;
            };
            if scope.deep {
                decode_files(lake, &manifest, &mut decoded).await?;
            }
            let date = manifest.date.clone();
            let mut found = Vec::new();
            audits.push(audit_snapshot(lake, &entry.key, manifest, &mut found).await?);
            findings.extend(found.into_iter().map(|finding| finding.of_day(&date)));
        }
    }
    Ok(audits)
}

/// The manifest at a key that a listing gave; none when it cannot be read, which is noted.
async fn read_listed_manifest(
    lake: &LakeHandle,
    key: &str,
) -> Result<Option<SnapshotManifest>, OperationError> {
    let Some(object) = lake.unreadable.note(lake.curated.get(key).await)? else {
        return Ok(None);
    };

    let manifest = SnapshotManifest::from_json(&object.body);
    Ok(lake.unreadable.note_decoded(key, manifest))
}

/// Decodes the files that a manifest names, those of rows and of the merge's state, each once for
/// all days that share it.
async fn decode_files(
    lake: &LakeHandle,
    manifest: &SnapshotManifest,
    decoded: &mut BTreeSet<String>,
) -> Result<(), OperationError> {
    let shards = manifest.shards.iter();
    for key in shards.flat_map(|shard| std::iter::once(&shard.rows_key).chain(&shard.state_key)) {
        if !decoded.insert(key.clone()) {
            continue;
        }
        let object = lake
            .unreadable
            .note(lake.curated.get_if_present(key).await)?;
        if let Some(object) = object.flatten() {
            let rows = lake::file::decode_all(object.body);
            lake.unreadable.note_decoded(key, rows);
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
    lake: &LakeHandle,
    key: &str,
    manifest: SnapshotManifest,
    findings: &mut Vec<AuditFinding>,
) -> Result<TableAudit, OperationError> {
    let base = match read_base_manifest(lake, key, &manifest, findings).await? {
        BaseManifest::Found(base) => Some(*base),
        BaseManifest::Missing => None,
        // The rows that this day is compared with are not known: only its own files can be checked.
        BaseManifest::Unknown => {
            for shard in &manifest.shards {
                check_files_present(lake, shard, findings).await?;
            }
            let counts = RowCounts::from_manifest(&manifest);
            return Ok(counts.into_audit(manifest));
        }
    };

    // With a file that cannot be read nothing can be counted; the file is the finding.
    let counted = count_row_changes(lake, &manifest, base.as_ref(), findings).await?;
    if let Some(counted) = counted {
        check_row_counts(key, &manifest, base.as_ref(), counted, findings);
    }
    let counts = counted.unwrap_or_else(|| RowCounts::from_manifest(&manifest));
    Ok(counts.into_audit(manifest))
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
        let what = format!("says {declared:?}, and the files have {counted:?}");
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

/// Counts the rows of a snapshot, those that its base does not have, and those that only the base
/// has; none when a file cannot be read.
async fn count_row_changes(
    lake: &LakeHandle,
    manifest: &SnapshotManifest,
    base: Option<&SnapshotManifest>,
    findings: &mut Vec<AuditFinding>,
) -> Result<Option<RowCounts>, OperationError> {
    let mut counts = RowCounts {
        rows: manifest.shards.iter().map(|shard| shard.rows).sum(),
        inserted: 0,
        deleted: 0,
    };

    // With another number of shards each one holds other rows, so the full tables are compared.
    if let Some(base) = base.filter(|base| base.shards.len() != manifest.shards.len()) {
        let old: Vec<&ManifestShard> = base.shards.iter().collect();
        let new: Vec<&ManifestShard> = manifest.shards.iter().collect();
        let changes = compare_shards(lake, &old, &new, findings).await?;
        return Ok(changes.map(|(inserted, deleted)| RowCounts {
            inserted,
            deleted,
            ..counts
        }));
    }

    let mut is_readable = true;
    for shard in &manifest.shards {
        check_files_present(lake, shard, findings).await?;
        let before = base.and_then(|base| find_shard(base, shard.shard));
        if before.is_some_and(|before| before.version == shard.version) {
            continue;
        }
        match compare_shards(lake, before.as_slice(), &[shard], findings).await? {
            Some((inserted, deleted)) => {
                counts.inserted += inserted;
                counts.deleted += deleted;
            }
            None => is_readable = false,
        }
    }
    Ok(is_readable.then_some(counts))
}

fn find_shard(manifest: &SnapshotManifest, number: u32) -> Option<&ManifestShard> {
    manifest.shards.iter().find(|shard| shard.shard == number)
}

/// How many rows only the new shards have, and how many only the old ones; none when a file cannot
/// be read.
async fn compare_shards(
    lake: &LakeHandle,
    old: &[&ManifestShard],
    new: &[&ManifestShard],
    findings: &mut Vec<AuditFinding>,
) -> Result<Option<(u64, u64)>, OperationError> {
    let old = sorted_row_keys(lake, old, findings).await?;
    let new = sorted_row_keys(lake, new, findings).await?;

    let keys = old.zip(new);
    Ok(keys.map(|(old, new)| count_key_changes(&old, &new)))
}

/// Whether a sweep has dropped a day.
async fn is_dropped(lake: &LakeHandle, table: &str, day: Day) -> Result<bool, OperationError> {
    let days = read_json_if_present(&*lake.curated, &swept_days_key(table)).await;
    let days: Option<Vec<String>> = lake.unreadable.note(days)?.flatten();
    Ok(days.is_some_and(|days| days.contains(&day.to_string())))
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

    let base = store::streams::read_manifest(&manifest.table, day, &*lake.curated).await;
    match lake.unreadable.note(base)? {
        None => Ok(BaseManifest::Unknown),
        Some(Some(base)) => Ok(BaseManifest::Found(Box::new(base))),
        Some(None) if is_dropped(lake, &manifest.table, day).await? => Ok(BaseManifest::Unknown),
        Some(None) => {
            let what = format!("was built on {day}, whose manifest is not there");
            findings.push(AuditFinding::new(FindingKind::BaseMissing, key, None, what));
            Ok(BaseManifest::Missing)
        }
    }
}

/// The row keys of shards, sorted; none when a file cannot be read, which is noted.
async fn sorted_row_keys(
    lake: &LakeHandle,
    shards: &[&ManifestShard],
    findings: &mut Vec<AuditFinding>,
) -> Result<Option<Vec<String>>, OperationError> {
    let mut keys = Vec::new();
    for shard in shards {
        let object = lake.curated.get_if_present(&shard.rows_key).await;
        let Some(object) = lake.unreadable.note(object)? else {
            return Ok(None);
        };
        // The check of the manifest's files has found that it is not there.
        let Some(object) = object else { continue };

        let found = if lake::is_statements_key(&shard.rows_key) {
            lake::file::read_statement_keys(object.body)
        } else {
            lake::file::read_row_keys(object.body)
        };
        let Some(found) = lake.unreadable.note_decoded(&shard.rows_key, found) else {
            return Ok(None);
        };
        findings.extend(check_shard_rows(shard, found.len()));
        keys.extend(found);
    }

    keys.sort_unstable();
    if let Some(pair) = keys.windows(2).find(|pair| pair[0] == pair[1]) {
        let object = shards.first().map_or("", |shard| &shard.rows_key);
        let what = format!("holds the row {} twice", pair[0]);
        findings.push(AuditFinding::new(
            FindingKind::SnapshotFileWrong,
            object,
            None,
            what,
        ));
    }
    Ok(Some(keys))
}

/// That a file has other rows than its manifest says.
fn check_shard_rows(shard: &ManifestShard, rows: usize) -> Option<AuditFinding> {
    if rows as u64 == shard.rows {
        return None;
    }

    let what = format!("has {rows} rows, and its manifest says {}", shard.rows);
    Some(AuditFinding::new(
        FindingKind::SnapshotFileWrong,
        &shard.rows_key,
        None,
        what,
    ))
}

/// Checks that the files which a manifest names are there: the rows, and the state for the next
/// merge.
async fn check_files_present(
    lake: &LakeHandle,
    shard: &ManifestShard,
    findings: &mut Vec<AuditFinding>,
) -> Result<(), OperationError> {
    for key in std::iter::once(&shard.rows_key).chain(&shard.state_key) {
        if !lake.curated.object_exists(key).await? {
            let what = "is named by a manifest and is not there";
            findings.push(AuditFinding::new(
                FindingKind::SnapshotFileWrong,
                key,
                None,
                what,
            ));
        }
    }
    Ok(())
}

/// How many keys only the new list has, and how many only the old one. Both are sorted.
fn count_key_changes(old: &[String], new: &[String]) -> (u64, u64) {
    let mut inserted = 0;
    let mut deleted = 0;
    let mut old = old.iter().peekable();
    let mut new = new.iter().peekable();
    loop {
        match (old.peek(), new.peek()) {
            (None, None) => return (inserted, deleted),
            (Some(before), Some(after)) if before == after => {
                old.next();
                new.next();
            }
            (Some(before), after) if after.is_none_or(|after| before < after) => {
                old.next();
                deleted += 1;
            }
            _ => {
                new.next();
                inserted += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_and_went_is_counted() {
        let texts = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(
            count_key_changes(&texts("a b d"), &texts("b c d e")),
            (2, 1)
        );
        assert_eq!(count_key_changes(&[], &texts("a b")), (2, 0));
        assert_eq!(count_key_changes(&texts("a"), &[]), (0, 1));
    }
}
