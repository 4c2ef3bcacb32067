//! SQS for one machine, over the service's JSON protocol: what the relay sends to, and what a
//! developer's own client of SQS finds.
//!
//! The operations of standard queues that find a queue, and that send, receive and settle messages;
//! any other is refused by name.

mod request;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use md5::{Digest, Md5};
use serde_json::{Value, json};
use store::{SQS_DELAY_MAX, SQS_MESSAGE_BYTES_MAX};

use super::header_text::{TARGET_HEADER, header_text};
use super::queue::{LocalQueue, ReceivedMessage};
use request::{SqsException, SqsRequest};

/// Entries of one request, at most, as with SQS.
const BATCH_ENTRIES_MAX: usize = 10;

/// Messages of one answer, at most, as with SQS.
const RECEIVE_MAX: u64 = 10;

/// How long a received message is hidden where the request does not say it, as with SQS.
const VISIBILITY_SECONDS: u64 = 30;

/// The longest time for which a message is hidden: 12 hours.
const VISIBILITY_SECONDS_MAX: u64 = 43_200;

/// The longest time for which a receive waits.
const WAIT_SECONDS_MAX: u64 = 20;

/// The account of the local platform.
const ACCOUNT: &str = "000000000000";

/// The queues by their names.
pub type LocalQueues = BTreeMap<String, Arc<LocalQueue>>;

/// What is done with one entry of a batch.
type EntryOperation = fn(&LocalQueue, SqsRequest<'_>) -> Result<Value, SqsException>;

/// The path of a queue's URL.
#[must_use]
pub fn queue_path(name: &str) -> String {
    format!("/{ACCOUNT}/{name}")
}

/// The endpoint over these queues.
pub fn endpoint_router(queues: LocalQueues) -> Router {
    // A message of 1 MiB has escapes around it.
    let bytes_max = 4 * SQS_MESSAGE_BYTES_MAX as usize;
    Router::new()
        .route("/", post(handle_request))
        .route("/{account}/{name}", post(handle_request))
        .layer(DefaultBodyLimit::max(bytes_max))
        .with_state(Arc::new(queues))
}

async fn handle_request(
    State(queues): State<Arc<LocalQueues>>,
    headers: HeaderMap,
    body: String,
) -> Response {
    let target = header_text(&headers, TARGET_HEADER);
    let operation = target.strip_prefix("AmazonSQS.").unwrap_or_default();

    let host = header_text(&headers, header::HOST.as_str());

    let answer = match serde_json::from_str::<Value>(&body) {
        Ok(input) => {
            let request = SqsRequest {
                input: &input,
                host,
            };
            answer_operation(&queues, operation, request).await
        }
        Err(_) => Err(SqsException::invalid("the request is not JSON")),
    };
    let kind = [(header::CONTENT_TYPE, "application/x-amz-json-1.0")];
    match answer {
        Ok(answer) => (kind, Json(answer).into_response().into_body()).into_response(),
        Err(exception) => {
            let query_error = [("x-amzn-query-error", exception.query_error())];
            let body = exception.to_json().to_string();
            (StatusCode::BAD_REQUEST, kind, query_error, body).into_response()
        }
    }
}

async fn answer_operation(
    queues: &LocalQueues,
    operation: &str,
    request: SqsRequest<'_>,
) -> Result<Value, SqsException> {
    match operation {
        "ListQueues" => return Ok(json!({"QueueUrls": queue_urls(queues, request)})),
        "GetQueueUrl" => {
            let queue = find_queue(queues, request.text("QueueName")?)?;
            return Ok(json!({"QueueUrl": request.url_of(&queue_path(queue.name()))}));
        }
        _ => {}
    }

    let queue = find_queue(queues, request.queue_name()?)?;
    match operation {
        "SendMessage" => send_message(queue, request),
        "SendMessageBatch" => send_batch(queue, request),
        "ReceiveMessage" => receive_messages(queue, request).await,
        "DeleteMessage" => delete_message(queue, request),
        "DeleteMessageBatch" => delete_batch(queue, request),
        "ChangeMessageVisibility" => change_visibility(queue, request),
        "GetQueueAttributes" => Ok(json!({"Attributes": queue_attributes(queue)})),
        other => Err(SqsException::unsupported(other)),
    }
}

fn queue_urls(queues: &LocalQueues, request: SqsRequest<'_>) -> Vec<String> {
    let prefix = request.input["QueueNamePrefix"]
        .as_str()
        .unwrap_or_default();
    let names = queues.keys().filter(|name| name.starts_with(prefix));
    names
        .map(|name| request.url_of(&queue_path(name)))
        .collect()
}

fn find_queue<'q>(queues: &'q LocalQueues, name: &str) -> Result<&'q LocalQueue, SqsException> {
    let queue = queues.get(name).map(Arc::as_ref);
    queue.ok_or_else(SqsException::no_queue)
}

fn send_message(queue: &LocalQueue, request: SqsRequest<'_>) -> Result<Value, SqsException> {
    let body = request.text("MessageBody")?;
    check_body(body)?;
    for member in ["MessageGroupId", "MessageAttributes"] {
        if !request.input[member].is_null() {
            return Err(SqsException::unsupported(member));
        }
    }
    let delay = request.number("DelaySeconds", 0..=SQS_DELAY_MAX.as_secs(), 0)?;

    let sent = queue.send_delayed(body.to_owned(), Duration::from_secs(delay));
    let id = sent.map_err(|error| SqsException::failed(&error))?;
    Ok(json!({"MessageId": id, "MD5OfMessageBody": md5_of(body)}))
}

