//! One shard of a plan: its inputs, whether it has to be merged at all, and the files that it
//! writes.

use std::sync::Arc;

use arrow_schema::SchemaRef;
use contract::{Rule, TableContract};
use host::{Failure, FailureKind};
use lake::file::PARQUET_MEDIA_TYPE;
use lake::{
    Day, ManifestShard, NamedFile, NamedObject, ObjectDigest, OwnerRange, ShardVersion,
    SnapshotManifest, schema, version_name,
};
use quality::TableState;
use serde::{Deserialize, Serialize};
use store::ObjectStore;
use store::sorted_file::SortedFile;

use crate::change_counts::RowChangeCounts;
use crate::context::Context;
use crate::output::WrittenShard;
use crate::plan::{PlannedMerge, merge_rules};
use crate::profile::{ShardProfile, is_measured_under, rules_fingerprint};
use crate::record_merge::RecordMerge;
use crate::record_rows::{RecordResolver, WithheldRecords};
use crate::resolve::ChangeOrigin;
use crate::shard_merge::{ShardInput, ShardOutput, merge_shard_rows};
use crate::shard_rows::{BaseFile, ShardTarget};
use crate::sizes::MergeSizes;
use crate::sorted_batches::SortedBatches;
use crate::statement_merge::StatementMerge;
use crate::temp_file::WrittenTempFile;
use crate::window_merge::StatementUse;

