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
use lake::{Day, LakeError, Manifest, Owners, manifest_key, schema, shard_count};
use store::ObjectStore;

use crate::commit::{Known, known_of};
use crate::context::Context;
use crate::entity_rows::{Entity, Rows};
use crate::feed::{Feed, Frame};
use crate::fold::Origin;
use crate::handler::TableRun;
use crate::increments::column;
use crate::output::Output;
use crate::plan::{Plan, Planned, rules};
use crate::profile::{Profile, fingerprint};
use crate::runs::Increments;
use crate::shard::{ShardFiles, ShardResult};
use crate::sorted::{Batches, SortedFile};
use crate::table;

/// The table's name.
pub const ENTITY: &str = "entity";

/// It has no increments of its own.
const NONE_NEW: Increments = Increments::Held(Vec::new());

/// Makes the day's `entity` from the snapshots of the day; nothing where the contracts have no such table.
///
/// # Errors
/// As a merge.
pub async fn merge(day: Day, context: &Context) -> Result<Option<TableRun>, Failure> {
    let Some(contract) = context.catalogue.table(ENTITY) else {
        return Ok(None);
    };
    let known = known_of(ENTITY, day, &*context.curated).await?;
    let job = EntityJob {
        contract,
        rules: rules(contract),
        day,
        today: snapshots(day, context).await?,
        before: match known.base.as_ref().and_then(|base| Day::parse(&base.date)) {
            Some(before) => snapshots(before, context).await?,
            None => BTreeMap::new(),
        },
        context,
    };
    if job.today.is_empty() {
        return Ok(None);
    }
    job.run(&known).await.map(Some)
}

/// The manifests of a day, of every table whose rows are things.
async fn snapshots(day: Day, context: &Context) -> Result<BTreeMap<String, Manifest>, Failure> {
    let mut found = BTreeMap::new();
    for table in things(&context.catalogue) {
        match context.curated.get(&manifest_key(&table.name, day)).await {
            Ok(object) => {
                let manifest =
                    Manifest::decode(&object.body).map_err(|error| Failure::corrupt(&error))?;
                found.insert(table.name.clone(), manifest);
            }
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(Failure::unavailable(&error)),
        }
    }
    Ok(found)
}

/// The tables whose rows are things: links are between things.
fn things(catalogue: &Catalogue) -> impl Iterator<Item = &TableContract> {
    catalogue.tables.iter().filter(|table| {
        table.family != Family::Link && !catalogue.topics_of(&table.name).is_empty()
    })
}

struct EntityJob<'e> {
    contract: &'e TableContract,
    rules: Vec<Rule>,
    day: Day,
    /// The day's snapshots, by table, and those of the base's day.
    today: BTreeMap<String, Manifest>,
    before: BTreeMap<String, Manifest>,
    context: &'e Context,
}

