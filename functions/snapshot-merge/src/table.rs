//! One table, one day: from the plan over its shards to the day's manifest.

use std::collections::BTreeMap;
use std::sync::Arc;

use contract::{Column, Rule, TableContract};
use host::{Budget, Failure, FailureKind};
use lake::{ColumnProfile, Day, Manifest, ManifestShard, RuleResult, Verdict, work_prefix};
use quality::{ColumnState, Counts, RuleCount, TableState};
use store::ObjectStore;

use crate::commit::commit;
use crate::context::Context;
use crate::handler::TableRun;
use crate::plan::{Planned, rules};
use crate::profile::{Profile, fingerprint};
use crate::publish;
use crate::runs::Increments;
use crate::shard::{ShardJob, ShardResult};
use crate::unique;

/// Shapes of a column that a manifest tells.
const MASKS_TOLD: usize = 10;

/// Fewer rows than this might be somebody: what so few have is not told of a personal column.
const FEW_ROWS: u64 = 10;

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
        _ => manifest(table, planned, results, context).await?,
    };
    let written = commit(&manifest, &planned.plan, &*context.curated).await?;
    publish::publish(table, &manifest, day, context).await?;
    clear(planned, day, context).await?;
    let Manifest {
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
async fn clear(planned: &Planned, day: Day, context: &Context) -> Result<(), Failure> {
    if matches!(planned.increments, Increments::Held(_)) {
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

async fn manifest(
    table: &TableContract,
    planned: &Planned,
    results: Vec<ShardResult>,
    context: &Context,
) -> Result<Manifest, Failure> {
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
    let Measured { rules, columns } =
        measured(table, &rules, &state, &shards, &context.curated).await?;
    Ok(Manifest {
        table: table.name.clone(),
        date: plan.date.clone(),
        contract_version: table.version.clone(),
        base: plan.base.as_ref().map(|base| base.date.clone()),
        passed: rules.iter().all(|rule| rule.verdict != Verdict::Fail),
        rows: state.rows,
        inserted,
        updated,
        deleted,
        shards,
        taken: plan.taken.clone(),
        rules,
        columns,
        newest_event: state.newest_event,
    })
}

/// A manifest with what is measured of its shards now; as it was, where that is not known under today's rules.
pub(crate) async fn measure(
    table: &TableContract,
    manifest: Manifest,
    curated: &Arc<dyn ObjectStore>,
) -> Result<Manifest, Failure> {
    let (rules, rows) = (
        rules(table),
        manifest.shards.iter().map(|shard| shard.rows).sum(),
    );
    let fingerprint = fingerprint(&rules, &table.columns);
    let mut state = TableState::new(&rules, &table.columns);
    for shard in &manifest.shards {
        let profile = Profile::of_shard(shard, &fingerprint, &**curated).await?;
        let Some(profile) = profile else {
            return Ok(Manifest { rows, ..manifest });
        };
        state.merge(&profile.total);
    }
    let Measured { rules, columns } =
        measured(table, &rules, &state, &manifest.shards, curated).await?;
    Ok(Manifest {
        rows,
        rules,
        columns,
        newest_event: state.newest_event,
        ..manifest
    })
}

fn columns(table: &TableContract, state: &TableState) -> BTreeMap<String, ColumnProfile> {
    let columns = table.columns.iter().zip(&state.columns);
    columns
        .map(|(column, state)| (column.name.clone(), profile(column, state)))
        .collect()
}

fn profile(column: &Column, state: &ColumnState) -> ColumnProfile {
    let (masks, coarse_masks) = state.masks();
    ColumnProfile {
        filled: state.filled,
        distinct: state.distinct(),
        longest: state.longest,
        bytes: state.bytes,
        least: state.range.map(|(least, _)| least),
        greatest: state.range.map(|(_, greatest)| greatest),
        centiles: state.centiles(),
        masks: told(column, masks),
        coarse_masks: told(column, coarse_masks),
        codes: state.codes(),
    }
}

/// The shapes that are told: the commonest ten, and of a personal column none that a few rows alone have.
fn told(column: &Column, masks: Counts) -> Counts {
    let enough = |(_, rows): &(String, u64)| !column.personal || *rows >= FEW_ROWS;
    masks.into_iter().filter(enough).take(MASKS_TOLD).collect()
}

/// What a manifest says of its rows.
pub(crate) struct Measured {
    pub(crate) rules: Vec<RuleResult>,
    pub(crate) columns: BTreeMap<String, ColumnProfile>,
}

/// What a table's state comes to. Rules that a pass over sorted rows cannot count have a pass of their own.
pub(crate) async fn measured(
    table: &TableContract,
    rules: &[Rule],
    state: &TableState,
    shards: &[ManifestShard],
    curated: &Arc<dyn ObjectStore>,
) -> Result<Measured, Failure> {
    let mut counts = state.counted(rules);
    for (place, count) in unique::count(table, rules, shards, curated).await? {
        counts[place] = count;
    }
    let of = |(rule, count): (&Rule, RuleCount)| RuleResult::of(rule, count, state.rows);
    let rules = rules.iter().zip(counts).map(of).collect();
    Ok(Measured {
        rules,
        columns: columns(table, state),
    })
}
