//! One table, one day: from the plan over its shards to the day's manifest.

use std::collections::BTreeMap;
use std::sync::Arc;

use contract::{Column, Rule, TableContract};
use host::{Failure, FailureKind, TimeBudget};
use lake::{
    ColumnProfile, Day, ManifestShard, RuleResult, RuleVerdict, SnapshotManifest, work_prefix,
};
use quality::{ColumnState, TableState, TextCounts};
use store::ObjectStore;

use crate::commit::commit_manifest;
use crate::context::Context;
use crate::derived_steps::warn_of_failure;
use crate::merge_run::TableRun;
use crate::plan::{PlannedMerge, merge_rules};
use crate::profile::{ShardProfile, rules_fingerprint};
use crate::publish;
use crate::record_rows::WithheldRecords;
use crate::record_snapshots::patched_source_names;
use crate::shard_job::{ShardJob, ShardResult};
use crate::sorted_runs::Increments;
use crate::uniqueness;

/// Character patterns of a column that a manifest lists.
const MAX_CHARACTER_PATTERNS: usize = 10;

/// A pattern of fewer rows of a personal column might identify a person: a manifest does not list
/// it.
const MIN_DISCLOSED_ROWS: u64 = 10;

/// Merges every shard of a plan, one after the other, commits and publishes.
pub(crate) async fn merge_table(
    table: &TableContract,
    planned: &PlannedMerge,
    context: &Context,
    budget: TimeBudget,
) -> Result<TableRun, Failure> {
    let mut results = Vec::new();
    if !planned.plan.unchanged {
        let shards = planned.plan.shards;
        for shard in 0..shards {
            if budget.is_spent() {
                let message = format!(
                    "no time is left before shard {shard} of the {shards} of `{}`; \
                     its days are for the state machine",
                    table.name
                );
                return Err(Failure::new(FailureKind::Unavailable, message));
            }
            let job = ShardJob::new(table, planned, shard, context);
            results.push(job.run().await?.as_stored()?);
        }
    }
    commit_and_publish(table, planned, results, context).await
}

/// Commits the shards' results, and publishes the snapshot.
pub(crate) async fn commit_and_publish(
    table: &TableContract,
    planned: &PlannedMerge,
    results: Vec<ShardResult>,
    context: &Context,
) -> Result<TableRun, Failure> {
    let day = planned.day()?;
    let copied = results.iter().map(|result| result.copied).sum();
    let manifest = match &planned.plan.base {
        Some(base) if planned.plan.unchanged => unchanged_manifest(base, planned),
        _ => build_manifest(table, planned, results, context).await?,
    };
    let written = commit_manifest(&manifest, &planned.plan, &*context.curated).await?;
    let failed = publish::publish_snapshot(table, &manifest, day, context).await?;
    let warnings = failed
        .iter()
        .map(|(step, failure)| warn_of_failure(*step, Some(&table.name), failure));
    let warnings = warnings.collect();
    delete_work_files(planned, day, context).await?;
    Ok(TableRun {
        table: table.name.clone(),
        rows: manifest.rows,
        inserted: manifest.inserted,
        updated: manifest.updated,
        deleted: manifest.deleted,
        copied,
        passed: manifest.passed,
        written,
        warnings,
    })
}

/// Deletes the files that the steps passed on.
async fn delete_work_files(
    planned: &PlannedMerge,
    day: Day,
    context: &Context,
) -> Result<(), Failure> {
    if matches!(planned.increments, Increments::InMemory(_)) {
        return Ok(());
    }
    let prefix = work_prefix(&planned.plan.table, day);
    for entry in context.curated.list(&prefix, None).await? {
        context.curated.delete(&entry.key).await?;
    }
    Ok(())
}

