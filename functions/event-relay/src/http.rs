//! `POST /v1/{source}/events` and `GET /v1/{source}/contract`.

use contract::{EVENT_BYTES_MAX, Event, SourceContract};
use host::{Budget, metric};
use serde_json::{Value, json};
use trigger::HttpRequest;

use crate::body;
use crate::context::Context;
use crate::problem::Problem;
use crate::producer::Outgoing;

/// An event's fate before it is sent: ready, with its id, or refused.
type Checked = Result<(String, Outgoing), Problem>;

/// Answers a request in the form of API Gateway's payload 2.0.
pub(crate) async fn answer(request: HttpRequest, context: &Context, budget: Budget) -> Value {
    let path = request.raw_path.as_deref().unwrap_or_default();
    let method = request.request_context.http.method.as_str();
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    let outcome = match (method, parts.as_slice()) {
        ("POST", ["v1", source, "events"]) => events(&request, source, context, budget).await,
        ("GET", ["v1", source, "contract"]) => contract(&request, source, context),
        (_, ["v1", _, "events" | "contract"]) => {
            Err(Problem::new(405, "request.method", "POST events, or GET the contract"))
        }
        _ => Err(Problem::new(
            404,
            "request.path",
            "the paths are /v1/{source}/events and /v1/{source}/contract",
        )),
    };
    outcome.unwrap_or_else(|problem| {
        response(problem.status, "application/problem+json", &problem.to_json().to_string())
    })
}

fn response(status: u16, content_type: &str, body: &str) -> Value {
    let retry = if status == 503 { json!({"retry-after": "5"}) } else { json!({}) };
    let mut headers = retry;
    headers["content-type"] = json!(content_type);
    json!({"statusCode": status, "headers": headers, "body": body, "isBase64Encoded": false})
}

/// The source's contract, if there is one and the caller may push to it.
fn admitted<'c>(
    request: &HttpRequest,
    source: &str,
    context: &'c Context,
) -> Result<&'c SourceContract, Problem> {
    let known = context.catalogue.source(source).map(|plan| &*plan.contract);
    let contract = known.ok_or_else(|| {
        let names: Vec<&str> =
            context.catalogue.plans.iter().map(|plan| plan.contract.name.as_str()).collect();
        Problem::new(
            404,
            "request.source",
            format!("there is no source `{source}`; there are {}", names.join(", ")),
        )
    })?;
    let caller = caller(request);
    if caller.as_deref().is_some_and(|caller| contract.admits(caller)) {
        return Ok(contract);
    }
    let detail = format!("the caller may not use `{source}`; its contract names who may, under `push`");
    Err(Problem::new(403, "request.caller", detail))
}

/// The authorised caller: the IAM principal, or the subject of a verified token.
fn caller(request: &HttpRequest) -> Option<String> {
    let authorizer = request.request_context.authorizer.as_ref()?;
    let iam = authorizer.iam.as_ref().and_then(|iam| iam.user_arn.clone());
    iam.or_else(|| authorizer.jwt.as_ref().and_then(|jwt| jwt.claims.get("sub").cloned()))
}

fn contract(request: &HttpRequest, source: &str, context: &Context) -> Result<Value, Problem> {
    admitted(request, source, context).map(|contract| response(200, "application/yaml", &contract.text))
}

async fn events(
    request: &HttpRequest,
    source: &str,
    context: &Context,
    budget: Budget,
) -> Result<Value, Problem> {
    let contract = admitted(request, source, context)?;
    let content_type =
        request.headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let trace = request.headers.get("traceparent").and_then(|value| value.to_str().ok());
    let bytes = bytes(request)?;
    let checked: Vec<Checked> = body::events(&bytes, content_type)?
        .into_iter()
        .map(|event| check(contract, event, trace.unwrap_or_default()))
        .collect();
    let ready: Vec<Outgoing> = checked.iter().flatten().map(|(_, outgoing)| outgoing.clone()).collect();
    let mut sent = context.sink.send(ready, budget.left()).await.into_iter();
    let results: Vec<Result<String, Problem>> = checked
        .into_iter()
        .map(|event| {
            let (id, _) = event?;
            sent.next().unwrap_or_else(|| Err("no answer".into())).map(|()| id).map_err(|why| not_taken(&why))
        })
        .collect();
    let accepted = results.iter().filter(|result| result.is_ok()).count();
    let values =
        [("events_accepted", accepted as u64), ("events_refused", (results.len() - accepted) as u64)];
    metric(&[("function", "event-relay"), ("source", source)], &values);
    Ok(report(&results, accepted))
}

fn not_taken(why: &str) -> Problem {
    tracing::error!(error = why, "an event was not acknowledged");
    Problem::new(
        503,
        "event.not-acknowledged",
        "the event was not taken; send it again, a repeat does no harm",
    )
}

fn bytes(request: &HttpRequest) -> Result<Vec<u8>, Problem> {
    let body = request.body.as_deref().unwrap_or_default();
    if !request.is_base64_encoded {
        return Ok(body.as_bytes().to_vec());
    }
    let decoded = base64_simd::STANDARD.decode_to_vec(body.as_bytes());
    decoded.map_err(|_| Problem::new(400, "body.encoding", "the body is not base64 as the gateway says"))
}

/// What the relay itself asks of an event: that it can be read, and has an id, a type, a time and a key.
/// Whether its fields fit the mapping is found in the transform, where nothing is lost.
fn check(contract: &SourceContract, bytes: Vec<u8>, trace: &str) -> Checked {
    if bytes.len() > EVENT_BYTES_MAX {
        let detail = format!("the event has {} bytes, more than {EVENT_BYTES_MAX}", bytes.len());
        return Err(Problem::new(413, "event.too-large", detail));
    }
    let event = Event::parse(contract, &bytes).map_err(|fault| {
        let status = if fault.rule == "event.json" { 400 } else { 422 };
        Problem::new(status, &fault.rule, format!("{}: {}", fault.path, fault.reason))
    })?;
    let outgoing = outgoing(contract, Some((event.key, event.id.clone())), bytes, trace);
    Ok((event.id, outgoing))
}

/// The record for Kafka: keyed by the record's key, so that a record's events keep their order.
pub(crate) fn outgoing(
    contract: &SourceContract,
    known: Option<(String, String)>,
    value: Vec<u8>,
    trace: &str,
) -> Outgoing {
    let mut headers = vec![("source", contract.name.clone()), ("contract-version", contract.version.clone())];
    let key = known.map(|(key, id)| {
        headers.push(("event-id", id));
        key
    });
    if !trace.is_empty() {
        headers.push(("traceparent", trace.to_owned()));
    }
    Outgoing { topic: contract.topic.clone(), key, value, headers }
}

/// 202 when all were taken, the problem itself when the only one was not, 207 when they differ.
fn report(results: &[Result<String, Problem>], accepted: usize) -> Value {
    if let [Err(problem)] = results {
        return response(problem.status, "application/problem+json", &problem.to_json().to_string());
    }
    let line = |(index, result): (usize, &Result<String, Problem>)| match result {
        Ok(id) => json!({"index": index, "status": 202, "id": id}),
        Err(problem) => json!({"index": index, "status": problem.status, "problem": problem.to_json()}),
    };
    let lines: Vec<Value> = results.iter().enumerate().map(line).collect();
    let status = if accepted == results.len() { 202 } else { 207 };
    let body = json!({"accepted": accepted, "refused": results.len() - accepted, "results": lines});
    response(status, "application/json", &body.to_string())
}
