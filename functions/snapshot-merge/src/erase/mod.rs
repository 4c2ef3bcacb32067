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
    Day, LakeError, Manifest, ManifestShard, Owners, WORK, day_of_version, manifest_key, schema,
    state_prefix, table_prefix,
};
use pole::Op;
use serde::{Deserialize, Serialize};
use store::{ObjectStore, StoreError};

use crate::context::Context;
use crate::feed::Feed;
use crate::fold::Origin;
use crate::increments::conform;
use crate::output::{Output, Written};
use crate::plan::rules;
use crate::profile::Profile;
use crate::publish;
use crate::retention::{manifests, named};
use crate::runs::sorted;
use crate::shard::ShardFiles;
use crate::sorted::{Batches, Fetcher, SortedFile, parts};
use crate::table::measure;

mod sets;
mod whom;

use sets::{Emptied, nameless};
pub use whom::Whom;
use whom::telling;

/// An object that held somebody's rows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Touched {
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
pub async fn erase(context: &Context, whom: &Whom, dry_run: bool) -> Result<Vec<Touched>, Failure> {
    let mut touched = Vec::new();
    for table in &context.catalogue.tables {
        let erasure = Erasure {
            table,
            whom,
            context,
        };
        touched.extend(erasure.run(dry_run).await?);
    }
    if !dry_run {
        clear_work(&*context.curated).await?;
    }
    Ok(touched)
}

/// What a merge that broke off has kept is made again by the next one.
async fn clear_work(curated: &dyn ObjectStore) -> Result<(), Failure> {
    for entry in curated
        .list(WORK, None)
        .await
        .map_err(|error| unavailable(&error))?
    {
        delete(&entry.key, curated).await?;
    }
    Ok(())
}

/// Deletes an object and every version of it.
async fn delete(key: &str, curated: &dyn ObjectStore) -> Result<(), Failure> {
    curated
        .delete(key)
        .await
        .map_err(|error| unavailable(&error))?;
    curated
        .purge_versions(key)
        .await
        .map(drop)
        .map_err(|error| unavailable(&error))
}

struct Erasure<'e> {
    table: &'e TableContract,
    whom: &'e Whom,
    context: &'e Context,
}

fn unavailable(error: &StoreError) -> Failure {
    Failure::unavailable(error)
}

