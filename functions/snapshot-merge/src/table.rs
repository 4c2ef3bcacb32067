//! One table, one day: from the plan over its shards to the day's manifest.

use std::collections::BTreeMap;

use contract::{Rule, TableContract};
use host::{Budget, Failure, FailureKind};
use lake::{ColumnProfile, Day, Manifest, RuleResult, work_prefix};
use quality::{ColumnState, TableState};
use store::ObjectStore;

use crate::commit::commit;
use crate::context::Context;
use crate::handler::TableRun;
use crate::plan::{Planned, rules};
use crate::profile::{Profile, fingerprint};
use crate::publish;
use crate::runs::Increments;
use crate::shard::{ShardJob, ShardResult};

/// Merges every shard of a plan, one after the other, commits and publishes.
pub(crate) async fn merge_table(
    table: &TableContract,
    planned: &Planned,
    context: &Context,
    budget: Budget,
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
            results.push(result.as_kept()?);
        }
    }
    conclude(table, planned, results, context).await
}

/// Commits what the shards came to, and publishes it.
pub(crate) async fn conclude(
    table: &TableContract,
    planned: &Planned,
    results: Vec<ShardResult>,
    context: &Context,
) -> Result<TableRun, Failure> {
    let day = planned.day()?;
    let copied = results.iter().map(|result| result.copied).sum();
    let manifest = match (&planned.plan.base, planned.plan.unchanged) {
        (Some(base), true) => same(base, planned),
        _ => manifest(table, planned, results),
    };
    let written = commit(&manifest, &planned.plan, &*context.curated).await?;
    publish::publish(table, &manifest, day, context).await?;
    clear(planned, day, context).await?;
    let Manifest { rows, inserted, updated, deleted, passed, .. } = manifest;
    Ok(TableRun { table: table.name.clone(), rows, inserted, updated, deleted, copied, passed, written })
}

/// What the steps kept is needed no more.
async fn clear(planned: &Planned, day: Day, context: &Context) -> Result<(), Failure> {
    if matches!(planned.increments, Increments::Held(_)) {
        return Ok(());
    }
    let kept = context.curated.list(&work_prefix(&planned.plan.table, day), None).await;
    for entry in kept.map_err(|error| Failure::unavailable(&error))? {
        context.curated.delete(&entry.key).await.map_err(|error| Failure::unavailable(&error))?;
    }
    Ok(())
}

/// The manifest of a day on which nothing was said: the base's, with what was taken since.
fn same(base: &Manifest, planned: &Planned) -> Manifest {
    Manifest {
        date: planned.plan.date.clone(),
        base: Some(base.date.clone()),
        inserted: 0,
        updated: 0,
        deleted: 0,
        taken: planned.plan.taken.clone(),
        ..base.clone()
    }
}

fn manifest(table: &TableContract, planned: &Planned, results: Vec<ShardResult>) -> Manifest {
    let (plan, rules) = (&planned.plan, rules(table));
    let mut state = TableState::new(&rules, &table.columns);
    let (mut shards, mut inserted, mut updated, mut deleted) = (Vec::new(), 0, 0, 0);
    for result in results {
        state.merge(&result.measured);
        inserted += result.inserted;
        updated += result.updated;
        deleted += result.deleted;
        shards.push(result.shard);
    }
    Manifest {
        table: table.name.clone(),
        date: plan.date.clone(),
        contract_version: table.version.clone(),
        base: plan.base.as_ref().map(|base| base.date.clone()),
        passed: !state.is_blocked(&rules),
        rows: state.rows,
        inserted,
        updated,
        deleted,
        shards,
        taken: plan.taken.clone(),
        rules: verdicts(&rules, &state),
        columns: columns(table, &state),
        newest_event: state.newest_event,
    }
}

/// A manifest with what is measured of its shards now; as it was, where that is not known under today's rules.
pub(crate) async fn measure(
    table: &TableContract,
    manifest: Manifest,
    curated: &dyn ObjectStore,
) -> Result<Manifest, Failure> {
    let (rules, rows) = (rules(table), manifest.shards.iter().map(|shard| shard.rows).sum());
    let fingerprint = fingerprint(&rules, &table.columns);
    let mut state = TableState::new(&rules, &table.columns);
    for shard in &manifest.shards {
        let profile = Profile::of_shard(shard, &fingerprint, curated).await?;
        let Some(profile) = profile else { return Ok(Manifest { rows, ..manifest }) };
        state.merge(&profile.total);
    }
    let (rules, newest_event) = (verdicts(&rules, &state), state.newest_event);
    Ok(Manifest { rows, rules, columns: columns(table, &state), newest_event, ..manifest })
}

fn columns(table: &TableContract, state: &TableState) -> BTreeMap<String, ColumnProfile> {
    let columns = table.columns.iter().zip(&state.columns);
    columns.map(|(column, state)| (column.name.clone(), profile(state))).collect()
}

fn profile(state: &ColumnState) -> ColumnProfile {
    ColumnProfile {
        filled: state.filled,
        distinct: state.distinct(),
        longest: state.longest,
        bytes: state.bytes,
        least: state.range.map(|(least, _)| least),
        greatest: state.range.map(|(_, greatest)| greatest),
        ..ColumnProfile::default()
    }
}

fn verdicts(rules: &[Rule], state: &TableState) -> Vec<RuleResult> {
    let counted = state.counted(rules).into_iter();
    rules.iter().zip(counted).map(|(rule, count)| RuleResult::of(rule, count, state.rows)).collect()
}
