//! The one way out for the events of every trigger: fetch the state where the contract asks for it,
//! then produce.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use contract::{EVENT_BYTES_MAX, Event, EventOp, SourceContract};
use futures_util::{StreamExt, stream};
use host::TimeBudget;
use lake::{EVENT_ID_HEADER, FILE_NAME_HEADER, FILE_PLACE_HEADER, FileOrigin};

use crate::context::Context;
use crate::delivery::{OutgoingRecord, SendError};
use crate::fetch::append_state;
use crate::problem::{ProblemDetails, RefusalReason};

/// States that are fetched at once.
const FETCHES_AT_ONCE: usize = 8;

/// The part of the time that is reserved for producing, at most; of a short time, half.
const PRODUCE_RESERVE: Duration = Duration::from_secs(10);

/// An event that is ready to be delivered.
pub(crate) struct PreparedEvent<'c> {
    /// The contract of the event's source.
    pub(crate) contract: &'c SourceContract,
    /// The event, byte for byte.
    pub(crate) bytes: Vec<u8>,
    /// What could be read of it; of an unreadable message, nothing.
    pub(crate) identity: Option<EventIdentity>,
    /// The W3C `traceparent`; empty when there is none.
    pub(crate) traceparent: String,
    /// The file of which the event is a record, where its sender names one.
    pub(crate) file_origin: Option<FileOrigin>,
}

/// What was read of an event.
pub(crate) struct EventIdentity {
    id: String,
    key: String,
    fetches_state: bool,
}

impl EventIdentity {
    /// The identity of an event of this contract's source.
    pub(crate) fn from_event(contract: &SourceContract, event: Event) -> Self {
        let changes_state = matches!(
            contract.events.get(&event.kind),
            Some(EventOp::Upsert | EventOp::Patch | EventOp::CreateOrPatch)
        );
        Self {
            fetches_state: changes_state && contract.fetch.is_some(),
            id: event.id,
            key: event.key,
        }
    }
}

/// Delivers the events in their order. Each result says whether every in-sync replica has
/// acknowledged the event.
pub(crate) async fn deliver_events(
    events: Vec<PreparedEvent<'_>>,
    context: &Context,
    budget: TimeBudget,
) -> Vec<Result<(), ProblemDetails>> {
    // One deadline for all of them: the states that are fetched by then are produced, the rest is
    // sent again.
    let time_left = budget.time_left();
    let deadline = Instant::now() + time_left - PRODUCE_RESERVE.min(time_left / 2);
    let enrichments: Vec<_> = events
        .into_iter()
        .map(|event| enrich_with_state(event, context, deadline))
        .collect();
    let enriched: Vec<_> = stream::iter(enrichments)
        .buffered(FETCHES_AT_ONCE)
        .collect()
        .await;

    let mut results = Vec::with_capacity(enriched.len());
    let mut records = Vec::with_capacity(enriched.len());
    for event in enriched {
        results.push(event.map(|event| records.push(outgoing_record(event))));
    }

    let topics: Vec<String> = records.iter().map(|record| record.topic.clone()).collect();
    let outcomes = context.sink.send_records(records, budget.time_left()).await;
    log_unacknowledged(&topics, &outcomes);
    apply_outcomes(&mut results, outcomes);
    results
}

/// Logs once for each topic and cause: a request of 500 events that one broker does not take is one
/// line.
fn log_unacknowledged(topics: &[String], outcomes: &[Result<(), SendError>]) {
    let mut causes: BTreeMap<(&str, String), (u64, &SendError)> = BTreeMap::new();
    for (topic, outcome) in topics.iter().zip(outcomes) {
        if let Err(error) = outcome {
            let cause = causes.entry((topic, error.to_string()));
            cause.or_insert((0, error)).0 += 1;
        }
    }
    for ((topic, cause), (events, error)) in causes {
        let next = error.remedy().unwrap_or("none: the sender sends it again");
        tracing::error!(
            topic,
            events,
            error = cause,
            next,
            "events were not acknowledged: their sender gets 503"
        );
    }
}

/// Turns each success into a refusal whose later step failed. `outcomes` has one entry for each
/// success, in order.
pub(crate) fn apply_outcomes<T, E: Into<ProblemDetails>>(
    results: &mut [Result<T, ProblemDetails>],
    outcomes: Vec<Result<(), E>>,
) {
    let successes = results.iter_mut().filter(|result| result.is_ok());
    for (result, outcome) in successes.zip(outcomes) {
        if let Err(error) = outcome {
            *result = Err(error.into());
        }
    }
}

/// The event with its record's state, where the contract asks for it.
async fn enrich_with_state<'c>(
    mut event: PreparedEvent<'c>,
    context: &Context,
    deadline: Instant,
) -> Result<PreparedEvent<'c>, ProblemDetails> {
    let contract = event.contract;
    let Some(identity) = event.identity.as_ref().filter(|event| event.fetches_state) else {
        return Ok(event);
    };
    let (Some(fetch), Some(member)) = (&contract.fetch, contract.state_member()) else {
        return Ok(event);
    };

    let state = context
        .fetcher
        .fetch_state(&contract.name, fetch, &identity.key, deadline)
        .await?;
    event.bytes = append_state(&event.bytes, member, &state);

    if event.bytes.len() > EVENT_BYTES_MAX {
        return Err(ProblemDetails::new(
            RefusalReason::EventTooLarge,
            format!("the event has more than {EVENT_BYTES_MAX} bytes with the record's state"),
        ));
    }
    Ok(event)
}

/// The record for the transport: keyed by the record's key, so that Kafka keeps the order of a
/// record's events.
fn outgoing_record(event: PreparedEvent<'_>) -> OutgoingRecord {
    let contract = event.contract;
    let mut headers = vec![
        ("source", contract.name.clone()),
        ("contract-version", contract.version.clone()),
    ];
    let key = event.identity.map(|identity| {
        headers.push((EVENT_ID_HEADER, identity.id));
        identity.key
    });
    if !event.traceparent.is_empty() {
        headers.push(("traceparent", event.traceparent));
    }
    if let Some(origin) = event.file_origin {
        headers.push((FILE_NAME_HEADER, origin.name));
        headers.push((FILE_PLACE_HEADER, origin.place));
    }

    OutgoingRecord {
        topic: contract.topic.clone(),
        key,
        value: event.bytes,
        headers,
    }
}

/// Why an event was not taken by its transport. The client reads what to do; the cause is for the log alone.
impl From<SendError> for ProblemDetails {
    fn from(error: SendError) -> Self {
        match error {
            SendError::TooLarge => Self::new(
                RefusalReason::EventTooLarge,
                "the event is larger than the topic takes; send less in one event",
            ),
            SendError::TopicMissing(_)
            | SendError::TopicDenied(_)
            | SendError::QueueMissing(_)
            | SendError::QueueRefused(_)
            | SendError::Unavailable(_) => Self::new(
                RefusalReason::NotAcknowledged,
                "the event was not acknowledged; send it again, a repeat does no harm",
            ),
        }
    }
}
