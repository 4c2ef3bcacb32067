//! One table, one day: from the plan over its shards to the day's manifest.

use std::collections::BTreeMap;
use std::sync::Arc;

use contract::{Column, Rule, TableContract};
use host::{Failure, FailureKind, TimeBudget};
use lake::{
    ColumnProfile, Day, ManifestShard, RuleResult, RuleVerdict, SnapshotManifest, work_prefix,
};
use quality::{ColumnState, RuleCount, TableState, TextCounts};
use store::ObjectStore;

use crate::commit::commit_manifest;
use crate::context::Context;
use crate::handler::TableRun;
use crate::plan::{PlannedMerge, merge_rules};
use crate::profile::{ShardProfile, rules_fingerprint};
use crate::publish;
use crate::shard_job::{ShardJob, ShardResult};
use crate::sorted_runs::Increments;
use crate::uniqueness;

/// Shapes of a column that a manifest tells.
const MAX_CHARACTER_PATTERNS: usize = 10;

/// Fewer rows than this might be somebody: what so few have is not told of a personal column.
const MIN_DISCLOSED_ROWS: u64 = 10;

/// Merges every shard of a plan, one after the other, commits and publishes.
pub(crate) async fn merge_table(
    table: &TableContract,
    planned: &PlannedMerge,
    context: &Context,
    budget: TimeBudget,
) -> Result<TableRun, Failure> {
    let (shards, mut results) = (planned.plan.shards, Vec::new());
    if !planned.plan.unchanged {
        for shard in 0..shards {
            if budget.is_spent() {
                let message = format!(
                    "no time is left before shard {shard} of the {shards} of `{}`; its days are for the state machine",
                    table.name
                );
                return Err(Failure::new(FailureKind::Unavailable, message));
            }
            let result = ShardJob::new(table, planned, shard, context).run().await?;
            results.push(result.as_stored()?);
        }
    }
    commit_and_publish(table, planned, results, context).await
}

/// Commits what the shards came to, and publishes it.
pub(crate) async fn commit_and_publish(
    table: &TableContract,
    planned: &PlannedMerge,
    results: Vec<ShardResult>,
    context: &Context,
) -> Result<TableRun, Failure> {
    let day = planned.day()?;
    let copied = results.iter().map(|result| result.copied).sum();
    let manifest = match (&planned.plan.base, planned.plan.unchanged) {
        (Some(base), true) => unchanged_manifest(base, planned),
        _ => build_manifest(table, planned, results, context).await?,
    };
    let written = commit_manifest(&manifest, &planned.plan, &*context.curated).await?;
    publish::publish_snapshot(table, &manifest, day, context).await?;
    delete_work_files(planned, day, context).await?;
    let SnapshotManifest {
        rows,
        inserted,
        updated,
        deleted,
        passed,
        ..
    } = manifest;
    Ok(TableRun {
        table: table.name.clone(),
        rows,
        inserted,
        updated,
        deleted,
        copied,
        passed,
        written,
    })
}

/// What the steps kept is needed no more.
async fn delete_work_files(
    planned: &PlannedMerge,
    day: Day,
    context: &Context,
) -> Result<(), Failure> {
    if matches!(planned.increments, Increments::InMemory(_)) {
        return Ok(());
    }
    let kept = context
        .curated
        .list(&work_prefix(&planned.plan.table, day), None)
        .await;
    for entry in kept.map_err(|error| Failure::unavailable(&error))? {
        context
            .curated
            .delete(&entry.key)
            .await
            .map_err(|error| Failure::unavailable(&error))?;
    }
    Ok(())
}

/// The manifest of a day on which nothing was said: the base's, with what was taken since.
fn unchanged_manifest(base: &SnapshotManifest, planned: &PlannedMerge) -> SnapshotManifest {
    SnapshotManifest {
        date: planned.plan.date.clone(),
        base: Some(base.date.clone()),
        inserted: 0,
        updated: 0,
        deleted: 0,
        committed_offsets: planned.plan.committed_offsets.clone(),
        ..base.clone()
    }
}

