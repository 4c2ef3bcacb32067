//! One invocation: a batch of Kafka records or of messages of the events queue, or a schedule's
//! order to empty that queue.

use std::collections::BTreeMap;

use host::{Failure, FailureKind, TimeBudget};
use serde::de::IgnoredAny;
use trigger::{BatchFailures, PayloadText, SqsFailures};

use crate::context::{Context, KafkaFailureMode};
use crate::kafka_batch::land_kafka_batch;
use crate::queue_batch::land_queue_batch;
use crate::scheduled_landing::{EmptyQueueOrder, empty_queue};

/// A schedule's order is shorter than this, in bytes; no other payload is parsed to look for one.
const ORDER_BYTES_MAX: usize = 1_024;

/// Lands a batch; the answer names what is to be delivered again. A schedule's order is answered as
/// a batch of which nothing is: the queue itself delivers again what did not land.
///
/// # Errors
/// When the payload is no batch of either trigger and no order, or a part of a batch failed whose trigger takes
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
    if is_empty_queue_order(payload) {
        empty_queue(context, budget).await?;
        return Ok(BatchFailures::Sqs(SqsFailures::default()));
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

/// Whether a payload is a schedule's order to empty the events queue.
fn is_empty_queue_order(payload: &str) -> bool {
    if payload.len() > ORDER_BYTES_MAX {
        return false;
    }
    let order: Result<EmptyQueueOrder, _> = serde_json::from_str(payload);
    order.is_ok_and(|order| order.empty_queue)
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

    #[test]
    fn a_schedules_order_says_that_the_queue_is_to_be_emptied() {
        let scheduled = r#"{"empty_queue": true, "scheduled_time": "2026-12-01T00:00:00Z"}"#;
        assert!(is_empty_queue_order(scheduled));
        assert!(!is_empty_queue_order(r#"{"empty_queue": false}"#));
        assert!(!is_empty_queue_order(r#"{"records":{}}"#));
    }
}
