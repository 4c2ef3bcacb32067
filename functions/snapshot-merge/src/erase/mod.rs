//! Erasure in the curated zone: a person's rows are removed from every retained version of every
//! table, and from the state that merges store.
//!
//! New versions are written first, then the manifests name them, then the catalogue, and at last
//! the old files are deleted. Repeated after a crash it finishes: a file that no manifest names any
//! more and that still holds a person's rows is deleted too.
//!
//! An object that cannot be read is noted, and everything else is erased. A file with a person's
//! rows stays while a manifest that cannot be read may name it, for the file holds other people's
//! rows too; it is noted as well.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use contract::TableContract;
use host::{Failure, FailureKind};
use lake::schema::ENTITY_TABLE;
use lake::{
    Day, ManifestShard, Replacement, Sha256Digest, SnapshotManifest, WORK_PREFIX, manifest_key,
    parse_shard_version, state_prefix,
};
use serde::{Deserialize, Serialize};
use store::replacements::record_replacement;
use store::{ObjectError, ObjectStore, StoreError, UnreadableObjects};

use crate::context::Context;
use crate::derived_steps::DerivedStep;
use crate::publish;
use crate::raw_tables::republish_raw_tables;
use crate::retention::{ManifestReadings, read_each_manifest, referenced_keys};
use crate::table::remeasure_manifest;

mod emptied_sets;
mod matched_rows;
mod protected_files;
mod selector;
mod shard_rewrite;
mod sightings;

use matched_rows::MatchedRows;
use protected_files::ProtectedFiles;
pub use selector::{ErasureSelector, StatementEraser};
use sightings::ErasedRecords;

/// An object that held rows of an erased person.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct MatchedObject {
    /// Its key before.
    pub key: String,
    /// The rows that it held.
    pub rows: u64,
}

