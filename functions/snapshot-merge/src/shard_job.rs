//! One shard of a plan: what it reads, whether anything has to be done, and what it writes.

use std::sync::Arc;

use contract::{Rule, TableContract};
use host::Failure;
use lake::file::PARQUET_MEDIA_TYPE;
use lake::{Day, ManifestShard, OwnerRange, ShardVersion, schema, state_has_content, version_name};
use quality::TableState;
use serde::{Deserialize, Serialize};
use store::ObjectStore;

use crate::context::Context;
use crate::output::WrittenShard;
use crate::plan::{PlannedMerge, merge_rules};
use crate::profile::{ShardProfile, is_measured_under, rules_fingerprint};
use crate::resolve::ChangeOrigin;
use crate::shard_merge::{BaseFile, RowChangeCounts, ShardInput, ShardOutput, merge_shard_rows};
use crate::sizes::MergeSizes;
use crate::sorted_file::{SortedBatches, SortedFile};
use crate::sorted_runs::{self, Increments};
use crate::temp_file::WrittenTempFile;

/// What a shard came to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ShardResult {
    pub(crate) shard: ManifestShard,
    pub(crate) measured: TableState,
    pub(crate) inserted: u64,
    pub(crate) updated: u64,
    pub(crate) deleted: u64,
    /// Row groups of the base that were copied as they were.
    pub(crate) copied: u64,
}

/// A shard's work.
pub(crate) struct ShardJob<'j> {
    table: &'j TableContract,
    planned: &'j PlannedMerge,
    shard: u32,
    owners: OwnerRange,
    rules: Vec<Rule>,
    fingerprint: String,
    store: &'j Arc<dyn ObjectStore>,
    sizes: MergeSizes,
}

impl<'j> ShardJob<'j> {
    pub(crate) fn new(
        table: &'j TableContract,
        planned: &'j PlannedMerge,
        shard: u32,
        context: &'j Context,
    ) -> Self {
        let rules = merge_rules(table);
        let fingerprint = rules_fingerprint(&rules, &table.columns);
        let owners = OwnerRange::of_shard(shard, planned.plan.shards);
        let (store, sizes) = (&context.curated, context.sizes);
        Self {
            table,
            planned,
            shard,
            owners,
            rules,
            fingerprint,
            store,
            sizes,
        }
    }

    /// Does the shard.
    pub(crate) async fn run(&self) -> Result<ShardResult, Failure> {
        let statements = self.open_increments().await?;
        let known = self.base_shard();
        if statements.is_empty()
            && let Some(known) = known
            && let Some(result) =
                ShardResult::from_base_shard(known, &self.fingerprint, &**self.store).await?
        {
            return Ok(result);
        }
        let output = merge_shard_rows(self.open_shard_input(statements).await?, self.store).await?;
        self.write_shard_result(output, known).await
    }

    /// The base's shard of the same owners.
    fn base_shard(&self) -> Option<&'j ManifestShard> {
        let plan = &self.planned.plan;
        plan.base.as_ref()?.find_shard(self.shard, plan.shards)
    }

    /// Today's statements of the shard; empty when there are none.
    async fn open_increments(&self) -> Result<Vec<(ChangeOrigin, SortedBatches)>, Failure> {
        let schema = schema::refined_schema(self.table);
        match &self.planned.increments {
            Increments::InMemory(batches) => {
                let held = SortedBatches::from_memory(batches, &self.owners)
                    .map_err(|error| Failure::corrupt(&error))?;
                let none = matches!(&held, SortedBatches::InMemory(batches) if batches.is_empty());
                Ok(if none {
                    Vec::new()
                } else {
                    vec![(ChangeOrigin::Increment, held)]
                })
            }
            Increments::Stored(stored) => {
                sorted_runs::open_shard_runs(
                    self.store,
                    stored,
                    (self.shard, &self.owners),
                    &schema,
                )
                .await
            }
        }
    }

    async fn open_shard_input(
        &self,
        increments: Vec<(ChangeOrigin, SortedBatches)>,
    ) -> Result<ShardInput<'_>, Failure> {
        let (mut base, mut states) = (Vec::new(), Vec::new());
        let reaching = self
            .planned
            .plan
            .base
            .iter()
            .flat_map(|base| base.shards_overlapping(&self.owners));
        for shard in reaching {
            let file = SortedFile::open(&**self.store, &shard.rows_key, Some(shard.bytes)).await?;
            let profile =
                ShardProfile::read_shard_profile(shard, &self.fingerprint, &**self.store).await?;
            let measured = profile.map(|profile| profile.groups);
            base.push(BaseFile {
                file: Arc::new(file),
                measured,
            });
            if let Some(key) = &shard.state_key {
                states.push(Arc::new(SortedFile::open(&**self.store, key, None).await?));
            }
        }
        let refined = schema::refined_schema(self.table);
        let state = SortedBatches::from_store(self.store, &states, &self.owners, &refined);
        let mut statements = vec![(ChangeOrigin::State, state)];
        statements.extend(increments);
        Ok(ShardInput {
            curated: schema::curated_schema(self.table),
            refined,
            columns: &self.table.columns,
            rules: &self.rules,
            owners: self.owners.clone(),
            sizes: self.sizes,
            base,
            change_sources: statements,
        })
    }

    /// Writes what changed, and shares with the base what did not.
    async fn write_shard_result(
        &self,
        output: ShardOutput,
        known: Option<&ManifestShard>,
    ) -> Result<ShardResult, Failure> {
        let day = self.planned.day()?;
        let ShardOutput {
            written,
            counts,
            copied,
        } = output;
        let state = written.state.as_ref();
        let same_state = known.is_some_and(|known| match (&known.state_key, state) {
            (None, None) => true,
            (Some(key), Some(state)) => state_has_content(key, &state.content_hash),
            _ => false,
        });
        let profile = ShardProfile::from_groups(&written.groups, &self.rules, &self.table.columns);
        let (table, rules, shard, store) = (self.table, &self.rules, self.shard, self.store);
        let files = ShardFiles {
            table,
            rules,
            shard,
            day,
            store,
        };
        let mut shard = match known.filter(|_| !counts.has_changes()) {
            Some(known) if is_measured_under(known, &self.fingerprint) => known.clone(),
            _ => files.put_rows(&written.rows, &profile).await?,
        };
        shard.state_key = match (state, known.filter(|_| same_state)) {
            (_, Some(known)) => known.state_key.clone(),
            (Some(state), None) => Some(files.put_state(state).await?),
            (None, None) => None,
        };
        Ok(ShardResult {
            copied,
            ..ShardResult::new(shard, profile.total, counts)
        })
    }
}

