//! `POST /v1/{source}/events` and `GET /v1/{source}/contract`.

use contract::{EVENT_BYTES_MAX, Event, SourceContract};
use host::{TimeBudget, emit_metric};
use serde_json::{Value, json};
use trigger::HttpRequest;

use crate::body::{self, BodyKind};
use crate::caller::authorise_caller;
use crate::context::Context;
use crate::problem::ProblemDetails;
use crate::relay::{EventIdentity, PreparedEvent, deliver_events};

/// Characters of an `Idempotency-Key` at most.
const IDEMPOTENCY_KEY_CHARS_MAX: usize = 255;

/// Answers a request in the form of API Gateway's payload 2.0.
pub(crate) async fn answer_request(
    request: HttpRequest,
    context: &Context,
    budget: TimeBudget,
) -> Value {
    let path = request.raw_path.as_deref().unwrap_or_default();
    let method = request.request_context.http.method.as_str();
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    let outcome = match (method, parts.as_slice()) {
        ("POST", ["v1", source, "events"]) => post_events(&request, source, context, budget).await,
        ("GET", ["v1", source, "contract"]) => authorise_caller(&request, source, context)
            .map(|contract| http_response(200, "application/yaml", &contract.about.text)),
        (_, ["v1", _, "events" | "contract"]) => Err(ProblemDetails::new(
            405,
            "request.method",
            "POST events, or GET the contract",
        )),
        _ => Err(ProblemDetails::new(
            404,
            "request.path",
            "the paths are /v1/{source}/events and /v1/{source}/contract",
        )),
    };
    outcome.unwrap_or_else(|problem| {
        http_response(
            problem.status,
            "application/problem+json",
            &problem.to_json().to_string(),
        )
    })
}

fn http_response(status: u16, content_type: &str, body: &str) -> Value {
    let retry = if status == 503 {
        json!({"retry-after": "5"})
    } else {
        json!({})
    };
    let mut headers = retry;
    headers["content-type"] = json!(content_type);
    json!({"statusCode": status, "headers": headers, "body": body, "isBase64Encoded": false})
}

async fn post_events(
    request: &HttpRequest,
    source: &str,
    context: &Context,
    budget: TimeBudget,
) -> Result<Value, ProblemDetails> {
    let contract = authorise_caller(request, source, context)?;
    let about = RequestMetadata::from_request(request)?;
    let bytes = body::decompress_body(
        decode_body(request)?,
        header_value(request, "content-encoding"),
    )?;
    let checked: Vec<Result<(String, PreparedEvent<'_>), ProblemDetails>> =
        body::split_events(&bytes, about.kind)?
            .into_iter()
            .enumerate()
            .map(|(index, event)| check_event(contract, event, index, &about))
            .collect();
    let mut results: Vec<Result<String, ProblemDetails>> = Vec::with_capacity(checked.len());
    let mut prepared = Vec::new();
    for event in checked {
        results.push(event.map(|(id, event)| {
            prepared.push(event);
            id
        }));
    }
    let delivered = deliver_events(prepared, context, budget).await;
    let taken = results.iter_mut().filter(|result| result.is_ok());
    for (result, delivered) in taken.zip(delivered) {
        if let Err(problem) = delivered {
            *result = Err(problem);
        }
    }
    let accepted = results.iter().filter(|result| result.is_ok()).count();
    let values = [
        ("events_accepted", accepted as u64),
        ("events_refused", (results.len() - accepted) as u64),
    ];
    emit_metric(&[("function", "event-relay"), ("source", source)], &values);
    Ok(results_response(&results, accepted))
}

/// What the request says of all its events.
struct RequestMetadata {
    kind: BodyKind,
    traceparent: String,
    /// The name that the client gave the request, to send it again under.
    idempotency_key: Option<String>,
}

impl RequestMetadata {
    fn from_request(request: &HttpRequest) -> Result<Self, ProblemDetails> {
        if request.headers.contains_key("ce-specversion") {
            let detail =
                "CloudEvents in binary mode are not read; send application/cloudevents+json";
            return Err(ProblemDetails::new(415, "body.type", detail));
        }
        let trace = header_value(request, "traceparent");
        let trace = if is_traceparent(trace) { trace } else { "" };
        Ok(Self {
            kind: BodyKind::from_content_type(header_value(request, "content-type"))?,
            traceparent: trace.to_owned(),
            idempotency_key: idempotency_key(request)?,
        })
    }
}

fn header_value<'r>(request: &'r HttpRequest, name: &str) -> &'r str {
    request
        .headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

