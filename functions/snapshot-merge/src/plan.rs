//! What a day's merge of a table is to do: from which base, with which increments, into how many shards. The same whether
//! one function does it all or many do a shard each.

use contract::{Rule, TableContract};
use host::{Failure, FailureKind};
use lake::{CommittedOffset, Day, SnapshotManifest, schema, shard_count, work_prefix};
use serde::{Deserialize, Serialize};

use crate::commit::ManifestLookup;
use crate::context::Context;
use crate::increments;
use crate::profile::{is_measured_under, rules_fingerprint};
use crate::sorted_runs::{IncrementSorter, Increments, RunTarget, SortedRun};
use crate::streams::{StreamReceipts, TableInputs};

/// A plan. What it names is immutable, so that a step that is done again does the same.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct MergePlan {
    pub(crate) table: String,
    pub(crate) date: String,
    /// The manifest that the day is built on.
    pub(crate) base: Option<SnapshotManifest>,
    /// The entity tag of the day's own manifest, when there is one: it must be this one still at the commit.
    pub(crate) present: Option<String>,
    /// How far every stream is taken.
    pub(crate) committed_offsets: Vec<CommittedOffset>,
    /// Into how many shards the table is cut.
    pub(crate) shards: u32,
    /// Whether nothing is said of the table and it is measured as before: then its base is its snapshot.
    pub(crate) unchanged: bool,
    /// The sorted increments, when they are in the store.
    pub(crate) runs: Vec<SortedRun>,
}

/// A plan with its increments.
pub(crate) struct PlannedMerge {
    pub(crate) plan: MergePlan,
    pub(crate) increments: Increments,
}

/// The rules that a merge looks at: those that look into other tables are for the report, when all of them are there.
pub(crate) fn merge_rules(table: &TableContract) -> Vec<Rule> {
    table.rules_by_cross_table(false).cloned().collect()
}

/// Plans a day of a table. Increments of more than one shard are put where other functions find them.
pub(crate) async fn plan_table(
    table: &TableContract,
    day: Day,
    streams: &StreamReceipts,
    known: &ManifestLookup,
    context: &Context,
) -> Result<PlannedMerge, Failure> {
    let taking = plan_table_inputs(table, day, streams, known, context)?;
    let base = known.base.clone();
    let shards = shard_count(base.as_ref(), taking.row_count(), context.sizes.shard_bytes);
    let unchanged = taking.inputs.is_empty()
        && base
            .as_ref()
            .is_some_and(|base| is_base_reusable(table, base, shards));
    let place = RunTarget {
        store: &context.curated,
        prefix: work_prefix(&table.name, day),
        always_write: shards > 1,
        shards,
        sizes: context.sizes,
    };
    let refined = schema::refined_schema(table);
    let increments = increments::sort_increments(
        &context.refined,
        &taking.inputs,
        IncrementSorter::new(place, &refined),
    )
    .await?;
    let runs = match &increments {
        Increments::Stored(runs) => runs.clone(),
        Increments::InMemory(_) => Vec::new(),
    };
    let (name, date, present) = (
        table.name.clone(),
        day.to_string(),
        known.day_manifest_etag(),
    );
    let plan = MergePlan {
        table: name,
        date,
        base,
        present,
        committed_offsets: taking.committed_offsets,
        shards,
        unchanged,
        runs,
    };
    Ok(PlannedMerge { plan, increments })
}

/// Whether a base without increments is the day's snapshot as it is.
fn is_base_reusable(table: &TableContract, base: &SnapshotManifest, shards: u32) -> bool {
    let fingerprint = rules_fingerprint(&merge_rules(table), &table.columns);
    base.contract_version == table.version
        && base.shards.len() == shards as usize
        && base
            .shards
            .iter()
            .all(|shard| is_measured_under(shard, &fingerprint))
}

fn plan_table_inputs(
    table: &TableContract,
    day: Day,
    streams: &StreamReceipts,
    known: &ManifestLookup,
    context: &Context,
) -> Result<TableInputs, Failure> {
    let fixed = known
        .sealed_manifest()
        .map_err(|error| Failure::corrupt(&error))?;
    let topics = context.catalogue.topics_of_table(&table.name);
    let taking = streams.plan_inputs(&table.name, &topics, known.base.as_ref(), fixed.as_ref());
    if fixed.is_some_and(|fixed| fixed.committed_offsets != taking.committed_offsets) {
        let message = format!(
            "{day} of `{}` cannot be built again as it was: streams that it took are not there any more, and later days stand on it",
            table.name
        );
        return Err(Failure::new(FailureKind::Corrupt, message));
    }
    Ok(taking)
}

impl PlannedMerge {
    /// A plan that was kept.
    pub(crate) fn from_plan(plan: MergePlan) -> Self {
        let increments = Increments::Stored(plan.runs.clone());
        Self { plan, increments }
    }

    /// Whether the steps of this plan can be done by other functions.
    pub(crate) fn is_stored(&self) -> bool {
        self.plan.shards > 1 && matches!(self.increments, Increments::Stored(_))
    }

    pub(crate) fn day(&self) -> Result<Day, Failure> {
        let what = || {
            Failure::new(
                FailureKind::Corrupt,
                format!("`{}` is no day", self.plan.date),
            )
        };
        Day::parse(&self.plan.date).ok_or_else(what)
    }
}