/// The result of a shard's merge.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ShardResult {
    pub(crate) shard: ManifestShard,
    pub(crate) measured: TableState,
    pub(crate) inserted: u64,
    pub(crate) updated: u64,
    pub(crate) deleted: u64,
    /// Row groups of the base that were copied as they were.
    pub(crate) copied: u64,
    /// States of records that have no rows, because they do not fit the mapping, by rule.
    #[serde(default, skip_serializing_if = "WithheldRecords::is_empty")]
    pub(crate) withheld: WithheldRecords,
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
    context: &'j Context,
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
        Self {
            table,
            planned,
            shard,
            owners: OwnerRange::of_shard(shard, planned.plan.shards),
            fingerprint: rules_fingerprint(&rules, table.measured_columns()),
            rules,
            store: &context.curated,
            context,
            sizes: context.sizes,
        }
    }

    /// Merges the shard, or takes over the base's when it has no increments.
    pub(crate) async fn run(&self) -> Result<ShardResult, Failure> {
        let increments = self.open_increments().await?;
        let base_shard = self.base_shard();
        if increments.is_empty()
            && let Some(base_shard) = base_shard
            && let Some(result) =
                ShardResult::from_base_shard(base_shard, &self.fingerprint, &**self.store).await?
        {
            return Ok(result);
        }
        let input = self.open_shard_input(increments).await?;
        let output = merge_shard_rows(input, self.store).await?;
        self.write_shard_result(output, base_shard).await
    }

    /// The base's shard of the same owners.
    fn base_shard(&self) -> Option<&'j ManifestShard> {
        let plan = &self.planned.plan;
        plan.base.as_ref()?.find_shard(self.shard, plan.shards)
    }

    /// Today's changes of the shard; empty when it has none.
    async fn open_increments(&self) -> Result<Vec<(ChangeOrigin, SortedBatches)>, Failure> {
        let refined = schema::refined_schema(self.table);
        let range = (self.shard, &self.owners);
        let increments = &self.planned.increments;
        increments.open_shard(self.store, range, &refined).await
    }

    async fn open_shard_input(
        &self,
        increments: Vec<(ChangeOrigin, SortedBatches)>,
    ) -> Result<ShardInput<'_>, Failure> {
        let (base, states) = self.open_base().await?;
        let refined = schema::refined_schema(self.table);
        let state = SortedBatches::from_store(self.store, &states, &self.owners, &refined);
        let mut change_sources = vec![(ChangeOrigin::State, state)];
        for records in &self.planned.plan.records {
            let statements = self.open_statements(&records.manifest, &refined).await?;
            change_sources.push((ChangeOrigin::Record, statements));
        }
        change_sources.extend(increments);
        Ok(ShardInput {
            target: ShardTarget {
                stored: schema::stored_schema(self.table),
                refined,
                table: self.table,
                rules: &self.rules,
                owners: self.owners.clone(),
                sizes: self.sizes,
            },
            base,
            change_sources,
            statements: self.open_statement_use().await?,
        })
    }

    /// What the events of a source state of its records, as far as the shard's owners are theirs.
    async fn open_statements(
        &self,
        records: &SnapshotManifest,
        refined: &SchemaRef,
    ) -> Result<SortedBatches, Failure> {
        let mut files = Vec::new();
        for shard in records.shards_overlapping(&self.owners) {
            let file = SortedFile::open(&**self.store, &shard.rows_file).await?;
            files.push(Arc::new(file));
        }
        Ok(SortedBatches::from_store(
            self.store,
            &files,
            &self.owners,
            refined,
        ))
    }

    /// What the merge does with statements; none for a table that no source with patches fills.
    async fn open_statement_use(&self) -> Result<Option<StatementUse>, Failure> {
        if self.table.holds_records() {
            let statements = Box::new(StatementMerge::new(self.table));
            return Ok(Some(StatementUse::Keeps(statements)));
        }
        let catalogue = &self.context.catalogue;
        let mut tables = catalogue.tables.iter();
        let position = tables.position(|table| table.name == self.table.name);
        let Some(table) = position.filter(|_| !self.planned.plan.records.is_empty()) else {
            return Ok(None);
        };
        let Some(identity_key) = &self.context.identity_key else {
            let message = "a merge of a source with patches needs the identity key";
            return Err(Failure::new(FailureKind::Configuration, message));
        };
        let resolver = RecordResolver {
            catalogue: Arc::clone(catalogue),
            identity_key: Arc::clone(identity_key),
            erasures: Arc::new(host::read_erasures(&*self.context.refined).await?),
            table,
        };
        let records = RecordMerge::new(resolver, self.table);
        Ok(Some(StatementUse::MakesRows(Box::new(records))))
    }

    /// The base's files that can hold the shard's owners: rows with their measures, and states.
    async fn open_base(&self) -> Result<(Vec<BaseFile>, Vec<Arc<SortedFile>>), Failure> {
        let store = &**self.store;
        let mut rows = Vec::new();
        let mut states = Vec::new();
        let Some(base) = &self.planned.plan.base else {
            return Ok((rows, states));
        };
        for shard in base.shards_overlapping(&self.owners) {
            rows.push(BaseFile::open(shard, &self.fingerprint, store).await?);
            if let Some(state) = &shard.state_file {
                states.push(Arc::new(SortedFile::open(store, state).await?));
            }
        }
        Ok((rows, states))
    }

    /// Writes files that differ from the base's, and shares the others with the base.
    async fn write_shard_result(
        &self,
        output: ShardOutput,
        base_shard: Option<&ManifestShard>,
    ) -> Result<ShardResult, Failure> {
        let ShardOutput {
            written,
            counts,
            copied,
            withheld,
        } = output;
        let columns = self.table.measured_columns();
        let profile = ShardProfile::from_groups(&written.groups, &self.rules, columns);
        let files = ShardFiles {
            table: self.table,
            rules: &self.rules,
            shard: self.shard,
            day: self.planned.day()?,
            store: self.store,
        };
        let same_rows = base_shard.filter(|_| !counts.has_changes());
        let shard = files
            .put_changed(&written, &profile, base_shard, same_rows)
            .await?;
        Ok(ShardResult {
            copied,
            withheld,
            ..ShardResult::new(shard, profile.total, counts)
        })
    }
}

/// Whether the state of the base's shard is the one that was written, or both have none.
fn has_same_state(base_shard: &ManifestShard, state: Option<&WrittenTempFile>) -> bool {
    match (&base_shard.state_file, state) {
        (None, None) => true,
        (Some(shared), Some(state)) => shared.digest == state.digest,
        _ => false,
    }
}