/// As W3C Trace Context writes it: `00-` 32 digits `-` 16 digits `-` 2 digits. Anything else is left out.
fn is_traceparent(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let widths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
    widths == [2, 32, 16, 2]
        && parts
            .iter()
            .all(|part| part.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

fn idempotency_key(request: &HttpRequest) -> Result<Option<String>, ProblemDetails> {
    let Some(value) = request.headers.get("idempotency-key") else {
        return Ok(None);
    };
    let text = value.to_str().unwrap_or_default().trim_matches('"');
    let fits = (1..=IDEMPOTENCY_KEY_CHARS_MAX).contains(&text.len());
    if fits && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(Some(text.to_owned()));
    }
    let detail =
        format!("an Idempotency-Key has 1 to {IDEMPOTENCY_KEY_CHARS_MAX} visible ASCII characters");
    Err(ProblemDetails::new(400, "request.idempotency-key", detail))
}

fn decode_body(request: &HttpRequest) -> Result<Vec<u8>, ProblemDetails> {
    let body = request.body.as_deref().unwrap_or_default();
    if !request.is_base64_encoded {
        return Ok(body.as_bytes().to_vec());
    }
    let decoded = base64_simd::STANDARD.decode_to_vec(body.as_bytes());
    decoded.map_err(|_| {
        ProblemDetails::new(
            400,
            "body.encoding",
            "the body is not base64 as the gateway says",
        )
    })
}

/// What the relay itself asks of an event: that it can be read, and has an id, a type, a time and a key.
/// Whether its fields fit the mapping is found in the transform, where nothing is lost.
fn check_event<'c>(
    contract: &'c SourceContract,
    bytes: Vec<u8>,
    index: usize,
    about: &RequestMetadata,
) -> Result<(String, PreparedEvent<'c>), ProblemDetails> {
    if bytes.len() > EVENT_BYTES_MAX {
        let detail = format!(
            "the event has {} bytes, more than {EVENT_BYTES_MAX}",
            bytes.len()
        );
        return Err(ProblemDetails::new(413, "event.too-large", detail));
    }
    let given = about
        .idempotency_key
        .as_ref()
        .map(|key| idempotent_event_id(contract, key, index, &bytes));
    let event = Event::parse(contract, &bytes, given.as_deref()).map_err(|fault| {
        let status = if fault.rule == "event.json" { 400 } else { 422 };
        ProblemDetails::new(
            status,
            &fault.rule,
            format!("{}: {}", fault.path, fault.reason),
        )
    })?;
    if let Some(why) = about.kind.cloud_event_fault(&event.value) {
        return Err(ProblemDetails::new(422, "event.cloudevent", why));
    }
    let id = event.id.clone();
    Ok((
        id,
        PreparedEvent {
            contract,
            bytes,
            identity: Some(EventIdentity::from_event(contract, event)),
            traceparent: about.traceparent.clone(),
        },
    ))
}

/// The id of an event whose source gives none: of the request's name, its place and its bytes. The same request
/// again gives the same ids; equal events of two requests are two; another body under a used name is not lost.
fn idempotent_event_id(contract: &SourceContract, key: &str, index: usize, bytes: &[u8]) -> String {
    let named = [format!("{key}\n{index}\n").as_bytes(), bytes].concat();
    pole::derived_event_id(&contract.name, &named).to_string()
}

/// 202 when all were taken, the problem itself when the only one was not, 207 when they differ.
fn results_response(results: &[Result<String, ProblemDetails>], accepted: usize) -> Value {
    if let [Err(problem)] = results {
        return http_response(
            problem.status,
            "application/problem+json",
            &problem.to_json().to_string(),
        );
    }
    let line = |(index, result): (usize, &Result<String, ProblemDetails>)| match result {
        Ok(id) => json!({"index": index, "status": 202, "id": id}),
        Err(problem) => {
            json!({"index": index, "status": problem.status, "problem": problem.to_json()})
        }
    };
    let lines: Vec<Value> = results.iter().enumerate().map(line).collect();
    let status = if accepted == results.len() { 202 } else { 207 };
    let body = json!({"accepted": accepted, "refused": results.len() - accepted, "results": lines});
    http_response(status, "application/json", &body.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_that_is_none_is_left_out() {
        assert!(is_traceparent(
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
        ));
        assert!(!is_traceparent(
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\nevent-id: x"
        ));
        assert!(!is_traceparent("Root=1-5759e988-bd862e3fe1be46a994272793"));
    }
}
