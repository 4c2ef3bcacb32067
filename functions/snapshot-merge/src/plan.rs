//! The plan of a day's merge of a table: from which base, with which increments, into how many
//! shards. It is the same whether one function merges all shards or many functions merge one each.

use std::collections::BTreeMap;

use contract::{Rule, TableContract};
use host::{Failure, FailureKind};
use lake::{
    Chunk, CommittedOffset, Day, Sha256Digest, SnapshotManifest, schema, shard_count, work_prefix,
};
use serde::{Deserialize, Serialize};
use store::UnreadableObject;

use crate::context::Context;
use crate::increments::{self, TakenRows};
use crate::input_request::{InputRequest, RecordSnapshot};
use crate::manifest_lookup::ManifestLookup;
use crate::profile::{is_measured_under, rules_fingerprint};
use crate::record_snapshots::{self, read_record_snapshots};
use crate::sorted_runs::{IncrementSorter, Increments, RunTarget, SortedRun};
use crate::streams::{RefinedInput, StreamReceipts, TableInputs};

/// A plan. All files that it names are immutable, so that a step that is repeated does the same.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct MergePlan {
    pub(crate) table: String,
    pub(crate) date: String,
    /// The manifest that the day is built on.
    pub(crate) base: Option<SnapshotManifest>,
    /// The SHA-256 of that manifest as it is stored.
    pub(crate) base_sha256: Option<Sha256Digest>,
    /// The entity tag of the day's own manifest, when the day has one. It must be the same at the
    /// commit.
    pub(crate) present: Option<String>,
    /// How far every stream is consumed.
    pub(crate) committed_offsets: Vec<CommittedOffset>,
    /// Into how many shards the table is cut.
    pub(crate) shards: u32,
    /// Whether the table has no increments and is measured as before: then its base is its
    /// snapshot.
    pub(crate) unchanged: bool,
    /// The sorted increments, when they are in the store.
    pub(crate) runs: Vec<SortedRun>,
    /// The day's snapshots of the records that the table is made from.
    #[serde(default)]
    pub(crate) records: Vec<RecordSnapshot>,
    /// The SHA-256 of the manifest of each table that the table is made from; none for a table that
    /// is made from events.
    #[serde(default)]
    pub(crate) made_from: BTreeMap<String, Sha256Digest>,
}

/// A plan with its increments.
pub(crate) struct PlannedMerge {
    pub(crate) plan: MergePlan,
    pub(crate) increments: Increments,
}

/// The rules that a merge measures. Cross-table checks are left to the report, which runs when
/// every table is merged.
pub(crate) fn merge_rules(table: &TableContract) -> Vec<Rule> {
    table.rules_by_cross_table(false).cloned().collect()
}

/// Plans a day of a table. Increments of more than one shard are put where other functions find
/// them.
pub(crate) async fn plan_table(
    table: &TableContract,
    day: Day,
    streams: &StreamReceipts,
    lookup: &ManifestLookup,
    context: &Context,
) -> Result<PlannedMerge, Failure> {
    let catalogue = &context.catalogue;
    let records = read_record_snapshots(table, day, catalogue, &*context.curated).await?;
    let consumed = plan_table_inputs((table, &records), day, streams, lookup, context)?;
    record_snapshots::check_sources(table, lookup.base.as_ref(), &consumed, catalogue)?;
    let base = lookup.base.clone();
    let rows = consumed.row_count();
    let shards = shard_count(base.as_ref(), rows, context.sizes.shard_bytes);
    let is_reusable = base
        .as_ref()
        .is_some_and(|base| is_base_reusable(table, base, shards));

    let increments = sort_table_increments(table, day, &consumed.inputs, shards, context).await?;
    let runs = match &increments {
        Increments::Stored(runs) => runs.clone(),
        Increments::InMemory(_) => Vec::new(),
    };
    let plan = MergePlan {
        table: table.name.clone(),
        date: day.to_string(),
        base,
        base_sha256: lookup.base_sha256,
        present: lookup.day_manifest_etag(),
        committed_offsets: consumed.committed_offsets,
        shards,
        unchanged: consumed.inputs.is_empty() && is_reusable,
        runs,
        records,
        made_from: BTreeMap::new(),
    };
    Ok(PlannedMerge { plan, increments })
}

