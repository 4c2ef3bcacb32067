//! One table, one day: from the base's manifest to the day's.

use bytes::Bytes;
use contract::{Rule, TableContract};
use host::{Failure, FailureKind};
use lake::{
    ColumnProfile, Day, Manifest, ManifestShard, RuleResult, Snapshot, manifest_key, manifest_prefix,
};
use pole::{Uuid, content_id};
use quality::{ColumnState, TableState};
use store::{Metadata, Object, ObjectStore, StoreError};

use crate::context::Context;
use crate::handler::TableRun;
use crate::increments;
use crate::merge::{ShardInput, ShardOutput, by_shard, merge, schemas};
use crate::publish;
use crate::streams::{Streams, Taking};

/// Rows of a shard when a table is first cut: some 300 MB, well within a function of 2 GB.
const SHARD_ROWS: usize = 2_000_000;

/// Merges a day of a table, commits and publishes it.
pub(crate) async fn merge_day(
    table: &TableContract,
    day: Day,
    streams: &Streams,
    known: &Known,
    context: &Context,
) -> Result<TableRun, Failure> {
    let base = known.base.as_ref();
    // Rules that look into other tables are for the report, when all of them are there.
    let rules: Vec<Rule> = table.rules_that_look(false).cloned().collect();
    let fixed = known.fixed().map_err(|error| Failure::corrupt(&error))?;
    let topics = context.catalogue.topics_of(&table.name);
    let taking = streams.taking(&table.name, &topics, base, fixed.as_ref());
    if fixed.is_some_and(|fixed| fixed.taken != taking.taken) {
        let message = format!(
            "{day} of `{}` cannot be built again as it was: streams that it took are not there any more, and later days stand on it",
            table.name
        );
        return Err(Failure::new(FailureKind::Corrupt, message));
    }
    let manifest = build(table, day, &rules, &taking, base, context).await?;
    let written = commit(&manifest, day, known, &*context.curated).await?;
    if manifest.passed {
        publish::publish(table, &manifest, day, context).await?;
    }
    let Manifest { rows, inserted, updated, deleted, passed, .. } = manifest;
    Ok(TableRun { table: table.name.clone(), rows, inserted, updated, deleted, passed, written })
}

/// What a table's manifests say before its merge begins.
pub(crate) struct Known {
    /// The newest manifest before the day: found by listing, never by counting days back.
    pub(crate) base: Option<Manifest>,
    /// The day's own manifest, when it was run before. It must be this one still when the merge commits.
    present: Option<Object>,
    /// Whether a later day has a manifest: then this day's is part of its past and stays what it was.
    followed: bool,
}

impl Known {
    /// The day's manifest when a later day was built on it.
    fn fixed(&self) -> Result<Option<Manifest>, lake::LakeError> {
        let present = self.present.as_ref().filter(|_| self.followed);
        present.map(|object| Manifest::decode(&object.body)).transpose()
    }
}

/// Looks up the manifests, before anything else of the run is read.
pub(crate) async fn known_of(table: &str, day: Day, curated: &dyn ObjectStore) -> Result<Known, Failure> {
    let unavailable = |error: StoreError| Failure::unavailable(&error);
    let today = manifest_key(table, day);
    let present = match curated.get(&today).await {
        Ok(object) => Some(object),
        Err(error) if error.is_not_found() => None,
        Err(error) => return Err(Failure::unavailable(&error)),
    };
    let listed = curated.list(&manifest_prefix(table), None).await.map_err(unavailable)?;
    let followed = listed.last().is_some_and(|last| last.key > today);
    let Some(before) = listed.into_iter().rfind(|entry| entry.key < today) else {
        return Ok(Known { base: None, present, followed });
    };
    let object = curated.get(&before.key).await.map_err(unavailable)?;
    let base = Manifest::decode(&object.body).map_err(|error| Failure::corrupt(&error))?;
    Ok(Known { base: Some(base), present, followed })
}

