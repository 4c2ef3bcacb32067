//! The relay's producer against a broker that goes, comes back, refuses and loses answers.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use event_relay::kafka::{
    EventSink, KafkaSettings, KafkaSink, OutgoingRecord, SendError, partition_bounds,
};
use local_platform::clock::Clock;
use local_platform::kafka::fault_injection::{
    INVALID_PRODUCER_EPOCH, MESSAGE_TOO_LARGE, ProduceFault, TOPIC_AUTHORIZATION_FAILED,
};
use local_platform::kafka::{self, TopicLogs};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::lake_under_test::{LakeUnderTest, person_event};

struct Broker {
    topics: Arc<TopicLogs>,
    address: String,
    task: JoinHandle<()>,
    life: i64,
}

impl Broker {
    async fn start(
        name: &str,
        forecast: impl Fn() -> ProduceFault + Send + Sync + 'static,
    ) -> Self {
        Self::over(new_topics(name), forecast).await
    }

    /// A broker that creates no topic that a client asks for.
    async fn without_topic_creation(name: &str) -> Self {
        let topics = new_topics(name).without_topic_creation();
        Self::over(topics, || ProduceFault::NoFault).await
    }

    async fn over(
        topics: TopicLogs,
        forecast: impl Fn() -> ProduceFault + Send + Sync + 'static,
    ) -> Self {
        let topics = Arc::new(topics);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let task = serve(listener, &topics, 1_000, Arc::new(forecast));
        Self {
            topics,
            address,
            task,
            life: 1,
        }
    }

    async fn stop(&mut self) {
        self.task.abort();
        drop((&mut self.task).await);
    }

    async fn back(&mut self) {
        let listener = TcpListener::bind(&self.address).await.unwrap();
        self.life += 1;
        self.task = serve(
            listener,
            &self.topics,
            self.life * 1_000,
            kafka::fault_injection::no_faults(),
        );
    }

    fn settings(&self) -> KafkaSettings {
        KafkaSettings::open(&self.address)
    }

    fn sink(&self) -> KafkaSink {
        KafkaSink::new(self.settings())
    }

    /// What every partition holds.
    fn values(&self) -> Vec<String> {
        let logs = self.topics.get_or_create_topic("t").unwrap();
        let records = logs
            .iter()
            .flat_map(|log| log.read_records(0, usize::MAX).unwrap());
        let mut values: Vec<String> = records
            .map(|record| String::from_utf8(record.value.unwrap().to_vec()).unwrap())
            .collect();
        values.sort();
        values
    }
}

fn new_topics(name: &str) -> TopicLogs {
    let folder =
        std::env::temp_dir().join(format!("polelake-broker-{}-{name}", std::process::id()));
    drop(std::fs::remove_dir_all(&folder));
    TopicLogs::open(Path::new(&folder), Arc::new(Clock::default())).unwrap()
}

fn serve(
    listener: TcpListener,
    topics: &Arc<TopicLogs>,
    first: i64,
    forecast: kafka::fault_injection::FaultInjection,
) -> JoinHandle<()> {
    let topics = Arc::clone(topics);
    tokio::spawn(async move { drop(kafka::serve_broker(listener, topics, first, forecast).await) })
}

