//! Erasure in the curated zone: somebody's rows leave every kept version of every table, and what merges remember of them.
//!
//! New versions are written first, then the manifests name them, then the catalogue, and at last the old files go. Done
//! again after a crash it finishes: a file that no manifest names any more and that still holds somebody is deleted too.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, BooleanArray, RecordBatch};
use arrow_select::filter::filter_record_batch;
use contract::TableContract;
use host::{Failure, FailureKind};
use lake::{
    Day, LakeError, Manifest, ManifestShard, Owners, day_of_version, manifest_key, schema, state_prefix,
    table_prefix,
};
use serde::{Deserialize, Serialize};
use store::{ObjectStore, StoreError};

use crate::context::Context;
use crate::increments::conform;
use crate::output::{Output, Written};
use crate::plan::rules;
use crate::publish;
use crate::retention::{manifests, named};
use crate::shard::ShardFiles;
use crate::sorted::{Fetcher, SortedFile, parts};
use crate::table::measure;

/// The columns that name a thing: `pole_id`, `owner_id`, the ends of a link, the person of a name. A row is somebody's when
/// one of them names them. Ids of the source itself are no such names.
fn naming(table: &TableContract) -> Vec<&str> {
    let names = |name: &&str| name.ends_with("_id") && !name.starts_with("source_");
    table.columns.iter().map(|column| column.name.as_str()).filter(names).collect()
}

/// An object that held somebody's rows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Touched {
    /// Its key before.
    pub key: String,
    /// The rows that it held.
    pub rows: u64,
}

/// Erases the rows of these `pole_id`s; with `dry_run`, only says which objects hold them.
///
/// No merge may run meanwhile.
///
/// # Errors
/// When the storage or the catalogue fails, or a file is damaged. Done again it goes on.
pub async fn erase(
    context: &Context,
    subjects: &BTreeSet<String>,
    dry_run: bool,
) -> Result<Vec<Touched>, Failure> {
    let mut touched = Vec::new();
    for table in &context.catalogue.tables {
        let erasure = Erasure { table, subjects, context };
        touched.extend(erasure.run(dry_run).await?);
    }
    Ok(touched)
}