/// Erases the rows of persons; with `dry_run`, only reports which objects hold them. Objects that
/// cannot be read, and those that must stay because of them, are added to `unreadable`.
///
/// No merge may run meanwhile.
///
/// # Errors
/// When the storage or the catalogue fails. When it is repeated it goes on.
pub async fn erase_curated(
    context: &Context,
    selector: &ErasureSelector,
    dry_run: bool,
    unreadable: &UnreadableObjects,
) -> Result<Vec<MatchedObject>, Failure> {
    let mut matched = Vec::new();
    for table in context.catalogue.stored_tables() {
        let erasure = TableErasure {
            table,
            selector,
            context,
            unreadable,
        };
        matched.extend(erasure.run(dry_run).await?);
    }
    if !dry_run {
        delete_work_files(&*context.curated).await?;
        republish_raw_tables(context, unreadable).await?;
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
    unreadable: &'e UnreadableObjects,
}

impl TableErasure<'_> {
    fn curated_store(&self) -> &Arc<dyn ObjectStore> {
        &self.context.curated
    }

    /// The records whose statements count no longer in a row of `entity`; none in another table.
    fn erased_records(&self) -> Option<ErasedRecords> {
        let is_entity = self.table.name == ENTITY_TABLE;
        is_entity.then(|| ErasedRecords::of_selector(self.selector))
    }

    async fn run(&self, dry_run: bool) -> Result<Vec<MatchedObject>, Failure> {
        let (files, unread) = self.find_matching_files().await?;
        if !dry_run {
            self.purge_profiles(&unread).await?;
        }
        if files.is_empty() {
            return Ok(Vec::new());
        }

        let manifests = read_each_manifest(&self.table.name, &**self.curated_store()).await?;
        let mut protected = ProtectedFiles::behind_unreadable_manifests(&manifests, &files);
        for object in manifests.values().filter_map(|read| read.as_ref().err()) {
            self.unreadable.add(object.clone());
        }
        if !dry_run {
            self.erase_rows_of(&manifests, &files, &mut protected)
                .await?;
        }

        protected.note_into(self.unreadable);
        let erased = files.iter().filter(|(key, _)| !protected.contains(key));
        Ok(erased
            .map(|(key, matched)| MatchedObject {
                key: key.clone(),
                rows: matched.rows,
            })
            .collect())
    }

    /// Rewrites the files and their manifests, shows the new ones, and deletes the old files that
    /// no manifest needs.
    async fn erase_rows_of(
        &self,
        manifests: &ManifestReadings,
        files: &MatchedFiles,
        protected: &mut ProtectedFiles,
    ) -> Result<(), Failure> {
        let (rewritten, changed) = self.rewrite_manifests(manifests, files, protected).await?;
        // A reader of the Iceberg table must not see an erased row: while one may, the old files
        // stay, so that the next run does all of it again.
        let (iceberg, statistics) = self.republish_days(&changed).await?;
        fail_on_first(iceberg)?;

        let deletable = files.keys().filter(|key| !protected.contains(key));
        let unneeded = rewritten
            .keys()
            .filter(|keys| !protected.contains(&keys.rows));
        let profiles = unneeded.filter_map(|keys| keys.profile.as_ref());
        // Rows that stay as they are keep their file and its profile, where only the state changed.
        let kept: BTreeSet<ShardObjectKeys> =
            rewritten.values().map(ShardObjectKeys::of_shard).collect();
        let is_kept = |key: &str| kept.iter().any(|keys| keys.has_key(key));
        for key in deletable.chain(profiles).filter(|key| !is_kept(key)) {
            purge_object(key, &**self.curated_store()).await?;
        }
        self.purge_profiles(&protected.keys()).await?;
        // Last: statistics that cannot be written keep no row from its erasure.
        fail_on_first(statistics)
    }

    /// Deletes what was measured of files that stay though they hold the subject, or may hold it:
    /// the smallest and the largest values of their columns can be the subject's. A profile that is
    /// lost is measured again.
    async fn purge_profiles(&self, files: &BTreeSet<String>) -> Result<(), Failure> {
        if files.is_empty() {
            return Ok(());
        }

        let versions: BTreeSet<_> = files
            .iter()
            .filter_map(|key| parse_shard_version(key))
            .collect();
        let prefix = state_prefix(&self.table.name);
        for entry in self.curated_store().list(&prefix, None).await? {
            let is_profile = !entry.key.ends_with(".parquet");
            let version = parse_shard_version(&entry.key);
            if is_profile && version.is_some_and(|version| versions.contains(&version)) {
                purge_object(&entry.key, &**self.curated_store()).await?;
            }
        }
        Ok(())
    }

    /// Writes new versions of the shards that hold matched rows, and the manifests that name them.
    /// Returns the new versions and the days whose manifests changed. A day that cannot be
    /// rewritten, because an object of it cannot be read, keeps its files.
    async fn rewrite_manifests(
        &self,
        manifests: &ManifestReadings,
        files: &MatchedFiles,
        protected: &mut ProtectedFiles,
    ) -> Result<(RewrittenShards, BTreeSet<Day>), Failure> {
        let mut rewritten = RewrittenShards::new();
        let mut changed = BTreeSet::new();
        for (day, manifest) in manifests {
            let Ok(manifest) = manifest else { continue };
            if !referenced_keys(manifest).any(|key| files.contains_key(key)) {
                continue;
            }
            let base = find_base(manifest, manifests);
            let adjusted = adjust_change_counts(manifest, base, files);
            let result = self.rewrite_day(*day, manifest, adjusted, files, &mut rewritten);
            match result.await {
                Ok(()) => {
                    changed.insert(*day);
                }
                Err(failure) => {
                    let object = failure.unreadable_object().ok_or(failure)?;
                    protected.protect_day(manifest, files, &object.object);
                    self.unreadable.add(object);
                }
            }
        }
        Ok((rewritten, changed))
    }

    /// Writes the new versions of a day, and its manifest with the adjusted counts.
    async fn rewrite_day(
        &self,
        day: Day,
        manifest: &SnapshotManifest,
        adjusted: SnapshotManifest,
        files: &MatchedFiles,
        rewritten: &mut RewrittenShards,
    ) -> Result<(), Failure> {
        let shards = self.rewrite_shards(manifest, files, rewritten).await?;
        let new = SnapshotManifest { shards, ..adjusted };
        self.replace_manifest(day, manifest, new).await
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
        let manifest = self.remeasure(new).await?;
        let key = manifest_key(&self.table.name, day);
        let present = store.get(&key).await?;
        let body = manifest.to_json()?;
        let stored = SnapshotManifest::from_json(&present.body)
            .map_err(|error| Failure::damaged_object(&key, &error))?;
        let replacement = Replacement {
            object: key.clone(),
            before: Sha256Digest::of_bytes(&present.body),
            after: Sha256Digest::of_bytes(&body),
        };
        record_replacement(store, &replacement)
            .await
            .map_err(|error| Failure::unavailable(&error))?;
        let is_replaced =
            stored == *old && store.put_if_match(&key, &present.etag, body.into()).await?;
        if is_replaced {
            return Ok(());
        }
        let message = format!("another run wrote {key} meanwhile; erase again when no merge runs");
        Err(Failure::new(FailureKind::Unavailable, message))
    }

    /// The manifest with the measures of its shards. It keeps its measures when a shard cannot be
    /// read: what is measured must not keep a person's rows in another shard.
    async fn remeasure(&self, manifest: SnapshotManifest) -> Result<SnapshotManifest, Failure> {
        let unmeasured = SnapshotManifest {
            rows: manifest.shards.iter().map(|shard| shard.rows).sum(),
            ..manifest.clone()
        };
        let measured = remeasure_manifest(self.table, manifest, self.curated_store()).await;

        Ok(self.unreadable.note(measured)?.unwrap_or(unmeasured))
    }

    /// Shows the changed days, and gives the failures of the Iceberg table and those of the
    /// statistics. What only the catalogue of a damaged neighbour needs is noted.
    async fn republish_days(
        &self,
        changed: &BTreeSet<Day>,
    ) -> Result<(Vec<Failure>, Vec<Failure>), Failure> {
        let (mut iceberg, mut statistics) = (Vec::new(), Vec::new());
        let manifests = read_each_manifest(&self.table.name, &**self.curated_store()).await?;
        for (day, manifest) in manifests {
            let Ok(manifest) = manifest else { continue };
            if changed.contains(&day) {
                let published = publish::publish_snapshot(self.table, &manifest, day, self.context);
                let failed = self.unreadable.note(published.await)?;
                for (step, failure) in failed.into_iter().flatten() {
                    match step {
                        DerivedStep::Statistics => statistics.push(failure),
                        _ => iceberg.push(failure),
                    }
                }
            }
        }
        Ok((iceberg, statistics))
    }
}

