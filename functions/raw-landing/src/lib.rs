//! `raw-landing`: batches of Kafka records or of queue messages in, immutable raw objects out. A
//! batch of messages comes from Lambda, or the function receives it when a schedule starts it.
//! Kafka's records land exactly once; a message that the queue delivers again is counted as one.
//!
//! Never reads the content of a key or a value, so that no content can stop a partition. The log of
//! conditional PUTs ([`store::raw_log`]) needs no coordinator and no table of locks.

mod context;
mod handler;
mod kafka_batch;
mod landing_message;
mod lane_session;
mod lanes;
mod own_lane;
mod payload;
mod queue_batch;
mod scheduled_landing;

pub use context::{Context, KafkaFailureMode};
pub use handler::handle;
pub use lanes::{LANES_MAX, Lanes};
pub use queue_batch::count_missing_messages;

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
            let budget = host::TimeBudget::from_context(&event.context);
            handle(event.payload.get(), &context, budget).await
        }
    }))
    .await
}
