//! `pole-transform`: raw objects in, POLE increments and quarantine out.
//!
//! One raw object gives at most one refined object per table, one quarantine object and one
//! receipt, all named after it: doing it again writes the same bytes. Repeats and any order of
//! notifications are harmless.

mod context;
mod erasures;
mod handler;
mod landed_object;
mod refined_form;
mod samples;
mod transform;

pub use context::Context;
pub use handler::{handle, retransform_chunk};
pub use landed_object::LandedObject;
pub use samples::{transform_lone_state, transform_sample};
pub use transform::{TransformedChunk, transform_chunk, transform_unerased};

use std::sync::Arc;

use lambda_runtime::{LambdaEvent, service_fn};
use trigger::SqsEvent;

/// Builds the context once and serves invocations until the sandbox ends.
///
/// # Errors
/// When a setting is missing or a contract does not compile, or the runtime ends.
pub async fn run() -> Result<(), lambda_runtime::Error> {
    let context = Arc::new(Context::from_env().await?);
    lambda_runtime::run(service_fn(move |event: LambdaEvent<SqsEvent>| {
        let context = Arc::clone(&context);
        async move {
            let budget = host::TimeBudget::from_context(&event.context);
            Ok::<_, host::Failure>(handle(event.payload, &context, budget).await)
        }
    }))
    .await
}
