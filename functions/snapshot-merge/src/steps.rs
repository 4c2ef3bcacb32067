//! The three steps of a day for many functions: plan → merge each shard → publish, as the state machine calls them.
//!
//! Small tables are merged within the plan. A step that is done again does the same: it finds its plan, and everything
//! that a plan names is immutable.

use std::sync::{Mutex, PoisonError};

use contract::TableContract;
use futures_util::{StreamExt, TryStreamExt, stream};
use host::{Failure, FailureKind, TimeBudget};
use lake::{Day, work_document_key};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use trigger::ScheduleRequest;

use crate::context::Context;
use crate::entity;
use crate::handler::{
    MergeRun, TableRun, emit_table_metrics, for_each_planned_table, requested_tables,
};
use crate::plan::{MergePlan, PlannedMerge};
use crate::retention::{self, RetentionPolicy, SweepResult};
use crate::shard_job::{ShardJob, ShardResult};
use crate::table;

/// Results that are read at once.
const READS_AT_ONCE: usize = 16;

/// What is asked of one invocation.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case", deny_unknown_fields)]
pub enum MergeStep {
    /// Merge the small tables of a day, and plan the others.
    Plan(ScheduleRequest),
    /// Merge one shard of a plan.
    Merge {
        /// The table.
        table: String,
        /// The day.
        date: String,
        /// The shard.
        shard: u32,
    },
    /// Make the day's `entity`, when every table is published.
    Entities {
        /// The day.
        date: String,
    },
    /// Drop the days that are not kept, and what no kept day names.
    Sweep {
        /// How many days are kept.
        #[serde(default)]
        keep: RetentionPolicy,
        /// Only these tables; all of them when it is empty.
        #[serde(default)]
        tables: Vec<String>,
        /// Only say what would be done.
        #[serde(default)]
        dry_run: bool,
    },
    /// Commit and publish a plan whose shards are all merged.
    Publish {
        /// The table.
        table: String,
        /// The day.
        date: String,
    },
}

/// What a plan leaves to other functions.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PlanRun {
    /// What was merged already.
    #[serde(flatten)]
    pub run: MergeRun,
    /// The tables whose shards are still to be merged.
    pub fan_out: Vec<FanOut>,
}

/// A table whose shards are merged one by one.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FanOut {
    /// The table.
    pub table: String,
    /// The day.
    pub date: String,
    /// The key of a JSON list, in the curated bucket: the payload of each shard's step.
    pub shards_key: String,
    /// The shards.
    pub shards: u32,
}

/// What a shard's step came to.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct ShardRun {
    /// The shard.
    pub shard: u32,
    /// Its rows.
    pub rows: u64,
    /// Row groups that were copied undecoded.
    pub copied: u64,
}

/// The first step.
///
/// # Errors
/// When a table cannot be planned or merged; what was merged before it is committed.
pub async fn run_plan_step(
    schedule: &ScheduleRequest,
    context: &Context,
    budget: TimeBudget,
) -> Result<PlanRun, Failure> {
    let fan_out = Mutex::new(Vec::new());
    let run = for_each_planned_table(schedule, context, budget, async |table, planned| {
        if planned.plan.unchanged || !planned.is_stored() {
            return table::merge_table(table, planned, context, budget)
                .await
                .map(Some);
        }
        let kept = store_plan(planned, context).await?;
        fan_out
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(kept);
        Ok(None)
    });
    let run = run.await?;
    let fan_out = fan_out.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(PlanRun { run, fan_out })
}

/// The last step of a day: the table `entity`; none where the contracts have no such table.
///
/// # Errors
/// As a merge.
pub async fn run_entities_step(date: &str, context: &Context) -> Result<Option<TableRun>, Failure> {
    entity::merge_entities(parse_step_date(date)?, context).await
}

fn parse_step_date(date: &str) -> Result<Day, Failure> {
    let message = || format!("`{date}` is not a day; write YYYY-MM-DD");
    Day::parse(date).ok_or_else(|| Failure::new(FailureKind::BadRequest, message()))
}

/// Sweeps tables, one after the other.
///
/// # Errors
/// When a table cannot be swept, or there is no such table.
pub async fn run_sweep_step(
    keep: RetentionPolicy,
    tables: &[String],
    dry_run: bool,
    context: &Context,
) -> Result<Vec<SweepResult>, Failure> {
    let schedule = ScheduleRequest {
        tables: tables.to_vec(),
        ..ScheduleRequest::default()
    };
    let mut swept = Vec::new();
    for table in requested_tables(&schedule, context)? {
        swept.push(retention::sweep_table(table, keep, dry_run, context).await?);
    }
    Ok(swept)
}

