//! The functions' triggers, as rough as they can be: redelivery, other batches, zombies, kills and
//! time-outs.

use std::collections::BTreeSet;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use host::TimeBudget;
use lake::Day;
use serde_json::{Value, json};
use trigger::{ScheduleRequest, SqsEvent};

use crate::guards::Guard;
use crate::world::{SOURCE, World};

/// Lets the function work until it is killed at one of its await points, or its time is over; none
/// then.
pub(crate) async fn invoke_with_faults<T>(
    world: &World,
    work: impl Future<Output = T>,
) -> Option<T> {
    if world
        .injector
        .inject_fault("function killed at an await point", 80)
    {
        let polls = world.injector.random_below(30);
        return poll_then_drop(polls, work).await;
    }
    if world.injector.inject_fault("function timed out", 20) {
        let time = Duration::from_millis(world.injector.random_below(2_000) as u64);
        return tokio::time::timeout(time, work).await.ok();
    }
    Some(work.await)
}

pub(crate) fn hour_budget() -> TimeBudget {
    TimeBudget::lasting_for(Duration::from_secs(3_600))
}

/// Polls a future so many times and drops it where it stands.
async fn poll_then_drop<T>(polls: usize, work: impl Future<Output = T>) -> Option<T> {
    let (mut work, mut left) = (pin!(work), polls);
    poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        work.as_mut().poll(context).map(Some)
    })
    .await
}

/// The relay with its clients: events are sent until they are accepted.
pub(crate) struct RelayStage {
    sandbox: event_relay::Context,
    pub(crate) accepted: BTreeSet<String>,
}

impl RelayStage {
    pub(crate) fn new(world: &World) -> Self {
        Self {
            sandbox: world.relay_context(),
            accepted: BTreeSet::new(),
        }
    }

    /// Sends events once, over HTTP or the queue; gives those that were not accepted.
    pub(crate) async fn send_events(&mut self, world: &World, events: Vec<Value>) -> Vec<Value> {
        world.change_broker().await;
        let queue = world.injector.is_drawn(300);
        let payload = if queue {
            queue_payload(&events)
        } else {
            http_payload(&events)
        };
        // Kafka's pauses are real: a broker that is down costs no more of it than this.
        let budget = TimeBudget::lasting_for(Duration::from_secs(1));
        let payload = payload.to_string();
        match invoke_with_faults(world, event_relay::handle(&payload, &self.sandbox, budget)).await
        {
            None => {
                self.sandbox = world.relay_context();
                events
            }
            Some(answer) => self.settle_answer(world, events, &answer.unwrap(), queue),
        }
    }

    /// Notes what was accepted; what comes again anyway may have been accepted too.
    fn settle_answer(
        &mut self,
        world: &World,
        events: Vec<Value>,
        answer: &Value,
        queue: bool,
    ) -> Vec<Value> {
        let taken = if queue {
            completed_messages(answer, events.len())
        } else {
            accepted_events(answer, events.len())
        };
        let mut again = Vec::new();
        for (event, taken) in events.into_iter().zip(taken) {
            if taken {
                self.accepted
                    .insert(event["id"].as_str().unwrap().to_owned());
            }
            if !taken || world.injector.inject_fault("event sent again", 50) {
                again.push(event);
            }
        }
        world.injector.shuffle(&mut again);
        again
    }
}

fn http_payload(events: &[Value]) -> Value {
    json!({
        "version": "2.0", "rawPath": format!("/v1/{SOURCE}/events"),
        "headers": {"content-type": "application/json"},
        "body": Value::Array(events.to_vec()).to_string(), "isBase64Encoded": false,
        "requestContext": {
            "http": {
                "method": "POST", "path": "/", "protocol": "HTTP/1.1", "sourceIp": "",
                "userAgent": ""
            },
            "timeEpoch": 0,
            "authorizer": {"iam": {"userArn": "arn:aws:iam::000000000000:role/local-developer"}},
        },
    })
}

fn queue_payload(events: &[Value]) -> Value {
    let message = |(number, event): (usize, &Value)| {
        json!({
            "messageId": number.to_string(), "body": event.to_string(), "attributes": {},
            "messageAttributes": {},
            "eventSource": "aws:sqs", "eventSourceARN": "arn:aws:sqs:eu-west-2:0:events",
        })
    };
    json!({"Records": events.iter().enumerate().map(message).collect::<Vec<_>>()})
}

/// Which events of a request were accepted, by its answer.
fn accepted_events(answer: &Value, count: usize) -> Vec<bool> {
    let body: Value =
        serde_json::from_str(answer["body"].as_str().unwrap_or_default()).unwrap_or_default();
    (0..count)
        .map(|index| body["results"][index]["status"] == 202)
        .collect()
}

