//! `snapshot-merge`: yesterday's snapshot and the day's increments in, today's snapshot out.
//!
//! `streams` says how far every stream can be taken; `plan` what is to be done, with the increments sorted by `runs`;
//! `shard` does one shard of it: `merge` streams the base past the statements of `feed`, `fold` decides what is true of
//! one record, `assemble` puts rows together, `output` writes them. `table` makes the manifest, `commit` writes it, and
//! that is the commit; `publish` shows it in the catalogue, `zones` keeps the databases in step with the contracts.
//! `steps` gives the three steps to many functions.

mod assemble;
mod commit;
mod context;
pub mod entity;
mod entity_rows;
pub mod erase;
mod feed;
pub mod fold;
mod handler;
mod iceberg;
mod increments;
mod merge;
mod output;
mod plan;
mod profile;
mod publish;
mod rescan;
mod retention;
mod runs;
mod shard;
mod sizes;
mod sorted;
mod spool;
pub mod steps;
mod streams;
mod table;
mod unique;
pub mod zones;

pub use context::{Buckets, Context};
pub use handler::{Run, TableRun, handle};
pub use rescan::{Rescan, rescan};
pub use retention::{Keep, Swept, sweep};
pub use sizes::Sizes;

use std::sync::Arc;

use host::Failure;
use lambda_runtime::{LambdaEvent, service_fn};
use serde::Deserialize;
use serde_json::Value;
use trigger::Schedule;

use crate::steps::Step;

/// Builds the context once and serves invocations until the sandbox ends.
///
/// # Errors
/// When a setting is missing or a contract does not compile, or the runtime ends.
pub async fn run() -> Result<(), lambda_runtime::Error> {
    let context = Arc::new(Context::from_env().await?);
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Request>| {
        let context = Arc::clone(&context);
        async move { answer(event.payload, &context, host::Budget::of(&event.context)).await }
    }))
    .await
}

/// What an invocation asks for: a step, or without one the whole day.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Value")]
pub enum Request {
    /// One step of a day.
    Step(Step),
    /// The whole day.
    Day(Schedule),
}

impl TryFrom<Value> for Request {
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
pub async fn answer(
    request: Request,
    context: &Context,
    budget: host::Budget,
) -> Result<Value, Failure> {
    let answer = match request {
        Request::Day(schedule) => serde_json::to_value(handle(&schedule, context, budget).await?),
        Request::Step(Step::Plan(schedule)) => {
            serde_json::to_value(steps::plan(&schedule, context, budget).await?)
        }
        Request::Step(Step::Merge { table, date, shard }) => {
            serde_json::to_value(steps::merge_shard(&table, &date, shard, context).await?)
        }
        Request::Step(Step::Entities { date }) => {
            serde_json::to_value(steps::entities(&date, context).await?)
        }
        Request::Step(Step::Sweep {
            keep,
            tables,
            dry_run,
        }) => serde_json::to_value(steps::sweep(keep, &tables, dry_run, context).await?),
        Request::Step(Step::Publish { table, date }) => {
            serde_json::to_value(steps::publish(&table, &date, context).await?)
        }
    };
    answer.map_err(|error| Failure::corrupt(&error))
}
