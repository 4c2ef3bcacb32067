//! One invocation: a batch of Kafka records, or of messages of the events queue.

use std::collections::BTreeMap;

use host::{Failure, FailureKind, TimeBudget};
use serde::de::IgnoredAny;
use trigger::{BatchFailures, PayloadText};

use crate::context::Context;
use crate::kafka_batch::land_kafka_batch;
use crate::queue_batch::land_queue_batch;

/// Lands a batch; the answer names what is to be delivered again.
///
/// # Errors
/// When the payload is no batch of either trigger: Lambda then sends all of it again.
pub async fn handle(
    payload: &str,
    context: &Context,
    budget: TimeBudget,
) -> Result<BatchFailures, Failure> {
    if is_queue_batch(payload) {
        let failures = land_queue_batch(payload, context, budget).await?;
        return Ok(BatchFailures::Sqs(failures));
    }
    let failures = land_kafka_batch(payload, context, budget).await?;
    Ok(BatchFailures::Kafka(failures))
}

/// Whether a payload comes from a queue: SQS writes `Records`, Kafka's mapping `records`.
fn is_queue_batch(payload: &str) -> bool {
    // A cheap look first: a batch has megabytes, and parsing it twice costs.
    if !payload.contains("\"Records\"") {
        return false;
    }
    let members: Result<BTreeMap<PayloadText<'_>, IgnoredAny>, _> = serde_json::from_str(payload);
    members.is_ok_and(|members| members.keys().any(|name| name.0 == "Records"))
}

/// The failure of a payload that cannot be read. It gives the position alone: the parser's own text
/// could quote a record.
pub(crate) fn unreadable_payload(error: &serde_json::Error) -> Failure {
    let message = format!(
        "the payload is neither a Kafka batch nor SQS messages: line {}, column {}",
        error.line(),
        error.column()
    );
    Failure::new(FailureKind::BadRequest, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_recognised_by_the_name_of_its_list() {
        assert!(is_queue_batch(r#"{"Records":[]}"#));
        assert!(is_queue_batch(r#"{ "new": 1, "Records" : [{}] }"#));
        assert!(!is_queue_batch(r#"{"records":{}}"#));
        // A header of a Kafka record may have that name.
        assert!(!is_queue_batch(
            r#"{"records":{"a-0":[{"headers":[{"Records":[1]}]}]}}"#
        ));
    }
}
