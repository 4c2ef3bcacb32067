//! The Kafka producer, behind the trait [`EventSink`].

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime};

use async_trait::async_trait;
use backon::RetryableWithContext;
use futures_util::future::join_all;
use krafka::admin::AdminClient;
use krafka::producer::{Acks, Producer};
use krafka::{CloseOptions, Compression, Record};
use tokio::sync::Mutex;

use super::connection::{ATTEMPT_TIMEOUT, KafkaSettings, REQUEST_TIMEOUT, connect_kafka};
use super::topics::{send_error, watch_topic};
use crate::delivery::{Delivery, EventSink, OutgoingRecord, RecordsPending, SendError};
use crate::retry::{SEND_RETRY, time_left};

/// A connection that was idle for longer is dropped, and the next batch connects again: NAT
/// gateways drop a connection after 350 s, and a frozen sandbox does not notice.
const CONNECTION_IDLE_MAX: Duration = Duration::from_secs(240);

/// A producer that is older is replaced. krafka 0.28.1 goes on polling without a pause once a
/// partition was without a leader for a moment (its next refresh of metadata stays in the past):
/// this bounds what that burns.
const PRODUCER_AGE_MAX: Duration = Duration::from_secs(900);

/// Kafka, by krafka: idempotent, all replicas.
pub struct KafkaSink {
    settings: KafkaSettings,
    cached: Mutex<Option<CachedProducer>>,
}

/// A producer, and when it was last used, by both clocks: a frozen sandbox may stop one of them.
struct CachedProducer {
    producer: Producer,
    /// Asks about topics, on the producer's connections.
    admin: AdminClient,
    created_at: Instant,
    last_used: (Instant, SystemTime),
}

impl CachedProducer {
    fn new(producer: Producer, admin: AdminClient) -> Self {
        Self {
            producer,
            admin,
            created_at: Instant::now(),
            last_used: (Instant::now(), SystemTime::now()),
        }
    }

    fn is_fresh(&self) -> bool {
        let (instant, wall_clock) = self.last_used;
        let idle = instant
            .elapsed()
            .max(wall_clock.elapsed().unwrap_or(CONNECTION_IDLE_MAX));

        idle < CONNECTION_IDLE_MAX && self.created_at.elapsed() < PRODUCER_AGE_MAX
    }

    /// Sends the records of every topic at once, so that a topic which Kafka refuses holds up no
    /// other. The outcomes are in the order of the records.
    async fn send_by_topic(
        &self,
        records: Vec<OutgoingRecord>,
        within: Duration,
    ) -> Vec<Result<(), SendError>> {
        let sendings = group_by_topic(records)
            .into_iter()
            .map(|(topic, records)| self.send_topic(topic, records, within));
        let mut outcomes: Vec<_> = join_all(sendings).await.into_iter().flatten().collect();
        outcomes.sort_by_key(|(place, _)| *place);
        outcomes.into_iter().map(|(_, outcome)| outcome).collect()
    }

    /// Sends the records of one topic, and ends early when Kafka refuses it. Gives the outcome of
    /// each with its place.
    async fn send_topic(
        &self,
        topic: String,
        records: Vec<(usize, OutgoingRecord)>,
        within: Duration,
    ) -> Vec<(usize, Result<(), SendError>)> {
        let (places, records): (Vec<usize>, Vec<OutgoingRecord>) = records.into_iter().unzip();
        let sending = tokio::time::timeout(within, send_all(&self.producer, records));
        let failure = tokio::select! {
            outcomes = sending => match outcomes {
                Ok(outcomes) => return places.into_iter().zip(outcomes).collect(),
                Err(_) => SendError::Unavailable("Kafka did not acknowledge in time".to_owned()),
            },
            refusal = watch_topic(&self.admin, &topic) => refusal,
        };
        let failed = places
            .into_iter()
            .map(|place| (place, Err(failure.clone())));
        failed.collect()
    }

    /// Ends a producer that failed once: it is not trusted with the next batch, and must not go on
    /// sending in the background what is reported as not sent.
    async fn close(self) {
        let at_once = CloseOptions::new().timeout(Duration::ZERO);
        drop(self.producer.close_with(at_once).await);
    }
}

impl KafkaSink {
    /// A sink that connects when the first record comes.
    #[must_use]
    pub fn new(settings: KafkaSettings) -> Self {
        Self {
            settings,
            cached: Mutex::new(None),
        }
    }

    async fn connect_producer(&self, within: Duration) -> krafka::Result<CachedProducer> {
        let kafka = connect_kafka(&self.settings, within).await?;
        let producer = kafka
            .producer()
            .acks(Acks::All)
            .idempotent(true)
            .compression(Compression::Zstd)
            .batch_size(1024 * 1024)
            .linger(Duration::from_millis(1))
            .delivery_timeout(within.max(REQUEST_TIMEOUT * 2))
            .max_block(within)
            .metrics_push(false)
            .build()
            .await?;
        Ok(CachedProducer::new(producer, kafka.admin()))
    }