/// Sends several messages. As with SQS, each entry is stored or refused for itself.
fn send_batch(queue: &LocalQueue, request: SqsRequest<'_>) -> Result<Value, SqsException> {
    let entries = batch_entries(request)?;
    let bodies = entries.iter().map(|entry| &entry["MessageBody"]);
    let bytes: usize = bodies.filter_map(Value::as_str).map(str::len).sum();
    if bytes > SQS_MESSAGE_BYTES_MAX as usize {
        return Err(SqsException::batch_too_long(SQS_MESSAGE_BYTES_MAX));
    }

    Ok(answer_entries(queue, request, entries, send_message))
}

/// The entries of a request for several messages.
fn batch_entries<'r>(request: SqsRequest<'r>) -> Result<&'r [Value], SqsException> {
    let entries = request.input["Entries"].as_array().map(Vec::as_slice);
    entries
        .filter(|entries| (1..=BATCH_ENTRIES_MAX).contains(&entries.len()))
        .ok_or_else(|| SqsException::invalid("a batch has from 1 to 10 entries"))
}

/// Does each entry for itself; the answer has those that were done and those that were refused.
fn answer_entries(
    queue: &LocalQueue,
    request: SqsRequest<'_>,
    entries: &[Value],
    operation: EntryOperation,
) -> Value {
    let (mut successful, mut failed) = (Vec::new(), Vec::new());
    for entry in entries {
        let single = SqsRequest {
            input: entry,
            ..request
        };
        match operation(queue, single) {
            Ok(mut answer) => {
                answer["Id"] = entry["Id"].clone();
                successful.push(answer);
            }
            Err(exception) => failed.push(exception.to_entry(&entry["Id"])),
        }
    }
    json!({"Successful": successful, "Failed": failed})
}

fn check_body(body: &str) -> Result<(), SqsException> {
    if body.is_empty() {
        return Err(SqsException::invalid("the message has no body"));
    }
    if body.len() > SQS_MESSAGE_BYTES_MAX as usize {
        let why = format!("a message must be shorter than {SQS_MESSAGE_BYTES_MAX} bytes");
        return Err(SqsException::invalid(&why));
    }
    match body.chars().all(is_message_char) {
        true => Ok(()),
        false => Err(SqsException::invalid_contents()),
    }
}

/// Whether SQS takes the character: those of XML 1.0.
fn is_message_char(char: char) -> bool {
    matches!(char, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

async fn receive_messages(
    queue: &LocalQueue,
    request: SqsRequest<'_>,
) -> Result<Value, SqsException> {
    let count = request.number("MaxNumberOfMessages", 1..=RECEIVE_MAX, 1)?;
    let hidden = request.number(
        "VisibilityTimeout",
        0..=VISIBILITY_SECONDS_MAX,
        VISIBILITY_SECONDS,
    )?;
    let wait = request.number("WaitTimeSeconds", 0..=WAIT_SECONDS_MAX, 0)?;
    if wait > 0 && !queue.has_visible_message() {
        queue.wait_for_message(Duration::from_secs(wait)).await;
    }

    let count = usize::try_from(count).unwrap_or(1);
    let received = queue.receive_hidden(count, Duration::from_secs(hidden));
    let messages: Vec<Value> = received.iter().map(describe_message).collect();
    match messages.is_empty() {
        true => Ok(json!({})),
        false => Ok(json!({"Messages": messages})),
    }
}

fn describe_message(message: &ReceivedMessage) -> Value {
    json!({
        "MessageId": message.id,
        "ReceiptHandle": message.id,
        "Body": message.body,
        "MD5OfBody": md5_of(&message.body),
        "Attributes": message.attributes(),
    })
}

fn delete_message(queue: &LocalQueue, request: SqsRequest<'_>) -> Result<Value, SqsException> {
    let deleted = queue.delete_message(request.text("ReceiptHandle")?);
    deleted.map_err(|error| SqsException::failed(&error))?;
    Ok(json!({}))
}

/// Deletes several messages, each for itself.
fn delete_batch(queue: &LocalQueue, request: SqsRequest<'_>) -> Result<Value, SqsException> {
    let entries = batch_entries(request)?;
    Ok(answer_entries(queue, request, entries, delete_message))
}

fn change_visibility(queue: &LocalQueue, request: SqsRequest<'_>) -> Result<Value, SqsException> {
    let handle = request.text("ReceiptHandle")?;
    let seconds = request.number(
        "VisibilityTimeout",
        0..=VISIBILITY_SECONDS_MAX,
        VISIBILITY_SECONDS,
    )?;
    match queue.hide_message(handle, Duration::from_secs(seconds)) {
        true => Ok(json!({})),
        false => Err(SqsException::invalid("the message is gone")),
    }
}

fn queue_attributes(queue: &LocalQueue) -> Value {
    let counts = queue.count_messages();
    json!({
        "QueueArn": format!("arn:aws:sqs:eu-west-2:{ACCOUNT}:{}", queue.name()),
        "ApproximateNumberOfMessages": counts.waiting.to_string(),
        "ApproximateNumberOfMessagesNotVisible": counts.in_flight.to_string(),
        "ApproximateNumberOfMessagesDelayed": counts.delayed.to_string(),
        "MaximumMessageSize": SQS_MESSAGE_BYTES_MAX.to_string(),
        "VisibilityTimeout": VISIBILITY_SECONDS.to_string(),
    })
}

fn md5_of(text: &str) -> String {
    let digest = Md5::digest(text.as_bytes());
    format!("{digest:x}")
}
