//! The table `entity`: every record that some source knows, with all sources and tables that have a
//! row of it. It is made from the day's snapshots and from its own base, which holds when each
//! entity was first seen.
//!
//! `entity_changes` finds the owners whose rows changed since the base was made; only their rows
//! are read, and of these only ids and provenance. The other rows are the base's.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_schema::{Schema, SchemaRef};
use contract::{Catalogue, Family, Rule, TableContract};
use host::Failure;
use lake::{
    Day, ManifestShard, OwnerRange, Sha256Digest, SnapshotManifest, schema, shard_count,
    work_prefix,
};
use store::ObjectStore;
use store::sorted_file::{FileRowGroup, SortedFile};

use crate::context::Context;
use crate::entity_changes::{DaySnapshots, READ_COLUMNS, find_changed_owners, read_day_snapshot};
use crate::entity_increments::{sighting_schema, sort_entity_sightings};
use crate::entity_merge::{EntityInput, EntityOutput, merge_entity_rows};
use crate::manifest_lookup::{ManifestLookup, look_up_manifests};
use crate::merge_run::TableRun;
use crate::owner_ranges::OwnerRanges;
use crate::plan::{MergePlan, PlannedMerge, merge_rules};
use crate::profile::{ShardProfile, rules_fingerprint};
use crate::shard_job::{ShardFiles, ShardResult};
use crate::shard_rows::{BaseFile, ShardTarget};
use crate::sizes::MergeSizes;
use crate::sorted_batches::SortedBatches;
use crate::sorted_runs::{Increments, RunTarget};
use crate::table;

/// Rows, and bytes about, of a group of a sorted run of sightings: a quarter of those of a table's
/// increments. A merge holds four of each run, 16 MB of 16 runs.
const SIGHTING_GROUP_ROWS: usize = 1024;
const SIGHTING_GROUP_BYTES: usize = 256 << 10;

/// The table's name.
pub const ENTITY: &str = schema::ENTITY_TABLE;

/// Makes the day's `entity` from the snapshots of the day; none where the contracts have no such
/// table.
///
/// # Errors
/// As a merge.
pub async fn merge_entities(day: Day, context: &Context) -> Result<Option<TableRun>, Failure> {
    let Some(contract) = context.catalogue.table_contract(ENTITY) else {
        return Ok(None);
    };
    let lookup = look_up_manifests(ENTITY, day, &*context.curated).await?;
    let snapshots = read_day_snapshots(day, context).await?;
    if snapshots.is_empty() {
        return Ok(None);
    }

    let changed = find_changes(contract, lookup.base.as_ref(), &snapshots, context).await?;
    let rules = merge_rules(contract);
    let job = EntityJob {
        contract,
        fingerprint: rules_fingerprint(&rules, &contract.columns),
        rules,
        day,
        snapshots,
        changed,
        context,
    };
    job.run(&lookup).await.map(Some)
}

/// The owners whose entities have to be made; every owner without a base, and under another version
/// of the contract.
async fn find_changes(
    contract: &TableContract,
    base: Option<&SnapshotManifest>,
    snapshots: &DaySnapshots,
    context: &Context,
) -> Result<OwnerRanges, Failure> {
    match base {
        Some(base) if base.contract_version == contract.version => {
            find_changed_owners(base, snapshots, &*context.curated).await
        }
        _ => Ok(OwnerRanges::all()),
    }
}

/// The snapshots of a day, of every table whose rows are entities.
async fn read_day_snapshots(day: Day, context: &Context) -> Result<DaySnapshots, Failure> {
    let mut snapshots = DaySnapshots::new();
    for table in entity_source_tables(&context.catalogue) {
        let snapshot = read_day_snapshot(&table.name, day, &*context.curated).await?;
        snapshots.extend(snapshot.map(|snapshot| (table.name.clone(), snapshot)));
    }
    Ok(snapshots)
}

/// The tables whose rows are entities. The rows of a link table join entities and are none.
pub(crate) fn entity_source_tables(catalogue: &Catalogue) -> impl Iterator<Item = &TableContract> {
    catalogue.tables.iter().filter(|table| {
        table.family != Family::Link && !catalogue.topics_of_table(&table.name).is_empty()
    })
}

struct EntityJob<'e> {
    contract: &'e TableContract,
    rules: Vec<Rule>,
    fingerprint: String,
    day: Day,
    /// The day's snapshots, by table.
    snapshots: DaySnapshots,
    /// The owners whose rows in the tables changed.
    changed: OwnerRanges,
    context: &'e Context,
}