    /// A new producer, unless the time is too short to connect.
    async fn connect_in_time(&self, within: Duration) -> Result<CachedProducer, SendError> {
        match tokio::time::timeout(within, self.connect_producer(within)).await {
            Ok(Ok(producer)) => Ok(producer),
            Ok(Err(error)) => {
                let message = format!("Kafka cannot be reached: {error}");
                Err(SendError::Unavailable(message))
            }
            Err(_) => {
                let message = "Kafka cannot be reached in time".to_owned();
                Err(SendError::Unavailable(message))
            }
        }
    }

    /// One attempt at the pending records. The delivery travels from attempt to attempt.
    async fn send_pending(
        &self,
        mut delivery: Delivery,
        deadline: Instant,
    ) -> (Delivery, Result<(), RecordsPending>) {
        let within = ATTEMPT_TIMEOUT.min(time_left(deadline));
        if !delivery.pending.is_empty() && !within.is_zero() {
            let outcomes = self.send_once(delivery.pending_records(), within).await;
            delivery.note_outcomes(outcomes);
        }

        let state = delivery.state();
        (delivery, state)
    }

    /// A broker that finds a batch too large reports that of all its records: each of them is sent
    /// alone.
    async fn resend_one_by_one(
        &self,
        records: &[OutgoingRecord],
        outcomes: &mut [Result<(), SendError>],
        deadline: Instant,
    ) {
        if records.len() < 2 {
            return;
        }
        for (record, outcome) in records.iter().zip(outcomes) {
            let within = ATTEMPT_TIMEOUT.min(time_left(deadline));
            if *outcome == Err(SendError::TooLarge) && !within.is_zero() {
                let single = self.send_once(vec![record.clone()], within).await;
                *outcome = single
                    .into_iter()
                    .next()
                    .unwrap_or(Err(SendError::TooLarge));
            }
        }
    }

    /// One attempt at all of the records, on the cached connection or a new one.
    async fn send_once(
        &self,
        records: Vec<OutgoingRecord>,
        within: Duration,
    ) -> Vec<Result<(), SendError>> {
        let count = records.len();
        let mut cached = self.cached.lock().await;
        let connected = match cached.take().filter(CachedProducer::is_fresh) {
            Some(producer) => Ok(producer),
            None => self.connect_in_time(within).await,
        };
        let mut connected = match connected {
            Ok(producer) => producer,
            Err(error) => return vec![Err(error); count],
        };

        let outcomes = connected.send_by_topic(records, within).await;
        if outcomes.iter().all(Result::is_ok) {
            connected.last_used = (Instant::now(), SystemTime::now());
            *cached = Some(connected);
        } else {
            connected.close().await;
        }
        outcomes
    }
}

/// The records of each topic, each with its place among all.
fn group_by_topic(records: Vec<OutgoingRecord>) -> BTreeMap<String, Vec<(usize, OutgoingRecord)>> {
    let mut topics: BTreeMap<String, Vec<_>> = BTreeMap::new();
    for (place, record) in records.into_iter().enumerate() {
        let of_topic = topics.entry(record.topic.clone()).or_default();
        of_topic.push((place, record));
    }
    topics
}

async fn send_all(producer: &Producer, records: Vec<OutgoingRecord>) -> Vec<Result<(), SendError>> {
    // Queue all of them first, so that they travel in few batches and in their order.
    let mut handles = Vec::with_capacity(records.len());
    for record in records {
        let topic = record.topic.clone();
        handles.push((topic, producer.enqueue(kafka_record(record)).await));
    }

    let mut outcomes = Vec::with_capacity(handles.len());
    for (topic, handle) in handles {
        let sent = match handle {
            Ok(handle) => handle.await.map(drop),
            Err(error) => Err(error),
        };
        outcomes.push(sent.map_err(|error| send_error(&topic, &error)));
    }
    outcomes
}

fn kafka_record(outgoing: OutgoingRecord) -> Record {
    let mut record = Record::new(outgoing.topic, outgoing.value);
    if let Some(key) = outgoing.key {
        record = record.key(key);
    }

    outgoing
        .headers
        .into_iter()
        .fold(record, |record, (name, value)| record.header(name, value))
}

#[async_trait]
impl EventSink for KafkaSink {
    /// What Kafka did not acknowledge is sent again on a new connection, as long as there is time.
    /// A record that Kafka wrote without acknowledging it is then there twice; both have the same
    /// event id.
    async fn send_records(
        &self,
        records: Vec<OutgoingRecord>,
        within: Duration,
    ) -> Vec<Result<(), SendError>> {
        let deadline = Instant::now() + within;
        let attempt = |delivery| self.send_pending(delivery, deadline);
        let (mut delivery, _) = attempt
            .retry(SEND_RETRY.pauses_until(deadline))
            .context(Delivery::new(records))
            .await;

        self.resend_one_by_one(&delivery.records, &mut delivery.outcomes, deadline)
            .await;
        delivery.outcomes
    }
}
