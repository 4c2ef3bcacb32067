//! The three steps of a day for many functions: plan → merge each shard → publish, as the state
//! machine calls them.
//!
//! Small tables are merged within the plan. A step that is repeated does the same: it finds its
//! plan, and all files that a plan names are immutable.

use std::sync::{Mutex, MutexGuard, PoisonError};

use contract::TableContract;
use futures_util::{StreamExt, TryStreamExt, stream};
use host::{Failure, FailureKind, TimeBudget};
use lake::{Day, work_document_key};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::read_json_if_present;
use trigger::ScheduleRequest;

use crate::context::Context;
use crate::day_events;
use crate::day_roots;
use crate::entity;
use crate::failed_tables::{FailedTable, find_failed_source, lacks_source};
use crate::handler::{MergePhase, TableQueue, find_table};
use crate::merge_run::{MergeRun, TableFailure, TableRun, emit_merged_tables, emit_table_metrics};
use crate::plan::{MergePlan, PlannedMerge};
use crate::raw_tables;
use crate::retention::{self, RetentionPolicy, SweepResult};
use crate::shard_job::{ShardJob, ShardResult};
use crate::table;

/// Results that are read at once.
const READS_AT_ONCE: usize = 16;

/// One step, as an invocation requests it.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case", deny_unknown_fields)]
pub enum MergeStep {
    /// Merge the small tables of a day, and plan the others.
    Plan(PlanRequest),
    /// The same of the tables that readers see, after those of records are published.
    PlanTables(PlanRequest),
    /// Merge one shard of a plan.
    Merge {
        /// The table.
        table: String,
        /// The day.
        date: String,
        /// The shard.
        shard: u32,
    },
    /// Make the day's `entity`, after every table is published.
    Entities {
        /// The day.
        date: String,
        /// What has failed of the day before: each object with a `table` names one.
        #[serde(default)]
        failed: Value,
    },
    /// Drop the days that are not retained, and the files that no retained day names.
    Sweep {
        /// How many days are retained.
        #[serde(default)]
        keep: RetentionPolicy,
        /// Only these tables; all of them when it is empty.
        #[serde(default)]
        tables: Vec<String>,
        /// Only report what would be removed.
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

/// What to plan, and what becomes of a table that cannot be planned.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanRequest {
    /// As in [`ScheduleRequest`].
    #[serde(default)]
    pub date: Option<String>,
    /// As in [`ScheduleRequest`].
    #[serde(default)]
    pub scheduled_time: Option<String>,
    /// As in [`ScheduleRequest`].
    #[serde(default)]
    pub tables: Vec<String>,
    /// Whether the answer names the tables that fail; otherwise the step fails, so that it is
    /// tried again.
    #[serde(default)]
    pub name_failed: bool,
}

impl PlanRequest {
    fn schedule(&self) -> ScheduleRequest {
        ScheduleRequest {
            date: self.date.clone(),
            scheduled_time: self.scheduled_time.clone(),
            tables: self.tables.clone(),
        }
    }
}

impl From<ScheduleRequest> for PlanRequest {
    fn from(schedule: ScheduleRequest) -> Self {
        Self {
            date: schedule.date,
            scheduled_time: schedule.scheduled_time,
            tables: schedule.tables,
            name_failed: false,
        }
    }
}

/// The result of the plan step.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PlanRun {
    /// The tables that are merged already.
    #[serde(flatten)]
    pub run: MergeRun,
    /// The tables whose shards are still to be merged.
    pub fan_out: Vec<FanOut>,
    /// The step that follows when these tables are published: the tables that readers see are
    /// planned after the records that they are made from.
    pub then: Option<Value>,
    /// The tables that failed.
    pub failed: Vec<FailedTable>,
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

/// The result of a shard's step.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct ShardRun {
    /// The shard.
    pub shard: u32,
    /// Its rows.
    pub rows: u64,
    /// Row groups that were copied undecoded.
    pub copied: u64,
}

/// Runs the first step: small tables are merged, the plans of the others are stored.
///
/// # Errors
/// When a table cannot be planned or merged, unless the request is to name it; the others are.
pub async fn run_plan_step(
    request: &PlanRequest,
    context: &Context,
    budget: TimeBudget,
) -> Result<PlanRun, Failure> {
    plan_phases(request, &MergePhase::ALL, context, budget).await
}

/// Runs the first step of the tables that readers see.
///
/// # Errors
/// As [`run_plan_step`]; when the records of a table are not merged.
pub async fn run_plan_tables_step(
    request: &PlanRequest,
    context: &Context,
    budget: TimeBudget,
) -> Result<PlanRun, Failure> {
    plan_phases(request, &[MergePhase::Tables], context, budget).await
}