impl Erasure<'_> {
    fn store(&self) -> &Arc<dyn ObjectStore> {
        &self.context.curated
    }

    async fn run(&self, dry_run: bool) -> Result<Vec<Touched>, Failure> {
        let held = self.find().await?;
        let of = |(key, rows): (&String, &Held)| Touched {
            key: key.clone(),
            rows: rows.rows,
        };
        let touched: Vec<Touched> = held.iter().map(of).collect();
        if dry_run || touched.is_empty() {
            return Ok(touched);
        }
        let manifests = manifests(&self.table.name, &**self.store()).await?;
        let mut rewritten: BTreeMap<ShardKeys, ManifestShard> = BTreeMap::new();
        let mut changed = BTreeSet::new();
        for (day, manifest) in &manifests {
            if named(manifest).any(|key| held.contains_key(key)) {
                let shards = self.rewrite_all(manifest, &held, &mut rewritten).await?;
                let base = manifest
                    .base
                    .as_deref()
                    .and_then(Day::parse)
                    .and_then(|base| manifests.get(&base));
                let counted = counted(manifest, base, &held);
                self.replace(*day, manifest, Manifest { shards, ..counted })
                    .await?;
                changed.insert(*day);
            }
        }
        self.publish(&changed).await?;
        let profiles = rewritten.into_keys().filter_map(|(_, _, profile)| profile);
        for old in touched
            .iter()
            .map(|touched| touched.key.clone())
            .chain(profiles)
        {
            delete(&old, &**self.store()).await?;
        }
        Ok(touched)
    }

    /// Every file of the table that holds somebody's rows, whether a manifest names it or not.
    async fn find(&self) -> Result<BTreeMap<String, Held>, Failure> {
        let mut found = BTreeMap::new();
        for prefix in [
            table_prefix(&self.table.name),
            state_prefix(&self.table.name),
        ] {
            let listed = self
                .store()
                .list(&prefix, None)
                .await
                .map_err(|error| unavailable(&error))?;
            for entry in listed
                .into_iter()
                .filter(|entry| entry.key.ends_with(".parquet"))
            {
                let held = self.held(&entry.key, entry.size).await?;
                if held.rows > 0 {
                    found.insert(entry.key, held);
                }
            }
        }
        Ok(found)
    }

    /// Which of a file's rows are somebody's. Only the columns that tell it are decoded.
    async fn held(&self, key: &str, bytes: u64) -> Result<Held, Failure> {
        let (file, mut fetcher) = self.open(key, Some(bytes)).await?;
        let (telling, mut held) = (telling(self.table), Held::default());
        while let Some(((_, group), bytes)) = fetcher.next().await? {
            let batches = file.footer.decode_columns(&group, bytes, &telling);
            for batch in batches.map_err(|error| file.corrupt(&error))? {
                let batch = batch.map_err(|error| file.corrupt(&error.into()))?;
                let theirs = filter_record_batch(&batch, &self.whom.rows(self.table, &batch));
                held.add(&theirs.map_err(|error| file.corrupt(&error.into()))?);
            }
        }
        Ok(held)
    }

    /// A file, and all of its groups to be fetched.
    async fn open(
        &self,
        key: &str,
        bytes: Option<u64>,
    ) -> Result<(Arc<SortedFile>, Fetcher), Failure> {
        let file = Arc::new(SortedFile::open(&**self.store(), key, bytes).await?);
        let all = parts(std::slice::from_ref(&file), &Owners::default());
        Ok((file, Fetcher::new(Arc::clone(self.store()), all)))
    }

    /// A manifest's shards, those that hold somebody in new versions. A version that many days share is written once.
    async fn rewrite_all(
        &self,
        manifest: &Manifest,
        held: &BTreeMap<String, Held>,
        rewritten: &mut BTreeMap<ShardKeys, ManifestShard>,
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
                None => self.rewrite(shard).await?,
            };
            rewritten.insert(keys, new.clone());
            shards.push(new);
        }
        Ok(shards)
    }

    /// A shard without somebody's rows, as a new version of the day that wrote the old one.
    async fn rewrite(&self, shard: &ManifestShard) -> Result<ManifestShard, Failure> {
        let rules = rules(self.table);
        let (curated, refined) = (schema::curated(self.table), schema::refined(self.table));
        let mut output = Output::new(
            &curated,
            &refined,
            (&rules, &self.table.columns),
            self.context.sizes,
        )?;
        let markers = self.rows(shard, &curated, &refined, &mut output).await?;
        self.state(shard, &refined, markers, &mut output).await?;
        let written: Written = output.finish()?;
        let day = day_of_version(&shard.rows_key).unwrap_or(Day(0));
        let files = ShardFiles {
            table: self.table,
            rules: &rules,
            shard: shard.shard,
            day,
            store: self.store(),
        };
        files
            .put(
                &written,
                &Profile::of(&written.groups, &rules, &self.table.columns),
            )
            .await
    }

    /// Passes the rows on that are not somebody's, group by group; gives the markers of sets that are emptied by it.
    async fn rows(
        &self,
        shard: &ManifestShard,
        curated: &SchemaRef,
        refined: &SchemaRef,
        output: &mut Output<'_>,
    ) -> Result<Vec<RecordBatch>, Failure> {
        let (file, mut fetcher) = self.open(&shard.rows_key, Some(shard.bytes)).await?;
        let corrupt = |error: LakeError| file.corrupt(&error);
        let mut emptied = Emptied::new(refined);
        while let Some(((_, group), bytes)) = fetcher.next().await? {
            for batch in file.footer.decode(&group, bytes).map_err(corrupt)? {
                let batch = batch
                    .map_err(LakeError::from)
                    .and_then(|batch| conform(&batch, curated))
                    .map_err(corrupt)?;
                let theirs = self.whom.rows(self.table, &batch);
                emptied.look(&batch, &theirs).map_err(corrupt)?;
                let others = without(&batch, &theirs).map_err(corrupt)?;
                if others.num_rows() > 0 {
                    output.write(&others).map_err(corrupt)?;
                }
            }
            output.close_group().map_err(corrupt)?;
        }
        Ok(emptied.markers())
    }

    /// Passes on what is remembered and is not somebody's, with the markers. Markers that name somebody lose the name. What
    /// is remembered of an owner who goes is gone with them.
    async fn state(
        &self,
        shard: &ManifestShard,
        refined: &SchemaRef,
        markers: Vec<RecordBatch>,
        output: &mut Output<'_>,
    ) -> Result<(), Failure> {
        let corrupt = |error: LakeError| Failure::corrupt(&error);
        let mut files = Vec::new();
        if let Some(key) = &shard.state_key {
            files.push(Arc::new(
                SortedFile::open(&**self.store(), key, None).await?,
            ));
        }
        let known = Batches::stored(self.store(), &files, &Owners::default(), refined);
        let mut feed = Feed::new(vec![
            (Origin::State, known),
            (Origin::New, Batches::Held(markers.into())),
        ])
        .await?;
        loop {
            let frame = feed.frame(None).await?;
            let mut parts = Vec::new();
            for part in &frame.parts {
                parts.extend(self.remembered(&part.batch, refined).map_err(corrupt)?);
            }
            for batch in sorted(&parts)
                .map_err(corrupt)?
                .iter()
                .filter(|batch| batch.num_rows() > 0)
            {
                output.remember(batch)?;
            }
            if frame.bound.is_none() {
                return Ok(());
            }
        }
    }

    /// Remembered statements without somebody's; markers of sets stay, nameless, unless their owner goes.
    fn remembered(
        &self,
        batch: &RecordBatch,
        refined: &SchemaRef,
    ) -> Result<Vec<RecordBatch>, LakeError> {
        let theirs = self.whom.rows(self.table, batch);
        let markers = batch
            .column_by_name(schema::OP)
            .and_then(|column| column.as_string_opt::<i32>());
        let is_marker =
            |row: usize| markers.is_some_and(|ops| ops.value(row) == Op::Replace.code());
        let marking: BooleanArray = theirs
            .iter()
            .enumerate()
            .map(|(row, theirs)| theirs.map(|theirs| theirs && is_marker(row)))
            .collect();
        let nameless = nameless(&filter_record_batch(batch, &marking)?, refined)?;
        let nameless = without(&nameless, &self.whom.rows(self.table, &nameless))?;
        Ok(vec![without(batch, &theirs)?, nameless])
    }

    /// Writes a day's manifest anew, with what is measured of its shards now.
    async fn replace(&self, day: Day, old: &Manifest, new: Manifest) -> Result<(), Failure> {
        let manifest = measure(self.table, new, self.store()).await?;
        let key = manifest_key(&self.table.name, day);
        let present = self
            .store()
            .get(&key)
            .await
            .map_err(|error| unavailable(&error))?;
        let body = manifest
            .encode()
            .map_err(|error| Failure::corrupt(&error))?;
        let known = Manifest::decode(&present.body).map_err(|error| Failure::corrupt(&error))?;
        let replaced = known == *old && {
            let put = self
                .store()
                .put_over(&key, &present.etag, body.into())
                .await;
            put.map_err(|error| unavailable(&error))?
        };
        if replaced {
            return Ok(());
        }
        let message =
            format!("{key} was written by somebody else meanwhile; erase again when no merge runs");
        Err(Failure::new(FailureKind::Unavailable, message))
    }

    async fn publish(&self, changed: &BTreeSet<Day>) -> Result<(), Failure> {
        let manifests = manifests(&self.table.name, &**self.store()).await?;
        for (day, manifest) in manifests.iter().filter(|(day, _)| changed.contains(day)) {
            publish::publish(self.table, manifest, *day, self.context).await?;
        }
        Ok(())
    }
}

