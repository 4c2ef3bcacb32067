//! Messages of a queue: bare, or wrapped by SNS.

use std::collections::BTreeSet;

use contract::Event;
use host::{TimeBudget, emit_metric};
use trigger::{SqsEvent, SqsFailures, SqsMessage, unwrap_sns};

use crate::context::Context;
use crate::relay::{EventIdentity, PreparedEvent, deliver_events};

/// Relays messages; the answer names those that are to come again.
///
/// A message that cannot be read is relayed all the same, without a key: the transform puts it into quarantine
/// with its reason. There is nobody to answer, and nothing is dropped.
pub(crate) async fn relay_messages(
    event: SqsEvent,
    context: &Context,
    budget: TimeBudget,
) -> SqsFailures {
    let (mut ids, mut prepared, mut failed) = (Vec::new(), Vec::new(), BTreeSet::new());
    for message in &event.records {
        let id = message.message_id.as_deref().unwrap_or_default();
        match prepare_message(message, context) {
            Some(event) => {
                ids.push(id);
                prepared.push(event);
            }
            None => {
                tracing::error!(
                    message = id,
                    "no source is configured for the message's queue; see QUEUE_SOURCES"
                );
                failed.insert(id);
            }
        }
    }
    let count = prepared.len() as u64;
    for (id, outcome) in ids
        .iter()
        .zip(deliver_events(prepared, context, budget).await)
    {
        if let Err(problem) = outcome {
            tracing::error!(
                rule = problem.rule,
                message = id,
                "a message was not relayed"
            );
            failed.insert(id);
        }
    }
    let failures = failures_in_order(&event.records, &failed);
    let again = failures.batch_item_failures.len() as u64;
    emit_metric(
        &[("function", "event-relay")],
        &[("messages_relayed", count), ("messages_failed", again)],
    );
    failures
}

/// The messages that are to come again. Of a FIFO queue's group, everything behind the first failure too: else the
/// queue would hand out the later ones as done, and their order would be lost.
fn failures_in_order(messages: &[SqsMessage], failed: &BTreeSet<&str>) -> SqsFailures {
    let (mut failures, mut stopped) = (SqsFailures::default(), BTreeSet::new());
    for message in messages {
        let id = message.message_id.as_deref().unwrap_or_default();
        let fifo = message
            .event_source_arn
            .as_deref()
            .is_some_and(|arn| arn.ends_with(".fifo"));
        let group = message.attributes.get("MessageGroupId").filter(|_| fifo);
        if failed.contains(id) || group.is_some_and(|group| stopped.contains(group)) {
            failures.add_message(id);
            stopped.extend(group);
        }
    }
    failures
}

fn prepare_message<'c>(message: &SqsMessage, context: &'c Context) -> Option<PreparedEvent<'c>> {
    let queue = message.event_source_arn.as_deref()?.rsplit(':').next()?;
    let contract = &context
        .catalogue
        .mapping_of_source(context.queue_sources.get(queue)?)?
        .contract;
    let bytes = unwrap_sns(message.body.as_deref().unwrap_or_default())
        .into_owned()
        .into_bytes();
    let known = Event::parse(contract, &bytes, None)
        .ok()
        .map(|event| EventIdentity::from_event(contract, event));
    Some(PreparedEvent {
        contract,
        bytes,
        identity: known,
        traceparent: String::new(),
    })
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
