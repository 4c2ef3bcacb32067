//! `snapshot-merge`: yesterday's snapshot and the day's increments in, today's snapshot out.
//!
//! A day of a table, in the order of the modules that do it:
//! - `manifest_lookup` finds the base, `streams` finds how far every stream is consumed,
//!   `increments` and `sorted_runs` sort the increments, `plan` holds the result;
//! - `shard_job` merges one shard: `shard_merge` streams the base past the changes of
//!   `change_merge`, `window_merge` and [`resolve`] decide the rows of one owner, `shard_rows`
//!   copies row groups, `assemble` puts rows together, `output` writes them;
//! - `table` makes the manifest, `commit` writes it, and that is the commit;
//! - `day_roots` and `day_events` write the day's root and the index of its events;
//! - `publish` and `iceberg` show it in the catalogue, [`glue_databases`] keeps the databases in
//!   step with the contracts.
//!
//! [`steps`] offers plan, merge and publish to many functions; [`mod@entity`] makes the table
//! `entity` where `entity_changes` finds that tables changed; `retention` sweeps days, `drop_day`
//! removes one, `day_bounds` refuses those that have not begun, [`erase`] removes persons, `rescan`
//! audits stored measures.

mod assemble;
mod batch_columns;
mod built_rows;
mod cell_match;
mod change_columns;
mod change_counts;
mod change_merge;
mod commit;
mod context;
mod day_bounds;
mod day_events;
mod day_roots;
mod derived_steps;
mod drop_day;
pub mod entity;
mod entity_changes;
mod entity_increments;
mod entity_merge;
mod entity_rows;
mod entity_sightings;
mod entity_window;
pub mod erase;
mod failed_tables;
mod gathered_entity;
pub mod glue_databases;
mod handler;
mod iceberg;
mod iceberg_repair;
mod increments;
mod input_request;
mod manifest_lookup;
mod merge_run;
mod output;
mod owner_ranges;
mod plan;
mod profile;
mod publish;
mod raw_tables;
mod record_merge;
mod record_rows;
mod record_snapshots;
mod record_statements;
mod rescan;
pub mod resolve;
mod retention;
mod shard_columns;
mod shard_job;
mod shard_merge;
mod shard_rows;
mod sizes;
mod sorted_batches;
mod sorted_runs;
mod spilled_rows;
mod stated_entities;
mod statement_merge;
pub mod steps;
mod streams;
mod table;
mod temp_file;
mod uniqueness;
mod window_merge;
mod zone_extents;

pub use context::{Context, ZoneBuckets};
pub use derived_steps::StepWarning;
pub use drop_day::{DroppedDay, drop_day};
pub use failed_tables::FailedTable;
pub use handler::{handle, merge_day};
pub use iceberg_repair::publish_iceberg_days;
pub use merge_run::{MergeRun, MergedDay, TableFailure, TableRun};
pub use rescan::{RescanReport, rescan_snapshot};
pub use retention::{RetentionPolicy, SweepResult, sweep_table};
pub use sizes::MergeSizes;
pub use steps::SweptTables;

use std::sync::Arc;

use host::{Failure, TimeBudget};
use lambda_runtime::{LambdaEvent, service_fn};
use serde::Deserialize;
use serde_json::Value;
use trigger::ScheduleRequest;

use crate::steps::MergeStep;

/// Builds the context once and serves invocations until the sandbox ends.
///
/// # Errors
/// When a setting is missing or a contract does not compile, or the runtime ends.
pub async fn run() -> Result<(), lambda_runtime::Error> {
    let context = Arc::new(Context::from_env().await?);
    lambda_runtime::run(service_fn(move |event: LambdaEvent<MergeRequest>| {
        let context = Arc::clone(&context);
        async move {
            let budget = TimeBudget::from_context(&event.context);
            answer_request(event.payload, &context, budget).await
        }
    }))
    .await
}

/// The request of an invocation: a step, or without one the whole day.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Value")]
pub enum MergeRequest {
    /// One step of a day.
    Step(MergeStep),
    /// The whole day.
    Day(ScheduleRequest),
}

impl TryFrom<Value> for MergeRequest {
    type Error = serde_json::Error;

    fn try_from(payload: Value) -> Result<Self, serde_json::Error> {
        match payload.get("step") {
            Some(_) => serde_json::from_value(payload).map(Self::Step),
            None => serde_json::from_value(payload).map(Self::Day),
        }
    }
}

/// Answers an invocation.
///
/// # Errors
/// As the step or the day fails.
pub async fn answer_request(
    request: MergeRequest,
    context: &Context,
    budget: TimeBudget,
) -> Result<Value, Failure> {
    let answer = match request {
        MergeRequest::Day(schedule) => {
            serde_json::to_value(handle(&schedule, context, budget).await?)
        }
        MergeRequest::Step(MergeStep::Plan(request)) => {
            serde_json::to_value(steps::run_plan_step(&request, context, budget).await?)
        }
        MergeRequest::Step(MergeStep::PlanTables(request)) => {
            serde_json::to_value(steps::run_plan_tables_step(&request, context, budget).await?)
        }
        MergeRequest::Step(MergeStep::Merge { table, date, shard }) => {
            serde_json::to_value(steps::run_merge_step(&table, &date, shard, context).await?)
        }
        MergeRequest::Step(MergeStep::Entities { date, failed }) => {
            serde_json::to_value(steps::run_entities_step(&date, &failed, context).await?)
        }
        MergeRequest::Step(MergeStep::Sweep {
            keep,
            tables,
            dry_run,
        }) => serde_json::to_value(steps::run_sweep_step(keep, &tables, dry_run, context).await?),
        MergeRequest::Step(MergeStep::Publish { table, date }) => {
            serde_json::to_value(steps::run_publish_step(&table, &date, context).await?)
        }
    };
    Ok(answer?)
}