async fn build_manifest(
    table: &TableContract,
    planned: &PlannedMerge,
    results: Vec<ShardResult>,
    context: &Context,
) -> Result<SnapshotManifest, Failure> {
    let (plan, rules) = (&planned.plan, merge_rules(table));
    let mut state = TableState::new(&rules, &table.columns);
    let (mut shards, mut inserted, mut updated, mut deleted) = (Vec::new(), 0, 0, 0);
    for result in results {
        state.merge(&result.measured);
        inserted += result.inserted;
        updated += result.updated;
        deleted += result.deleted;
        shards.push(result.shard);
    }
    let ManifestMeasures { rules, columns } =
        measure_shards(table, &rules, &state, &shards, &context.curated).await?;
    Ok(SnapshotManifest {
        table: table.name.clone(),
        date: plan.date.clone(),
        contract_version: table.version.clone(),
        base: plan.base.as_ref().map(|base| base.date.clone()),
        passed: rules.iter().all(|rule| rule.verdict != RuleVerdict::Fail),
        rows: state.rows,
        inserted,
        updated,
        deleted,
        shards,
        committed_offsets: plan.committed_offsets.clone(),
        rules,
        columns,
        newest_event: state.newest_event,
    })
}

/// A manifest with what is measured of its shards now; as it was, where that is not known under today's rules.
pub(crate) async fn remeasure_manifest(
    table: &TableContract,
    manifest: SnapshotManifest,
    curated: &Arc<dyn ObjectStore>,
) -> Result<SnapshotManifest, Failure> {
    let (rules, rows) = (
        merge_rules(table),
        manifest.shards.iter().map(|shard| shard.rows).sum(),
    );
    let fingerprint = rules_fingerprint(&rules, &table.columns);
    let mut state = TableState::new(&rules, &table.columns);
    for shard in &manifest.shards {
        let profile = ShardProfile::read_shard_profile(shard, &fingerprint, &**curated).await?;
        let Some(profile) = profile else {
            return Ok(SnapshotManifest { rows, ..manifest });
        };
        state.merge(&profile.total);
    }
    let ManifestMeasures { rules, columns } =
        measure_shards(table, &rules, &state, &manifest.shards, curated).await?;
    Ok(SnapshotManifest {
        rows,
        rules,
        columns,
        newest_event: state.newest_event,
        ..manifest
    })
}

fn column_profiles(table: &TableContract, state: &TableState) -> BTreeMap<String, ColumnProfile> {
    let columns = table.columns.iter().zip(&state.columns);
    columns
        .map(|(column, state)| (column.name.clone(), column_profile(column, state)))
        .collect()
}

fn column_profile(column: &Column, state: &ColumnState) -> ColumnProfile {
    let (masks, coarse_masks) = state.pattern_counts();
    ColumnProfile {
        filled: state.filled,
        distinct: state.distinct_count(),
        max_bytes: state.max_bytes,
        bytes: state.bytes,
        minimum: state.range.map(|(least, _)| least),
        maximum: state.range.map(|(_, greatest)| greatest),
        percentiles: state.percentiles(),
        character_patterns: disclosed_patterns(column, masks),
        coarse_patterns: disclosed_patterns(column, coarse_masks),
        codes: state.code_counts(),
    }
}

/// The shapes that are told: the commonest ten, and of a personal column none that a few rows alone have.
fn disclosed_patterns(column: &Column, masks: TextCounts) -> TextCounts {
    let enough = |(_, rows): &(String, u64)| !column.personal || *rows >= MIN_DISCLOSED_ROWS;
    masks
        .into_iter()
        .filter(enough)
        .take(MAX_CHARACTER_PATTERNS)
        .collect()
}

/// What a manifest says of its rows.
pub(crate) struct ManifestMeasures {
    pub(crate) rules: Vec<RuleResult>,
    pub(crate) columns: BTreeMap<String, ColumnProfile>,
}

/// What a table's state comes to. Rules that a pass over sorted rows cannot count have a pass of their own.
pub(crate) async fn measure_shards(
    table: &TableContract,
    rules: &[Rule],
    state: &TableState,
    shards: &[ManifestShard],
    curated: &Arc<dyn ObjectStore>,
) -> Result<ManifestMeasures, Failure> {
    let mut counts = state.rule_counts(rules);
    for (place, count) in uniqueness::count_duplicates(table, rules, shards, curated).await? {
        counts[place] = count;
    }
    let of = |(rule, count): (&Rule, RuleCount)| RuleResult::from_count(rule, count, state.rows);
    let rules = rules.iter().zip(counts).map(of).collect();
    Ok(ManifestMeasures {
        rules,
        columns: column_profiles(table, state),
    })
}