struct Erasure<'e> {
    table: &'e TableContract,
    subjects: &'e BTreeSet<String>,
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
        let touched = self.find().await?;
        if dry_run || touched.is_empty() {
            return Ok(touched);
        }
        let held: BTreeSet<&str> = touched.iter().map(|touched| touched.key.as_str()).collect();
        let manifests = manifests(&self.table.name, &**self.store()).await?;
        let mut rewritten: BTreeMap<ShardKeys, ManifestShard> = BTreeMap::new();
        let mut changed = BTreeSet::new();
        for (day, manifest) in &manifests {
            if named(manifest).any(|key| held.contains(key)) {
                let shards = self.rewrite_all(manifest, &held, &mut rewritten).await?;
                self.replace(*day, manifest, shards).await?;
                changed.insert(*day);
            }
        }
        self.publish(&changed).await?;
        for old in touched
            .iter()
            .map(|touched| touched.key.clone())
            .chain(rewritten.into_keys().flat_map(|keys| keys.2))
        {
            self.store().delete(&old).await.map_err(|error| unavailable(&error))?;
        }
        Ok(touched)
    }

    /// Every file of the table that holds somebody's rows, whether a manifest names it or not.
    async fn find(&self) -> Result<Vec<Touched>, Failure> {
        let mut touched = Vec::new();
        for prefix in [table_prefix(&self.table.name), state_prefix(&self.table.name)] {
            let listed = self.store().list(&prefix, None).await.map_err(|error| unavailable(&error))?;
            for entry in listed.into_iter().filter(|entry| entry.key.ends_with(".parquet")) {
                let rows = self.count(&entry.key, entry.size).await?;
                if rows > 0 {
                    touched.push(Touched { key: entry.key, rows });
                }
            }
        }
        Ok(touched)
    }

    /// How many of a file's rows are somebody's. Only the columns that name things are decoded.
    async fn count(&self, key: &str, bytes: u64) -> Result<u64, Failure> {
        let file = Arc::new(SortedFile::open(&**self.store(), key, Some(bytes)).await?);
        let mut fetcher =
            Fetcher::new(Arc::clone(self.store()), parts(&[Arc::clone(&file)], &Owners::default()));
        let mut rows = 0;
        while let Some(((_, group), bytes)) = fetcher.next().await? {
            let batches = file.footer.decode_columns(&group, bytes, &naming(self.table));
            for batch in batches.map_err(|error| file.corrupt(&error))? {
                let batch = batch.map_err(|error| file.corrupt(&error.into()))?;
                rows += self.theirs(&batch).true_count() as u64;
            }
        }
        Ok(rows)
    }

    /// Which rows are somebody's.
    fn theirs(&self, batch: &RecordBatch) -> BooleanArray {
        let text = |name: &str| batch.column_by_name(name)?.as_string_opt::<i32>();
        let columns: Vec<_> = naming(self.table).into_iter().filter_map(text).collect();
        let theirs = |row: usize| {
            columns.iter().any(|ids| ids.is_valid(row) && self.subjects.contains(ids.value(row)))
        };
        (0..batch.num_rows()).map(|row| Some(theirs(row))).collect()
    }

    /// A manifest's shards, those that hold somebody in new versions. A version that many days share is written once.
    async fn rewrite_all(
        &self,
        manifest: &Manifest,
        held: &BTreeSet<&str>,
        rewritten: &mut BTreeMap<ShardKeys, ManifestShard>,
    ) -> Result<Vec<ManifestShard>, Failure> {
        let mut shards = Vec::with_capacity(manifest.shards.len());
        for shard in &manifest.shards {
            let keys = [Some(&shard.rows_key), shard.state_key.as_ref()];
            if !keys.into_iter().flatten().any(|key| held.contains(key.as_str())) {
                shards.push(shard.clone());
                continue;
            }
            let keys = (shard.rows_key.clone(), shard.state_key.clone(), shard.profile_key.clone());
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
        let mut output = Output::new(&curated, &refined, (&rules, &self.table.columns), self.context.sizes)?;
        let rows = SortedFile::open(&**self.store(), &shard.rows_key, Some(shard.bytes)).await?;
        self.filtered(rows, &curated, &mut output, Kind::Rows).await?;
        if let Some(key) = &shard.state_key {
            let state = SortedFile::open(&**self.store(), key, None).await?;
            self.filtered(state, &refined, &mut output, Kind::State).await?;
        }
        let written: Written = output.finish()?;
        let day = day_of_version(&shard.rows_key).unwrap_or(Day(0));
        let files =
            ShardFiles { table: self.table, rules: &rules, shard: shard.shard, day, store: self.store() };
        files.put(&written).await
    }

    /// Passes a file's rows on that are not somebody's, group by group.
    async fn filtered(
        &self,
        file: SortedFile,
        schema: &arrow_schema::SchemaRef,
        output: &mut Output<'_>,
        kind: Kind,
    ) -> Result<(), Failure> {
        let file = Arc::new(file);
        let mut fetcher =
            Fetcher::new(Arc::clone(self.store()), parts(&[Arc::clone(&file)], &Owners::default()));
        while let Some(((_, group), bytes)) = fetcher.next().await? {
            for batch in file.footer.decode(&group, bytes).map_err(|error| file.corrupt(&error))? {
                let batch =
                    batch.map_err(LakeError::from).and_then(|batch| self.others(&conform(&batch, schema)?));
                let batch = batch.map_err(|error| file.corrupt(&error))?;
                match kind {
                    _ if batch.num_rows() == 0 => {}
                    Kind::Rows => output.write(&batch).map_err(|error| file.corrupt(&error))?,
                    Kind::State => output.remember(&batch)?,
                }
            }
            if kind == Kind::Rows {
                output.close_group().map_err(|error| file.corrupt(&error))?;
            }
        }
        Ok(())
    }

    fn others(&self, batch: &RecordBatch) -> Result<RecordBatch, LakeError> {
        let others = not(&self.theirs(batch));
        Ok(filter_record_batch(batch, &others)?)
    }

    /// Writes a day's manifest anew, with what is measured of its shards now.
    async fn replace(&self, day: Day, old: &Manifest, shards: Vec<ManifestShard>) -> Result<(), Failure> {
        let manifest = measure(self.table, Manifest { shards, ..old.clone() }, &**self.store()).await?;
        let key = manifest_key(&self.table.name, day);
        let present = self.store().get(&key).await.map_err(|error| unavailable(&error))?;
        let body = manifest.encode().map_err(|error| Failure::corrupt(&error))?;
        let known = Manifest::decode(&present.body).map_err(|error| Failure::corrupt(&error))?;
        let replaced = known == *old && {
            let put = self.store().put_over(&key, &present.etag, body.into()).await;
            put.map_err(|error| unavailable(&error))?
        };
        if replaced {
            return Ok(());
        }
        let message = format!("{key} was written by somebody else meanwhile; erase again when no merge runs");
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

/// Keys of a version: rows, state, profile.
type ShardKeys = (String, Option<String>, Option<String>);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Rows,
    State,
}

fn not(array: &BooleanArray) -> BooleanArray {
    array.iter().map(|value| value.map(|value| !value)).collect()
}
