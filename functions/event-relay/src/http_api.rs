//! The trigger HTTP API (API Gateway's payload 2.0).
//!
//! `POST /v1/{source}/events` and `GET /v1/{source}/contract`.

use async_trait::async_trait;
use contract::SourceContract;
use host::{Failure, TimeBudget, emit_metric};
use lake::FileOrigin;
use serde_json::{Value, json};
use trigger::HttpRequest;

use crate::body::{decompress_body, split_events};
use crate::caller::authorise_caller;
use crate::check::read_event;
use crate::context::Context;
use crate::inbound::{InboundEvents, PayloadMembers, unreadable_payload};
use crate::problem::{HttpStatus, ProblemDetails, RefusalReason, refused_events_json};
use crate::relay::{EventIdentity, PreparedEvent, apply_outcomes, deliver_events};
use crate::request::{RequestMetadata, decode_body, header_value, read_file_places};

/// The content type of problem details.
const PROBLEM_TYPE: &str = "application/problem+json";

/// Requests over HTTP.
pub(crate) struct HttpApi;

#[async_trait]
impl InboundEvents for HttpApi {
    fn payload_name(&self) -> &'static str {
        "an HTTP request"
    }

    fn recognises_payload(&self, members: &PayloadMembers<'_>) -> bool {
        members.has("requestContext")
    }

    async fn relay_events(
        &self,
        payload: &str,
        context: &Context,
        budget: TimeBudget,
    ) -> Result<Value, Failure> {
        let request: HttpRequest =
            serde_json::from_str(payload).map_err(|error| unreadable_payload(&error))?;
        let answer = answer_request(&request, context, budget).await;

        Ok(answer.unwrap_or_else(|problem| problem_response(&problem)))
    }
}

/// An event that the relay can deliver, with its id for the answer.
type CheckedEvent<'c> = (String, PreparedEvent<'c>);

/// Answers a request by its method and path.
async fn answer_request(
    request: &HttpRequest,
    context: &Context,
    budget: TimeBudget,
) -> Result<Value, ProblemDetails> {
    let method = request.request_context.http.method.as_str();
    let path = request.raw_path.as_deref().unwrap_or_default();
    let segments: Vec<&str> = path.trim_matches('/').split('/').collect();

    match (method, segments.as_slice()) {
        ("POST", ["v1", source, "events"]) => post_events(request, source, context, budget).await,
        ("GET", ["v1", source, "contract"]) => get_contract(request, source, context),
        (_, ["v1", _, "events" | "contract"]) => Err(ProblemDetails::new(
            RefusalReason::WrongMethod,
            "POST events, or GET the contract",
        )),
        _ => Err(ProblemDetails::new(
            RefusalReason::UnknownPath,
            "the paths are /v1/{source}/events and /v1/{source}/contract",
        )),
    }
}

/// The text of the source's contract, for a caller that the contract admits.
fn get_contract(
    request: &HttpRequest,
    source: &str,
    context: &Context,
) -> Result<Value, ProblemDetails> {
    let contract = authorise_caller(request, source, context)?;
    let body = &contract.about.text;
    Ok(http_response(HttpStatus::OK, "application/yaml", body))
}

/// Relays the events of a request, and answers for each of them.
async fn post_events(
    request: &HttpRequest,
    source: &str,
    context: &Context,
    budget: TimeBudget,
) -> Result<Value, ProblemDetails> {
    let contract = authorise_caller(request, source, context)?;
    let metadata = RequestMetadata::from_request(request)?;

    let encoding = header_value(request, "content-encoding");
    let body = decompress_body(decode_body(request)?, encoding)?;
    let events = split_events(&body, metadata.kind)?;
    let places = read_file_places(request, events.len())?;
    let checked = events
        .into_iter()
        .enumerate()
        .map(|(index, event)| {
            let origin = places.as_ref().and_then(|places| places.origin_of(index));
            check_event(contract, event, (index, origin), &metadata)
        })
        .collect();

    let results = deliver_checked_events(checked, context, budget).await;

    let accepted = results.iter().filter(|result| result.is_ok()).count();
    emit_request_metrics(source, accepted, results.len() - accepted);
    Ok(results_response(&results, accepted))
}

