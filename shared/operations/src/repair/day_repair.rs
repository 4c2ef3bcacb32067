//! Days of tables: manifests and the files that they name, made again by the merge of the day.

use std::collections::BTreeSet;

use bytes::Bytes;
use contract::record_table_name;
use lake::{Day, NamedFile, Sha256Digest, SnapshotManifest, manifest_key, manifest_prefix};
use store::{ObjectError, ObjectStore};

use super::RepairRun;
use super::found_damage::DamagedTables;
use super::recorded_manifests::{check_made_manifest, read_recorded_digests};
use crate::error::OperationError;

/// A day of a table of which objects are damaged.
struct DamagedDay<'d> {
    day: Day,
    table: &'d str,
    keys: &'d BTreeSet<String>,
}

impl DamagedDay<'_> {
    fn manifest_key(&self) -> String {
        manifest_key(self.table, self.day)
    }

    fn is_manifest_damaged(&self) -> bool {
        self.keys.contains(&self.manifest_key())
    }
}

/// The manifest of a day, as it was before the repair.
struct StoredManifest {
    body: Option<Bytes>,
    etag: Option<String>,
    /// The digests under which others recorded it.
    recorded: Vec<Sha256Digest>,
}

impl RepairRun<'_> {
    /// Repairs the damaged objects of a day, table by table: records before the tables that are
    /// made from them, and last the tables that are made from others.
    pub(super) async fn repair_day(
        &mut self,
        day: Day,
        tables: &DamagedTables,
    ) -> Result<(), OperationError> {
        let mut ordered: Vec<&String> = tables.keys().collect();
        ordered.sort_by_key(|table| self.merge_order(table));
        for table in ordered {
            let keys = &tables[table];
            self.repair_table_day(&DamagedDay { day, table, keys })
                .await?;
        }
        Ok(())
    }

    /// Where a table stands in the merge of a day.
    fn merge_order(&self, table: &str) -> u8 {
        let catalogue = &self.lake.catalogue;
        let contract = catalogue.stored_table_contract(table);
        match contract {
            Some(contract) if contract.holds_records() => 0,
            _ if catalogue.topics_of_table(table).is_empty() => 2,
            _ => 1,
        }
    }

    async fn repair_table_day(&mut self, damaged: &DamagedDay<'_>) -> Result<(), OperationError> {
        let key = damaged.manifest_key();
        let before = StoredManifest {
            body: self.read_document(&key).await?,
            etag: self.layers.curated.find_etag_below(&key).await?,
            recorded: read_recorded_digests(self.lake, damaged.table, damaged.day).await?,
        };

        let merged = self.merge_again(damaged).await?;
        let manifest = match merged {
            Ok(()) => self.check_manifest(damaged, &before).await?,
            Err(cause) => Err(cause),
        };
        match manifest {
            Ok(manifest) => self.keep_day(damaged, &manifest, &before).await?,
            Err(cause) => self.refuse_day(damaged, &cause).await?,
        }
        self.layers.forget_undecided();
        Ok(())
    }

    /// Merges the day into the layer, without its damaged objects; gives why it was not merged.
    async fn merge_again(
        &self,
        damaged: &DamagedDay<'_>,
    ) -> Result<Result<(), String>, OperationError> {
        let Some(table) = self.find_merged_table(damaged.table) else {
            return Ok(Err(
                "no table is made from these records any more".to_owned()
            ));
        };
        for key in damaged.keys {
            self.layers.curated.hide(key);
        }
        self.seal_day(damaged.day, table).await?;

        let tables = [table.to_owned()];
        let merged = match self.rebuilder.merge_day(damaged.day, &tables).await {
            Ok(merged) => merged,
            Err(failure) if failure.unreadable_object().is_some() => {
                return Ok(Err(failure.message));
            }
            Err(failure) => return Err(failure.into()),
        };
        let failed = merged.failures.into_iter();
        let mut of_table = failed.filter(|(failed, _)| failed == table || failed == damaged.table);
        Ok(match of_table.next() {
            Some((_, failure)) => Err(failure.message),
            None => Ok(()),
        })
    }

    /// The table by whose name the merge of a table is asked for: records are merged with a table
    /// that is made from them.
    fn find_merged_table<'t>(&'t self, table: &'t str) -> Option<&'t str> {
        let catalogue = &self.lake.catalogue;
        if catalogue.table_contract(table).is_some() {
            return Some(table);
        }
        let mut made = catalogue.tables.iter().map(|made| made.name.as_str());
        made.find(|made| self.record_tables_of(made).any(|records| records == table))
    }

    /// The tables of the records that a table is made from.
    fn record_tables_of(&self, table: &str) -> impl Iterator<Item = String> {
        let mappings = self.lake.catalogue.record_mappings_of_table(table);
        mappings.map(|mapping| record_table_name(&mapping.contract.name))
    }

    /// Lets a later day be built on the day: then its merge takes again what it took, and nothing
    /// that has come since.
    async fn seal_day(&self, day: Day, table: &str) -> Result<(), OperationError> {
        let curated = &self.layers.curated;
        for table in self.record_tables_of(table).chain([table.to_owned()]) {
            let key = manifest_key(&table, day);
            let later = curated
                .find_first(&manifest_prefix(&table), Some(&key))
                .await?;
            if later.is_some() {
                continue;
            }
            let Some(body) = self.read_document(&key).await? else {
                continue;
            };
            let Ok(mut manifest) = SnapshotManifest::from_json(&body) else {
                continue;
            };
            let next = day.next();
            manifest.date = next.to_string();
            let body = manifest.to_json()?.into();
            let next_key = manifest_key(&table, next);
            curated.put(&next_key, body, "application/json").await?;
        }
        Ok(())
    }

    /// The day's manifest: the stored one, or, where that is damaged, the one that the merge made
    /// when it is the one that was recorded.
    async fn check_manifest(
        &self,
        damaged: &DamagedDay<'_>,
        before: &StoredManifest,
    ) -> Result<Result<SnapshotManifest, String>, OperationError> {
        let made = self.read_document(&damaged.manifest_key()).await?;
        let is_damaged = damaged.is_manifest_damaged();
        let Some(body) = (if is_damaged {
            made
        } else {
            before.body.clone()
        }) else {
            return Ok(Err("the day has nothing of the table any more".to_owned()));
        };

        if is_damaged {
            let checked = check_made_manifest(self.lake, damaged.day, &before.recorded, &body);
            if let Err(cause) = checked.await? {
                return Ok(Err(cause));
            }
        }
        Ok(SnapshotManifest::from_json(&body).map_err(|error| error.to_string()))
    }

    /// Keeps the damaged objects that the day's manifest names, and the manifest last, as a merge
    /// does.
    async fn keep_day(
        &mut self,
        damaged: &DamagedDay<'_>,
        manifest: &SnapshotManifest,
        before: &StoredManifest,
    ) -> Result<(), OperationError> {
        let from = format!("the merge of {}", damaged.day);
        let manifest_key = damaged.manifest_key();
        for key in damaged.keys.iter().filter(|key| **key != manifest_key) {
            self.keep_day_file(key, manifest, &from).await?;
        }
        if !damaged.is_manifest_damaged() {
            return Ok(());
        }

        let made = self.read_document(&manifest_key).await?;
        if made == before.body {
            let why = "it is what its day records; what names another one was built before the \
                       day was built again";
            self.notes.note_unrepaired(&manifest_key, why);
            return Ok(());
        }
        let document = (manifest_key.as_str(), before.etag.as_deref());
        let layers = self.layers;
        self.keep_document(&layers.curated, document, &from).await
    }

    /// Keeps a file that the merge made when it is the one that the manifest names.
    async fn keep_day_file(
        &mut self,
        key: &str,
        manifest: &SnapshotManifest,
        from: &str,
    ) -> Result<(), OperationError> {
        let layer = &self.layers.curated;
        if layer.is_written(key) && is_named_content(&**layer, key, manifest).await? {
            self.layers.keep(layer, key, self.request.dry_run).await?;
            self.notes.note_repaired(key, from);
            return Ok(());
        }
        let cause = format!(
            "{from} makes no such file today: an erasure rewrote it, or contracts have changed"
        );
        self.refuse_day_file(key, &cause).await
    }

    async fn refuse_day(
        &mut self,
        damaged: &DamagedDay<'_>,
        cause: &str,
    ) -> Result<(), OperationError> {
        for key in damaged.keys {
            self.refuse_day_file(key, cause).await?;
        }
        Ok(())
    }

    /// Notes a file that is not made again. A shard's measures are deleted: without them a merge
    /// measures the rows again.
    async fn refuse_day_file(&mut self, key: &str, cause: &str) -> Result<(), OperationError> {
        if is_measures_key(key) {
            let dry_run = self.request.dry_run;
            self.layers.delete(self.lake, key, dry_run).await?;
            self.notes.note_deleted(key);
        } else {
            self.notes.note_unrepaired(key, cause);
        }
        Ok(())
    }

    /// The content of a document of the curated zone; none where there is none.
    pub(super) async fn read_document(&self, key: &str) -> Result<Option<Bytes>, OperationError> {
        let object = self.lake.curated.get_if_within_limit(key).await?;
        Ok(object.map(|object| object.body))
    }
}

