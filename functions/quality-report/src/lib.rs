//! `quality-report`: receipts and manifests in, verdicts, accounting and catalogue pages out.
//!
//! No value of a record is read here: only counts, names and contracts, so no personal value can reach a page.

mod books;
mod context;
mod elsewhere;
mod handler;
mod history;
mod metrics;
mod outputs;
mod report;
mod site;
mod trends;
mod words;

pub use books::{Books, Redriven, SourceBooks};
pub use context::{Context, Outlets};
pub use handler::handle;
pub use report::{History, Report, Trend, TrendState};
pub use site::{Example, Place, examples};

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
        async move { handle(&event.payload, &context).await }
    }))
    .await
}
