//! What the relay itself requires of events, for whoever asks it without sending them.

use contract::{EVENT_BYTES_MAX, Event, SourceContract};

use crate::body::{BodyKind, split_events};
use crate::fetch::{FetchedState, append_state};
use crate::problem::{ProblemDetails, RefusalReason};

/// Why the HTTP API would refuse an event, or a whole body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRefusal {
    /// The status of the answer.
    pub status: u16,
    /// The stable id of the rule that was broken.
    pub rule: &'static str,
    /// What is wrong and what would be right; never a value of the event.
    pub detail: String,
}

impl From<ProblemDetails> for EventRefusal {
    fn from(problem: ProblemDetails) -> Self {
        Self {
            status: problem.status_code(),
            rule: problem.reason.rule(),
            detail: problem.into_detail(),
        }
    }
}

/// The events of a body, as the API splits it: a document for each line, or else one JSON document
/// or a list of them.
///
/// # Errors
/// Why the API would refuse the whole request.
pub fn split_body(body: &[u8], has_lines: bool) -> Result<Vec<Vec<u8>>, EventRefusal> {
    let kind = match has_lines {
        true => BodyKind::JsonLines,
        false => BodyKind::Json,
    };
    Ok(split_events(body, kind)?)
}

/// Reads an event as the API does, as if it came now in a request of this name.
///
/// # Errors
/// Why the API would refuse the event.
pub fn check_event(
    contract: &SourceContract,
    bytes: &[u8],
    request: &str,
    index: usize,
) -> Result<Event, EventRefusal> {
    Ok(read_event(
        contract,
        bytes,
        BodyKind::Json,
        (request, index),
    )?)
}

/// The event with a state of its record that a person gives, as the relay adds the one that it
/// fetches; the event as it is where the source fetches none.
///
/// # Errors
/// When the state is no JSON object, or is nested too deep.
pub fn add_trial_state(
    contract: &SourceContract,
    event: &[u8],
    state: &[u8],
) -> Result<Vec<u8>, String> {
    let (Some(fetch), Some(member)) = (&contract.fetch, contract.state_member()) else {
        return Ok(event.to_vec());
    };
    // Where the API's answers count versions, this one is the first.
    let version = fetch.version.map(|_| 1);
    let state = FetchedState::of_trial(state, version)
        .ok_or("the state is no JSON object, or is nested too deep")?;
    Ok(append_state(event, member, &state))
}

/// What the relay itself requires of an event: that it can be read, and has an id, a type, a time
/// and a key. The transform finds whether its fields fit the mapping: there, nothing is lost.
/// `place` is the name of the request, and the event's place in it.
pub(crate) fn read_event(
    contract: &SourceContract,
    bytes: &[u8],
    kind: BodyKind,
    place: (&str, usize),
) -> Result<Event, ProblemDetails> {
    if bytes.len() > EVENT_BYTES_MAX {
        let length = bytes.len();
        return Err(ProblemDetails::new(
            RefusalReason::EventTooLarge,
            format!("the event has {length} bytes, more than {EVENT_BYTES_MAX}"),
        ));
    }

    // The bytes are hashed only for a source whose events have no ids.
    let request_id = (!contract.has_event_ids()).then(|| request_event_id(contract, place, bytes));
    let mut event = Event::parse(contract, bytes, request_id.as_deref())?;
    event.arrived_at(contract, host::now_micros())?;
    if let Some(fault) = kind.cloud_event_fault(&event.value) {
        return Err(ProblemDetails::new(RefusalReason::CloudEventInvalid, fault));
    }
    Ok(event)
}

/// The id of an event whose source gives none: of the request's name, its index and its bytes. The
/// same request again gives the same ids; equal events of two requests are two; another body under
/// a used name is not lost.
fn request_event_id(
    contract: &SourceContract,
    (name, index): (&str, usize),
    bytes: &[u8],
) -> String {
    let named_bytes = [format!("{name}\n{index}\n").as_bytes(), bytes].concat();
    pole::derived_event_id(&contract.name, &named_bytes).to_string()
}