async fn build(
    table: &TableContract,
    day: Day,
    rules: &[Rule],
    taking: &Taking,
    base: Option<&Manifest>,
    context: &Context,
) -> Result<Manifest, Failure> {
    let (_, refined) = schemas(table);
    let increments = increments::load(&*context.refined, &taking.inputs, &refined).await?;
    let rows: usize = increments.iter().map(arrow_array::RecordBatch::num_rows).sum();
    let shards = base.map_or(rows.div_ceil(SHARD_ROWS).max(1), |base| base.shards.len());
    let shards = u32::try_from(shards).unwrap_or(u32::MAX);
    let mut parts = by_shard(&increments, shards).map_err(|error| Failure::corrupt(&error))?;
    drop(increments);
    let mut sum = Sum { state: TableState::new(rules, &table.columns), ..Sum::default() };
    for shard in 0..shards {
        let known = base.and_then(|base| base.shards.iter().find(|known| known.shard == shard));
        let job = Job { table, rules, shard, known };
        sum.add(job.run(parts.remove(&shard).unwrap_or_default(), context).await?);
    }
    Ok(sum.manifest(table, day, rules, taking, base))
}

/// A version is named by its content: a merge that is done again finds its own files, whatever led to them.
fn version(output: &ShardOutput) -> String {
    let state = output.state.as_deref().map_or(Uuid::nil(), content_id);
    let parts = [content_id(&output.rows).into_bytes(), state.into_bytes()].concat();
    content_id(&parts).simple().to_string()[..16].to_owned()
}

struct Job<'j> {
    table: &'j TableContract,
    rules: &'j [Rule],
    shard: u32,
    known: Option<&'j ManifestShard>,
}

impl Job<'_> {
    async fn run(
        &self,
        increments: Vec<arrow_array::RecordBatch>,
        context: &Context,
    ) -> Result<(ManifestShard, ShardOutput), Failure> {
        let curated = &*context.curated;
        let fetch = async |key: Option<&String>| -> Result<Option<Bytes>, Failure> {
            let Some(key) = key else { return Ok(None) };
            curated
                .get(key)
                .await
                .map(|object| Some(object.body))
                .map_err(|error| Failure::unavailable(&error))
        };
        let (schema, refined) = schemas(self.table);
        let input = ShardInput {
            curated: schema,
            refined,
            columns: &self.table.columns,
            rules: self.rules,
            base: fetch(self.known.map(|known| &known.rows_key)).await?,
            state: fetch(self.known.and_then(|known| known.state_key.as_ref())).await?,
            increments,
        };
        let old_state = input.state.clone();
        let output = merge(input).map_err(|error| Failure::corrupt(&error))?;
        // A shard in which nothing changed is shared with the day before.
        let same = !output.is_changed() && output.state == old_state;
        let shard = match self.known.filter(|_| same) {
            Some(known) => known.clone(),
            None => self.write(&output, curated).await?,
        };
        Ok((shard, output))
    }

    async fn write(&self, output: &ShardOutput, curated: &dyn ObjectStore) -> Result<ManifestShard, Failure> {
        const PARQUET: &str = "application/vnd.apache.parquet";
        let version = version(output);
        let snapshot = Snapshot { table: &self.table.name, shard: self.shard, version: &version };
        let put = async |key: &str, body: &Bytes| {
            curated.put(key, body.clone(), PARQUET).await.map_err(|error| Failure::unavailable(&error))
        };
        put(&snapshot.rows_key(), &output.rows).await?;
        if let Some(state) = &output.state {
            put(&snapshot.state_key(), state).await?;
        }
        Ok(ManifestShard {
            shard: self.shard,
            rows_key: snapshot.rows_key(),
            rows: output.quality.rows,
            bytes: output.rows.len() as u64,
            state_key: output.state.as_ref().map(|_| snapshot.state_key()),
            version,
        })
    }
}

/// The shards' results, added up.
struct Sum {
    shards: Vec<ManifestShard>,
    state: TableState,
    inserted: u64,
    updated: u64,
    deleted: u64,
}