fn record(value: &str) -> OutgoingRecord {
    OutgoingRecord {
        topic: "t".into(),
        key: Some("k".into()),
        value: value.into(),
        headers: Vec::new(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_went_and_came_back_is_found_again_and_nothing_is_claimed() {
    let mut broker = Broker::start("back", || ProduceFault::NoFault).await;
    let sink = broker.sink();
    assert_eq!(
        sink.send_records(vec![record("1")], Duration::from_secs(10))
            .await,
        [Ok(())]
    );
    broker.stop().await;
    let lost = sink
        .send_records(vec![record("2")], Duration::from_secs(4))
        .await;
    assert!(
        matches!(lost[0], Err(SendError::Unavailable(_))),
        "{lost:?}"
    );
    broker.back().await;
    // What was reported as not sent is not sent behind our back.
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(
        sink.send_records(vec![record("3")], Duration::from_secs(10))
            .await,
        [Ok(())]
    );
    assert_eq!(broker.values(), ["1", "3"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_life_of_a_producer_is_no_repeat_of_the_old_one() {
    // Every second request is refused as if another producer had taken over: krafka begins a new
    // epoch.
    let turn = AtomicU32::new(0);
    let broker = Broker::start("epoch", move || {
        match turn.fetch_add(1, Ordering::SeqCst) % 2 {
            0 => ProduceFault::NoFault,
            _ => ProduceFault::Refused(INVALID_PRODUCER_EPOCH),
        }
    })
    .await;
    let sink = broker.sink();
    let mut accepted = Vec::new();
    for number in 0..12 {
        let value = format!("{number:02}");
        if sink
            .send_records(vec![record(&value)], Duration::from_secs(10))
            .await
            == [Ok(())]
        {
            accepted.push(value);
        }
    }
    let values = broker.values();
    assert!(accepted.len() > 6, "{accepted:?}");
    assert!(
        accepted.iter().all(|value| values.contains(value)),
        "{accepted:?} of {values:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_is_too_large_is_told_apart_and_lost_answers_are_made_good() {
    let broker = Broker::start("large", || ProduceFault::Refused(MESSAGE_TOO_LARGE)).await;
    assert_eq!(
        broker
            .sink()
            .send_records(vec![record("x")], Duration::from_secs(10))
            .await,
        [Err(SendError::TooLarge)]
    );
    let turn = AtomicU32::new(0);
    let broker = Broker::start("lossy", move || {
        match turn.fetch_add(1, Ordering::SeqCst) % 3 {
            0 => ProduceFault::LostAfterAppend,
            1 => ProduceFault::LostBeforeAppend,
            _ => ProduceFault::NoFault,
        }
    })
    .await;
    let records = (0..20)
        .map(|number| record(&format!("{number:02}")))
        .collect();
    let sent = broker
        .sink()
        .send_records(records, Duration::from_secs(20))
        .await;
    assert!(sent.iter().all(Result::is_ok), "{sent:?}");
    let mut values = broker.values();
    values.dedup();
    assert_eq!(
        values.len(),
        20,
        "every one is there; repeats are told by the event's id"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_does_not_exist_is_told_at_once_and_holds_up_no_other() {
    let broker = Broker::without_topic_creation("missing").await;
    let sink = broker.sink();
    let missing = [Err(SendError::TopicMissing("t".to_owned()))];

    let begun = std::time::Instant::now();
    let sent = sink
        .send_records(vec![record("1")], Duration::from_secs(25))
        .await;
    assert_eq!(sent, missing);
    // The caller is answered within five seconds, the gateway and the relay included.
    let took = begun.elapsed();
    assert!(took < Duration::from_millis(4_500), "{took:?}");
    let bounds = partition_bounds(&broker.settings(), "t").await;
    assert_eq!(bounds, Err(SendError::TopicMissing("t".to_owned())));

    // Beside it, the records of other topics get through.
    broker.topics.get_or_create_topic("other").unwrap();
    let other = |value| OutgoingRecord {
        topic: "other".into(),
        ..record(value)
    };
    let sent = sink
        .send_records(
            vec![other("2"), record("1"), other("3")],
            Duration::from_secs(25),
        )
        .await;
    assert_eq!(sent, [Ok(()), missing[0].clone(), Ok(())]);
    let bounds = partition_bounds(&broker.settings(), "other").await.unwrap();
    let there: i64 = bounds.values().map(|(_, end)| end).sum();
    assert_eq!(there, 2, "nothing is sent twice because of the other topic");

    // Once it is created, so do its own.
    broker.topics.get_or_create_topic("t").unwrap();
    let sent = sink
        .send_records(vec![record("1")], Duration::from_secs(25))
        .await;
    assert_eq!(sent, [Ok(())]);
    assert_eq!(broker.values(), ["1"]);
    let bounds = partition_bounds(&broker.settings(), "t").await.unwrap();
    assert_eq!(bounds.values().map(|(_, end)| end).sum::<i64>(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_may_not_be_written_is_told_at_once() {
    let denied = || ProduceFault::Refused(TOPIC_AUTHORIZATION_FAILED);
    let broker = Broker::start("denied", denied).await;
    let begun = std::time::Instant::now();
    let sent = broker
        .sink()
        .send_records(vec![record("1")], Duration::from_secs(25))
        .await;
    assert_eq!(sent, [Err(SendError::TopicDenied("t".to_owned()))]);
    let took = begun.elapsed();
    assert!(took < Duration::from_millis(4_500), "{took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sandbox_that_was_frozen_goes_on() {
    let lake = LakeUnderTest::start().await;
    let event = |minute| {
        person_event(
            "PersonCreatedEvent",
            "p1",
            minute,
            json!({"firstName": "Ada"}),
        )
    };
    lake.push_events("housing-person", &[event(1)]).await;
    // Other tests have relays too: ours are those of our broker.
    let relays = || {
        let processes = std::fs::read_dir("/proc").unwrap().flatten();
        processes.filter_map(|entry| {
            let read = |name: &str| std::fs::read(entry.path().join(name)).ok();
            let text =
                |name: &str| read(name).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
            let ours = text("environ")?.contains(&lake.platform.kafka);
            (ours && text("cmdline")?.contains("function\0event-relay"))
                .then(|| entry.file_name().into_string().unwrap())
        })
    };
    let signal = |name: &str| {
        for pid in relays() {
            assert!(
                std::process::Command::new("kill")
                    .args([name, &pid])
                    .status()
                    .unwrap()
                    .success()
            );
        }
    };
    assert!(relays().count() > 0, "a relay must be there to be frozen");
    signal("-STOP");
    let waiting = tokio::spawn({
        let (url, body) = (
            format!("{}/v1/housing-person/events", lake.platform.api),
            event(2).to_string(),
        );
        async move {
            reqwest::Client::new()
                .post(url)
                .header("content-type", "application/json")
                .body(body)
                .send()
                .await
                .unwrap()
                .status()
                .as_u16()
        }
    });
    tokio::time::sleep(Duration::from_secs(2)).await;
    signal("-CONT");
    assert_eq!(waiting.await.unwrap(), 202);
    lake.push_events("housing-person", &[event(3)]).await;
    let (_, report) = lake.run_day(crate::lake_under_test::MONDAY).await;
    assert_eq!(report["sources"]["housing-person"]["refined"], 3);
}
