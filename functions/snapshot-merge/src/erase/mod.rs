//! Erasure in the curated zone: somebody's rows leave every kept version of every table, and what merges remember of them.
//!
//! New versions are written first, then the manifests name them, then the catalogue, and at last the old files go. Done
//! again after a crash it finishes: a file that no manifest names any more and that still holds somebody is deleted too.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{BooleanArray, RecordBatch};
use arrow_schema::SchemaRef;
use arrow_select::filter::filter_record_batch;
use contract::TableContract;
use host::{Failure, FailureKind};
use lake::{
    Day, LakeError, ManifestShard, OwnerRange, SnapshotManifest, WORK_PREFIX, manifest_key,
    parse_version_day, schema, state_prefix, table_prefix,
};
use pole::RowOperation;
use serde::{Deserialize, Serialize};
use store::{ObjectStore, StoreError};

use crate::change_merge::ChangeMerge;
use crate::context::Context;
use crate::increments::conform_to_schema;
use crate::output::{ShardWriter, WrittenShard};
use crate::plan::merge_rules;
use crate::profile::ShardProfile;
use crate::publish;
use crate::resolve::ChangeOrigin;
use crate::retention::{read_manifests, referenced_keys};
use crate::shard_job::ShardFiles;
use crate::sorted_file::{RowGroupFetcher, SortedBatches, SortedFile, select_row_groups};
use crate::sorted_runs::sort_by_owner;
use crate::table::remeasure_manifest;

mod emptied_sets;
mod selector;

use emptied_sets::{EmptiedSetTracker, anonymous_markers};
pub use selector::ErasureSelector;
use selector::selector_columns;

/// An object that held somebody's rows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct MatchedObject {
    /// Its key before.
    pub key: String,
    /// The rows that it held.
    pub rows: u64,
}

/// Erases somebody's rows; with `dry_run`, only says which objects hold them.
///
/// No merge may run meanwhile.
///
/// # Errors
/// When the storage or the catalogue fails, or a file is damaged. Done again it goes on.
pub async fn erase_curated(
    context: &Context,
    whom: &ErasureSelector,
    dry_run: bool,
) -> Result<Vec<MatchedObject>, Failure> {
    let mut touched = Vec::new();
    for table in &context.catalogue.tables {
        let erasure = TableErasure {
            table,
            selector: whom,
            context,
        };
        touched.extend(erasure.run(dry_run).await?);
    }
    if !dry_run {
        delete_work_files(&*context.curated).await?;
    }
    Ok(touched)
}

/// What a merge that broke off has kept is made again by the next one.
async fn delete_work_files(curated: &dyn ObjectStore) -> Result<(), Failure> {
    for entry in curated
        .list(WORK_PREFIX, None)
        .await
        .map_err(|error| store_failure(&error))?
    {
        purge_object(&entry.key, curated).await?;
    }
    Ok(())
}

/// Deletes an object and every version of it.
async fn purge_object(key: &str, curated: &dyn ObjectStore) -> Result<(), Failure> {
    curated
        .delete(key)
        .await
        .map_err(|error| store_failure(&error))?;
    curated
        .purge_versions(key)
        .await
        .map(drop)
        .map_err(|error| store_failure(&error))
}

struct TableErasure<'e> {
    table: &'e TableContract,
    selector: &'e ErasureSelector,
    context: &'e Context,
}

fn store_failure(error: &StoreError) -> Failure {
    Failure::unavailable(error)
}