async fn sort_table_increments(
    table: &TableContract,
    day: Day,
    inputs: &[RefinedInput],
    shards: u32,
    context: &Context,
) -> Result<Increments, Failure> {
    let target = RunTarget {
        store: &context.curated,
        prefix: work_prefix(&table.name, day),
        always_write: shards > 1,
        shards,
        sizes: context.sizes,
    };
    let sorter = IncrementSorter::new(target, &schema::refined_schema(table));
    let taken = if table.holds_records() {
        TakenRows::WithStatements
    } else {
        TakenRows::WithoutStatements
    };
    increments::sort_increments(&*context.refined, (inputs, taken), sorter).await
}

/// Whether a base without increments is the day's snapshot as it is.
fn is_base_reusable(table: &TableContract, base: &SnapshotManifest, shards: u32) -> bool {
    let fingerprint = rules_fingerprint(&merge_rules(table), table.measured_columns());
    base.contract_version == table.version
        && base.shards.len() == shards as usize
        && base
            .shards
            .iter()
            .all(|shard| is_measured_under(shard, &fingerprint))
}

fn plan_table_inputs(
    (table, records): (&TableContract, &[RecordSnapshot]),
    day: Day,
    streams: &StreamReceipts,
    lookup: &ManifestLookup,
    context: &Context,
) -> Result<TableInputs, Failure> {
    let sealed = lookup.sealed_manifest()?;
    let topics = context.catalogue.topics_of_table(&table.name);
    let consumed = streams.plan_inputs(InputRequest {
        table: &table.name,
        topics: &topics,
        records,
        base: lookup.base.as_ref(),
        sealed: sealed.as_ref(),
    })?;
    if sealed.is_some_and(|sealed| sealed.committed_offsets != consumed.committed_offsets) {
        let message = format!(
            "{day} of `{}` cannot be built again as it was: some of what it consumed is not there \
             any more, and later days are built on it; `polelake repair --dry-run` names what is \
             missing, and `polelake repair --declare-lost` has rebuilds go over what is lost",
            table.name
        );
        return Err(Failure::new(FailureKind::Corrupt, message));
    }

    if let Some(present) = lookup.replaceable_manifest()? {
        refuse_lost_receipts(table, &topics, &present, &consumed)?;
    }
    Ok(consumed)
}

/// Refuses a day that would be built again with fewer records of a stream than it has: a receipt
/// was deleted, and without it the rows of its raw object would vanish from the day.
fn refuse_lost_receipts(
    table: &TableContract,
    topics: &[&str],
    present: &SnapshotManifest,
    consumed: &TableInputs,
) -> Result<(), Failure> {
    let declared = |before: &&CommittedOffset| topics.contains(&before.stream.topic.as_str());
    for before in present.committed_offsets.iter().filter(declared) {
        let mut committed = consumed.committed_offsets.iter();
        let committed = committed.find(|committed| committed.stream == before.stream);
        let Some(offset) = first_lost_offset(before, committed) else {
            continue;
        };

        let missing = Chunk {
            topic: before.stream.topic.clone(),
            epoch: before.stream.epoch,
            partition: before.stream.partition,
            offset,
        };
        let cause = format!(
            "it is not there, and {} of `{}` was built with it",
            present.date, table.name
        );
        return Err(UnreadableObject::new(missing.receipt_key(), cause).into());
    }
    Ok(())
}

/// The first offset of a stream that a day had consumed and would not consume again.
fn first_lost_offset(before: &CommittedOffset, now: Option<&CommittedOffset>) -> Option<i64> {
    let Some(now) = now else {
        return (before.first < before.next).then_some(before.first);
    };
    if before.first < now.first {
        return Some(before.first);
    }
    (now.next < before.next).then_some(now.next)
}

impl PlannedMerge {
    /// A plan that was stored.
    pub(crate) fn from_plan(plan: MergePlan) -> Self {
        let increments = Increments::Stored(plan.runs.clone());
        Self { plan, increments }
    }

    /// Whether other functions can execute the steps of this plan.
    pub(crate) fn is_stored(&self) -> bool {
        self.plan.shards > 1 && matches!(self.increments, Increments::Stored(_))
    }

    /// The day that is merged.
    pub(crate) fn day(&self) -> Result<Day, Failure> {
        Day::require(&self.plan.date)
            .map_err(|why| Failure::new(FailureKind::Corrupt, format!("the merge's plan: {why}")))
    }
}
