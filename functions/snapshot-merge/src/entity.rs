//! The table `entity`: every thing that some source knows, with all sources that have a row of it. It is made of the
//! day's snapshots and of its own yesterday, which remembers when each thing was first seen.
//!
//! A shard of it is made again when a shard of some table that reaches into it changed; only ids and provenance are read.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow_array::{Int64Array, StringArray, TimestampMicrosecondArray};
use arrow_schema::{Schema, SchemaRef};
use contract::{Catalogue, Family, Rule, TableContract};
use host::Failure;
use lake::{Day, LakeError, OwnerRange, SnapshotManifest, manifest_key, schema, shard_count};
use store::ObjectStore;

use crate::change_merge::{BatchWindow, ChangeMerge};
use crate::commit::{ManifestLookup, look_up_manifests};
use crate::context::Context;
use crate::entity_rows::{EntityRows, GatheredEntity};
use crate::handler::TableRun;
use crate::increments::typed_column;
use crate::output::ShardWriter;
use crate::plan::{MergePlan, PlannedMerge, merge_rules};
use crate::profile::{ShardProfile, rules_fingerprint};
use crate::resolve::ChangeOrigin;
use crate::shard_job::{ShardFiles, ShardResult};
use crate::sorted_file::{SortedBatches, SortedFile};
use crate::sorted_runs::Increments;
use crate::table;

/// The table's name.
pub const ENTITY: &str = "entity";

/// It has no increments of its own.
const NO_INCREMENTS: Increments = Increments::InMemory(Vec::new());

/// Makes the day's `entity` from the snapshots of the day; nothing where the contracts have no such table.
///
/// # Errors
/// As a merge.
pub async fn merge_entities(day: Day, context: &Context) -> Result<Option<TableRun>, Failure> {
    let Some(contract) = context.catalogue.table_contract(ENTITY) else {
        return Ok(None);
    };
    let known = look_up_manifests(ENTITY, day, &*context.curated).await?;
    let job = EntityJob {
        contract,
        rules: merge_rules(contract),
        day,
        day_manifests: read_day_manifests(day, context).await?,
        base_day_manifests: match known.base.as_ref().and_then(|base| Day::parse(&base.date)) {
            Some(before) => read_day_manifests(before, context).await?,
            None => BTreeMap::new(),
        },
        context,
    };
    if job.day_manifests.is_empty() {
        return Ok(None);
    }
    job.run(&known).await.map(Some)
}

/// The manifests of a day, of every table whose rows are things.
async fn read_day_manifests(
    day: Day,
    context: &Context,
) -> Result<BTreeMap<String, SnapshotManifest>, Failure> {
    let mut found = BTreeMap::new();
    for table in entity_source_tables(&context.catalogue) {
        let key = manifest_key(&table.name, day);
        if let Some(object) = context.curated.get_if_present(&key).await? {
            let manifest = SnapshotManifest::from_json(&object.body)?;
            found.insert(table.name.clone(), manifest);
        }
    }
    Ok(found)
}

/// The tables whose rows are things: links are between things.
fn entity_source_tables(catalogue: &Catalogue) -> impl Iterator<Item = &TableContract> {
    catalogue.tables.iter().filter(|table| {
        table.family != Family::Link && !catalogue.topics_of_table(&table.name).is_empty()
    })
}

struct EntityJob<'e> {
    contract: &'e TableContract,
    rules: Vec<Rule>,
    day: Day,
    /// The day's snapshots, by table, and those of the base's day.
    day_manifests: BTreeMap<String, SnapshotManifest>,
    base_day_manifests: BTreeMap<String, SnapshotManifest>,
    context: &'e Context,
}

