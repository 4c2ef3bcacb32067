//! `snapshot-merge`: yesterday's snapshot and the day's increments in, today's snapshot out.
//!
//! `streams` says how far every stream can be taken; `plan` what is to be done, with the increments sorted by `runs`;
//! `shard` does one shard of it: `merge` streams the base past the statements of `feed`, `fold` decides what is true of
//! one record, `assemble` puts rows together, `output` writes them. `table` makes the manifest, `commit` writes it, and
//! that is the commit; `publish` shows it in the catalogue, `zones` keeps the databases in step with the contracts.
//! `steps` gives the three steps to many functions.

mod assemble;
mod change_merge;
mod commit;
mod context;
pub mod entity;
mod entity_rows;
pub mod erase;
pub mod glue_databases;
mod handler;
mod iceberg;
mod increments;
mod output;
mod plan;
mod profile;
mod publish;
mod rescan;
pub mod resolve;
mod retention;
mod shard_job;
mod shard_merge;
mod sizes;
mod sorted_file;
mod sorted_runs;
pub mod steps;
mod streams;
mod table;
mod temp_file;
mod uniqueness;

pub use context::{Context, ZoneBuckets};
pub use handler::{MergeRun, TableRun, handle};
pub use rescan::{RescanReport, rescan_snapshot};
pub use retention::{RetentionPolicy, SweepResult, sweep_table};
pub use sizes::MergeSizes;

use std::sync::Arc;

use host::Failure;
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
            answer_request(
                event.payload,
                &context,
                host::TimeBudget::from_context(&event.context),
            )
            .await
        }
    }))
    .await
}

/// What an invocation asks for: a step, or without one the whole day.
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
    budget: host::TimeBudget,
) -> Result<Value, Failure> {
    let answer = match request {
        MergeRequest::Day(schedule) => {
            serde_json::to_value(handle(&schedule, context, budget).await?)
        }
        MergeRequest::Step(MergeStep::Plan(schedule)) => {
            serde_json::to_value(steps::run_plan_step(&schedule, context, budget).await?)
        }
        MergeRequest::Step(MergeStep::Merge { table, date, shard }) => {
            serde_json::to_value(steps::run_merge_step(&table, &date, shard, context).await?)
        }
        MergeRequest::Step(MergeStep::Entities { date }) => {
            serde_json::to_value(steps::run_entities_step(&date, context).await?)
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
    answer.map_err(|error| Failure::corrupt(&error))
}