/// Somebody's rows in a file.
#[derive(Default)]
struct Held {
    rows: u64,
    /// Their keys: `pole_id` and source.
    keys: BTreeSet<(String, String)>,
}

impl Held {
    fn add(&mut self, theirs: &RecordBatch) {
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
fn counted(
    manifest: &Manifest,
    base: Option<&Manifest>,
    held: &BTreeMap<String, Held>,
) -> Manifest {
    let keys = |manifest: &Manifest| -> BTreeSet<(String, String)> {
        let files = manifest
            .shards
            .iter()
            .filter_map(|shard| held.get(&shard.rows_key));
        files.flat_map(|held| held.keys.iter().cloned()).collect()
    };
    let (now, before) = (keys(manifest), base.map(keys).unwrap_or_default());
    let less = |count: u64, keys: usize| count.saturating_sub(keys as u64);
    Manifest {
        inserted: less(manifest.inserted, now.difference(&before).count()),
        deleted: less(manifest.deleted, before.difference(&now).count()),
        ..manifest.clone()
    }
}

/// Keys of a version: rows, state, profile.
type ShardKeys = (String, Option<String>, Option<String>);

/// The rows that stay.
fn without(batch: &RecordBatch, going: &BooleanArray) -> Result<RecordBatch, LakeError> {
    let staying: BooleanArray = going
        .iter()
        .map(|going| going.map(|going| !going))
        .collect();
    Ok(filter_record_batch(batch, &staying)?)
}