impl ShardResult {
    /// The result as other functions read it. A sketch that was kept does not estimate quite as the one that saw the values,
    /// and a day in one function is to give the same bytes as a day in many.
    pub(crate) fn as_stored(&self) -> Result<Self, Failure> {
        let kept = serde_json::to_vec(self).and_then(|kept| serde_json::from_slice(&kept));
        kept.map_err(|error| Failure::corrupt(&error))
    }

    /// A shard that is the base's, as it was measured; none when it was not measured under these rules.
    pub(crate) async fn from_base_shard(
        known: &ManifestShard,
        fingerprint: &str,
        store: &dyn ObjectStore,
    ) -> Result<Option<Self>, Failure> {
        let profile = ShardProfile::read_shard_profile(known, fingerprint, store).await?;
        Ok(profile
            .map(|profile| Self::new(known.clone(), profile.total, RowChangeCounts::default())))
    }

    /// A shard with what was measured and counted of it.
    pub(crate) fn new(shard: ManifestShard, measured: TableState, counts: RowChangeCounts) -> Self {
        let RowChangeCounts {
            inserted,
            updated,
            deleted,
        } = counts;
        Self {
            shard,
            measured,
            inserted,
            updated,
            deleted,
            copied: 0,
        }
    }
}

/// The files of a shard, as a day writes them.
pub(crate) struct ShardFiles<'f> {
    pub(crate) table: &'f TableContract,
    pub(crate) rules: &'f [Rule],
    pub(crate) shard: u32,
    pub(crate) day: Day,
    pub(crate) store: &'f Arc<dyn ObjectStore>,
}

impl ShardFiles<'_> {
    /// Puts rows, profile and state.
    pub(crate) async fn put_shard(
        &self,
        written: &WrittenShard,
        profile: &ShardProfile,
    ) -> Result<ManifestShard, Failure> {
        let shard = self.put_rows(&written.rows, profile).await?;
        let state_key = match &written.state {
            Some(state) => Some(self.put_state(state).await?),
            None => None,
        };
        Ok(ManifestShard { state_key, ..shard })
    }

    async fn put_rows(
        &self,
        rows: &WrittenTempFile,
        profile: &ShardProfile,
    ) -> Result<ManifestShard, Failure> {
        let version = version_name(self.day, &rows.content_hash);
        let snapshot = ShardVersion {
            table: &self.table.name,
            shard: self.shard,
            version: &version,
        };
        let fingerprint = rules_fingerprint(self.rules, &self.table.columns);
        let (rows_key, profile_key) = (snapshot.rows_key(), snapshot.profile_key(&fingerprint));
        let unavailable = |error: store::StoreError| Failure::unavailable(&error);
        let measured = profile.encode().map_err(|error| Failure::corrupt(&error))?;
        self.store
            .put_file(&rows_key, rows.path(), PARQUET_MEDIA_TYPE)
            .await
            .map_err(unavailable)?;
        self.store
            .put(&profile_key, measured, "application/json")
            .await
            .map_err(unavailable)?;
        Ok(ManifestShard {
            shard: self.shard,
            rows_key,
            rows: profile.total.rows,
            bytes: rows.bytes,
            state_key: None,
            profile_key: Some(profile_key),
            version,
        })
    }

    async fn put_state(&self, state: &WrittenTempFile) -> Result<String, Failure> {
        let version = version_name(self.day, &state.content_hash);
        let key = ShardVersion {
            table: &self.table.name,
            shard: self.shard,
            version: &version,
        }
        .state_key();
        let put = self
            .store
            .put_file(&key, state.path(), PARQUET_MEDIA_TYPE)
            .await;
        put.map_err(|error| Failure::unavailable(&error))?;
        Ok(key)
    }
}
