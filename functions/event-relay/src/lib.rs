//! `event-relay`: events in over HTTP and SQS, acknowledged records of Kafka or of the events queue
//! out.
//!
//! Checks the caller and the contract, takes the record's key, produces, and waits for every
//! acknowledgement. A record that its transport did not acknowledge is never reported as accepted.

mod body;
mod caller;
pub mod check;
mod context;
mod delivery;
pub mod fetch;
mod fetch_pause;
pub mod file_places;
mod handler;
mod http_api;
mod inbound;
pub mod kafka;
mod outbound;
mod problem;
pub mod queue;
mod relay;
mod request;
mod retry;
mod secret;
mod sqs;
mod transport_sink;

pub use context::Context;
pub use handler::handle;
pub use transport_sink::TransportSink;

use std::sync::Arc;

use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::value::RawValue;

/// Events in one request, at most.
pub const EVENTS_MAX: usize = 500;

/// Bytes of one request's body, at most: Lambda takes 6 MB with everything around it.
pub const BODY_BYTES_MAX: usize = 6 * 1024 * 1024;

/// Builds the context once and serves invocations until the sandbox ends.
///
/// # Errors
/// When a setting is missing or a contract does not compile, or the runtime ends.
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