impl TableErasure<'_> {
    fn curated_store(&self) -> &Arc<dyn ObjectStore> {
        &self.context.curated
    }

    async fn run(&self, dry_run: bool) -> Result<Vec<MatchedObject>, Failure> {
        let held = self.find_matching_files().await?;
        let of = |(key, rows): (&String, &MatchedRows)| MatchedObject {
            key: key.clone(),
            rows: rows.rows,
        };
        let touched: Vec<MatchedObject> = held.iter().map(of).collect();
        if dry_run || touched.is_empty() {
            return Ok(touched);
        }
        let manifests = read_manifests(&self.table.name, &**self.curated_store()).await?;
        let mut rewritten: BTreeMap<ShardObjectKeys, ManifestShard> = BTreeMap::new();
        let mut changed = BTreeSet::new();
        for (day, manifest) in &manifests {
            if referenced_keys(manifest).any(|key| held.contains_key(key)) {
                let shards = self.rewrite_shards(manifest, &held, &mut rewritten).await?;
                let base = manifest
                    .base
                    .as_deref()
                    .and_then(Day::parse)
                    .and_then(|base| manifests.get(&base));
                let counted = adjust_change_counts(manifest, base, &held);
                self.replace_manifest(*day, manifest, SnapshotManifest { shards, ..counted })
                    .await?;
                changed.insert(*day);
            }
        }
        self.republish_days(&changed).await?;
        let profiles = rewritten.into_keys().filter_map(|(_, _, profile)| profile);
        for old in touched
            .iter()
            .map(|touched| touched.key.clone())
            .chain(profiles)
        {
            purge_object(&old, &**self.curated_store()).await?;
        }
        Ok(touched)
    }

    /// Every file of the table that holds somebody's rows, whether a manifest names it or not.
    async fn find_matching_files(&self) -> Result<BTreeMap<String, MatchedRows>, Failure> {
        let mut found = BTreeMap::new();
        for prefix in [
            table_prefix(&self.table.name),
            state_prefix(&self.table.name),
        ] {
            let listed = self
                .curated_store()
                .list(&prefix, None)
                .await
                .map_err(|error| store_failure(&error))?;
            for entry in listed
                .into_iter()
                .filter(|entry| entry.key.ends_with(".parquet"))
            {
                let held = self.match_file_rows(&entry.key, entry.size).await?;
                if held.rows > 0 {
                    found.insert(entry.key, held);
                }
            }
        }
        Ok(found)
    }

    /// Which of a file's rows are somebody's. Only the columns that tell it are decoded.
    async fn match_file_rows(&self, key: &str, bytes: u64) -> Result<MatchedRows, Failure> {
        let (file, mut fetcher) = self.open_file(key, Some(bytes)).await?;
        let (telling, mut held) = (selector_columns(self.table), MatchedRows::default());
        while let Some(((_, group), bytes)) = fetcher.next().await? {
            let batches = file.footer.decode_group_columns(&group, bytes, &telling);
            for batch in batches.map_err(|error| file.corrupt_failure(&error))? {
                let batch = batch.map_err(|error| file.corrupt_failure(&error.into()))?;
                let theirs =
                    filter_record_batch(&batch, &self.selector.match_rows(self.table, &batch));
                held.add_batch(&theirs.map_err(|error| file.corrupt_failure(&error.into()))?);
            }
        }
        Ok(held)
    }

    /// A file, and all of its groups to be fetched.
    async fn open_file(
        &self,
        key: &str,
        bytes: Option<u64>,
    ) -> Result<(Arc<SortedFile>, RowGroupFetcher), Failure> {
        let file = Arc::new(SortedFile::open(&**self.curated_store(), key, bytes).await?);
        let all = select_row_groups(std::slice::from_ref(&file), &OwnerRange::default());
        Ok((
            file,
            RowGroupFetcher::new(Arc::clone(self.curated_store()), all),
        ))
    }

    /// A manifest's shards, those that hold somebody in new versions. A version that many days share is written once.
    async fn rewrite_shards(
        &self,
        manifest: &SnapshotManifest,
        held: &BTreeMap<String, MatchedRows>,
        rewritten: &mut BTreeMap<ShardObjectKeys, ManifestShard>,
    ) -> Result<Vec<ManifestShard>, Failure> {
        let mut shards = Vec::with_capacity(manifest.shards.len());
        for shard in &manifest.shards {
            let keys = [Some(&shard.rows_key), shard.state_key.as_ref()];
            if !keys.into_iter().flatten().any(|key| held.contains_key(key)) {
                shards.push(shard.clone());
                continue;
            }
            let keys = (
                shard.rows_key.clone(),
                shard.state_key.clone(),
                shard.profile_key.clone(),
            );
            let new = match rewritten.get(&keys) {
                Some(new) => new.clone(),
                None => self.rewrite_shard(shard).await?,
            };
            rewritten.insert(keys, new.clone());
            shards.push(new);
        }
        Ok(shards)
    }

    /// A shard without somebody's rows, as a new version of the day that wrote the old one.
    async fn rewrite_shard(&self, shard: &ManifestShard) -> Result<ManifestShard, Failure> {
        let rules = merge_rules(self.table);
        let (curated, refined) = (
            schema::curated_schema(self.table),
            schema::refined_schema(self.table),
        );
        let mut output = ShardWriter::new(
            &curated,
            &refined,
            (&rules, &self.table.columns),
            self.context.sizes,
        )?;
        let markers = self
            .rewrite_rows(shard, &curated, &refined, &mut output)
            .await?;
        self.rewrite_state(shard, &refined, markers, &mut output)
            .await?;
        let written: WrittenShard = output.finish()?;
        let day = parse_version_day(&shard.rows_key).unwrap_or(Day(0));
        let files = ShardFiles {
            table: self.table,
            rules: &rules,
            shard: shard.shard,
            day,
            store: self.curated_store(),
        };
        files
            .put_shard(
                &written,
                &ShardProfile::from_groups(&written.groups, &rules, &self.table.columns),
            )
            .await
    }

    /// Passes the rows on that are not somebody's, group by group; gives the markers of sets that are emptied by it.
    async fn rewrite_rows(
        &self,
        shard: &ManifestShard,
        curated: &SchemaRef,
        refined: &SchemaRef,
        output: &mut ShardWriter<'_>,
    ) -> Result<Vec<RecordBatch>, Failure> {
        let (file, mut fetcher) = self.open_file(&shard.rows_key, Some(shard.bytes)).await?;
        let corrupt = |error: LakeError| file.corrupt_failure(&error);
        let mut emptied = EmptiedSetTracker::new(refined);
        while let Some(((_, group), bytes)) = fetcher.next().await? {
            for batch in file.footer.decode_group(&group, bytes).map_err(corrupt)? {
                let batch = batch
                    .map_err(LakeError::from)
                    .and_then(|batch| conform_to_schema(&batch, curated))
                    .map_err(corrupt)?;
                let theirs = self.selector.match_rows(self.table, &batch);
                emptied.observe_rows(&batch, &theirs).map_err(corrupt)?;
                let others = exclude_rows(&batch, &theirs).map_err(corrupt)?;
                if others.num_rows() > 0 {
                    output.write_batch(&others).map_err(corrupt)?;
                }
            }
            output.close_group().map_err(corrupt)?;
        }
        Ok(emptied.into_markers())
    }

    /// Passes on what is remembered and is not somebody's, with the markers. Markers that name somebody lose the name. What
    /// is remembered of an owner who goes is gone with them.
    async fn rewrite_state(
        &self,
        shard: &ManifestShard,
        refined: &SchemaRef,
        markers: Vec<RecordBatch>,
        output: &mut ShardWriter<'_>,
    ) -> Result<(), Failure> {
        let corrupt = |error: LakeError| Failure::corrupt(&error);
        let mut files = Vec::new();
        if let Some(key) = &shard.state_key {
            files.push(Arc::new(
                SortedFile::open(&**self.curated_store(), key, None).await?,
            ));
        }
        let known = SortedBatches::from_store(
            self.curated_store(),
            &files,
            &OwnerRange::default(),
            refined,
        );
        let mut feed = ChangeMerge::new(vec![
            (ChangeOrigin::State, known),
            (
                ChangeOrigin::Increment,
                SortedBatches::InMemory(markers.into()),
            ),
        ])
        .await?;
        loop {
            let frame = feed.next_window(None).await?;
            let mut parts = Vec::new();
            for part in &frame.parts {
                parts.extend(
                    self.redact_state_batch(&part.batch, refined)
                        .map_err(corrupt)?,
                );
            }
            for batch in sort_by_owner(&parts)
                .map_err(corrupt)?
                .iter()
                .filter(|batch| batch.num_rows() > 0)
            {
                output.write_state(batch)?;
            }
            if frame.bound.is_none() {
                return Ok(());
            }
        }
    }

    /// Remembered statements without somebody's; markers of sets stay, nameless, unless their owner goes.
    fn redact_state_batch(
        &self,
        batch: &RecordBatch,
        refined: &SchemaRef,
    ) -> Result<Vec<RecordBatch>, LakeError> {
        let theirs = self.selector.match_rows(self.table, batch);
        let markers = batch
            .column_by_name(schema::OPERATION_COLUMN)
            .and_then(|column| column.as_string_opt::<i32>());
        let is_marker =
            |row: usize| markers.is_some_and(|ops| ops.value(row) == RowOperation::Replace.code());
        let marking: BooleanArray = theirs
            .iter()
            .enumerate()
            .map(|(row, theirs)| theirs.map(|theirs| theirs && is_marker(row)))
            .collect();
        let nameless = anonymous_markers(&filter_record_batch(batch, &marking)?, refined)?;
        let nameless = exclude_rows(&nameless, &self.selector.match_rows(self.table, &nameless))?;
        Ok(vec![exclude_rows(batch, &theirs)?, nameless])
    }

    /// Writes a day's manifest anew, with what is measured of its shards now.
    async fn replace_manifest(
        &self,
        day: Day,
        old: &SnapshotManifest,
        new: SnapshotManifest,
    ) -> Result<(), Failure> {
        let manifest = remeasure_manifest(self.table, new, self.curated_store()).await?;
        let key = manifest_key(&self.table.name, day);
        let present = self
            .curated_store()
            .get(&key)
            .await
            .map_err(|error| store_failure(&error))?;
        let body = manifest
            .to_json()
            .map_err(|error| Failure::corrupt(&error))?;
        let known =
            SnapshotManifest::from_json(&present.body).map_err(|error| Failure::corrupt(&error))?;
        let replaced = known == *old && {
            let put = self
                .curated_store()
                .put_if_match(&key, &present.etag, body.into())
                .await;
            put.map_err(|error| store_failure(&error))?
        };
        if replaced {
            return Ok(());
        }
        let message =
            format!("{key} was written by somebody else meanwhile; erase again when no merge runs");
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

/// Somebody's rows in a file.
#[derive(Default)]
struct MatchedRows {
    rows: u64,
    /// Their keys: `pole_id` and source.
    keys: BTreeSet<(String, String)>,
}

impl MatchedRows {
    fn add_batch(&mut self, theirs: &RecordBatch) {
        let text = |name: &str| {
            theirs
                .column_by_name(name)
                .and_then(|column| column.as_string_opt::<i32>())
        };
        self.rows += theirs.num_rows() as u64;
        let (Some(ids), Some(sources)) = (text("pole_id"), text("source")) else {
            return;
        };
        let key = |row: usize| (ids.value(row).to_owned(), sources.value(row).to_owned());
        self.keys.extend((0..theirs.num_rows()).map(key));
    }
}

/// A manifest without somebody's rows among what is new and what is gone, so that the books still close.
fn adjust_change_counts(
    manifest: &SnapshotManifest,
    base: Option<&SnapshotManifest>,
    held: &BTreeMap<String, MatchedRows>,
) -> SnapshotManifest {
    let keys = |manifest: &SnapshotManifest| -> BTreeSet<(String, String)> {
        let files = manifest
            .shards
            .iter()
            .filter_map(|shard| held.get(&shard.rows_key));
        files.flat_map(|held| held.keys.iter().cloned()).collect()
    };
    let (now, before) = (keys(manifest), base.map(keys).unwrap_or_default());
    let less = |count: u64, keys: usize| count.saturating_sub(keys as u64);
    SnapshotManifest {
        inserted: less(manifest.inserted, now.difference(&before).count()),
        deleted: less(manifest.deleted, before.difference(&now).count()),
        ..manifest.clone()
    }
}

/// Keys of a version: rows, state, profile.
type ShardObjectKeys = (String, Option<String>, Option<String>);

/// The rows that stay.
fn exclude_rows(batch: &RecordBatch, going: &BooleanArray) -> Result<RecordBatch, LakeError> {
    let staying: BooleanArray = going
        .iter()
        .map(|going| going.map(|going| !going))
        .collect();
    Ok(filter_record_batch(batch, &staying)?)
}