/// Whether a file is the one that a manifest names by its digest.
async fn is_named_content(
    store: &dyn ObjectStore,
    key: &str,
    manifest: &SnapshotManifest,
) -> Result<bool, OperationError> {
    for shard in &manifest.shards {
        if let Some(file) = shard.files().find(|file| file.key == key) {
            return is_file_content(store, file).await;
        }
        if let Some(profile) = shard.profile.as_ref().filter(|profile| profile.key == key) {
            let body = store.get(key).await?.body;
            return Ok(profile.digest.check(&body).is_ok());
        }
    }
    Ok(false)
}

/// Whether a file is the one that is named: its tail holds the digests of the rest, which its
/// writer has just computed.
async fn is_file_content(
    store: &dyn ObjectStore,
    file: &NamedFile,
) -> Result<bool, OperationError> {
    let NamedFile { key, digest } = file;
    if store.head(key).await?.size != digest.bytes {
        return Ok(false);
    }
    let tail = store
        .get_range(key, digest.tail_start()..digest.bytes)
        .await?;
    Ok(digest.check_tail(&tail).is_ok())
}

/// Whether a key is that of a shard's measures.
fn is_measures_key(key: &str) -> bool {
    lake::parse_shard_version(key).is_some() && key.ends_with(".json")
}
