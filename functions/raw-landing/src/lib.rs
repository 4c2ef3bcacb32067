//! `raw-landing`: batches of Kafka records in, immutable raw objects out, exactly once.
//!
//! Never looks inside a key or a value, so that no content can stop a partition. The chain of conditional PUTs
//! ([`store::chain`]) needs no coordinator and no table of locks.

mod context;
mod handler;

pub use context::Context;
pub use handler::handle;

use std::sync::Arc;

use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::value::RawValue;

/// Builds the context once and serves invocations until the sandbox ends.
///
/// # Errors
/// When a setting is missing, or the runtime ends.
pub async fn run() -> Result<(), lambda_runtime::Error> {
    let context = Arc::new(Context::from_env().await?);
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Box<RawValue>>| {
        let context = Arc::clone(&context);
        async move {
            handle(
                event.payload.get(),
                &context,
                host::TimeBudget::from_context(&event.context),
            )
            .await
        }
    }))
    .await
}
