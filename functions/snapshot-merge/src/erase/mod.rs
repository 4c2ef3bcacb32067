//! Erasure in the curated zone: a person's rows are removed from every retained version of every
//! table, and from the state that merges store.
//!
//! New versions are written first, then the manifests name them, then the catalogue, and at last
//! the old files are deleted. Repeated after a crash it finishes: a file that no manifest names any
//! more and that still holds a person's rows is deleted too.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use contract::TableContract;
use host::{Failure, FailureKind};
use lake::{Day, ManifestShard, SnapshotManifest, WORK_PREFIX, manifest_key};
use serde::{Deserialize, Serialize};
use store::{ObjectStore, StoreError};

use crate::context::Context;
use crate::publish;
use crate::retention::{read_manifests, referenced_keys};
use crate::table::remeasure_manifest;

mod emptied_sets;
mod matched_rows;
mod selector;
mod shard_rewrite;

use matched_rows::MatchedRows;
pub use selector::ErasureSelector;

/// An object that held rows of an erased person.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct MatchedObject {
    /// Its key before.
    pub key: String,
    /// The rows that it held.
    pub rows: u64,
}

/// Erases the rows of persons; with `dry_run`, only reports which objects hold them.
///
/// No merge may run meanwhile.
///
/// # Errors
/// When the storage or the catalogue fails, or a file is damaged. When it is repeated it goes on.
pub async fn erase_curated(
    context: &Context,
    selector: &ErasureSelector,
    dry_run: bool,
) -> Result<Vec<MatchedObject>, Failure> {
    let mut matched = Vec::new();
    for table in &context.catalogue.tables {
        let erasure = TableErasure {
            table,
            selector,
            context,
        };
        matched.extend(erasure.run(dry_run).await?);
    }
    if !dry_run {
        delete_work_files(&*context.curated).await?;
    }
    Ok(matched)
}

/// Deletes the work files of merges that broke off: the next merge writes them again.
async fn delete_work_files(curated: &dyn ObjectStore) -> Result<(), StoreError> {
    for entry in curated.list(WORK_PREFIX, None).await? {
        purge_object(&entry.key, curated).await?;
    }
    Ok(())
}

/// Deletes an object and every version of it.
async fn purge_object(key: &str, curated: &dyn ObjectStore) -> Result<(), StoreError> {
    curated.delete(key).await?;
    curated.purge_versions(key).await?;
    Ok(())
}

/// The files that hold matched rows, by key.
type MatchedFiles = BTreeMap<String, MatchedRows>;

/// New versions of shards, by the keys of the old one.
type RewrittenShards = BTreeMap<ShardObjectKeys, ManifestShard>;

struct TableErasure<'e> {
    table: &'e TableContract,
    selector: &'e ErasureSelector,
    context: &'e Context,
}

