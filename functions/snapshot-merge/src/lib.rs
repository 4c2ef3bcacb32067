//! `snapshot-merge`: yesterday's snapshot and the day's increments in, today's snapshot out.
//!
//! `streams` says how far every stream can be taken, `fold` decides what is true of one record, `merge` streams
//! a shard through it, `table` writes the manifest that is the commit, `publish` shows it in the catalogue, `zones` keeps the databases of raw,
//! refined and curated objects in step with the contracts.

mod context;
pub mod fold;
mod handler;
mod increments;
mod merge;
mod publish;
mod streams;
mod table;
pub mod zones;

pub use context::{Buckets, Context};
pub use handler::{Run, TableRun, handle};

use std::sync::Arc;

use lambda_runtime::{LambdaEvent, service_fn};
use trigger::Schedule;

/// Builds the context once and serves invocations until the sandbox ends.
///
/// # Errors
/// When a setting is missing or a contract does not compile, or the runtime ends.
pub async fn run() -> Result<(), lambda_runtime::Error> {
    let context = Arc::new(Context::from_env().await?);
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Schedule>| {
        let context = Arc::clone(&context);
        async move {
            let budget = host::Budget::of(&event.context);
            handle(&event.payload, &context, budget).await
        }
    }))
    .await
}