impl Default for Sum {
    fn default() -> Self {
        Self { shards: Vec::new(), state: TableState::new(&[], &[]), inserted: 0, updated: 0, deleted: 0 }
    }
}

impl Sum {
    fn add(&mut self, (shard, output): (ManifestShard, ShardOutput)) {
        self.shards.push(shard);
        self.state.merge(&output.quality);
        self.inserted += output.inserted;
        self.updated += output.updated;
        self.deleted += output.deleted;
    }

    fn manifest(
        self,
        table: &TableContract,
        day: Day,
        rules: &[Rule],
        taking: &Taking,
        base: Option<&Manifest>,
    ) -> Manifest {
        let columns = table.columns.iter().zip(&self.state.columns);
        let columns = columns.map(|(column, state)| (column.name.clone(), profile(state))).collect();
        Manifest {
            table: table.name.clone(),
            date: day.to_string(),
            contract_version: table.version.clone(),
            base: base.map(|base| base.date.clone()),
            passed: !self.state.is_blocked(rules),
            rows: self.state.rows,
            inserted: self.inserted,
            updated: self.updated,
            deleted: self.deleted,
            shards: self.shards,
            taken: taking.taken.clone(),
            rules: results(rules, &self.state),
            columns,
            newest_event: self.state.newest_event,
        }
    }
}

fn profile(state: &ColumnState) -> ColumnProfile {
    ColumnProfile {
        filled: state.filled,
        distinct: state.distinct(),
        longest: state.longest,
        bytes: state.bytes,
        least: state.range.map(|(least, _)| least),
        greatest: state.range.map(|(_, greatest)| greatest),
    }
}

fn results(rules: &[Rule], state: &TableState) -> Vec<RuleResult> {
    rules.iter().zip(&state.counts).map(|(rule, count)| RuleResult::of(rule, *count, state.rows)).collect()
}

/// Writes the manifest; says whether it was new. The conditional PUT is the commit: of two runs at once the first one
/// wins, and the other finds that its own result is there, or stops, for it may have seen less.
async fn commit(
    manifest: &Manifest,
    day: Day,
    known: &Known,
    curated: &dyn ObjectStore,
) -> Result<bool, Failure> {
    let key = manifest_key(&manifest.table, day);
    let body = Bytes::from(manifest.encode().map_err(|error| Failure::corrupt(&error))?);
    let unavailable = |error: StoreError| Failure::unavailable(&error);
    let committed = match &known.present {
        Some(present) if present.body == body => return Ok(false),
        // The day was run before, and more of it has come since.
        Some(present) => curated.put_over(&key, &present.etag, body.clone()).await.map_err(unavailable)?,
        None => curated.put_new(&key, body.clone(), Metadata::new()).await.map_err(unavailable)?,
    };
    // A lost answer, repeated by the SDK, finds its own manifest in the way.
    if committed || curated.get(&key).await.map_err(unavailable)?.body == body {
        return Ok(committed);
    }
    let message = format!("another run committed {key} at the same time; the next run takes it up");
    Err(Failure::new(FailureKind::Unavailable, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn of_two_runs_at_once_the_slower_one_stops() {
        let curated = store::MemoryStore::default();
        let day = Day::parse("2026-03-02").unwrap();
        let manifest = |rows| Manifest { table: "person".into(), rows, ..Manifest::default() };
        let slow = known_of("person", day, &curated).await.unwrap();
        let fast = known_of("person", day, &curated).await.unwrap();
        assert!(commit(&manifest(2), day, &fast, &curated).await.unwrap());
        assert!(commit(&manifest(1), day, &slow, &curated).await.is_err(), "the slower one saw less");
        assert!(!commit(&manifest(2), day, &slow, &curated).await.unwrap(), "the same result is no conflict");
        let again = known_of("person", day, &curated).await.unwrap();
        assert!(commit(&manifest(3), day, &again, &curated).await.unwrap());
        assert!(commit(&manifest(1), day, &again, &curated).await.is_err());
    }
}
