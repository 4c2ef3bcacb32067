//! `quality-report`: receipts and manifests in, verdicts, reconciliation and catalogue pages out.
//!
//! Pages and outputs are made of counts, names and contracts. Of the records themselves only the
//! columns that cross-table rules compare are read, and only counts leave the function: no personal
//! value can reach a page.

mod context;
mod cross_table_checks;
mod handler;
mod history;
mod id_index;
mod metrics;
mod outputs;
mod reconciliation;
mod report;
mod site;
mod snapshot_batches;
mod trends;
mod wording;

pub use context::{Context, ReportOutputSettings};
pub use handler::{answer_schedule, handle};
pub use reconciliation::{Reconciliation, RedrivenCounts, SourceReconciliation};
pub use report::{MetricHistory, Report, ReportSummary, Trend, TrendState, VerdictCounts};
pub use site::{QueryExample, QueryLocation, query_examples};

use std::sync::Arc;

use lambda_runtime::{LambdaEvent, service_fn};
use trigger::ScheduleRequest;

/// Builds the context once and serves invocations until the sandbox ends.
///
/// # Errors
/// When a setting is missing or a contract does not compile, or the runtime ends.
pub async fn run() -> Result<(), lambda_runtime::Error> {
    let context = Arc::new(Context::from_env().await?);
    lambda_runtime::run(service_fn(move |event: LambdaEvent<ScheduleRequest>| {
        let context = Arc::clone(&context);
        async move { answer_schedule(&event.payload, &context).await }
    }))
    .await
}
