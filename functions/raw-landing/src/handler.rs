//! One invocation: a batch of Kafka records, or of messages of the events queue.

use std::collections::BTreeMap;

use host::{Failure, FailureKind, TimeBudget};
use serde::de::IgnoredAny;
use trigger::{BatchFailures, PayloadText};

use crate::context::{Context, KafkaFailureMode};
use crate::kafka_batch::land_kafka_batch;
use crate::queue_batch::land_queue_batch;

/// Lands a batch; the answer names what is to be delivered again.
///
/// # Errors
/// When the payload is no batch of either trigger, or a part of a batch failed whose trigger takes
/// no partial answer: Lambda then sends all of it again.
pub async fn handle(
    payload: &str,
    context: &Context,
    budget: TimeBudget,
) -> Result<BatchFailures, Failure> {
    if is_queue_batch(payload) {
        let failures = land_queue_batch(payload, context, budget).await?;
        return Ok(BatchFailures::Sqs(failures));
    }
    let failures = BatchFailures::Kafka(land_kafka_batch(payload, context, budget).await?);
    if context.kafka_failures == KafkaFailureMode::WholeBatch && !failures.is_empty() {
        // What landed of the batch lands no second time.
        let message = "a part of the batch did not land; all of it is delivered again";
        return Err(Failure::new(FailureKind::Unavailable, message));
    }
    Ok(failures)
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
