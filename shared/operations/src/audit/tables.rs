//! Snapshots: every row of a day is yesterday's or was inserted, and every row of yesterday is there or was deleted.

use lake::{Day, Manifest, ManifestShard, manifest_prefix, swept_key};
use store::streams::StreamError;
use store::{ObjectStore, StoreError};

use super::{Finding, Scope, TableAudit};
use crate::Failed;
use crate::Zones;

/// Audits every manifest of the scope.
pub(super) async fn audit(
    zones: &Zones,
    scope: Scope,
) -> Result<(Vec<TableAudit>, Vec<Finding>), Failed> {
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
            if scope.holds(date) {
                audits.extend(snapshot(zones, &entry.key, &mut findings).await?);
            }
        }
    }
    Ok((audits, findings))
}

async fn snapshot(
    zones: &Zones,
    key: &str,
    findings: &mut Vec<Finding>,
) -> Result<Option<TableAudit>, Failed> {
    let manifest = match Manifest::decode(&zones.curated.get(key).await?.body) {
        Ok(manifest) => manifest,
        Err(error) => {
            findings.push(Finding::new(key, None, format!("is damaged: {error}")));
            return Ok(None);
        }
    };
    let base = base(zones, key, &manifest, findings).await?;
    if matches!(base, Base::Dropped) {
        // What it came from is gone, as it should be: only its own files can be looked at.
        for shard in &manifest.shards {
            present(zones, shard, findings).await?;
        }
        let Manifest {
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
        Base::Known(base) => Some(*base),
        Base::None | Base::Dropped => None,
    };
    let (rows, inserted, deleted) = compared(zones, &manifest, base.as_ref(), findings).await?;
    let before = base.as_ref().map_or(0, |base| base.rows);
    let counted = (rows, inserted, deleted);
    let told = (manifest.rows, manifest.inserted, manifest.deleted);
    if counted != told {
        let what = format!("says (rows, new, gone) {told:?}, and the files have {counted:?}");
        findings.push(Finding::new(key, None, what));
    }
    if before + inserted != rows + deleted {
        let what =
            format!("{before} rows of the base + {inserted} new - {deleted} gone are not {rows}");
        findings.push(Finding::new(key, None, what));
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
async fn compared(
    zones: &Zones,
    manifest: &Manifest,
    base: Option<&Manifest>,
    findings: &mut Vec<Finding>,
) -> Result<(u64, u64, u64), Failed> {
    let rows = manifest.shards.iter().map(|shard| shard.rows).sum();
    // Shards of another count hold other rows each: then the whole tables are compared.
    if let Some(base) = base.filter(|base| base.shards.len() != manifest.shards.len()) {
        let old = keys(zones, &base.shards.iter().collect::<Vec<_>>(), findings).await?;
        let new = keys(zones, &manifest.shards.iter().collect::<Vec<_>>(), findings).await?;
        let (inserted, deleted) = differences(&old, &new);
        return Ok((rows, inserted, deleted));
    }
    let of_base =
        |shard: u32| base.and_then(|base| base.shards.iter().find(|known| known.shard == shard));
    let (mut inserted, mut deleted) = (0, 0);
    for shard in &manifest.shards {
        let before = of_base(shard.shard);
        present(zones, shard, findings).await?;
        if before.is_some_and(|before| before.version == shard.version) {
            continue;
        }
        let old = keys(zones, before.as_slice(), findings).await?;
        let new = keys(zones, &[shard], findings).await?;
        let (came, went) = differences(&old, &new);
        (inserted, deleted) = (inserted + came, deleted + went);
    }
    Ok((rows, inserted, deleted))
}

/// The manifest on which another was built.
enum Base {
    /// There is none, or it is lost and told.
    None,
    /// A sweep has dropped it.
    Dropped,
    Known(Box<Manifest>),
}

/// Whether a sweep has dropped a day.
async fn is_dropped(zones: &Zones, table: &str, day: Day) -> Result<bool, Failed> {
    let list = match zones.curated.get(&swept_key(table)).await {
        Ok(object) => object.body,
        Err(error) if error.is_not_found() => return Ok(false),
        Err(error) => return Err(error.into()),
    };
    let days: Vec<String> = serde_json::from_slice(&list)?;
    Ok(days.contains(&day.to_string()))
}

async fn base(
    zones: &Zones,
    key: &str,
    manifest: &Manifest,
    findings: &mut Vec<Finding>,
) -> Result<Base, Failed> {
    let Some(day) = manifest.base.as_deref().and_then(Day::parse) else {
        return Ok(Base::None);
    };
    match store::streams::manifest(&manifest.table, day, &*zones.curated).await {
        Ok(None) if is_dropped(zones, &manifest.table, day).await? => Ok(Base::Dropped),
        Ok(None) => {
            findings.push(Finding::new(
                key,
                None,
                format!("was built on {day}, whose manifest is not there"),
            ));
            Ok(Base::None)
        }
        Err(StreamError::Damaged(base, error)) => {
            findings.push(Finding::new(base, None, format!("is damaged: {error}")));
            Ok(Base::None)
        }
        found => Ok(found?.map_or(Base::None, |base| Base::Known(Box::new(base)))),
    }
}

/// The row keys of shards, sorted.
async fn keys(
    zones: &Zones,
    shards: &[&ManifestShard],
    findings: &mut Vec<Finding>,
) -> Result<Vec<String>, Failed> {
    let mut keys = Vec::new();
    for shard in shards {
        let found = match row_keys(&*zones.curated, &shard.rows_key).await {
            Ok(found) => found,
            Err(Unread::Damaged(error)) => {
                findings.push(Finding::new(
                    &shard.rows_key,
                    None,
                    format!("is damaged: {error}"),
                ));
                continue;
            }
            Err(Unread::Failed(error)) => return Err(error.into()),
        };
        match found {
            Some(found) if found.len() as u64 == shard.rows => keys.extend(found),
            Some(found) => {
                let what = format!(
                    "has {} rows, and its manifest says {}",
                    found.len(),
                    shard.rows
                );
                findings.push(Finding::new(&shard.rows_key, None, what));
                keys.extend(found);
            }
            // That it is not there is told already.
            None => {}
        }
    }
    keys.sort_unstable();
    if let Some(twice) = keys.windows(2).find(|pair| pair[0] == pair[1]) {
        let what = format!("holds the row {} twice", twice[0]);
        findings.push(Finding::new(
            shards.first().map_or("", |shard| &shard.rows_key),
            None,
            what,
        ));
    }
    Ok(keys)
}

/// Why a shard's keys could not be read.
enum Unread {
    Damaged(lake::LakeError),
    Failed(StoreError),
}

async fn row_keys(curated: &dyn ObjectStore, key: &str) -> Result<Option<Vec<String>>, Unread> {
    match curated.get(key).await {
        Ok(object) => lake::file::row_keys(object.body)
            .map(Some)
            .map_err(Unread::Damaged),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(Unread::Failed(error)),
    }
}

/// Whether the files that a manifest names are there: the rows, and what the next merge must remember.
async fn present(
    zones: &Zones,
    shard: &ManifestShard,
    findings: &mut Vec<Finding>,
) -> Result<(), Failed> {
    for key in std::iter::once(&shard.rows_key).chain(&shard.state_key) {
        if !zones.curated.is_there(key).await? {
            findings.push(Finding::new(
                key,
                None,
                "is named by a manifest and is not there",
            ));
        }
    }
    Ok(())
}

/// How many keys came and how many went, between two sorted lists.
fn differences(old: &[String], new: &[String]) -> (u64, u64) {
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
        assert_eq!(differences(&texts("a b d"), &texts("b c d e")), (2, 1));
        assert_eq!(differences(&[], &texts("a b")), (2, 0));
        assert_eq!(differences(&texts("a"), &[]), (0, 1));
    }
}