/// Plans the phases, up to one of which shards are still to be merged.
async fn plan_phases(
    request: &PlanRequest,
    phases: &[MergePhase],
    context: &Context,
    budget: TimeBudget,
) -> Result<PlanRun, Failure> {
    let fan_out = Mutex::new(Vec::new());
    let process = async |table: &TableContract, planned: &PlannedMerge| {
        if planned.plan.unchanged || !planned.is_stored() {
            return table::merge_table(table, planned, context, budget)
                .await
                .map(Some);
        }
        let stored = store_plan(planned, context).await?;
        lock_fan_out(&fan_out).push(stored);
        Ok(None)
    };

    let queue = TableQueue::open(&request.schedule(), context, budget).await?;
    let mut merged = queue.begin_run();
    let mut then = None;
    for phase in phases {
        if !lock_fan_out(&fan_out).is_empty() {
            let date = &merged.run.date;
            then = Some(json!({"step": "plan_tables", "date": date, "tables": request.tables}));
            break;
        }
        queue.process_phase(*phase, &mut merged, &process).await;
    }
    queue.finish_run(&mut merged).await;

    let failed = match request.name_failed {
        true => merged.failures.drain(..).map(FailedTable::from).collect(),
        false => Vec::new(),
    };
    let run = merged.into_run()?;
    let fan_out = std::mem::take(&mut *lock_fan_out(&fan_out));
    Ok(PlanRun {
        run,
        fan_out,
        then,
        failed,
    })
}

fn lock_fan_out(fan_out: &Mutex<Vec<FanOut>>) -> MutexGuard<'_, Vec<FanOut>> {
    fan_out.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs the last step of a day: the table `entity`, the day's root, the index of its events and the
/// tables of raw objects; no table where the contracts have no such table.
///
/// # Errors
/// As a merge, and when a table has failed that it is made from; root and index are written where
/// `entity` cannot be made.
pub async fn run_entities_step(
    date: &str,
    failed: &Value,
    context: &Context,
) -> Result<Option<TableRun>, Failure> {
    let day = parse_step_date(date)?;
    let merged = match find_failed_source(failed, context) {
        Some(table) => Err(lacks_source(table)),
        None => entity::merge_entities(day, context).await,
    };
    day_roots::write_day_root(day, context).await?;
    // Failures are in the log and counted: the answer has only the table.
    day_events::write_day_events(day, context).await;
    raw_tables::publish_raw_tables(context).await;
    merged
}

fn parse_step_date(date: &str) -> Result<Day, Failure> {
    Day::require(date).map_err(|why| Failure::new(FailureKind::BadRequest, why))
}

/// The results of a sweep of some tables.
#[derive(Clone, Debug, Default)]
pub struct SweptTables {
    /// The tables that were swept.
    pub swept: Vec<SweepResult>,
    /// The tables that were not swept, because an object that they need cannot be read. They
    /// stopped no other.
    pub failures: Vec<TableFailure>,
}

/// Sweeps tables, one after the other.
///
/// # Errors
/// When a table cannot be swept, or there is no such table. The others are swept.
pub async fn run_sweep_step(
    keep: RetentionPolicy,
    tables: &[String],
    dry_run: bool,
    context: &Context,
) -> Result<Vec<SweepResult>, Failure> {
    let SweptTables { swept, failures } = sweep_tables(keep, tables, dry_run, context).await?;

    let first = failures.into_iter().next();
    first.map_or(Ok(swept), |failed| Err(failed.failure))
}

/// The same, with every table that cannot be swept.
///
/// # Errors
/// When there is no such table, or the storage or the catalogue fails.
pub async fn sweep_tables(
    keep: RetentionPolicy,
    tables: &[String],
    dry_run: bool,
    context: &Context,
) -> Result<SweptTables, Failure> {
    let mut result = SweptTables::default();
    for table in tables_to_sweep(tables, context)? {
        match retention::sweep_table(table, keep, dry_run, context).await {
            Ok(swept) => result.swept.extend(swept),
            Err(failure) if failure.object.is_some() => result.failures.push(TableFailure {
                table: table.name.clone(),
                failure,
            }),
            Err(failure) => return Err(failure),
        }
    }
    if !dry_run {
        day_roots::delete_roots_of_dropped_days(context).await?;
        day_events::delete_events_of_dropped_days(context).await?;
    }
    Ok(result)
}

/// The tables of these names, or every table that has days: also `entity`, which no topic fills, and
/// the records of sources with patches. Records are needed by every table that is made from them:
/// they go with all of them alone.
fn tables_to_sweep<'c>(
    names: &[String],
    context: &'c Context,
) -> Result<Vec<&'c TableContract>, Failure> {
    if names.is_empty() {
        return Ok(context.catalogue.stored_tables().collect());
    }
    let tables = names.iter().map(|name| find_table(name, context));
    tables.collect()
}

