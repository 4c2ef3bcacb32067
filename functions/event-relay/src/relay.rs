//! The one way out for events of both triggers: fetch the state where the contract asks for it, then produce.

use std::time::{Duration, Instant};

use contract::{EVENT_BYTES_MAX, Event, EventOp, SourceContract};
use futures_util::{StreamExt, stream};
use host::TimeBudget;

use crate::context::Context;
use crate::fetch::append_state;
use crate::problem::ProblemDetails;
use crate::producer::{OutgoingRecord, SendError};

/// States that are fetched at once.
const FETCHES_AT_ONCE: usize = 8;

/// What is kept of the time for producing, at most; of a short time, half.
const PRODUCE_RESERVE: Duration = Duration::from_secs(10);

/// An event that may go on its way.
pub(crate) struct PreparedEvent<'c> {
    pub(crate) contract: &'c SourceContract,
    /// The event, byte for byte.
    pub(crate) bytes: Vec<u8>,
    /// What could be read of it; of an unreadable message, nothing.
    pub(crate) identity: Option<EventIdentity>,
    /// The W3C `traceparent`, or nothing.
    pub(crate) traceparent: String,
}

/// What was read of an event.
pub(crate) struct EventIdentity {
    id: String,
    key: String,
    fetches_state: bool,
}

impl EventIdentity {
    pub(crate) fn from_event(contract: &SourceContract, event: Event) -> Self {
        let states = matches!(
            contract.events.get(&event.kind),
            Some(EventOp::Upsert | EventOp::Patch)
        );
        Self {
            fetches_state: states && contract.fetch.is_some(),
            id: event.id,
            key: event.key,
        }
    }
}

/// Delivers the events in their order; the answer says of each whether every replica in sync has it.
pub(crate) async fn deliver_events(
    events: Vec<PreparedEvent<'_>>,
    context: &Context,
    budget: TimeBudget,
) -> Vec<Result<(), ProblemDetails>> {
    let left = budget.time_left();
    // One deadline for all of them: what is fetched by then is produced, the rest is sent again.
    let deadline = Instant::now() + left - PRODUCE_RESERVE.min(left / 2);
    let enriched: Vec<Result<PreparedEvent<'_>, ProblemDetails>> = stream::iter(events)
        .map(|event| enrich_with_state(event, context, deadline))
        .buffered(FETCHES_AT_ONCE)
        .collect()
        .await;
    let mut results = Vec::with_capacity(enriched.len());
    let mut records = Vec::with_capacity(enriched.len());
    for event in enriched {
        results.push(event.map(|event| records.push(outgoing_record(event))));
    }
    let sent = context.sink.send_records(records, budget.time_left()).await;
    for (result, sent) in results.iter_mut().filter(|result| result.is_ok()).zip(sent) {
        *result = sent.map_err(|error| unsent_problem(&error));
    }
    results
}

async fn enrich_with_state<'c>(
    mut event: PreparedEvent<'c>,
    context: &Context,
    deadline: Instant,
) -> Result<PreparedEvent<'c>, ProblemDetails> {
    let Some(known) = event.identity.as_ref().filter(|known| known.fetches_state) else {
        return Ok(event);
    };
    let (Some(fetch), Some(member)) = (&event.contract.fetch, event.contract.state_member()) else {
        return Ok(event);
    };
    let state = context
        .fetcher
        .fetch_state(&event.contract.name, fetch, &known.key, deadline)
        .await?;
    event.bytes = append_state(&event.bytes, member, &state);
    if event.bytes.len() > EVENT_BYTES_MAX {
        let detail =
            format!("the event has more than {EVENT_BYTES_MAX} bytes with the record's state");
        return Err(ProblemDetails::new(413, "event.too-large", detail));
    }
    Ok(event)
}

/// The record for Kafka: keyed by the record's key, so that a record's events keep their order.
fn outgoing_record(event: PreparedEvent<'_>) -> OutgoingRecord {
    let contract = event.contract;
    let mut headers = vec![
        ("source", contract.name.clone()),
        ("contract-version", contract.version.clone()),
    ];
    let key = event.identity.map(|known| {
        headers.push(("event-id", known.id));
        known.key
    });
    if !event.traceparent.is_empty() {
        headers.push(("traceparent", event.traceparent));
    }
    OutgoingRecord {
        topic: contract.topic.clone(),
        key,
        value: event.bytes,
        headers,
    }
}

fn unsent_problem(error: &SendError) -> ProblemDetails {
    tracing::error!(%error, "an event was not acknowledged");
    match error {
        SendError::TooLarge => ProblemDetails::new(
            413,
            "event.too-large",
            "the event is larger than the topic takes; send less in one event",
        ),
        SendError::Unavailable(_) => ProblemDetails::new(
            503,
            "event.not-acknowledged",
            "the event was not taken; send it again, a repeat does no harm",
        ),
    }
}