fn fail_on_first(failures: Vec<Failure>) -> Result<(), Failure> {
    failures.into_iter().next().map_or(Ok(()), Err)
}

/// The base of a manifest. For one that cannot be read the manifest itself stands: the subject's
/// rows are mostly older than a day, and then the counts stay as they are.
fn find_base<'m>(
    manifest: &'m SnapshotManifest,
    manifests: &'m ManifestReadings,
) -> Option<&'m SnapshotManifest> {
    let day = manifest.base.as_deref().and_then(Day::parse)?;

    let base = manifests.get(&day)?;
    Some(base.as_ref().unwrap_or(manifest))
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
        .filter_map(|shard| files.get(&shard.rows_file.key))
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
            rows: shard.rows_file.key.clone(),
            state: shard.state_file.as_ref().map(|file| file.key.clone()),
            profile: shard.profile.as_ref().map(|object| object.key.clone()),
        }
    }

    fn has_key(&self, key: &str) -> bool {
        let others = [&self.state, &self.profile];
        self.rows == key || others.into_iter().flatten().any(|known| known == key)
    }

    fn hold_any_of(&self, files: &MatchedFiles) -> bool {
        files.contains_key(&self.rows)
            || self
                .state
                .as_ref()
                .is_some_and(|state| files.contains_key(state))
    }
}
