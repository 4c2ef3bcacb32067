//! `POST /v1/{source}/events` and `GET /v1/{source}/contract`.

use contract::{EVENT_BYTES_MAX, Event, SourceContract};
use host::{Budget, metric};
use serde_json::{Value, json};
use trigger::HttpRequest;

use crate::body::{self, BodyKind};
use crate::caller::admitted;
use crate::context::Context;
use crate::problem::Problem;
use crate::relay::{Known, Prepared, deliver};

/// Characters of an `Idempotency-Key` at most.
const IDEMPOTENCY_KEY_CHARS_MAX: usize = 255;

/// Answers a request in the form of API Gateway's payload 2.0.
pub(crate) async fn answer(request: HttpRequest, context: &Context, budget: Budget) -> Value {
    let path = request.raw_path.as_deref().unwrap_or_default();
    let method = request.request_context.http.method.as_str();
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    let outcome = match (method, parts.as_slice()) {
        ("POST", ["v1", source, "events"]) => events(&request, source, context, budget).await,
        ("GET", ["v1", source, "contract"]) => admitted(&request, source, context)
            .map(|contract| response(200, "application/yaml", &contract.about.text)),
        (_, ["v1", _, "events" | "contract"]) => Err(Problem::new(
            405,
            "request.method",
            "POST events, or GET the contract",
        )),
        _ => Err(Problem::new(
            404,
            "request.path",
            "the paths are /v1/{source}/events and /v1/{source}/contract",
        )),
    };
    outcome.unwrap_or_else(|problem| {
        response(
            problem.status,
            "application/problem+json",
            &problem.to_json().to_string(),
        )
    })
}

fn response(status: u16, content_type: &str, body: &str) -> Value {
    let retry = if status == 503 {
        json!({"retry-after": "5"})
    } else {
        json!({})
    };
    let mut headers = retry;
    headers["content-type"] = json!(content_type);
    json!({"statusCode": status, "headers": headers, "body": body, "isBase64Encoded": false})
}

async fn events(
    request: &HttpRequest,
    source: &str,
    context: &Context,
    budget: Budget,
) -> Result<Value, Problem> {
    let contract = admitted(request, source, context)?;
    let about = About::of(request)?;
    let bytes = body::unpacked(bytes(request)?, header(request, "content-encoding"))?;
    let checked: Vec<Result<(String, Prepared<'_>), Problem>> = body::events(&bytes, about.kind)?
        .into_iter()
        .enumerate()
        .map(|(index, event)| check(contract, event, index, &about))
        .collect();
    let mut results: Vec<Result<String, Problem>> = Vec::with_capacity(checked.len());
    let mut prepared = Vec::new();
    for event in checked {
        results.push(event.map(|(id, event)| {
            prepared.push(event);
            id
        }));
    }
    let delivered = deliver(prepared, context, budget).await;
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
    metric(&[("function", "event-relay"), ("source", source)], &values);
    Ok(report(&results, accepted))
}

/// What the request says of all its events.
struct About {
    kind: BodyKind,
    trace: String,
    /// The name that the client gave the request, to send it again under.
    idempotency_key: Option<String>,
}

impl About {
    fn of(request: &HttpRequest) -> Result<Self, Problem> {
        if request.headers.contains_key("ce-specversion") {
            let detail =
                "CloudEvents in binary mode are not read; send application/cloudevents+json";
            return Err(Problem::new(415, "body.type", detail));
        }
        let trace = header(request, "traceparent");
        let trace = if is_traceparent(trace) { trace } else { "" };
        Ok(Self {
            kind: BodyKind::of(header(request, "content-type"))?,
            trace: trace.to_owned(),
            idempotency_key: idempotency_key(request)?,
        })
    }
}

fn header<'r>(request: &'r HttpRequest, name: &str) -> &'r str {
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

fn idempotency_key(request: &HttpRequest) -> Result<Option<String>, Problem> {
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
    Err(Problem::new(400, "request.idempotency-key", detail))
}

fn bytes(request: &HttpRequest) -> Result<Vec<u8>, Problem> {
    let body = request.body.as_deref().unwrap_or_default();
    if !request.is_base64_encoded {
        return Ok(body.as_bytes().to_vec());
    }
    let decoded = base64_simd::STANDARD.decode_to_vec(body.as_bytes());
    decoded.map_err(|_| {
        Problem::new(
            400,
            "body.encoding",
            "the body is not base64 as the gateway says",
        )
    })
}

/// What the relay itself asks of an event: that it can be read, and has an id, a type, a time and a key.
/// Whether its fields fit the mapping is found in the transform, where nothing is lost.
fn check<'c>(
    contract: &'c SourceContract,
    bytes: Vec<u8>,
    index: usize,
    about: &About,
) -> Result<(String, Prepared<'c>), Problem> {
    if bytes.len() > EVENT_BYTES_MAX {
        let detail = format!(
            "the event has {} bytes, more than {EVENT_BYTES_MAX}",
            bytes.len()
        );
        return Err(Problem::new(413, "event.too-large", detail));
    }
    let given = about
        .idempotency_key
        .as_ref()
        .map(|key| named_id(contract, key, index, &bytes));
    let event = Event::parse(contract, &bytes, given.as_deref()).map_err(|fault| {
        let status = if fault.rule == "event.json" { 400 } else { 422 };
        Problem::new(
            status,
            &fault.rule,
            format!("{}: {}", fault.path, fault.reason),
        )
    })?;
    if let Some(why) = about.kind.fault(&event.value) {
        return Err(Problem::new(422, "event.cloudevent", why));
    }
    let id = event.id.clone();
    Ok((
        id,
        Prepared {
            contract,
            bytes,
            known: Some(Known::of(contract, event)),
            trace: about.trace.clone(),
        },
    ))
}

/// The id of an event whose source gives none: of the request's name, its place and its bytes. The same request
/// again gives the same ids; equal events of two requests are two; another body under a used name is not lost.
fn named_id(contract: &SourceContract, key: &str, index: usize, bytes: &[u8]) -> String {
    let named = [format!("{key}\n{index}\n").as_bytes(), bytes].concat();
    pole::event_id_of(&contract.name, &named).to_string()
}

/// 202 when all were taken, the problem itself when the only one was not, 207 when they differ.
fn report(results: &[Result<String, Problem>], accepted: usize) -> Value {
    if let [Err(problem)] = results {
        return response(
            problem.status,
            "application/problem+json",
            &problem.to_json().to_string(),
        );
    }
    let line = |(index, result): (usize, &Result<String, Problem>)| match result {
        Ok(id) => json!({"index": index, "status": 202, "id": id}),
        Err(problem) => {
            json!({"index": index, "status": problem.status, "problem": problem.to_json()})
        }
    };
    let lines: Vec<Value> = results.iter().enumerate().map(line).collect();
    let status = if accepted == results.len() { 202 } else { 207 };
    let body = json!({"accepted": accepted, "refused": results.len() - accepted, "results": lines});
    response(status, "application/json", &body.to_string())
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