impl EntityJob<'_> {
    fn store(&self) -> &Arc<dyn ObjectStore> {
        &self.context.curated
    }

    async fn run(&self, known: &Known) -> Result<TableRun, Failure> {
        let base = known.base.clone();
        let new: u64 = self.today.values().map(|manifest| manifest.inserted).sum();
        let shards = shard_count(base.as_ref(), new, self.context.sizes.shard_bytes);
        let plan = Plan {
            table: ENTITY.to_owned(),
            date: self.day.to_string(),
            base,
            present: known.present_tag(),
            taken: Vec::new(),
            shards,
            unchanged: false,
            runs: Vec::new(),
        };
        let mut results = Vec::new();
        for shard in 0..shards {
            results.push(self.shard(&plan, shard).await?);
        }
        let planned = Planned {
            plan,
            increments: NONE_NEW,
        };
        table::conclude(self.contract, &planned, results, self.context).await
    }

    async fn shard(&self, plan: &Plan, shard: u32) -> Result<ShardResult, Failure> {
        let owners = Owners::of(shard, plan.shards);
        let known = plan
            .base
            .as_ref()
            .and_then(|base| base.shard_of(shard, plan.shards));
        let fingerprint = fingerprint(&self.rules, &self.contract.columns);
        if let Some(known) = known.filter(|_| self.is_unchanged(&owners))
            && let Some(result) = ShardResult::shared(known, &fingerprint, &**self.store()).await?
        {
            return Ok(result);
        }
        let mut feed = Feed::new(self.sources(plan, &owners).await?).await?;
        // The sources in their order: its own rows of yesterday, when there are any, and the tables'.
        let own = plan.base.iter().map(|_| ENTITY);
        let names: Vec<&str> = own.chain(self.today.keys().map(String::as_str)).collect();
        let curated = schema::curated(self.contract);
        let columns = (&self.rules[..], &self.contract.columns[..]);
        let mut output = Output::new(
            &curated,
            &schema::refined(self.contract),
            columns,
            self.context.sizes,
        )?;
        let mut rows = Rows::new(
            &curated,
            &self.contract.version,
            self.context.sizes.batch_rows,
        );
        loop {
            let frame = feed.frame(None).await?;
            let things = gathered(&frame, &names).map_err(|error| Failure::corrupt(&error))?;
            things.values().for_each(|entity| rows.add(entity));
            while let Some(batch) = rows
                .batch(frame.bound.is_none())
                .map_err(|error| Failure::corrupt(&error))?
            {
                output
                    .write(&batch)
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
            store: self.store(),
        };
        let profile = Profile::of(&written.groups, &self.rules, &self.contract.columns);
        let shard = match known.filter(|_| !counts.any()) {
            Some(known) => known.clone(),
            None => files.put(&written, &profile).await?,
        };
        Ok(ShardResult::new(shard, profile.total, counts))
    }

    /// Whether the shards that reach into a range are those of the base's day.
    fn is_unchanged(&self, owners: &Owners) -> bool {
        let keys = |manifests: &BTreeMap<String, Manifest>| -> BTreeSet<String> {
            let of = |manifest: &Manifest| {
                manifest
                    .reaching(owners)
                    .iter()
                    .map(|shard| shard.rows_key.clone())
                    .collect::<Vec<_>>()
            };
            manifests.values().flat_map(of).collect()
        };
        keys(&self.today) == keys(&self.before)
    }

    /// Yesterday's rows of `entity`, then the things of each table, in the order of their names.
    async fn sources(
        &self,
        plan: &Plan,
        owners: &Owners,
    ) -> Result<Vec<(Origin, Batches)>, Failure> {
        let provenance = provenance(&schema::curated(self.contract));
        let own = plan
            .base
            .iter()
            .map(|base| (Origin::Base, base, schema::curated(self.contract)));
        let tables = self
            .today
            .values()
            .map(|manifest| (Origin::New, manifest, Arc::clone(&provenance)));
        let mut sources = Vec::new();
        for (origin, manifest, schema) in own.chain(tables) {
            let mut files = Vec::new();
            for shard in manifest.reaching(owners) {
                let file =
                    SortedFile::open(&**self.store(), &shard.rows_key, Some(shard.bytes)).await?;
                files.push(Arc::new(file));
            }
            sources.push((
                origin,
                Batches::stored(self.store(), &files, owners, &schema),
            ));
        }
        Ok(sources)
    }
}

fn provenance(curated: &SchemaRef) -> SchemaRef {
    Arc::new(Schema::new(
        curated.fields()[..pole::PROVENANCE.len()].to_vec(),
    ))
}

/// The things of a frame, by id. Rows that belong to another record, such as the notices of a tenancy, are no things of their
/// own.
fn gathered<'f>(
    frame: &'f Frame,
    names: &[&'f str],
) -> Result<BTreeMap<&'f str, Entity<'f>>, LakeError> {
    let mut things: BTreeMap<&str, Entity<'_>> = BTreeMap::new();
    for part in &frame.parts {
        let batch = &part.batch;
        let text = |name| column::<StringArray>(batch, name);
        let moments = |name| column::<TimestampMicrosecondArray>(batch, name);
        let numbers = |name| column::<Int64Array>(batch, name);
        let (ids, owners, sources) = (text("pole_id")?, text("owner_id")?, text("source")?);
        let (times, landed) = (moments("event_time")?, moments("ingested_at")?);
        let places = (numbers("partition")?, numbers("offset")?);
        for row in (0..batch.num_rows()).filter(|row| ids.value(*row) == owners.value(*row)) {
            let thing = things.entry(ids.value(row)).or_default();
            if part.origin == Origin::Base {
                thing.before = Some((batch, row));
                continue;
            }
            let name = names[part.source];
            let at = (
                times.value(row),
                landed.value(row),
                places.0.value(row),
                places.1.value(row),
            );
            thing.add(name, sources.value(row), at, (batch, row));
        }
    }
    Ok(things)
}