/// Row groups of a table that hold changed owners.
struct TableGroups<'e> {
    table: &'e str,
    parts: Vec<FileRowGroup>,
}

impl TableGroups<'_> {
    /// What the columns of the largest group take, which is read while another one is fetched.
    fn open_bytes(&self) -> u64 {
        let spans = self.parts.iter().map(|part| {
            let span = part.file.footer.column_span(&part.group, &READ_COLUMNS);
            span.end - span.start
        });
        2 * spans.max().unwrap_or_default()
    }
}

impl EntityJob<'_> {
    fn curated_store(&self) -> &Arc<dyn ObjectStore> {
        &self.context.curated
    }

    async fn run(&self, lookup: &ManifestLookup) -> Result<TableRun, Failure> {
        let plan = self.plan_day(lookup);
        let increments = self.sort_sightings(&plan).await?;
        let mut results = Vec::new();
        for shard in 0..plan.shards {
            let result = self.merge_entity_shard(&plan, &increments, shard).await?;
            results.push(result.as_stored()?);
        }
        let planned = PlannedMerge { plan, increments };
        table::commit_and_publish(self.contract, &planned, results, self.context).await
    }

    /// What the events of the day state of entities.
    async fn sort_sightings(&self, plan: &MergePlan) -> Result<Increments, Failure> {
        let target = RunTarget {
            store: self.curated_store(),
            prefix: work_prefix(ENTITY, self.day),
            always_write: false,
            shards: plan.shards,
            sizes: self.sighting_sizes(),
        };
        let days = (plan.base.as_ref(), self.day);
        sort_entity_sightings(self.contract, days, &self.snapshots, target, self.context).await
    }

    /// Sizes of sorted runs of sightings: they are read beside the rows of every table, so that
    /// their groups are smaller than those of a table's increments.
    fn sighting_sizes(&self) -> MergeSizes {
        let sizes = self.context.sizes;
        MergeSizes {
            run_group_rows: sizes.run_group_rows.min(SIGHTING_GROUP_ROWS),
            run_group_bytes: sizes.run_group_bytes.min(SIGHTING_GROUP_BYTES),
            ..sizes
        }
    }

    /// The day's plan. No source fills the table: its increments are those of other tables.
    fn plan_day(&self, lookup: &ManifestLookup) -> MergePlan {
        let base = lookup.base.clone();
        let snapshots = self.snapshots.values();
        let new_rows = snapshots.map(|snapshot| snapshot.manifest.inserted).sum();
        let shards = shard_count(base.as_ref(), new_rows, self.context.sizes.shard_bytes);
        MergePlan {
            table: ENTITY.to_owned(),
            date: self.day.to_string(),
            base,
            base_sha256: lookup.base_sha256,
            present: lookup.day_manifest_etag(),
            committed_offsets: Vec::new(),
            shards,
            unchanged: false,
            runs: Vec::new(),
            records: Vec::new(),
            made_from: self.snapshot_digests(),
        }
    }

    fn snapshot_digests(&self) -> BTreeMap<String, Sha256Digest> {
        let snapshots = self.snapshots.iter();
        snapshots
            .map(|(table, snapshot)| (table.clone(), snapshot.sha256))
            .collect()
    }

    async fn merge_entity_shard(
        &self,
        plan: &MergePlan,
        increments: &Increments,
        shard: u32,
    ) -> Result<ShardResult, Failure> {
        let owners = OwnerRange::of_shard(shard, plan.shards);
        let changed = self.changed.within(&owners);
        let base = plan.base.as_ref();
        let base_shard = base.and_then(|base| base.find_shard(shard, plan.shards));
        let schema = sighting_schema(self.contract);
        let statements = increments
            .open_shard(self.curated_store(), (shard, &owners), &schema)
            .await?;
        if let Some(base_shard) = base_shard.filter(|_| changed.is_empty() && statements.is_empty())
            && let Some(result) =
                ShardResult::from_base_shard(base_shard, &self.fingerprint, &**self.curated_store())
                    .await?
        {
            return Ok(result);
        }

        let input = EntityInput {
            base: self.open_base(base, &owners).await?,
            state: self.open_state(base, &owners).await?,
            tables: self.open_tables(&changed).await?,
            statements,
            target: ShardTarget {
                stored: schema::stored_schema(self.contract),
                refined: schema::refined_schema(self.contract),
                table: self.contract,
                rules: &self.rules,
                owners,
                sizes: self.context.sizes,
            },
            changed,
        };
        let output = merge_entity_rows(input, self.curated_store()).await?;
        self.write_shard_result(shard, output, base_shard).await
    }

    /// The base's files that can hold the shard's owners.
    async fn open_base(
        &self,
        base: Option<&SnapshotManifest>,
        owners: &OwnerRange,
    ) -> Result<Vec<BaseFile>, Failure> {
        let mut files = Vec::new();
        let shards = base.map(|base| base.shards_overlapping(owners));
        for shard in shards.into_iter().flatten() {
            files.push(BaseFile::open(shard, &self.fingerprint, &**self.curated_store()).await?);
        }
        Ok(files)
    }

    /// What the base remembers of entities without rows.
    async fn open_state(
        &self,
        base: Option<&SnapshotManifest>,
        owners: &OwnerRange,
    ) -> Result<SortedBatches, Failure> {
        let store = self.curated_store();
        let mut files = Vec::new();
        let shards = base.map(|base| base.shards_overlapping(owners));
        for state in shards
            .into_iter()
            .flatten()
            .filter_map(|shard| shard.state_file.as_ref())
        {
            files.push(Arc::new(SortedFile::open(&**store, state).await?));
        }
        let refined = schema::refined_schema(self.contract);
        Ok(SortedBatches::from_store(store, &files, owners, &refined))
    }

    /// The rows of changed owners in every table. Where the row groups that would be open at once
    /// are too large for the memory, the rows are first written to temporary files.
    async fn open_tables(
        &self,
        changed: &OwnerRanges,
    ) -> Result<Vec<(&str, SortedBatches)>, Failure> {
        let mut tables = Vec::new();
        for (table, snapshot) in &self.snapshots {
            let parts = self.select_groups(&snapshot.manifest, changed).await?;
            if !parts.is_empty() {
                tables.push(TableGroups { table, parts });
            }
        }
        let open_bytes: u64 = tables.iter().map(TableGroups::open_bytes).sum();
        let sizes = self.context.sizes;
        let must_spill = open_bytes > sizes.open_group_bytes();

        let schema = read_schema(self.contract);
        let mut opened = Vec::with_capacity(tables.len());
        for TableGroups { table, parts } in tables {
            let store = self.curated_store();
            let mut rows = SortedBatches::of_groups(store, parts, changed, &schema);
            if must_spill {
                rows = rows.spill(&schema, sizes.spilled_group()).await?;
            }
            opened.push((table, rows));
        }
        Ok(opened)
    }

    /// The row groups of a snapshot that hold changed owners.
    async fn select_groups(
        &self,
        manifest: &SnapshotManifest,
        changed: &OwnerRanges,
    ) -> Result<Vec<FileRowGroup>, Failure> {
        let count = u32::try_from(manifest.shards.len()).unwrap_or(u32::MAX);
        let mut parts = Vec::new();
        for shard in &manifest.shards {
            if changed.overlaps(&OwnerRange::of_shard(shard.shard, count)) {
                let file = SortedFile::open(&**self.curated_store(), &shard.rows_file).await?;
                parts.extend(changed.select_groups(&[Arc::new(file)]));
            }
        }
        Ok(parts)
    }

    /// Writes the file of a shard that differs from the base's, and shares any other with the base.
    async fn write_shard_result(
        &self,
        shard: u32,
        output: EntityOutput,
        base_shard: Option<&ManifestShard>,
    ) -> Result<ShardResult, Failure> {
        let EntityOutput {
            written,
            counts,
            has_new_rows,
            copied,
        } = output;
        let profile =
            ShardProfile::from_groups(&written.groups, &self.rules, &self.contract.columns);
        let files = ShardFiles {
            table: self.contract,
            rules: &self.rules,
            shard,
            day: self.day,
            store: self.curated_store(),
        };
        let same_rows = base_shard.filter(|_| !has_new_rows);
        let shard = files
            .put_changed(&written, &profile, base_shard, same_rows)
            .await?;
        Ok(ShardResult {
            copied,
            ..ShardResult::new(shard, profile.total, counts)
        })
    }
}

/// The columns of the tables that are read. Every table has them first.
fn read_schema(contract: &TableContract) -> SchemaRef {
    let curated = schema::curated_schema(contract);
    let fields = curated.fields().iter();
    let read = fields.filter(|field| READ_COLUMNS.contains(&field.name().as_str()));
    Arc::new(Schema::new(read.cloned().collect::<Vec<_>>()))
}

#[cfg(test)]
mod tests;
