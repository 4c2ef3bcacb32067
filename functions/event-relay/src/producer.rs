//! The Kafka producer, behind a port of our own: krafka is before 1.0 and this file alone knows it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime};

use async_trait::async_trait;
use krafka::admin::{DescribeTopicsOptions, ListOffsetsOptions, OffsetSpec, TopicPartition};
use krafka::auth::{AuthConfig, AwsMskIamCredentials};
use krafka::error::{ErrorCode, KrafkaError};
use krafka::producer::{Acks, Producer};
use krafka::{CloseOptions, Compression, Kafka, Record};
use tokio::sync::Mutex;

/// A connection that idled longer is dropped and made anew: NAT gateways forget one after 350 s, and a frozen
/// sandbox does not notice.
const CONNECTION_IDLE_MAX: Duration = Duration::from_secs(240);

/// A producer that is older is made anew. krafka 0.28.1 goes on polling without a pause once a partition was without
/// a leader for a moment (its next refresh of metadata stays in the past): this bounds what that burns.
const PRODUCER_AGE_MAX: Duration = Duration::from_secs(900);

/// One request to a broker.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// One try at a whole batch, connecting included.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);

/// Tries within one invocation.
const ATTEMPTS_MAX: u32 = 3;

/// The pause before the second try is up to this long, before the third up to twice.
const RETRY_PAUSE: Duration = Duration::from_millis(200);

/// A record on its way to Kafka.
#[derive(Clone, Debug)]
pub struct OutgoingRecord {
    /// The topic.
    pub topic: String,
    /// The record's key; Java's murmur2 of it gives the partition.
    pub key: Option<String>,
    /// The event, byte for byte as it came.
    pub value: Vec<u8>,
    /// Headers.
    pub headers: Vec<(&'static str, String)>,
}

/// Why a record was not acknowledged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The broker does not take so large a record; it never will.
    #[error("the record is larger than the topic takes")]
    TooLarge,
    /// Kafka did not acknowledge; another try may succeed.
    #[error("{0}")]
    Unavailable(String),
}

impl From<KrafkaError> for SendError {
    fn from(error: KrafkaError) -> Self {
        match &error {
            KrafkaError::Broker {
                code: ErrorCode::MessageTooLarge | ErrorCode::RecordListTooLarge,
                ..
            } => Self::TooLarge,
            _ => Self::Unavailable(error.to_string()),
        }
    }
}

/// Where records go.
#[async_trait]
pub trait EventSink: Send + Sync {
    /// Sends the records in their order; the answer says of each whether every replica in sync has it.
    async fn send_records(
        &self,
        records: Vec<OutgoingRecord>,
        within: Duration,
    ) -> Vec<Result<(), SendError>>;
}

/// How to reach Kafka.
#[derive(Clone, Debug)]
pub struct KafkaSettings {
    /// `host:port,host:port`.
    pub bootstrap: String,
    /// The region that signs the requests.
    pub region: String,
    /// Whether to sign in with the function's role (MSK IAM, over TLS) or not at all.
    pub iam: bool,
}

/// Kafka, by krafka: idempotent, all replicas.
pub struct KafkaSink {
    settings: KafkaSettings,
    cached: Mutex<Option<CachedProducer>>,
}

/// A producer, and when it was last used, by both clocks: a frozen sandbox may stop one of them.
struct CachedProducer {
    producer: Producer,
    created_at: Instant,
    last_used: (Instant, SystemTime),
}

impl CachedProducer {
    fn is_fresh(&self) -> bool {
        let idle = self
            .last_used
            .0
            .elapsed()
            .max(self.last_used.1.elapsed().unwrap_or(CONNECTION_IDLE_MAX));
        idle < CONNECTION_IDLE_MAX && self.created_at.elapsed() < PRODUCER_AGE_MAX
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

    async fn connect_producer(&self, within: Duration) -> krafka::Result<Producer> {
        connect_kafka(&self.settings, within)
            .await?
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
            .await
    }

    /// A broker that finds a batch too large says so of all its records: each of them is tried alone.
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
            let left = deadline.saturating_duration_since(Instant::now());
            if *outcome == Err(SendError::TooLarge) && !left.is_zero() {
                let alone = self
                    .send_once(vec![record.clone()], ATTEMPT_TIMEOUT.min(left))
                    .await;
                *outcome = alone.into_iter().next().unwrap_or(Err(SendError::TooLarge));
            }
        }
    }

    /// One try at all of them, on the connection that is kept or a new one.
    async fn send_once(
        &self,
        records: Vec<OutgoingRecord>,
        within: Duration,
    ) -> Vec<Result<(), SendError>> {
        let count = records.len();
        let failed = |why: String| vec![Err(SendError::Unavailable(why)); count];
        let mut connected = self.cached.lock().await;
        let kept = connected.take().filter(CachedProducer::is_fresh);
        let (producer, born) = match kept {
            Some(kept) => (kept.producer, kept.created_at),
            None => match tokio::time::timeout(within, self.connect_producer(within)).await {
                Ok(Ok(producer)) => (producer, Instant::now()),
                Ok(Err(error)) => return failed(format!("Kafka cannot be reached: {error}")),
                Err(_) => return failed("Kafka cannot be reached in time".to_owned()),
            },
        };
        let outcomes = tokio::time::timeout(within, send_all(&producer, records)).await;
        let outcomes =
            outcomes.unwrap_or_else(|_| failed("Kafka did not acknowledge in time".to_owned()));
        if outcomes.iter().all(Result::is_ok) {
            *connected = Some(CachedProducer {
                producer,
                created_at: born,
                last_used: (Instant::now(), SystemTime::now()),
            });
        } else {
            // A producer that failed once is not trusted with the next batch, and must not go on trying behind
            // our back with what is reported as not sent.
            drop(
                producer
                    .close_with(CloseOptions::new().timeout(Duration::ZERO))
                    .await,
            );
        }
        outcomes
    }
}

