//! Events by the queue: the relay sends them, and the landing takes them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::Message;
use local_platform::lambda::LambdaFunction;
use local_platform::queue::LocalQueue;
use local_platform::sqs::LocalQueues;
use serde_json::{Value, json};

use super::calls::Call;
use super::synthetic_outputs::synthetic_outputs;
use crate::lake_under_test::person_event;
use crate::queue_conformance::sqs_client;

/// Characters of an event that is too large for a message: compressed, they are half as many bytes,
/// and a third more in the message's base64.
const LARGE_EVENT_CHARS: usize = 600_000;

/// What was sent is there within this time on a busy machine.
const ARRIVES_WITHIN: Duration = Duration::from_secs(60);

/// Actions that a role may have on a queue.
pub(super) const QUEUE_ACTIONS: [&str; 9] = [
    "sqs:SendMessage",
    "sqs:ReceiveMessage",
    "sqs:DeleteMessage",
    "sqs:ChangeMessageVisibility",
    "sqs:GetQueueAttributes",
    "sqs:PurgeQueue",
    "sqs:SetQueueAttributes",
    "sqs:DeleteQueue",
    "sqs:AddPermission",
];

/// What Lambda's pollers do with the role of the function that a mapping invokes.
const POLLERS_ACTIONS: [&str; 4] = [
    "sqs:ReceiveMessage",
    "sqs:DeleteMessage",
    "sqs:ChangeMessageVisibility",
    "sqs:GetQueueAttributes",
];

/// The name of the deployed events queue.
pub(super) fn events_queue_name(outputs: &Value) -> String {
    let url = outputs["function_environments"]["event-relay"]["EVENTS_QUEUE_URL"].as_str();
    let name = url.and_then(|url| url.rsplit('/').next()).unwrap();
    assert!(!name.is_empty(), "no events queue is deployed");
    name.to_owned()
}

/// The platform's own queue of the deployed name.
pub(super) fn local_queues(outputs: &Value, folder: &Path) -> LocalQueues {
    let name = events_queue_name(outputs);
    let queue = LocalQueue::open(&folder.join("queues"), &name, Arc::default()).unwrap();
    LocalQueues::from([(name, Arc::new(queue))])
}

/// The calls of Lambda's pollers, with the landing's role. Where a schedule starts the landing, it
/// receives the messages itself, and nothing polls.
pub(super) fn pollers_calls(outputs: &Value) -> Vec<Call> {
    if starts_by_schedule(outputs) {
        return Vec::new();
    }
    let queue = events_queue_name(outputs);
    let calls = POLLERS_ACTIONS.iter();
    calls
        .map(|action| Call::on_queue((*action).to_owned(), &queue))
        .collect()
}

/// Whether the landing is told where the events queue is.
fn starts_by_schedule(outputs: &Value) -> bool {
    let url = &outputs["function_environments"]["raw-landing"]["EVENTS_QUEUE_URL"];
    url.as_str().is_some_and(|url| !url.is_empty())
}

/// The other end of the events queue, aside from what is written down.
pub(super) struct QueueAside {
    client: Client,
    url: String,
}

impl QueueAside {
    /// Opens the queue at an endpoint.
    pub(super) async fn open(endpoint: &str, name: &str) -> Self {
        let client = sqs_client(endpoint).await;
        let found = client.get_queue_url().queue_name(name).send().await;
        let url = found.unwrap().queue_url.unwrap();
        Self { client, url }
    }

    /// Takes so many messages that are visible: their events, and not the notices, whose delay is
    /// long.
    async fn take_messages(&self, count: usize) -> Vec<Message> {
        let mut taken = Vec::new();
        let receive = async {
            while taken.len() < count {
                let request = self.client.receive_message().queue_url(&self.url);
                let answer = request.max_number_of_messages(10).send().await.unwrap();
                taken.extend(answer.messages.unwrap_or_default());
            }
        };
        tokio::time::timeout(ARRIVES_WITHIN, receive).await.unwrap();

        for message in &taken {
            let request = self.client.delete_message().queue_url(&self.url);
            let request = request.receipt_handle(message.receipt_handle().unwrap());
            request.send().await.unwrap();
        }
        assert_eq!(taken.len(), count);
        taken
    }
}

/// Sends a small event and a large one through the relay, and lands them: as Lambda's mapping hands
/// them over, and where the landing knows the queue by a schedule's order too.
pub(super) async fn send_and_land(
    functions: &BTreeMap<&str, LambdaFunction>,
    queue: &QueueAside,
    outputs: &Value,
) {
    send_two_events(&functions["event-relay"], "by-mapping").await;
    let messages = queue.take_messages(2).await;
    let landing = &functions["raw-landing"];
    land(landing, &mapping_payload(&messages)).await;
    land(landing, &json!({"Records": []})).await;
    if !starts_by_schedule(outputs) {
        return;
    }

    send_two_events(&functions["event-relay"], "by-schedule").await;
    land(landing, &json!({"empty_queue": true})).await;
}

async fn send_two_events(relay: &LambdaFunction, name: &str) {
    let mut rng = fastrand::Rng::with_seed(1);
    let digits = std::iter::repeat_with(|| char::from(b"0123456789abcdef"[rng.usize(..16)]));
    let large: String = digits.take(LARGE_EVENT_CHARS).collect();
    for (key, note) in [("small", "n"), ("large", large.as_str())] {
        let new = json!({"firstName": "Ada", "surname": "Sample"});
        let mut event = person_event("PersonCreatedEvent", &format!("{name}-{key}"), 1, new);
        event["note"] = json!(note);
        let payload = gateway_payload("housing-person", &event).to_string();
        let answer = relay.invoke(payload.into()).await.unwrap();
        let answer: Value = serde_json::from_slice(&answer).unwrap();
        assert_eq!(answer["statusCode"], 202, "{answer}");
    }
}

async fn land(landing: &LambdaFunction, payload: &Value) {
    let answer = landing.invoke(payload.to_string().into()).await.unwrap();
    let answer: Value = serde_json::from_slice(&answer).unwrap();
    assert_eq!(answer["batchItemFailures"], json!([]));
}

/// A request as API Gateway hands it over.
fn gateway_payload(source: &str, event: &Value) -> Value {
    let path = format!("/v1/{source}/events");
    let caller = "arn:aws:iam::000000000000:role/local-developer";
    json!({
        "version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": "",
        "headers": {"content-type": "application/json"},
        "requestContext": {
            "accountId": "000000000000", "apiId": "local",
            "authorizer": {"iam": {"accountId": "000000000000", "userArn": caller}},
            "http": {
                "method": "POST", "path": path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1",
                "userAgent": ""
            },
            "requestId": "1", "stage": "$default", "timeEpoch": 0,
        },
        "body": event.to_string(), "isBase64Encoded": false,
    })
}

/// Messages as Lambda's event source mapping hands them over.
fn mapping_payload(messages: &[Message]) -> Value {
    let records: Vec<Value> = messages
        .iter()
        .map(|message| {
            json!({
                "messageId": message.message_id(), "receiptHandle": message.receipt_handle(),
                "body": message.body(), "attributes": {}, "eventSource": "aws:sqs",
            })
        })
        .collect();
    json!({"Records": records})
}

#[test]
fn a_mapping_polls_with_the_landings_role_and_a_schedule_does_not() {
    let mut outputs = synthetic_outputs();
    assert_eq!(pollers_calls(&outputs), []);
    outputs["function_environments"]["raw-landing"]["EVENTS_QUEUE_URL"] = json!("");
    assert_eq!(pollers_calls(&outputs).len(), POLLERS_ACTIONS.len());
}
