//! The trigger SQS: messages of queues, bare or wrapped by SNS.

use std::collections::BTreeSet;

use async_trait::async_trait;
use contract::Event;
use host::{Failure, TimeBudget, emit_metric};
use serde_json::Value;
use trigger::{SqsEvent, SqsFailures, SqsMessage, unwrap_sns};

use crate::context::Context;
use crate::inbound::{InboundEvents, PayloadMembers, unreadable_payload};
use crate::relay::{EventIdentity, PreparedEvent, deliver_events};

/// Messages of queues.
pub(crate) struct SqsTrigger;

#[async_trait]
impl InboundEvents for SqsTrigger {
    fn payload_name(&self) -> &'static str {
        "SQS messages"
    }

    fn recognises_payload(&self, members: &PayloadMembers<'_>) -> bool {
        members.has("Records")
    }

    async fn relay_events(
        &self,
        payload: &str,
        context: &Context,
        budget: TimeBudget,
    ) -> Result<Value, Failure> {
        let event: SqsEvent =
            serde_json::from_str(payload).map_err(|error| unreadable_payload(&error))?;
        let failures = relay_messages(&event.records, context, budget).await;

        Ok(serde_json::to_value(failures)?)
    }
}

/// Relays messages; the answer names those that SQS is to deliver again.
///
/// A message that cannot be read is relayed all the same, without a key: the transform puts it into
/// quarantine with its reason. A queue has no caller who could be answered, and nothing is dropped.
async fn relay_messages(
    messages: &[SqsMessage],
    context: &Context,
    budget: TimeBudget,
) -> SqsFailures {
    let mut failed = BTreeSet::new();
    let mut ids = Vec::with_capacity(messages.len());
    let mut prepared = Vec::with_capacity(messages.len());
    for message in messages {
        match prepare_message(message, context) {
            Some(event) => {
                ids.push(message_id(message));
                prepared.push(event);
            }
            None => {
                log_unknown_queue(message);
                failed.insert(message_id(message));
            }
        }
    }

    let relayed = prepared.len() as u64;
    let outcomes = deliver_events(prepared, context, budget).await;
    for (id, outcome) in ids.into_iter().zip(outcomes) {
        if let Err(problem) = outcome {
            let (rule, detail) = (problem.reason.rule(), problem.detail());
            tracing::error!(rule, detail, message = id, "a message was not relayed");
            failed.insert(id);
        }
    }

    let failures = failures_in_order(messages, &failed);
    emit_message_metrics(relayed, failures.batch_item_failures.len() as u64);
    failures
}

fn message_id(message: &SqsMessage) -> &str {
    message.message_id.as_deref().unwrap_or_default()
}

/// A message whose queue has a source, ready to be delivered.
fn prepare_message<'c>(message: &SqsMessage, context: &'c Context) -> Option<PreparedEvent<'c>> {
    let queue = message.event_source_arn.as_deref()?.rsplit(':').next()?;
    let source = context.queue_sources.get(queue)?;
    let contract = &context.catalogue.mapping_of_source(source)?.contract;

    let body = message.body.as_deref().unwrap_or_default();
    let bytes = unwrap_sns(body).into_owned().into_bytes();
    // SQS delivers a message again under the same id, and an equal message under another.
    let origin = format!("queue\n{}", message_id(message));
    let accepted_id = pole::derived_event_id(&contract.name, origin.as_bytes()).to_string();
    let event = Event::parse(contract, &bytes, Some(&accepted_id)).ok();

    Some(PreparedEvent {
        contract,
        bytes,
        identity: event.map(|event| EventIdentity::from_event(contract, event)),
        traceparent: String::new(),
        file_origin: None,
    })
}

fn log_unknown_queue(message: &SqsMessage) {
    tracing::error!(
        message = message_id(message),
        "no source is configured for the message's queue; see QUEUE_SOURCES"
    );
}

/// The messages that SQS is to deliver again. Of a FIFO queue's group, everything behind the first
/// failure too: otherwise the queue would count the later ones as done, and their order would be
/// lost.
fn failures_in_order(messages: &[SqsMessage], failed: &BTreeSet<&str>) -> SqsFailures {
    let mut failures = SqsFailures::default();
    let mut stopped_groups = BTreeSet::new();
    for message in messages {
        let id = message_id(message);
        let group = fifo_group(message);
        if failed.contains(id) || group.is_some_and(|group| stopped_groups.contains(group)) {
            failures.add_message(id);
            stopped_groups.extend(group);
        }
    }
    failures
}

/// The group of a FIFO queue's message, within which the order counts.
fn fifo_group(message: &SqsMessage) -> Option<&str> {
    let queue = message.event_source_arn.as_deref()?;
    let group = message.attributes.get("MessageGroupId")?;
    queue.ends_with(".fifo").then_some(group)
}

fn emit_message_metrics(relayed: u64, failed: u64) {
    emit_metric(
        &[("function", "event-relay")],
        &[("messages_relayed", relayed), ("messages_failed", failed)],
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(id: &str, group: &str, queue: &str) -> SqsMessage {
        serde_json::from_value(serde_json::json!({
            "messageId": id,
            "eventSourceARN": format!("arn:aws:sqs:eu-west-2:0:{queue}"),
            "attributes": {"MessageGroupId": group},
            "messageAttributes": {},
        }))
        .unwrap()
    }

    fn again(queue: &str) -> Vec<String> {
        let messages = [("1", "a"), ("2", "b"), ("3", "a"), ("4", "b")]
            .map(|(id, group)| message(id, group, queue));
        let failures = failures_in_order(&messages, &BTreeSet::from(["1"]));
        failures
            .batch_item_failures
            .into_iter()
            .map(|failure| failure.item_identifier)
            .collect()
    }

    #[test]
    fn a_fifo_group_stops_at_its_first_failure_and_others_do_not() {
        assert_eq!(again("person.fifo"), ["1", "3"]);
        assert_eq!(again("person"), ["1"]);
    }
}