async fn connect_kafka(settings: &KafkaSettings, within: Duration) -> krafka::Result<Kafka> {
    let mut builder = Kafka::builder(&settings.bootstrap)
        .client_id("polelake")
        .connect_timeout(REQUEST_TIMEOUT.min(within))
        .request_timeout(REQUEST_TIMEOUT.min(within));
    if settings.iam {
        let region = settings.region.clone();
        // The role's credentials rotate: they are asked for at every new connection.
        builder = builder.security(AuthConfig::aws_msk_iam_provider(move || {
            let region = region.clone();
            async move { AwsMskIamCredentials::from_env_with_region(region) }
        }));
    }
    builder.connect().await
}

/// The first offset of each partition of a topic and the one behind its last record; for operators' tools.
///
/// # Errors
/// When Kafka does not answer.
pub async fn partition_bounds(
    settings: &KafkaSettings,
    topic: &str,
) -> Result<BTreeMap<i32, (i64, i64)>, SendError> {
    let admin = connect_kafka(settings, ATTEMPT_TIMEOUT).await?.admin();
    let described = admin
        .describe_topics([topic], DescribeTopicsOptions::default())
        .await?;
    let partitions: Vec<i32> = described
        .into_values()
        .flatten()
        .flat_map(|topic| topic.partitions)
        .map(|partition| partition.partition)
        .collect();
    let mut ends = BTreeMap::new();
    for (spec, end) in [(OffsetSpec::Earliest, false), (OffsetSpec::Latest, true)] {
        let specs = partitions
            .iter()
            .map(|partition| (TopicPartition::new(topic, *partition), spec));
        for (at, found) in admin
            .list_offsets(specs, ListOffsetsOptions::default())
            .await?
        {
            let place: &mut (i64, i64) = ends.entry(at.partition).or_default();
            *(if end { &mut place.1 } else { &mut place.0 }) = found?.offset;
        }
    }
    Ok(ends)
}

async fn send_all(producer: &Producer, records: Vec<OutgoingRecord>) -> Vec<Result<(), SendError>> {
    // Queue all of them first, so that they travel in few batches and in their order.
    let mut handles = Vec::with_capacity(records.len());
    for record in records {
        handles.push(producer.enqueue(kafka_record(record)).await);
    }
    let mut outcomes = Vec::with_capacity(handles.len());
    for handle in handles {
        outcomes.push(match handle {
            Ok(handle) => handle.await.map(drop).map_err(SendError::from),
            Err(error) => Err(error.into()),
        });
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
    /// What was not acknowledged is sent again on a new connection, as long as there is time: what was written
    /// after all is then there twice, and the event's id tells it.
    async fn send_records(
        &self,
        records: Vec<OutgoingRecord>,
        within: Duration,
    ) -> Vec<Result<(), SendError>> {
        let deadline = Instant::now() + within;
        let mut outcomes =
            vec![Err(SendError::Unavailable("no time was left".to_owned())); records.len()];
        let mut open: Vec<usize> = (0..records.len()).collect();
        for attempt in 1..=ATTEMPTS_MAX {
            let left = deadline.saturating_duration_since(Instant::now());
            if open.is_empty() || left.is_zero() {
                break;
            }
            let batch = open.iter().map(|place| records[*place].clone()).collect();
            for (place, outcome) in open
                .iter()
                .zip(self.send_once(batch, ATTEMPT_TIMEOUT.min(left)).await)
            {
                outcomes[*place] = outcome;
            }
            open.retain(|place| matches!(outcomes[*place], Err(SendError::Unavailable(_))));
            if !open.is_empty() && attempt < ATTEMPTS_MAX {
                tokio::time::sleep((RETRY_PAUSE * attempt).mul_f64(fastrand::f64()).min(left))
                    .await;
            }
        }
        self.resend_one_by_one(&records, &mut outcomes, deadline)
            .await;
        outcomes
    }
}