impl ShardResult {
    /// The result as other functions read it. A sketch that was stored does not estimate quite as
    /// the one that saw the values, and a day in one function must give the same bytes as a day in
    /// many.
    pub(crate) fn as_stored(&self) -> Result<Self, Failure> {
        let stored = serde_json::to_vec(self)?;
        Ok(serde_json::from_slice(&stored)?)
    }

    /// A shard that is the base's, as it was measured; none when it was not measured under these
    /// rules.
    pub(crate) async fn from_base_shard(
        base_shard: &ManifestShard,
        fingerprint: &str,
        store: &dyn ObjectStore,
    ) -> Result<Option<Self>, Failure> {
        let profile = ShardProfile::read_shard_profile(base_shard, fingerprint, store).await?;
        Ok(profile.map(|profile| {
            let counts = RowChangeCounts::default();
            Self::new(base_shard.clone(), profile.total, counts)
        }))
    }

    /// A shard with its measures and counts. None of its groups was copied.
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
            withheld: WithheldRecords::new(),
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
        let state_file = match &written.state {
            Some(state) => Some(self.put_state(state).await?),
            None => None,
        };
        Ok(ManifestShard {
            state_file,
            ..shard
        })
    }

    /// Puts the files that differ from the base's, and shares the others with it. `same_rows` is the
    /// base's shard where no row differs from it.
    pub(crate) async fn put_changed(
        &self,
        written: &WrittenShard,
        profile: &ShardProfile,
        base_shard: Option<&ManifestShard>,
        same_rows: Option<&ManifestShard>,
    ) -> Result<ManifestShard, Failure> {
        let fingerprint = self.fingerprint();
        let mut shard = match same_rows {
            Some(base_shard) if is_measured_under(base_shard, &fingerprint) => base_shard.clone(),
            _ => self.put_rows(&written.rows, profile).await?,
        };

        let state = written.state.as_ref();
        let shared = base_shard.filter(|base_shard| has_same_state(base_shard, state));
        shard.state_file = match (state, shared) {
            (_, Some(base_shard)) => base_shard.state_file.clone(),
            (Some(state), None) => Some(self.put_state(state).await?),
            (None, None) => None,
        };
        Ok(shard)
    }

    fn fingerprint(&self) -> String {
        rules_fingerprint(self.rules, self.table.measured_columns())
    }

    fn shard_version<'v>(&'v self, version: &'v str) -> ShardVersion<'v> {
        ShardVersion {
            table: &self.table.name,
            shard: self.shard,
            version,
        }
    }

    async fn put_rows(
        &self,
        rows: &WrittenTempFile,
        profile: &ShardProfile,
    ) -> Result<ManifestShard, Failure> {
        let version = version_name(self.day, &rows.digest.content_name());
        let rows_key = self.shard_version(&version).rows_key();
        let profile_key = self
            .shard_version(&version)
            .profile_key(&self.fingerprint());
        let measured = profile.encode()?;
        let profile_digest = ObjectDigest::of_content(&measured);

        self.store
            .put_file(&rows_key, rows.path(), PARQUET_MEDIA_TYPE)
            .await?;
        self.store
            .put(&profile_key, measured, "application/json")
            .await?;
        Ok(ManifestShard {
            shard: self.shard,
            rows: profile.total.rows,
            rows_file: NamedFile {
                key: rows_key,
                digest: rows.digest,
            },
            state_file: None,
            profile: Some(NamedObject {
                key: profile_key,
                digest: profile_digest,
            }),
            version,
        })
    }

    async fn put_state(&self, state: &WrittenTempFile) -> Result<NamedFile, Failure> {
        let version = version_name(self.day, &state.digest.content_name());
        let key = self.shard_version(&version).state_key();
        self.store
            .put_file(&key, state.path(), PARQUET_MEDIA_TYPE)
            .await?;
        Ok(NamedFile {
            key,
            digest: state.digest,
        })
    }
}
