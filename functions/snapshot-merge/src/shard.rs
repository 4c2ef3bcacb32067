//! One shard of a plan: what it reads, whether anything has to be done, and what it writes.

use std::sync::Arc;

use contract::{Rule, TableContract};
use host::Failure;
use lake::file::MEDIA_TYPE;
use lake::{Day, ManifestShard, Owners, Snapshot, has_content, schema, version};
use quality::TableState;
use serde::{Deserialize, Serialize};
use store::ObjectStore;

use crate::context::Context;
use crate::fold::Origin;
use crate::merge::{BaseFile, Counts, ShardInput, ShardOutput, merge};
use crate::output::Written;
use crate::plan::{Planned, rules};
use crate::profile::{Profile, fingerprint, is_measured};
use crate::runs::{self, Increments};
use crate::sizes::Sizes;
use crate::sorted::{Batches, SortedFile};
use crate::spool::Spooled;

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
    planned: &'j Planned,
    shard: u32,
    owners: Owners,
    rules: Vec<Rule>,
    fingerprint: String,
    store: &'j Arc<dyn ObjectStore>,
    sizes: Sizes,
}

impl<'j> ShardJob<'j> {
    pub(crate) fn new(
        table: &'j TableContract,
        planned: &'j Planned,
        shard: u32,
        context: &'j Context,
    ) -> Self {
        let rules = rules(table);
        let fingerprint = fingerprint(&rules, &table.columns);
        let owners = Owners::of(shard, planned.plan.shards);
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
        let statements = self.increments().await?;
        let known = self.known();
        if statements.is_empty()
            && let Some(known) = known
            && let Some(result) =
                ShardResult::shared(known, &self.fingerprint, &**self.store).await?
        {
            return Ok(result);
        }
        let output = merge(self.input(statements).await?, self.store).await?;
        self.conclude(output, known).await
    }

    /// The base's shard of the same owners.
    fn known(&self) -> Option<&'j ManifestShard> {
        let plan = &self.planned.plan;
        plan.base.as_ref()?.shard_of(self.shard, plan.shards)
    }

    /// Today's statements of the shard; empty when there are none.
    async fn increments(&self) -> Result<Vec<(Origin, Batches)>, Failure> {
        let schema = schema::refined(self.table);
        match &self.planned.increments {
            Increments::Held(batches) => {
                let held = Batches::held(batches, &self.owners)
                    .map_err(|error| Failure::corrupt(&error))?;
                let none = matches!(&held, Batches::Held(batches) if batches.is_empty());
                Ok(if none {
                    Vec::new()
                } else {
                    vec![(Origin::New, held)]
                })
            }
            Increments::Stored(stored) => {
                runs::stored(self.store, stored, (self.shard, &self.owners), &schema).await
            }
        }
    }

    async fn input(&self, increments: Vec<(Origin, Batches)>) -> Result<ShardInput<'_>, Failure> {
        let (mut base, mut states) = (Vec::new(), Vec::new());
        let reaching = self
            .planned
            .plan
            .base
            .iter()
            .flat_map(|base| base.reaching(&self.owners));
        for shard in reaching {
            let file = SortedFile::open(&**self.store, &shard.rows_key, Some(shard.bytes)).await?;
            let profile = Profile::of_shard(shard, &self.fingerprint, &**self.store).await?;
            let measured = profile.map(|profile| profile.groups);
            base.push(BaseFile {
                file: Arc::new(file),
                measured,
            });
            if let Some(key) = &shard.state_key {
                states.push(Arc::new(SortedFile::open(&**self.store, key, None).await?));
            }
        }
        let refined = schema::refined(self.table);
        let state = Batches::stored(self.store, &states, &self.owners, &refined);
        let mut statements = vec![(Origin::State, state)];
        statements.extend(increments);
        Ok(ShardInput {
            curated: schema::curated(self.table),
            refined,
            columns: &self.table.columns,
            rules: &self.rules,
            owners: self.owners.clone(),
            sizes: self.sizes,
            base,
            statements,
        })
    }

    /// Writes what changed, and shares with the base what did not.
    async fn conclude(
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
            (Some(key), Some(state)) => has_content(key, &state.content),
            _ => false,
        });
        let profile = Profile::of(&written.groups, &self.rules, &self.table.columns);
        let (table, rules, shard, store) = (self.table, &self.rules, self.shard, self.store);
        let files = ShardFiles {
            table,
            rules,
            shard,
            day,
            store,
        };
        let mut shard = match known.filter(|_| !counts.any()) {
            Some(known) if is_measured(known, &self.fingerprint) => known.clone(),
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
    pub(crate) fn as_kept(&self) -> Result<Self, Failure> {
        let kept = serde_json::to_vec(self).and_then(|kept| serde_json::from_slice(&kept));
        kept.map_err(|error| Failure::corrupt(&error))
    }

    /// A shard that is the base's, as it was measured; none when it was not measured under these rules.
    pub(crate) async fn shared(
        known: &ManifestShard,
        fingerprint: &str,
        store: &dyn ObjectStore,
    ) -> Result<Option<Self>, Failure> {
        let profile = Profile::of_shard(known, fingerprint, store).await?;
        Ok(profile.map(|profile| Self::new(known.clone(), profile.total, Counts::default())))
    }

    /// A shard with what was measured and counted of it.
    pub(crate) fn new(shard: ManifestShard, measured: TableState, counts: Counts) -> Self {
        let Counts {
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
    pub(crate) async fn put(
        &self,
        written: &Written,
        profile: &Profile,
    ) -> Result<ManifestShard, Failure> {
        let shard = self.put_rows(&written.rows, profile).await?;
        let state_key = match &written.state {
            Some(state) => Some(self.put_state(state).await?),
            None => None,
        };
        Ok(ManifestShard { state_key, ..shard })
    }

    async fn put_rows(&self, rows: &Spooled, profile: &Profile) -> Result<ManifestShard, Failure> {
        let version = version(self.day, &rows.content);
        let snapshot = Snapshot {
            table: &self.table.name,
            shard: self.shard,
            version: &version,
        };
        let fingerprint = fingerprint(self.rules, &self.table.columns);
        let (rows_key, profile_key) = (snapshot.rows_key(), snapshot.profile_key(&fingerprint));
        let unavailable = |error: store::StoreError| Failure::unavailable(&error);
        let measured = profile.encode().map_err(|error| Failure::corrupt(&error))?;
        self.store
            .put_file(&rows_key, rows.path(), MEDIA_TYPE)
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

    async fn put_state(&self, state: &Spooled) -> Result<String, Failure> {
        let version = version(self.day, &state.content);
        let key = Snapshot {
            table: &self.table.name,
            shard: self.shard,
            version: &version,
        }
        .state_key();
        let put = self.store.put_file(&key, state.path(), MEDIA_TYPE).await;
        put.map_err(|error| Failure::unavailable(&error))?;
        Ok(key)
    }
}