async fn put_step_document<T: Serialize>(
    key: &str,
    document: &T,
    context: &Context,
) -> Result<(), Failure> {
    let body = serde_json::to_vec(document)?;
    context
        .curated
        .put(key, body.into(), "application/json")
        .await?;
    Ok(())
}

/// The key of a shard's result.
fn shard_result_key(table: &str, day: Day, shard: u32) -> String {
    work_document_key(table, day, &format!("result-{shard:04}"))
}

async fn read_shard_result(
    table: &str,
    day: Day,
    shard: u32,
    context: &Context,
) -> Result<ShardResult, Failure> {
    let missing = format!("shard {shard} of {day} of `{table}` is not merged yet");
    get_step_document(&shard_result_key(table, day, shard), &missing, context).await
}

/// Reads a document of an earlier step; `missing` is the failure's message when there is none.
async fn get_step_document<T: DeserializeOwned>(
    key: &str,
    missing: &str,
    context: &Context,
) -> Result<T, Failure> {
    read_json_if_present(&*context.curated, key)
        .await?
        .ok_or_else(|| Failure::new(FailureKind::BadRequest, missing))
}

/// Stores a plan and the list of its shards' steps.
async fn store_plan(planned: &PlannedMerge, context: &Context) -> Result<FanOut, Failure> {
    let plan = &planned.plan;
    let day = planned.day()?;
    let steps: Vec<_> = (0..plan.shards)
        .map(|shard| {
            json!({"step": "merge", "table": plan.table, "date": plan.date, "shard": shard})
        })
        .collect();
    let plan_key = work_document_key(&plan.table, day, "plan");
    let shards_key = work_document_key(&plan.table, day, "shards");
    put_step_document(&plan_key, plan, context).await?;
    put_step_document(&shards_key, &steps, context).await?;
    Ok(FanOut {
        table: plan.table.clone(),
        date: plan.date.clone(),
        shards_key,
        shards: plan.shards,
    })
}

/// The stored plan of a table's day, with the table and the day.
async fn load_plan<'c>(
    table: &str,
    date: &str,
    context: &'c Context,
) -> Result<(&'c TableContract, PlannedMerge, Day), Failure> {
    let contract = context
        .catalogue
        .stored_table_contract(table)
        .ok_or_else(|| {
            let message = format!("there is no table `{table}`");
            Failure::new(FailureKind::BadRequest, message)
        })?;
    let day = parse_step_date(date)?;
    let key = work_document_key(table, day, "plan");
    let missing =
        format!("{date} of `{table}` has no plan, or it is published; begin with the step `plan`");
    let plan: MergePlan = get_step_document(&key, &missing, context).await?;
    Ok((contract, PlannedMerge::from_plan(plan), day))
}

/// Runs the second step, for one shard.
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
    let job = ShardJob::new(contract, &planned, shard, context);
    let result = job.run().await?;
    put_step_document(&shard_result_key(table, day, shard), &result, context).await?;
    Ok(ShardRun {
        shard,
        rows: result.shard.rows,
        copied: result.copied,
    })
}

/// Runs the third step: the shards' results are committed and published.
///
/// # Errors
/// When a shard has no result, another run committed, or the catalogue refuses.
pub async fn run_publish_step(
    table: &str,
    date: &str,
    context: &Context,
) -> Result<TableRun, Failure> {
    let (contract, planned, day) = load_plan(table, date, context).await?;
    let results: Vec<ShardResult> = stream::iter(0..planned.plan.shards)
        .map(|shard| read_shard_result(table, day, shard, context))
        .buffered(READS_AT_ONCE)
        .try_collect()
        .await?;
    // Alarms read every table's rows, however it was merged.
    let run = table::commit_and_publish(contract, &planned, results, context).await?;
    emit_table_metrics(&run);
    emit_merged_tables(1);
    Ok(run)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_fails_unless_it_is_asked_to_name_what_failed() {
        let read = |text: &str| serde_json::from_str::<MergeStep>(text);
        let strict = read(r#"{"step":"plan","scheduled_time":"2026-03-03T01:00:00Z"}"#).unwrap();
        assert!(matches!(strict, MergeStep::Plan(request) if !request.name_failed));
        let told = read(r#"{"step":"plan_tables","name_failed":true,"date":"2026-03-02"}"#);
        assert!(matches!(told.unwrap(), MergeStep::PlanTables(request) if request.name_failed));
        assert!(read(r#"{"step":"plan","name_fail":true}"#).is_err());
    }
}