impl TableErasure<'_> {
    fn curated_store(&self) -> &Arc<dyn ObjectStore> {
        &self.context.curated
    }

    async fn run(&self, dry_run: bool) -> Result<Vec<MatchedObject>, Failure> {
        let files = self.find_matching_files().await?;
        let matched: Vec<MatchedObject> = files
            .iter()
            .map(|(key, matched)| MatchedObject {
                key: key.clone(),
                rows: matched.rows,
            })
            .collect();
        if dry_run || matched.is_empty() {
            return Ok(matched);
        }

        let (rewritten, changed) = self.rewrite_manifests(&files).await?;
        self.republish_days(&changed).await?;
        let profiles = rewritten.into_keys().filter_map(|keys| keys.profile);
        for key in files.into_keys().chain(profiles) {
            purge_object(&key, &**self.curated_store()).await?;
        }
        Ok(matched)
    }

    /// Writes new versions of the shards that hold matched rows, and the manifests that name them.
    /// Returns the new versions and the days whose manifests changed.
    async fn rewrite_manifests(
        &self,
        files: &MatchedFiles,
    ) -> Result<(RewrittenShards, BTreeSet<Day>), Failure> {
        let manifests = read_manifests(&self.table.name, &**self.curated_store()).await?;
        let mut rewritten = RewrittenShards::new();
        let mut changed = BTreeSet::new();
        for (day, manifest) in &manifests {
            if !referenced_keys(manifest).any(|key| files.contains_key(key)) {
                continue;
            }
            let shards = self.rewrite_shards(manifest, files, &mut rewritten).await?;
            let base_day = manifest.base.as_deref().and_then(Day::parse);
            let base = base_day.and_then(|day| manifests.get(&day));
            let new = SnapshotManifest {
                shards,
                ..adjust_change_counts(manifest, base, files)
            };
            self.replace_manifest(*day, manifest, new).await?;
            changed.insert(*day);
        }
        Ok((rewritten, changed))
    }

    /// A manifest's shards, those with matched rows in new versions. A version that many days share
    /// is written once.
    async fn rewrite_shards(
        &self,
        manifest: &SnapshotManifest,
        files: &MatchedFiles,
        rewritten: &mut RewrittenShards,
    ) -> Result<Vec<ManifestShard>, Failure> {
        let mut shards = Vec::with_capacity(manifest.shards.len());
        for shard in &manifest.shards {
            let keys = ShardObjectKeys::of_shard(shard);
            let new = if !keys.hold_any_of(files) {
                shard.clone()
            } else if let Some(new) = rewritten.get(&keys) {
                new.clone()
            } else {
                let new = self.rewrite_shard(shard).await?;
                rewritten.insert(keys, new.clone());
                new
            };
            shards.push(new);
        }
        Ok(shards)
    }

    /// Writes a day's manifest again, with the measures that its shards have now.
    async fn replace_manifest(
        &self,
        day: Day,
        old: &SnapshotManifest,
        new: SnapshotManifest,
    ) -> Result<(), Failure> {
        let store = &**self.curated_store();
        let manifest = remeasure_manifest(self.table, new, self.curated_store()).await?;
        let key = manifest_key(&self.table.name, day);
        let present = store.get(&key).await?;
        let body = manifest.to_json()?;
        let is_replaced = SnapshotManifest::from_json(&present.body)? == *old
            && store.put_if_match(&key, &present.etag, body.into()).await?;
        if is_replaced {
            return Ok(());
        }
        let message = format!("another run wrote {key} meanwhile; erase again when no merge runs");
        Err(Failure::new(FailureKind::Unavailable, message))
    }

    async fn republish_days(&self, changed: &BTreeSet<Day>) -> Result<(), Failure> {
        let manifests = read_manifests(&self.table.name, &**self.curated_store()).await?;
        for (day, manifest) in manifests.iter().filter(|(day, _)| changed.contains(day)) {
            publish::publish_snapshot(self.table, manifest, *day, self.context).await?;
        }
        Ok(())
    }
}

/// A manifest whose counts of inserted and deleted rows leave the matched rows out, so that the
/// reconciliation still balances.
fn adjust_change_counts(
    manifest: &SnapshotManifest,
    base: Option<&SnapshotManifest>,
    files: &MatchedFiles,
) -> SnapshotManifest {
    let after = matched_keys(manifest, files);
    let before = base.map_or_else(BTreeSet::new, |base| matched_keys(base, files));
    let inserted = after.difference(&before).count() as u64;
    let deleted = before.difference(&after).count() as u64;
    SnapshotManifest {
        inserted: manifest.inserted.saturating_sub(inserted),
        deleted: manifest.deleted.saturating_sub(deleted),
        ..manifest.clone()
    }
}

/// The keys of the matched rows that readers of a manifest's snapshot see.
fn matched_keys<'f>(
    manifest: &SnapshotManifest,
    files: &'f MatchedFiles,
) -> BTreeSet<&'f (String, String)> {
    manifest
        .shards
        .iter()
        .filter_map(|shard| files.get(&shard.rows_key))
        .flat_map(|matched| &matched.keys)
        .collect()
}

/// The keys of a shard's version.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct ShardObjectKeys {
    rows: String,
    state: Option<String>,
    profile: Option<String>,
}

impl ShardObjectKeys {
    fn of_shard(shard: &ManifestShard) -> Self {
        Self {
            rows: shard.rows_key.clone(),
            state: shard.state_key.clone(),
            profile: shard.profile_key.clone(),
        }
    }

    fn hold_any_of(&self, files: &MatchedFiles) -> bool {
        files.contains_key(&self.rows)
            || self
                .state
                .as_ref()
                .is_some_and(|state| files.contains_key(state))
    }
}