/// The manifest of a day without changes: the base's, with the offsets that the day consumed.
fn unchanged_manifest(base: &SnapshotManifest, planned: &PlannedMerge) -> SnapshotManifest {
    SnapshotManifest {
        date: planned.plan.date.clone(),
        base: Some(base.date.clone()),
        base_sha256: planned.plan.base_sha256,
        inserted: 0,
        updated: 0,
        deleted: 0,
        withheld: BTreeMap::new(),
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
    let plan = &planned.plan;
    let rules = merge_rules(table);
    let mut manifest = SnapshotManifest {
        table: table.name.clone(),
        date: plan.date.clone(),
        contract_version: table.version.clone(),
        base: plan.base.as_ref().map(|base| base.date.clone()),
        base_sha256: plan.base_sha256,
        committed_offsets: plan.committed_offsets.clone(),
        made_from: plan.made_from.clone(),
        patched_sources: patched_source_names(table, &context.catalogue),
        ..SnapshotManifest::default()
    };

    let mut state = TableState::new(&rules, table.measured_columns());
    for result in results {
        state.merge(&result.measured);
        manifest.inserted += result.inserted;
        manifest.updated += result.updated;
        manifest.deleted += result.deleted;
        add_withheld(&mut manifest, result.withheld);
        manifest.shards.push(result.shard);
    }

    let measures =
        measure_shards(table, &rules, &state, &manifest.shards, &context.curated).await?;
    manifest.passed = measures
        .rules
        .iter()
        .all(|rule| rule.verdict != RuleVerdict::Fail);
    manifest.rows = state.rows;
    manifest.newest_event = state.newest_event;
    Ok(measures.into_manifest(manifest))
}

/// Counts and logs the records whose state does not fit the mapping.
fn add_withheld(manifest: &mut SnapshotManifest, withheld: WithheldRecords) {
    for (rule, count) in withheld {
        tracing::warn!(
            table = manifest.table,
            rule,
            count,
            "records have no rows: their state, made of several events, does not fit the mapping"
        );
        *manifest.withheld.entry(rule).or_default() += count;
    }
}

/// A manifest with the measures of the shards that it has now. It stays as it was, but for the
/// count of rows, where these are not known under today's rules.
pub(crate) async fn remeasure_manifest(
    table: &TableContract,
    mut manifest: SnapshotManifest,
    curated: &Arc<dyn ObjectStore>,
) -> Result<SnapshotManifest, Failure> {
    manifest.rows = manifest.shards.iter().map(|shard| shard.rows).sum();
    let rules = merge_rules(table);
    let fingerprint = rules_fingerprint(&rules, table.measured_columns());
    let mut state = TableState::new(&rules, table.measured_columns());
    for shard in &manifest.shards {
        let profile = ShardProfile::read_shard_profile(shard, &fingerprint, &**curated).await?;
        let Some(profile) = profile else {
            return Ok(manifest);
        };
        state.merge(&profile.total);
    }

    let measures = measure_shards(table, &rules, &state, &manifest.shards, curated).await?;
    manifest.newest_event = state.newest_event;
    Ok(measures.into_manifest(manifest))
}

fn column_profiles(table: &TableContract, state: &TableState) -> BTreeMap<String, ColumnProfile> {
    table
        .measured_columns()
        .iter()
        .zip(&state.columns)
        .map(|(column, state)| (column.name.clone(), column_profile(column, state)))
        .collect()
}

fn column_profile(column: &Column, state: &ColumnState) -> ColumnProfile {
    let (patterns, coarse_patterns) = state.pattern_counts();
    ColumnProfile {
        filled: state.filled,
        distinct: state.distinct_count(),
        max_bytes: state.max_bytes,
        bytes: state.bytes,
        minimum: state.range.map(|(minimum, _)| minimum),
        maximum: state.range.map(|(_, maximum)| maximum),
        percentiles: state.percentiles(),
        character_patterns: disclosed_patterns(column, patterns),
        coarse_patterns: disclosed_patterns(column, coarse_patterns),
        codes: state.code_counts(),
    }
}

/// The patterns that a manifest lists: the ten most frequent, and of a personal column none that
/// only a few rows have.
fn disclosed_patterns(column: &Column, patterns: TextCounts) -> TextCounts {
    patterns
        .into_iter()
        .filter(|(_, rows)| !column.personal || *rows >= MIN_DISCLOSED_ROWS)
        .take(MAX_CHARACTER_PATTERNS)
        .collect()
}

/// A manifest's measures of its rows.
pub(crate) struct ManifestMeasures {
    pub(crate) rules: Vec<RuleResult>,
    pub(crate) columns: BTreeMap<String, ColumnProfile>,
}

impl ManifestMeasures {
    fn into_manifest(self, manifest: SnapshotManifest) -> SnapshotManifest {
        SnapshotManifest {
            rules: self.rules,
            columns: self.columns,
            ..manifest
        }
    }
}

/// The measures of a table, by its state. Rules that a pass over sorted rows cannot count have a
/// pass of their own.
pub(crate) async fn measure_shards(
    table: &TableContract,
    rules: &[Rule],
    state: &TableState,
    shards: &[ManifestShard],
    curated: &Arc<dyn ObjectStore>,
) -> Result<ManifestMeasures, Failure> {
    let mut counts = state.rule_counts(rules);
    for (index, count) in uniqueness::count_duplicates(table, rules, shards, curated).await? {
        counts[index] = count;
    }
    let results = rules
        .iter()
        .zip(counts)
        .map(|(rule, count)| RuleResult::from_count(rule, count, state.rows));
    Ok(ManifestMeasures {
        rules: results.collect(),
        columns: column_profiles(table, state),
    })
}