/// Which messages of a batch are done, by its answer.
fn completed_messages(answer: &Value, count: usize) -> Vec<bool> {
    let failed = failed_messages(answer);
    (0..count)
        .map(|number| !failed.contains(&number.to_string()))
        .collect()
}

pub(crate) fn failed_messages(answer: &Value) -> BTreeSet<String> {
    let failures = answer["batchItemFailures"].as_array().into_iter().flatten();
    failures
        .map(|failure| failure["itemIdentifier"].as_str().unwrap().to_owned())
        .collect()
}

/// The transform with its queue.
#[derive(Default)]
pub(crate) struct TransformStage {
    waiting: Vec<String>,
}

impl TransformStage {
    /// Messages that are not done.
    pub(crate) fn pending_messages(&mut self, world: &World) -> usize {
        self.waiting
            .append(&mut world.notified_keys.lock().unwrap());
        self.waiting.len()
    }

    /// One invocation with some messages, in any order, some of them twice.
    pub(crate) async fn run_once(&mut self, world: &World) {
        if self.pending_messages(world) == 0 {
            return;
        }
        world.injector.shuffle(&mut self.waiting);
        let rest = self
            .waiting
            .split_off(self.waiting.len().min(1 + world.injector.random_below(5)));
        let batch = std::mem::replace(&mut self.waiting, rest);
        for key in &batch {
            if world.injector.inject_fault("message delivered twice", 50) {
                self.waiting.push(key.clone());
            }
        }
        let event = s3_notifications(&batch);
        let sandbox = world.transform_context();
        // With no time left, the function hands everything back.
        let late = world.injector.inject_fault("transform out of time", 50);
        let time = if late {
            Duration::ZERO
        } else {
            Duration::from_secs(60)
        };
        let work = pole_transform::handle(event, &sandbox, TimeBudget::lasting_for(time));
        let answer = if world.injector.inject_fault("transform twice at once", 50) {
            let other = world.transform_context();
            let twin = pole_transform::handle(
                s3_notifications(&batch),
                &other,
                TimeBudget::lasting_for(Duration::from_secs(60)),
            );
            tokio::join!(
                invoke_with_faults(world, work),
                invoke_with_faults(world, twin)
            )
            .0
        } else {
            invoke_with_faults(world, work).await
        };
        let failed = match answer {
            Some(_) if world.broken == Some(Guard::PartialAnswer) => BTreeSet::new(),
            Some(failures) => failed_messages(&serde_json::to_value(failures).unwrap()),
            None => (0..batch.len()).map(|number| number.to_string()).collect(),
        };
        let again = batch
            .into_iter()
            .enumerate()
            .filter(|(number, _)| failed.contains(&number.to_string()));
        self.waiting.extend(again.map(|(_, key)| key));
    }

    /// Every raw object once more, its receipt taken away: with it, nothing would be done.
    pub(crate) async fn retransform_everything(world: &World, keys: &[String]) {
        let refined = world.zone_store("refined");
        for key in keys {
            let chunk = lake::Chunk::from_raw_key(key).unwrap();
            refined.delete(&chunk.receipt_key()).await.unwrap();
        }
        let budget = TimeBudget::lasting_for(Duration::from_secs(600));
        let failures =
            pole_transform::handle(s3_notifications(keys), &world.transform_context(), budget)
                .await;
        assert!(
            failures.batch_item_failures.is_empty(),
            "everything transforms again"
        );
    }
}

fn s3_notifications(keys: &[String]) -> SqsEvent {
    let message = |(number, key): (usize, &String)| {
        let record =
            json!({"s3": {"bucket": {"name": "raw"}, "object": {"key": key.replace('=', "%3D")}}});
        json!({
            "messageId": number.to_string(), "body": json!({"Records": [record]}).to_string(),
            "attributes": {}, "messageAttributes": {},
        })
    };
    serde_json::from_value(
        json!({"Records": keys.iter().enumerate().map(message).collect::<Vec<_>>()}),
    )
    .unwrap()
}

/// Merges a day: killed, twice at once, again; at most so many times. Says whether it was done.
pub(crate) async fn merge_day(world: &World, day: Day, tries: usize) -> bool {
    let schedule = ScheduleRequest {
        date: Some(day.to_string()),
        ..ScheduleRequest::default()
    };
    let budget = || TimeBudget::lasting_for(Duration::from_secs(600));
    for _ in 0..tries {
        let sandbox = world.merge_context();
        let work = snapshot_merge::handle(&schedule, &sandbox, budget());
        let done = if world.injector.inject_fault("merge twice at once", 100) {
            let other = Arc::new(world.merge_context());
            let twin = snapshot_merge::handle(&schedule, &other, budget());
            tokio::join!(
                invoke_with_faults(world, work),
                invoke_with_faults(world, twin)
            )
            .0
        } else {
            invoke_with_faults(world, work).await
        };
        if matches!(done, Some(Ok(_))) {
            return true;
        }
    }
    false
}
