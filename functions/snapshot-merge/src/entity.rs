//! The table `entity`: every record that some source knows, with all sources and tables that have a
//! row of it. It is made from the day's snapshots and from its own base, which holds when each
//! entity was first seen.
//!
//! A shard of it is made again when a shard of a table that overlaps it changed. Only ids and
//! provenance are read.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow_array::{Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow_schema::{Schema, SchemaRef};
use contract::{Catalogue, Family, Rule, TableContract};
use host::Failure;
use lake::{Day, LakeError, OwnerRange, SnapshotManifest, manifest_key, schema, shard_count};
use store::ObjectStore;
use store::sorted_file::SortedFile;

use crate::batch_columns::{text_column, typed_column};
use crate::change_columns::{nanos_of_row, optional_nanos_column};
use crate::change_counts::RowChangeCounts;
use crate::change_merge::{BatchWindow, ChangeMerge};
use crate::context::Context;
use crate::entity_rows::{EntityRows, EventOrder, GatheredEntity};
use crate::manifest_lookup::{ManifestLookup, look_up_manifests};
use crate::merge_run::TableRun;
use crate::output::ShardWriter;
use crate::plan::{MergePlan, PlannedMerge, merge_rules};
use crate::profile::{ShardProfile, rules_fingerprint};
use crate::resolve::ChangeOrigin;
use crate::shard_job::{ShardFiles, ShardResult};
use crate::sorted_batches::SortedBatches;
use crate::sorted_runs::Increments;
use crate::table;

/// The table's name.
pub const ENTITY: &str = "entity";

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
    let base_day = lookup.base.as_ref().and_then(|base| Day::parse(&base.date));
    let base_day_manifests = match base_day {
        Some(base_day) => read_day_manifests(base_day, context).await?,
        None => BTreeMap::new(),
    };
    let job = EntityJob {
        contract,
        rules: merge_rules(contract),
        day,
        day_manifests: read_day_manifests(day, context).await?,
        base_day_manifests,
        context,
    };
    if job.day_manifests.is_empty() {
        return Ok(None);
    }
    job.run(&lookup).await.map(Some)
}

/// The manifests of a day, of every table whose rows are entities.
async fn read_day_manifests(
    day: Day,
    context: &Context,
) -> Result<BTreeMap<String, SnapshotManifest>, Failure> {
    let mut manifests = BTreeMap::new();
    for table in entity_source_tables(&context.catalogue) {
        let key = manifest_key(&table.name, day);
        if let Some(object) = context.curated.get_if_present(&key).await? {
            let manifest = SnapshotManifest::from_json(&object.body)
                .map_err(|error| Failure::damaged_object(&key, &error))?;
            manifests.insert(table.name.clone(), manifest);
        }
    }
    Ok(manifests)
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
    day: Day,
    /// The day's snapshots, by table.
    day_manifests: BTreeMap<String, SnapshotManifest>,
    /// The snapshots of the base's day, by table.
    base_day_manifests: BTreeMap<String, SnapshotManifest>,
    context: &'e Context,
}

impl EntityJob<'_> {
    fn curated_store(&self) -> &Arc<dyn ObjectStore> {
        &self.context.curated
    }

    async fn run(&self, lookup: &ManifestLookup) -> Result<TableRun, Failure> {
        let plan = self.plan_day(lookup);
        let mut results = Vec::new();
        for shard in 0..plan.shards {
            results.push(self.merge_entity_shard(&plan, shard).await?);
        }
        let planned = PlannedMerge {
            plan,
            increments: Increments::InMemory(Vec::new()),
        };
        table::commit_and_publish(self.contract, &planned, results, self.context).await
    }

    /// The day's plan. The table has no increments of its own.
    fn plan_day(&self, lookup: &ManifestLookup) -> MergePlan {
        let base = lookup.base.clone();
        let new_rows = self
            .day_manifests
            .values()
            .map(|manifest| manifest.inserted)
            .sum();
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
        }
    }

    async fn merge_entity_shard(
        &self,
        plan: &MergePlan,
        shard: u32,
    ) -> Result<ShardResult, Failure> {
        let owners = OwnerRange::of_shard(shard, plan.shards);
        let base_shard = plan
            .base
            .as_ref()
            .and_then(|base| base.find_shard(shard, plan.shards));
        let fingerprint = rules_fingerprint(&self.rules, &self.contract.columns);
        if let Some(base_shard) = base_shard
            && self.is_unchanged(&owners)
            && let Some(result) =
                ShardResult::from_base_shard(base_shard, &fingerprint, &**self.curated_store())
                    .await?
        {
            return Ok(result);
        }

        let columns = &self.contract.columns[..];
        let mut output = ShardWriter::new(self.contract, &self.rules, self.context.sizes)?;
        let counts = self.write_entities(plan, &owners, &mut output).await?;

        let written = output.finish()?;
        let profile = ShardProfile::from_groups(&written.groups, &self.rules, columns);
        let files = ShardFiles {
            table: self.contract,
            rules: &self.rules,
            shard,
            day: self.day,
            store: self.curated_store(),
        };
        let shard = match base_shard {
            Some(base_shard) if !counts.has_changes() => base_shard.clone(),
            _ => files.put_shard(&written, &profile).await?,
        };
        Ok(ShardResult::new(shard, profile.total, counts))
    }

    /// Writes the entities of a range; returns how they differ from the base's.
    async fn write_entities(
        &self,
        plan: &MergePlan,
        owners: &OwnerRange,
        output: &mut ShardWriter<'_>,
    ) -> Result<RowChangeCounts, Failure> {
        let curated = schema::curated_schema(self.contract);
        let batch_rows = self.context.sizes.batch_rows;
        let mut rows = EntityRows::new(&curated, &self.contract.version, batch_rows);
        let names = self.source_names(plan);
        let mut changes = ChangeMerge::new(self.open_sources(plan, owners).await?).await?;
        loop {
            let window = changes.next_window(None).await?;
            for entity in group_rows_by_entity(&window, &names)?.values() {
                rows.add_entity(entity);
            }
            let is_last = window.bound.is_none();
            while let Some(batch) = rows.next_batch(is_last)? {
                output.write_batch(&batch)?;
            }
            if is_last {
                return Ok(rows.counts);
            }
        }
    }

    /// Whether the tables' shards that overlap a range are those of the base's day.
    fn is_unchanged(&self, owners: &OwnerRange) -> bool {
        overlapping_keys(&self.day_manifests, owners)
            == overlapping_keys(&self.base_day_manifests, owners)
    }

    /// The names of the sources, in the order of [`Self::open_sources`].
    fn source_names(&self, plan: &MergePlan) -> Vec<&str> {
        let own = plan.base.iter().map(|_| ENTITY);
        let tables = self.day_manifests.keys().map(String::as_str);
        own.chain(tables).collect()
    }

    /// The base's rows of `entity`, when it has a base, then the rows of each table, in the order
    /// of the tables' names.
    async fn open_sources(
        &self,
        plan: &MergePlan,
        owners: &OwnerRange,
    ) -> Result<Vec<(ChangeOrigin, SortedBatches)>, Failure> {
        let curated = schema::curated_schema(self.contract);
        let mut sources = Vec::new();
        if let Some(base) = &plan.base {
            let rows = self.open_rows(base, owners, &curated).await?;
            sources.push((ChangeOrigin::Base, rows));
        }
        let provenance = provenance_schema(&curated);
        for manifest in self.day_manifests.values() {
            let rows = self.open_rows(manifest, owners, &provenance).await?;
            sources.push((ChangeOrigin::Increment, rows));
        }
        Ok(sources)
    }

    /// A snapshot's rows of a range.
    async fn open_rows(
        &self,
        manifest: &SnapshotManifest,
        owners: &OwnerRange,
        schema: &SchemaRef,
    ) -> Result<SortedBatches, Failure> {
        let store = self.curated_store();
        let mut files = Vec::new();
        for shard in manifest.shards_overlapping(owners) {
            let file = SortedFile::open(&**store, &shard.rows_file).await?;
            files.push(Arc::new(file));
        }
        Ok(SortedBatches::from_store(store, &files, owners, schema))
    }
}

