//! What waits in the events queue is shown, and needs attention when it waits for long or was given
//! up.

use std::sync::Arc;
use std::time::Duration;

use contract::Transport;
use lake::{Chunk, FIRST_LANE_PARTITION, Receipt};
use local_platform::RunningPlatform;
use local_platform::queue::LocalQueue;
use operations::status::{EventsQueueAnswer, EventsQueueStatus, StatusRequest, read_status};
use serde_json::{Value, json};
use store::ObjectStore;

use super::{
    Days, LakeUnderTest, MONDAY, SOURCE, TUESDAY, WEDNESDAY, assert_one, attention, born, handle,
    polelake, repository_root, request_on, two_days,
};

/// A message is given up within this time on a busy machine: five tries take 15 s.
const SETTLES_WITHIN: Duration = Duration::from_secs(180);

/// What no landing reads.
const UNREADABLE: &str = "no message of the relay";

/// Longer than a message may wait, in seconds.
const LATE_SECONDS: i64 = 20 * 60;

/// Nothing in the queue, and nothing given up.
const EMPTY: EventsQueueStatus = EventsQueueStatus {
    waiting: 0,
    in_flight: 0,
    delayed: 0,
    dead_letters: Some(0),
    oldest_age: None,
};

/// A request at noon of Wednesday, with what the queue answered.
fn request_with(answer: EventsQueueAnswer, on_aws: bool) -> StatusRequest {
    StatusRequest {
        events_queue: Some(answer),
        on_aws,
        ..request_on(WEDNESDAY)
    }
}

fn counts(counts: EventsQueueStatus) -> EventsQueueAnswer {
    EventsQueueAnswer::Counts(counts)
}

#[tokio::test]
async fn messages_need_attention_when_they_wait_for_longer_than_a_landing_takes() {
    let days = two_days().await;
    let lake = handle(&days);
    let waiting = EventsQueueStatus {
        waiting: 2,
        in_flight: 1,
        oldest_age: Some(14 * 60),
        ..EMPTY
    };
    let request = request_with(counts(waiting), false);
    let status = read_status(&lake, request).await.unwrap();
    assert_eq!(attention(&status), Vec::<String>::new());
    assert_eq!(
        json!(status)["events_queue"],
        json!({"waiting": 2, "in_flight": 1, "delayed": 0, "dead_letters": 0, "oldest_age": 840})
    );

    let late = EventsQueueStatus {
        oldest_age: Some(16 * 60),
        ..waiting
    };
    let request = request_with(counts(late), false);
    let status = read_status(&lake, request).await.unwrap();
    assert_one(
        &status,
        &[
            "events queue: 2 messages wait and 1 are in flight, the oldest for 16 minutes",
            "`polelake up`, then `polelake status`",
        ],
    );

    // Notices of acknowledged messages are delayed, and no event.
    let notices = EventsQueueStatus {
        delayed: 7,
        ..EMPTY
    };
    let request = request_with(counts(notices), true);
    let status = read_status(&lake, request).await.unwrap();
    assert_eq!(attention(&status), Vec::<String>::new());
}

/// Puts a copy of Tuesday's raw object into the log of the queue's first lane, with its receipt.
async fn land_by_queue(days: &Days) {
    let mapping = days.catalogue.mapping_of_source(SOURCE).unwrap();
    let by_kafka = Chunk {
        topic: mapping.contract.topic.clone(),
        epoch: 1,
        partition: 0,
        offset: 1,
    };
    let body = days.raw.get(&by_kafka.raw_key()).await.unwrap().body;
    let receipt = days.refined.get(&by_kafka.receipt_key()).await.unwrap();
    let mut receipt = Receipt::from_json(&receipt.body).unwrap();

    let by_queue = Chunk {
        partition: FIRST_LANE_PARTITION,
        offset: 0,
        ..by_kafka
    };
    days.raw.put(&by_queue.raw_key(), body, "").await.unwrap();
    receipt.stream.partition = by_queue.partition;
    receipt.offset = by_queue.offset;
    let body = receipt.to_json().unwrap().into();
    let stored = days.refined.put(&by_queue.receipt_key(), body, "").await;
    stored.unwrap();
}

/// SQS tells no age: what the queue brought last is looked at.
#[tokio::test]
async fn without_an_age_the_last_landing_of_the_queue_decides() {
    let one = EventsQueueStatus {
        in_flight: 1,
        ..EMPTY
    };
    // Kafka brought something five minutes ago, the queue nothing.
    let evening = StatusRequest {
        now_millis: request_on(TUESDAY).now_millis + (8 * 60 + 5) * 60_000,
        ..request_with(counts(one), true)
    };
    let days = two_days().await;
    let lake = handle(&days);
    let status = read_status(&lake, evening.clone()).await.unwrap();
    assert_one(
        &status,
        &[
            "0 messages wait and 1 are in flight, and nothing of the queue has landed",
            "`polelake status --aws` again",
            "The events queue to raw",
        ],
    );

    land_by_queue(&days).await;
    let status = read_status(&lake, evening).await.unwrap();
    assert_eq!(attention(&status), Vec::<String>::new());
}

