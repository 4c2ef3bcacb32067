//! The one way out for events of both triggers: fetch the state where the contract asks for it, then produce.

use std::time::{Duration, Instant};

use contract::{EVENT_BYTES_MAX, Event, EventOp, SourceContract};
use futures_util::{StreamExt, stream};
use host::Budget;

use crate::context::Context;
use crate::fetch::with_state;
use crate::problem::Problem;
use crate::producer::{Outgoing, SendError};

/// States that are fetched at once.
const FETCHES_AT_ONCE: usize = 8;

/// What is kept of the time for producing, at most; of a short time, half.
const PRODUCE_RESERVE: Duration = Duration::from_secs(10);

/// An event that may go on its way.
pub(crate) struct Prepared<'c> {
    pub(crate) contract: &'c SourceContract,
    /// The event, byte for byte.
    pub(crate) bytes: Vec<u8>,
    /// What could be read of it; of an unreadable message, nothing.
    pub(crate) known: Option<Known>,
    /// The W3C `traceparent`, or nothing.
    pub(crate) trace: String,
}

/// What was read of an event.
pub(crate) struct Known {
    id: String,
    key: String,
    fetches: bool,
}

impl Known {
    pub(crate) fn of(contract: &SourceContract, event: Event) -> Self {
        let states = matches!(
            contract.events.get(&event.kind),
            Some(EventOp::Upsert | EventOp::Patch)
        );
        Self {
            fetches: states && contract.fetch.is_some(),
            id: event.id,
            key: event.key,
        }
    }
}

/// Delivers the events in their order; the answer says of each whether every replica in sync has it.
pub(crate) async fn deliver(
    events: Vec<Prepared<'_>>,
    context: &Context,
    budget: Budget,
) -> Vec<Result<(), Problem>> {
    let left = budget.left();
    // One deadline for all of them: what is fetched by then is produced, the rest is sent again.
    let deadline = Instant::now() + left - PRODUCE_RESERVE.min(left / 2);
    let enriched: Vec<Result<Prepared<'_>, Problem>> = stream::iter(events)
        .map(|event| enriched(event, context, deadline))
        .buffered(FETCHES_AT_ONCE)
        .collect()
        .await;
    let mut results = Vec::with_capacity(enriched.len());
    let mut records = Vec::with_capacity(enriched.len());
    for event in enriched {
        results.push(event.map(|event| records.push(outgoing(event))));
    }
    let sent = context.sink.send(records, budget.left()).await;
    for (result, sent) in results.iter_mut().filter(|result| result.is_ok()).zip(sent) {
        *result = sent.map_err(|error| not_taken(&error));
    }
    results
}

async fn enriched<'c>(
    mut event: Prepared<'c>,
    context: &Context,
    deadline: Instant,
) -> Result<Prepared<'c>, Problem> {
    let Some(known) = event.known.as_ref().filter(|known| known.fetches) else {
        return Ok(event);
    };
    let (Some(fetch), Some(member)) = (&event.contract.fetch, event.contract.state_member()) else {
        return Ok(event);
    };
    let state = context
        .fetcher
        .state(&event.contract.name, fetch, &known.key, deadline)
        .await?;
    event.bytes = with_state(&event.bytes, member, &state);
    if event.bytes.len() > EVENT_BYTES_MAX {
        let detail =
            format!("the event has more than {EVENT_BYTES_MAX} bytes with the record's state");
        return Err(Problem::new(413, "event.too-large", detail));
    }
    Ok(event)
}

/// The record for Kafka: keyed by the record's key, so that a record's events keep their order.
fn outgoing(event: Prepared<'_>) -> Outgoing {
    let contract = event.contract;
    let mut headers = vec![
        ("source", contract.name.clone()),
        ("contract-version", contract.version.clone()),
    ];
    let key = event.known.map(|known| {
        headers.push(("event-id", known.id));
        known.key
    });
    if !event.trace.is_empty() {
        headers.push(("traceparent", event.trace));
    }
    Outgoing {
        topic: contract.topic.clone(),
        key,
        value: event.bytes,
        headers,
    }
}

fn not_taken(error: &SendError) -> Problem {
    tracing::error!(%error, "an event was not acknowledged");
    match error {
        SendError::TooLarge => Problem::new(
            413,
            "event.too-large",
            "the event is larger than the topic takes; send less in one event",
        ),
        SendError::Unavailable(_) => Problem::new(
            503,
            "event.not-acknowledged",
            "the event was not taken; send it again, a repeat does no harm",
        ),
    }
}
