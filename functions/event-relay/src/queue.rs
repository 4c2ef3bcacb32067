//! Messages of a queue: bare, or wrapped by SNS.

use contract::Event;
use host::{Budget, metric};
use trigger::{SqsEvent, SqsFailures, SqsMessage, unwrap_sns};

use crate::context::Context;
use crate::http::outgoing;
use crate::producer::Outgoing;

/// Relays messages; the answer names those that are to come again.
///
/// A message that cannot be read is relayed all the same, without a key: the transform puts it into quarantine
/// with its reason. There is nobody to answer, and nothing is dropped.
pub(crate) async fn relay(event: SqsEvent, context: &Context, budget: Budget) -> SqsFailures {
    let mut failures = SqsFailures::default();
    let (mut ids, mut records) = (Vec::new(), Vec::new());
    for message in event.records {
        let id = message.message_id.clone().unwrap_or_default();
        match record(&message, context) {
            Some(record) => {
                ids.push(id);
                records.push(record);
            }
            None => {
                tracing::error!(
                    message = id,
                    "no source is configured for the message's queue; see QUEUE_SOURCES"
                );
                failures.add(&id);
            }
        }
    }
    let count = records.len() as u64;
    for (id, outcome) in ids.iter().zip(context.sink.send(records, budget.left()).await) {
        if let Err(error) = outcome {
            tracing::error!(error, message = id, "a message was not acknowledged");
            failures.add(id);
        }
    }
    let failed = failures.batch_item_failures.len() as u64;
    metric(&[("function", "event-relay")], &[("messages_relayed", count), ("messages_failed", failed)]);
    failures
}

fn record(message: &SqsMessage, context: &Context) -> Option<Outgoing> {
    let queue = message.event_source_arn.as_deref()?.rsplit(':').next()?;
    let contract = &context.catalogue.source(context.queues.get(queue)?)?.contract;
    let body = unwrap_sns(message.body.as_deref().unwrap_or_default()).into_owned().into_bytes();
    let known = Event::parse(contract, &body).ok().map(|event| (event.key, event.id));
    Some(outgoing(contract, known, body, ""))
}
