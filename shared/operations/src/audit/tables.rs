//! Snapshots: every row of a day is yesterday's or was inserted, and every row of yesterday is there or was deleted.

use lake::{Day, ManifestShard, SnapshotManifest, manifest_prefix, swept_days_key};
use store::streams::StreamError;
use store::{ObjectStore, StoreError};

use super::{AuditFinding, AuditScope, TableAudit};
use crate::LakeHandle;
use crate::OperationError;

/// Audits every manifest of the scope.
pub(super) async fn audit_tables(
    zones: &LakeHandle,
    scope: AuditScope,
) -> Result<(Vec<TableAudit>, Vec<AuditFinding>), OperationError> {
    let (mut audits, mut findings) = (Vec::new(), Vec::new());
    for table in &zones.catalogue.tables {
        for entry in zones
            .curated
            .list(&manifest_prefix(&table.name), None)
            .await?
        {
            let date = entry
                .key
                .trim_start_matches(&manifest_prefix(&table.name))
                .trim_end_matches(".json");
            if scope.contains_date(date) {
                audits.extend(audit_snapshot(zones, &entry.key, &mut findings).await?);
            }
        }
    }
    Ok((audits, findings))
}

async fn audit_snapshot(
    zones: &LakeHandle,
    key: &str,
    findings: &mut Vec<AuditFinding>,
) -> Result<Option<TableAudit>, OperationError> {
    let manifest = match SnapshotManifest::from_json(&zones.curated.get(key).await?.body) {
        Ok(manifest) => manifest,
        Err(error) => {
            findings.push(AuditFinding::new(key, None, format!("is damaged: {error}")));
            return Ok(None);
        }
    };
    let base = read_base_manifest(zones, key, &manifest, findings).await?;
    if matches!(base, BaseManifest::Dropped) {
        // What it came from is gone, as it should be: only its own files can be looked at.
        for shard in &manifest.shards {
            check_files_present(zones, shard, findings).await?;
        }
        let SnapshotManifest {
            table,
            date,
            base,
            rows,
            inserted,
            deleted,
            ..
        } = manifest;
        return Ok(Some(TableAudit {
            table,
            date,
            base,
            rows,
            inserted,
            deleted,
        }));
    }
    let base = match base {
        BaseManifest::Found(base) => Some(*base),
        BaseManifest::Missing | BaseManifest::Dropped => None,
    };
    let (rows, inserted, deleted) =
        count_row_changes(zones, &manifest, base.as_ref(), findings).await?;
    let before = base.as_ref().map_or(0, |base| base.rows);
    let counted = (rows, inserted, deleted);
    let told = (manifest.rows, manifest.inserted, manifest.deleted);
    if counted != told {
        let what = format!("says (rows, new, gone) {told:?}, and the files have {counted:?}");
        findings.push(AuditFinding::new(key, None, what));
    }
    if before + inserted != rows + deleted {
        let what =
            format!("{before} rows of the base + {inserted} new - {deleted} gone are not {rows}");
        findings.push(AuditFinding::new(key, None, what));
    }
    Ok(Some(TableAudit {
        table: manifest.table,
        date: manifest.date,
        base: manifest.base,
        rows,
        inserted,
        deleted,
    }))
}

/// Rows of a snapshot, how many of them its base did not have, and how many of the base's are gone.
async fn count_row_changes(
    zones: &LakeHandle,
    manifest: &SnapshotManifest,
    base: Option<&SnapshotManifest>,
    findings: &mut Vec<AuditFinding>,
) -> Result<(u64, u64, u64), OperationError> {
    let rows = manifest.shards.iter().map(|shard| shard.rows).sum();
    // Shards of another count hold other rows each: then the whole tables are compared.
    if let Some(base) = base.filter(|base| base.shards.len() != manifest.shards.len()) {
        let old = sorted_row_keys(zones, &base.shards.iter().collect::<Vec<_>>(), findings).await?;
        let new =
            sorted_row_keys(zones, &manifest.shards.iter().collect::<Vec<_>>(), findings).await?;
        let (inserted, deleted) = count_key_changes(&old, &new);
        return Ok((rows, inserted, deleted));
    }
    let of_base =
        |shard: u32| base.and_then(|base| base.shards.iter().find(|known| known.shard == shard));
    let (mut inserted, mut deleted) = (0, 0);
    for shard in &manifest.shards {
        let before = of_base(shard.shard);
        check_files_present(zones, shard, findings).await?;
        if before.is_some_and(|before| before.version == shard.version) {
            continue;
        }
        let old = sorted_row_keys(zones, before.as_slice(), findings).await?;
        let new = sorted_row_keys(zones, &[shard], findings).await?;
        let (came, went) = count_key_changes(&old, &new);
        (inserted, deleted) = (inserted + came, deleted + went);
    }
    Ok((rows, inserted, deleted))
}