impl EntityJob<'_> {
    fn curated_store(&self) -> &Arc<dyn ObjectStore> {
        &self.context.curated
    }

    async fn run(&self, known: &ManifestLookup) -> Result<TableRun, Failure> {
        let base = known.base.clone();
        let new: u64 = self
            .day_manifests
            .values()
            .map(|manifest| manifest.inserted)
            .sum();
        let shards = shard_count(base.as_ref(), new, self.context.sizes.shard_bytes);
        let plan = MergePlan {
            table: ENTITY.to_owned(),
            date: self.day.to_string(),
            base,
            present: known.day_manifest_etag(),
            committed_offsets: Vec::new(),
            shards,
            unchanged: false,
            runs: Vec::new(),
        };
        let mut results = Vec::new();
        for shard in 0..shards {
            results.push(self.merge_entity_shard(&plan, shard).await?);
        }
        let planned = PlannedMerge {
            plan,
            increments: NO_INCREMENTS,
        };
        table::commit_and_publish(self.contract, &planned, results, self.context).await
    }

    async fn merge_entity_shard(
        &self,
        plan: &MergePlan,
        shard: u32,
    ) -> Result<ShardResult, Failure> {
        let owners = OwnerRange::of_shard(shard, plan.shards);
        let known = plan
            .base
            .as_ref()
            .and_then(|base| base.find_shard(shard, plan.shards));
        let fingerprint = rules_fingerprint(&self.rules, &self.contract.columns);
        if let Some(known) = known.filter(|_| self.is_unchanged(&owners))
            && let Some(result) =
                ShardResult::from_base_shard(known, &fingerprint, &**self.curated_store()).await?
        {
            return Ok(result);
        }
        let mut feed = ChangeMerge::new(self.open_sources(plan, &owners).await?).await?;
        // The sources in their order: its own rows of yesterday, when there are any, and the tables'.
        let own = plan.base.iter().map(|_| ENTITY);
        let names: Vec<&str> = own
            .chain(self.day_manifests.keys().map(String::as_str))
            .collect();
        let curated = schema::curated_schema(self.contract);
        let columns = (&self.rules[..], &self.contract.columns[..]);
        let mut output = ShardWriter::new(
            &curated,
            &schema::refined_schema(self.contract),
            columns,
            self.context.sizes,
        )?;
        let mut rows = EntityRows::new(
            &curated,
            &self.contract.version,
            self.context.sizes.batch_rows,
        );
        loop {
            let frame = feed.next_window(None).await?;
            let things =
                group_rows_by_entity(&frame, &names).map_err(|error| Failure::corrupt(&error))?;
            things.values().for_each(|entity| rows.add_entity(entity));
            while let Some(batch) = rows
                .next_batch(frame.bound.is_none())
                .map_err(|error| Failure::corrupt(&error))?
            {
                output
                    .write_batch(&batch)
                    .map_err(|error| Failure::corrupt(&error))?;
            }
            if frame.bound.is_none() {
                break;
            }
        }
        let (written, counts) = (output.finish()?, rows.counts);
        let files = ShardFiles {
            table: self.contract,
            rules: &self.rules,
            shard,
            day: self.day,
            store: self.curated_store(),
        };
        let profile =
            ShardProfile::from_groups(&written.groups, &self.rules, &self.contract.columns);
        let shard = match known.filter(|_| !counts.has_changes()) {
            Some(known) => known.clone(),
            None => files.put_shard(&written, &profile).await?,
        };
        Ok(ShardResult::new(shard, profile.total, counts))
    }

    /// Whether the shards that reach into a range are those of the base's day.
    fn is_unchanged(&self, owners: &OwnerRange) -> bool {
        let keys = |manifests: &BTreeMap<String, SnapshotManifest>| -> BTreeSet<String> {
            let of = |manifest: &SnapshotManifest| {
                manifest
                    .shards_overlapping(owners)
                    .iter()
                    .map(|shard| shard.rows_key.clone())
                    .collect::<Vec<_>>()
            };
            manifests.values().flat_map(of).collect()
        };
        keys(&self.day_manifests) == keys(&self.base_day_manifests)
    }

    /// Yesterday's rows of `entity`, then the things of each table, in the order of their names.
    async fn open_sources(
        &self,
        plan: &MergePlan,
        owners: &OwnerRange,
    ) -> Result<Vec<(ChangeOrigin, SortedBatches)>, Failure> {
        let provenance = provenance_schema(&schema::curated_schema(self.contract));
        let own = plan.base.iter().map(|base| {
            (
                ChangeOrigin::Base,
                base,
                schema::curated_schema(self.contract),
            )
        });
        let tables = self
            .day_manifests
            .values()
            .map(|manifest| (ChangeOrigin::Increment, manifest, Arc::clone(&provenance)));
        let mut sources = Vec::new();
        for (origin, manifest, schema) in own.chain(tables) {
            let mut files = Vec::new();
            for shard in manifest.shards_overlapping(owners) {
                let file =
                    SortedFile::open(&**self.curated_store(), &shard.rows_key, Some(shard.bytes))
                        .await?;
                files.push(Arc::new(file));
            }
            sources.push((
                origin,
                SortedBatches::from_store(self.curated_store(), &files, owners, &schema),
            ));
        }
        Ok(sources)
    }
}

fn provenance_schema(curated: &SchemaRef) -> SchemaRef {
    Arc::new(Schema::new(
        curated.fields()[..pole::PROVENANCE.len()].to_vec(),
    ))
}

/// The things of a frame, by id. Rows that belong to another record, such as the notices of a tenancy, are no things of their
/// own.
fn group_rows_by_entity<'f>(
    frame: &'f BatchWindow,
    names: &[&'f str],
) -> Result<BTreeMap<&'f str, GatheredEntity<'f>>, LakeError> {
    let mut things: BTreeMap<&str, GatheredEntity<'_>> = BTreeMap::new();
    for part in &frame.parts {
        let batch = &part.batch;
        let text = |name| typed_column::<StringArray>(batch, name);
        let moments = |name| typed_column::<TimestampMicrosecondArray>(batch, name);
        let numbers = |name| typed_column::<Int64Array>(batch, name);
        let (ids, owners, sources) = (text("pole_id")?, text("owner_id")?, text("source")?);
        let (times, landed) = (moments("event_time")?, moments("ingested_at")?);
        let places = (numbers("partition")?, numbers("offset")?);
        for row in (0..batch.num_rows()).filter(|row| ids.value(*row) == owners.value(*row)) {
            let thing = things.entry(ids.value(row)).or_default();
            if part.origin == ChangeOrigin::Base {
                thing.base_row = Some((batch, row));
                continue;
            }
            let name = names[part.source];
            let at = (
                times.value(row),
                landed.value(row),
                places.0.value(row),
                places.1.value(row),
            );
            thing.add_table_row(name, sources.value(row), at, (batch, row));
        }
    }
    Ok(things)
}