/// Delivers the events that passed their checks; each result is the event's id, or why it was
/// refused.
async fn deliver_checked_events(
    checked: Vec<Result<CheckedEvent<'_>, ProblemDetails>>,
    context: &Context,
    budget: TimeBudget,
) -> Vec<Result<String, ProblemDetails>> {
    let mut results = Vec::with_capacity(checked.len());
    let mut prepared = Vec::with_capacity(checked.len());
    for event in checked {
        results.push(event.map(|(id, event)| {
            prepared.push(event);
            id
        }));
    }

    let outcomes = deliver_events(prepared, context, budget).await;
    apply_outcomes(&mut results, outcomes);
    results
}

/// An event that passes the relay's checks, at its index in the request and of a file.
fn check_event<'c>(
    contract: &'c SourceContract,
    bytes: Vec<u8>,
    (index, file_origin): (usize, Option<FileOrigin>),
    metadata: &RequestMetadata,
) -> Result<CheckedEvent<'c>, ProblemDetails> {
    let event = read_event(contract, &bytes, metadata.kind, (&metadata.name, index))?;
    let id = event.id.clone();
    let prepared = PreparedEvent {
        contract,
        bytes,
        identity: Some(EventIdentity::from_event(contract, event)),
        traceparent: metadata.traceparent.clone(),
        file_origin,
    };
    Ok((id, prepared))
}

fn emit_request_metrics(source: &str, accepted: usize, refused: usize) {
    let values = [
        ("events_accepted", accepted as u64),
        ("events_refused", refused as u64),
    ];
    emit_metric(&[("function", "event-relay"), ("source", source)], &values);
}

/// 202 when Kafka acknowledged all, the problem itself when a single event was refused, a problem
/// with all of theirs when every event was refused, 207 when the events differ.
fn results_response(results: &[Result<String, ProblemDetails>], accepted: usize) -> Value {
    if let [Err(problem)] = results {
        return problem_response(problem);
    }

    let entries: Vec<Value> = results
        .iter()
        .enumerate()
        .map(|(index, result)| result_entry(index, result))
        .collect();
    let problems: Vec<&ProblemDetails> = results
        .iter()
        .filter_map(|result| result.as_ref().err())
        .collect();
    if accepted == 0 {
        return refused_events_response(&problems, &entries);
    }

    let refused = problems.len();
    let body = json!({"accepted": accepted, "refused": refused, "results": entries});

    let status = if refused == 0 {
        HttpStatus::ACCEPTED
    } else {
        HttpStatus::MULTI_STATUS
    };
    http_response(status, "application/json", &body.to_string())
}

fn refused_events_response(problems: &[&ProblemDetails], entries: &[Value]) -> Value {
    let statuses: Vec<HttpStatus> = problems
        .iter()
        .map(|problem| problem.reason.status())
        .collect();
    let status = HttpStatus::of_refused_events(&statuses);
    let body = refused_events_json(status, entries).to_string();
    http_response(status, PROBLEM_TYPE, &body)
}

fn result_entry(index: usize, result: &Result<String, ProblemDetails>) -> Value {
    match result {
        Ok(id) => json!({"index": index, "status": HttpStatus::ACCEPTED.code, "id": id}),
        Err(problem) => {
            json!({"index": index, "status": problem.status_code(), "problem": problem.to_json()})
        }
    }
}

fn problem_response(problem: &ProblemDetails) -> Value {
    let body = problem.to_json().to_string();
    http_response(problem.reason.status(), PROBLEM_TYPE, &body)
}

/// An answer in the form of API Gateway's payload 2.0.
fn http_response(status: HttpStatus, content_type: &str, body: &str) -> Value {
    let mut headers = json!({"content-type": content_type});
    if let Some(seconds) = status.retry_after() {
        headers["retry-after"] = json!(seconds.to_string());
    }
    json!({"statusCode": status.code, "headers": headers, "body": body, "isBase64Encoded": false})
}