/// The manifest on which another was built.
enum BaseManifest {
    /// There is none, or it is lost and told.
    Missing,
    /// A sweep has dropped it.
    Dropped,
    Found(Box<SnapshotManifest>),
}

/// Whether a sweep has dropped a day.
async fn is_dropped(zones: &LakeHandle, table: &str, day: Day) -> Result<bool, OperationError> {
    let days: Option<Vec<String>> =
        store::read_json_if_present(&*zones.curated, &swept_days_key(table)).await?;

    Ok(days.is_some_and(|days| days.contains(&day.to_string())))
}

async fn read_base_manifest(
    zones: &LakeHandle,
    key: &str,
    manifest: &SnapshotManifest,
    findings: &mut Vec<AuditFinding>,
) -> Result<BaseManifest, OperationError> {
    let Some(day) = manifest.base.as_deref().and_then(Day::parse) else {
        return Ok(BaseManifest::Missing);
    };
    match store::streams::read_manifest(&manifest.table, day, &*zones.curated).await {
        Ok(None) if is_dropped(zones, &manifest.table, day).await? => Ok(BaseManifest::Dropped),
        Ok(None) => {
            findings.push(AuditFinding::new(
                key,
                None,
                format!("was built on {day}, whose manifest is not there"),
            ));
            Ok(BaseManifest::Missing)
        }
        Err(StreamError::Damaged(base, error)) => {
            findings.push(AuditFinding::new(
                base,
                None,
                format!("is damaged: {error}"),
            ));
            Ok(BaseManifest::Missing)
        }
        found => Ok(found?.map_or(BaseManifest::Missing, |base| {
            BaseManifest::Found(Box::new(base))
        })),
    }
}

/// The row keys of shards, sorted.
async fn sorted_row_keys(
    zones: &LakeHandle,
    shards: &[&ManifestShard],
    findings: &mut Vec<AuditFinding>,
) -> Result<Vec<String>, OperationError> {
    let mut keys = Vec::new();
    for shard in shards {
        let found = match shard_row_keys(&*zones.curated, &shard.rows_key).await {
            Ok(found) => found,
            Err(ShardKeysError::Damaged(error)) => {
                findings.push(AuditFinding::new(
                    &shard.rows_key,
                    None,
                    format!("is damaged: {error}"),
                ));
                continue;
            }
            Err(ShardKeysError::Store(error)) => return Err(error.into()),
        };
        match found {
            Some(found) if found.len() as u64 == shard.rows => keys.extend(found),
            Some(found) => {
                let what = format!(
                    "has {} rows, and its manifest says {}",
                    found.len(),
                    shard.rows
                );
                findings.push(AuditFinding::new(&shard.rows_key, None, what));
                keys.extend(found);
            }
            // That it is not there is told already.
            None => {}
        }
    }
    keys.sort_unstable();
    if let Some(twice) = keys.windows(2).find(|pair| pair[0] == pair[1]) {
        let what = format!("holds the row {} twice", twice[0]);
        findings.push(AuditFinding::new(
            shards.first().map_or("", |shard| &shard.rows_key),
            None,
            what,
        ));
    }
    Ok(keys)
}

/// Why a shard's keys could not be read.
enum ShardKeysError {
    Damaged(lake::LakeError),
    Store(StoreError),
}

async fn shard_row_keys(
    curated: &dyn ObjectStore,
    key: &str,
) -> Result<Option<Vec<String>>, ShardKeysError> {
    let object = curated
        .get_if_present(key)
        .await
        .map_err(ShardKeysError::Store)?;

    object
        .map(|object| lake::file::read_row_keys(object.body).map_err(ShardKeysError::Damaged))
        .transpose()
}

/// Whether the files that a manifest names are there: the rows, and what the next merge must remember.
async fn check_files_present(
    zones: &LakeHandle,
    shard: &ManifestShard,
    findings: &mut Vec<AuditFinding>,
) -> Result<(), OperationError> {
    for key in std::iter::once(&shard.rows_key).chain(&shard.state_key) {
        if !zones.curated.object_exists(key).await? {
            findings.push(AuditFinding::new(
                key,
                None,
                "is named by a manifest and is not there",
            ));
        }
    }
    Ok(())
}

/// How many keys came and how many went, between two sorted lists.
fn count_key_changes(old: &[String], new: &[String]) -> (u64, u64) {
    let (mut came, mut went, mut a, mut b) = (0, 0, 0, 0);
    while a < old.len() || b < new.len() {
        match (old.get(a), new.get(b)) {
            (Some(before), Some(after)) if before == after => (a, b) = (a + 1, b + 1),
            (Some(before), Some(after)) if before < after => (a, went) = (a + 1, went + 1),
            (Some(_), None) => (a, went) = (a + 1, went + 1),
            _ => (b, came) = (b + 1, came + 1),
        }
    }
    (came, went)
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