#[tokio::test]
async fn given_up_messages_and_a_queue_that_does_not_answer_need_attention() {
    let days = two_days().await;
    let lake = handle(&days);
    let dead = EventsQueueStatus {
        dead_letters: Some(3),
        ..EMPTY
    };
    let request = StatusRequest {
        dead_letters: Some(3),
        ..request_with(counts(dead), false)
    };
    let status = read_status(&lake, request).await.unwrap();
    // The three are counted once.
    let given_up = "3 messages were given up after their tries: their events are not landed";
    assert_one(
        &status,
        &[given_up, "`logs/raw-landing.log`", "`queues/events/dead`"],
    );
    let request = request_with(counts(dead), true);
    let status = read_status(&lake, request).await.unwrap();
    assert_one(&status, &[given_up, "Redrive dead letters"]);

    let failure = "count the messages of https://q: AccessDenied".to_owned();
    let request = request_with(EventsQueueAnswer::Failure { failure }, true);
    let status = read_status(&lake, request).await.unwrap();
    assert_one(
        &status,
        &[
            "events queue: it does not say what it holds: count the messages of https://q",
            "`sqs:GetQueueAttributes`",
        ],
    );
    assert!(
        json!(status)["events_queue"]["failure"].is_string(),
        "{}",
        json!(status)["events_queue"]
    );
}

#[tokio::test]
async fn a_lake_whose_queue_holds_something_is_not_empty() {
    let lake = handle(&Days::new());
    for (held, is_empty) in [
        (EMPTY, true),
        (
            EventsQueueStatus {
                waiting: 1,
                ..EMPTY
            },
            false,
        ),
    ] {
        let request = request_with(counts(held), false);
        let status = read_status(&lake, request).await.unwrap();
        assert_eq!(status.is_empty, is_empty);
    }
}

/// Runs `polelake status` on a running platform; gives the exit code, the document and the text.
fn look(lake: &LakeUnderTest) -> (i32, Value, String) {
    let shipped = repository_root().join("contracts");
    let (code, status, said) = polelake(lake, &shipped, &["status", "--json"]);
    let (text_code, _, text) = polelake(lake, &shipped, &["status"]);
    assert_eq!(code, text_code, "{said}\n{text}");
    (code, status, text)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_does_not_land_is_seen_until_it_is_given_up() {
    let lake = LakeUnderTest::start_with_transport(Transport::Queue).await;
    lake.push_events(SOURCE, &[born("a")]).await;
    lake.run_day(MONDAY).await;
    let (code, status, text) = look(&lake);
    assert_eq!(code, 0, "{text}");
    let held = &status["events_queue"];
    assert_eq!(
        (&held["waiting"], &held["in_flight"], &held["dead_letters"]),
        (&json!(0), &json!(0), &json!(0))
    );

    let running = Arc::clone(&lake.platform.running);
    let sender = tokio::spawn(send_late_messages(running));
    wait_until(|| queue_of(&lake).pending_count() >= 2).await;
    let (code, status, text) = look(&lake);
    assert_eq!(code, 1, "{text}");
    let held = &status["events_queue"];
    let unlanded = held["waiting"].as_u64().unwrap() + held["in_flight"].as_u64().unwrap();
    assert!(unlanded >= 1, "{held}");
    assert!(held["oldest_age"].as_i64().unwrap() >= LATE_SECONDS);
    for part in [
        "; the oldest is there for ",
        "! events queue: ",
        " are in flight, the oldest for ",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }

    sender.abort();
    wait_until(|| queue_of(&lake).pending_count() == 0).await;
    let (code, status, text) = look(&lake);
    assert_eq!(code, 1, "{text}");
    let given_up = queue_of(&lake).dead_letter_count();
    assert_eq!(status["events_queue"]["dead_letters"], given_up);
    assert_eq!(status["attention"].as_array().unwrap().len(), 1, "{text}");
    for part in [
        "events queue: 0 messages wait, 0 in flight, ".to_owned(),
        format!(", {given_up} dead letters\n"),
        format!("! events queue: {given_up} messages were given up"),
        "`logs/raw-landing.log`".to_owned(),
    ] {
        assert!(text.contains(&part), "{part}: {text}");
    }
    assert!(!text.contains(UNREADABLE), "no value: {text}");
}

fn queue_of(lake: &LakeUnderTest) -> &LocalQueue {
    lake.platform.running.find_queue("events").unwrap()
}

/// Sends a message that no landing reads every second, each of them long before the next one by the
/// platform's clock. Each is given up after 15 s, so that on a slow machine too some are there.
async fn send_late_messages(running: Arc<RunningPlatform>) {
    loop {
        let queue = running.find_queue("events").unwrap();
        queue.send_message(UNREADABLE.to_owned()).unwrap();
        let now = running.clock.now_millis();
        running.clock.set_millis(now + LATE_SECONDS * 1_000);
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

async fn wait_until(is_so: impl Fn() -> bool) {
    let waiting = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(SETTLES_WITHIN, waiting).await.unwrap();
}
