//! The Kafka producer, behind a port of our own: krafka is before 1.0 and this file alone knows it.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use krafka::auth::{AuthConfig, AwsMskIamCredentials};
use krafka::producer::{Acks, Producer};
use krafka::{Compression, Kafka, Record};
use tokio::sync::Mutex;

/// A connection that idled longer is dropped and made anew: NAT gateways forget one after 350 s, and a frozen
/// sandbox does not notice.
const IDLE_MAX: Duration = Duration::from_secs(240);

/// One request to a broker.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// A record on its way to Kafka.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// The topic.
    pub topic: String,
    /// The record's key; Java's murmur2 of it gives the partition.
    pub key: Option<String>,
    /// The event, byte for byte as it came.
    pub value: Vec<u8>,
    /// Headers.
    pub headers: Vec<(&'static str, String)>,
}

/// Where records go.
#[async_trait]
pub trait EventSink: Send + Sync {
    /// Sends the records in their order; the answer says of each whether every replica in sync has it.
    async fn send(&self, records: Vec<Outgoing>, within: Duration) -> Vec<Result<(), String>>;
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
    connected: Mutex<Option<Connected>>,
}

struct Connected {
    producer: Producer,
    used: Instant,
}

impl KafkaSink {
    /// A sink that connects when the first record comes.
    #[must_use]
    pub fn new(settings: KafkaSettings) -> Self {
        Self { settings, connected: Mutex::new(None) }
    }

    async fn connect(&self, within: Duration) -> krafka::Result<Producer> {
        let mut builder = Kafka::builder(&self.settings.bootstrap)
            .client_id("polelake-event-relay")
            .connect_timeout(REQUEST_TIMEOUT.min(within))
            .request_timeout(REQUEST_TIMEOUT.min(within));
        if self.settings.iam {
            let region = self.settings.region.clone();
            // The role's credentials rotate: they are asked for at every new connection.
            builder = builder.security(AuthConfig::aws_msk_iam_provider(move || {
                let region = region.clone();
                async move { AwsMskIamCredentials::from_env_with_region(region) }
            }));
        }
        let kafka = builder.connect().await?;
        kafka
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

    async fn send_all(producer: &Producer, records: Vec<Outgoing>) -> Vec<Result<(), String>> {
        // Queue all of them first, so that they travel in few batches and in their order.
        let mut handles = Vec::with_capacity(records.len());
        for record in records {
            handles.push(producer.enqueue(kafka_record(record)).await);
        }
        let mut outcomes = Vec::with_capacity(handles.len());
        for handle in handles {
            outcomes.push(match handle {
                Ok(handle) => handle.await.map(drop).map_err(|error| error.to_string()),
                Err(error) => Err(error.to_string()),
            });
        }
        outcomes
    }
}

fn kafka_record(outgoing: Outgoing) -> Record {
    let mut record = Record::new(outgoing.topic, outgoing.value);
    if let Some(key) = outgoing.key {
        record = record.key(key);
    }
    outgoing.headers.into_iter().fold(record, |record, (name, value)| record.header(name, value))
}

#[async_trait]
impl EventSink for KafkaSink {
    async fn send(&self, records: Vec<Outgoing>, within: Duration) -> Vec<Result<(), String>> {
        let count = records.len();
        let mut connected = self.connected.lock().await;
        let kept = connected.take().filter(|connected| connected.used.elapsed() < IDLE_MAX);
        let producer = match kept {
            Some(kept) => kept.producer,
            None => match tokio::time::timeout(within, self.connect(within)).await {
                Ok(Ok(producer)) => producer,
                Ok(Err(error)) => return vec![Err(format!("Kafka cannot be reached: {error}")); count],
                Err(_) => return vec![Err("Kafka cannot be reached in time".to_owned()); count],
            },
        };
        match tokio::time::timeout(within, Self::send_all(&producer, records)).await {
            Ok(outcomes) => {
                // A producer that failed once is not trusted with the next batch.
                if outcomes.iter().all(Result::is_ok) {
                    *connected = Some(Connected { producer, used: Instant::now() });
                }
                outcomes
            }
            Err(_) => vec![Err("Kafka did not acknowledge in time".to_owned()); count],
        }
    }
}