fn overlapping_keys<'m>(
    manifests: &'m BTreeMap<String, SnapshotManifest>,
    owners: &OwnerRange,
) -> BTreeSet<&'m str> {
    let mut keys = BTreeSet::new();
    for manifest in manifests.values() {
        let shards = manifest.shards_overlapping(owners);
        keys.extend(shards.into_iter().map(|shard| shard.rows_file.key.as_str()));
    }
    keys
}

fn provenance_schema(curated: &SchemaRef) -> SchemaRef {
    let provenance = &curated.fields()[..pole::PROVENANCE.len()];
    Arc::new(Schema::new(provenance.to_vec()))
}

/// The columns of a batch that say which entity each row is of, and when its event happened.
struct EntityColumns<'b> {
    ids: &'b StringArray,
    owners: &'b StringArray,
    sources: &'b StringArray,
    event_times: &'b TimestampMicrosecondArray,
    event_time_nanos: Option<&'b Int64Array>,
    ingested_at: &'b TimestampMicrosecondArray,
    partitions: &'b Int64Array,
    offsets: &'b Int64Array,
}

impl<'b> EntityColumns<'b> {
    fn from_batch(batch: &'b RecordBatch) -> Result<Self, LakeError> {
        Ok(Self {
            ids: text_column(batch, "pole_id")?,
            owners: text_column(batch, "owner_id")?,
            sources: text_column(batch, "source")?,
            event_times: typed_column(batch, "event_time")?,
            event_time_nanos: optional_nanos_column(batch),
            ingested_at: typed_column(batch, "ingested_at")?,
            partitions: typed_column(batch, "partition")?,
            offsets: typed_column(batch, "offset")?,
        })
    }

    /// Whether a row is an entity. Rows that belong to another record, such as the notices of a
    /// tenancy, are not.
    fn is_entity(&self, row: usize) -> bool {
        self.ids.value(row) == self.owners.value(row)
    }

    fn event_order(&self, row: usize) -> EventOrder {
        (
            self.event_times.value(row),
            nanos_of_row(self.event_time_nanos, row),
            self.ingested_at.value(row),
            self.partitions.value(row),
            self.offsets.value(row),
        )
    }
}

/// The entities of a window, by id.
fn group_rows_by_entity<'f>(
    window: &'f BatchWindow,
    names: &[&'f str],
) -> Result<BTreeMap<&'f str, GatheredEntity<'f>>, LakeError> {
    let mut entities: BTreeMap<&str, GatheredEntity<'_>> = BTreeMap::new();
    for part in &window.parts {
        let batch = &part.batch;
        let columns = EntityColumns::from_batch(batch)?;
        for row in (0..batch.num_rows()).filter(|row| columns.is_entity(*row)) {
            let entity = entities.entry(columns.ids.value(row)).or_default();
            if part.origin == ChangeOrigin::Base {
                entity.base_row = Some((batch, row));
                continue;
            }
            let source = columns.sources.value(row);
            let order = columns.event_order(row);
            entity.add_table_row(names[part.source], source, order, (batch, row));
        }
    }
    Ok(entities)
}