async fn put_step_document<T: Serialize>(
    key: &str,
    document: &T,
    context: &Context,
) -> Result<(), Failure> {
    let body = serde_json::to_vec(document).map_err(|error| Failure::corrupt(&error))?;
    let put = context
        .curated
        .put(key, body.into(), "application/json")
        .await;
    put.map_err(|error| Failure::unavailable(&error))
}

async fn get_step_document<T: DeserializeOwned>(
    key: &str,
    missing: &str,
    context: &Context,
) -> Result<T, Failure> {
    store::read_json_if_present(&*context.curated, key)
        .await?
        .ok_or_else(|| Failure::new(FailureKind::BadRequest, missing))
}

/// Keeps a plan and the list of its shards.
async fn store_plan(planned: &PlannedMerge, context: &Context) -> Result<FanOut, Failure> {
    let (plan, day) = (&planned.plan, planned.day()?);
    let step = |shard| serde_json::json!({"step": "merge", "table": plan.table, "date": plan.date, "shard": shard});
    let steps: Vec<_> = (0..plan.shards).map(step).collect();
    let shards_key = work_document_key(&plan.table, day, "shards");
    put_step_document(&work_document_key(&plan.table, day, "plan"), plan, context).await?;
    put_step_document(&shards_key, &steps, context).await?;
    Ok(FanOut {
        table: plan.table.clone(),
        date: plan.date.clone(),
        shards_key,
        shards: plan.shards,
    })
}

/// The plan of a table's day, with the table.
async fn load_plan<'c>(
    table: &str,
    date: &str,
    context: &'c Context,
) -> Result<(&'c TableContract, PlannedMerge, Day), Failure> {
    let bad = |what: String| Failure::new(FailureKind::BadRequest, what);
    let contract = context
        .catalogue
        .table_contract(table)
        .ok_or_else(|| bad(format!("there is no table `{table}`")))?;
    let day = parse_step_date(date)?;
    let missing =
        format!("{date} of `{table}` has no plan, or it is published; begin with the step `plan`");
    let plan: MergePlan =
        get_step_document(&work_document_key(table, day, "plan"), &missing, context).await?;
    Ok((contract, PlannedMerge::from_plan(plan), day))
}

/// The second step, for one shard.
///
/// # Errors
/// When there is no such plan or shard, or it cannot be merged.
pub async fn run_merge_step(
    table: &str,
    date: &str,
    shard: u32,
    context: &Context,
) -> Result<ShardRun, Failure> {
    let (contract, planned, day) = load_plan(table, date, context).await?;
    if shard >= planned.plan.shards {
        let message = format!(
            "{date} of `{table}` has {} shards and no shard {shard}",
            planned.plan.shards
        );
        return Err(Failure::new(FailureKind::BadRequest, message));
    }
    let result = ShardJob::new(contract, &planned, shard, context)
        .run()
        .await?;
    put_step_document(
        &work_document_key(table, day, &format!("result-{shard:04}")),
        &result,
        context,
    )
    .await?;
    Ok(ShardRun {
        shard,
        rows: result.shard.rows,
        copied: result.copied,
    })
}

/// The third step.
///
/// # Errors
/// When a shard has no result, another run committed, or the catalogue refuses.
pub async fn run_publish_step(
    table: &str,
    date: &str,
    context: &Context,
) -> Result<TableRun, Failure> {
    let (contract, planned, day) = load_plan(table, date, context).await?;
    let read = |shard: u32| async move {
        let missing = format!("shard {shard} of {date} of `{table}` is not merged yet");
        get_step_document::<ShardResult>(
            &work_document_key(table, day, &format!("result-{shard:04}")),
            &missing,
            context,
        )
        .await
    };
    let results = stream::iter(0..planned.plan.shards)
        .map(read)
        .buffered(READS_AT_ONCE);
    let results: Vec<ShardResult> = results.try_collect().await?;
    // Alarms ask after every table's rows, however it was merged.
    table::commit_and_publish(contract, &planned, results, context)
        .await
        .inspect(emit_table_metrics)
}
