//! What the function needs, from the environment, once.

use std::sync::Arc;

use host::{Failure, Settings};
use store::raw_log::LogEndCache;
use store::{MessageReceiver, ObjectStore, S3Store, SqsQueue, s3_client};

use crate::lanes::Lanes;

/// Lanes of a topic: Lambda polls a queue for at least two invocations at once.
const LANES_DEFAULT: u32 = 2;

/// What becomes of a Kafka batch of which a part fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KafkaFailureMode {
    /// The answer names the first offset of each partition that failed: event source mappings in
    /// provisioned mode understand it.
    #[default]
    Partial,
    /// The whole invocation fails, as Kafka on demand knows it.
    WholeBatch,
}

/// The function's context.
pub struct Context {
    /// The raw zone.
    pub raw: Arc<dyn ObjectStore>,
    /// The topics' epoch, which an operator raises when topics are recreated.
    pub epoch: u32,
    /// Where each stream's raw log ends, as far as this sandbox knows.
    pub log_ends: LogEndCache,
    /// The lanes to which the queue's records are appended.
    pub lanes: Lanes,
    /// What becomes of a Kafka batch of which a part fails.
    pub kafka_failures: KafkaFailureMode,
    /// The events queue, where a schedule starts the landing.
    pub events_queue: Option<Arc<dyn MessageReceiver>>,
}

impl Context {
    /// Reads the environment.
    ///
    /// # Errors
    /// Every setting that is missing or wrong.
    pub async fn from_env() -> Result<Self, Failure> {
        let mut settings = Settings::new(std::env::vars());
        host::init_telemetry(settings.optional_text("AWS_LAMBDA_LOG_LEVEL").as_deref());
        host::choose_metrics(&mut settings);
        let bucket = settings.required_text("RAW_BUCKET");
        let epoch = settings.number_or("TOPIC_EPOCH", 1);
        let lanes = settings.number_or("QUEUE_LANES", LANES_DEFAULT);
        let kafka_failures = read_kafka_failures(&mut settings);
        let events_queue = settings.optional_text("EVENTS_QUEUE_URL");
        let s3_endpoint = settings.optional_text("AWS_ENDPOINT_URL_S3");
        settings.finish_with(())?;

        let config = host::load_aws_config().await;
        let client = s3_client(&config, s3_endpoint.as_deref());
        let raw = Arc::new(S3Store::new(client, bucket));
        let mut context = Self::new(raw, epoch)
            .with_lanes(lanes)
            .with_kafka_failures(kafka_failures);
        if let Some(url) = events_queue {
            context = context.with_events_queue(Arc::new(SqsQueue::open(&config, url)));
        }
        Ok(context)
    }

    /// A context over any store.
    #[must_use]
    pub fn new(raw: Arc<dyn ObjectStore>, epoch: u32) -> Self {
        Self {
            raw,
            epoch,
            log_ends: LogEndCache::default(),
            lanes: Lanes::new(LANES_DEFAULT),
            kafka_failures: KafkaFailureMode::default(),
            events_queue: None,
        }
    }

    /// The same with the events queue, which a schedule's invocation empties.
    #[must_use]
    pub fn with_events_queue(mut self, queue: Arc<dyn MessageReceiver>) -> Self {
        self.events_queue = Some(queue);
        self
    }

    /// The same with so many lanes.
    #[must_use]
    pub fn with_lanes(mut self, count: u32) -> Self {
        self.lanes = Lanes::new(count);
        self
    }

    /// The same with another treatment of Kafka batches of which a part fails.
    #[must_use]
    pub fn with_kafka_failures(mut self, mode: KafkaFailureMode) -> Self {
        self.kafka_failures = mode;
        self
    }
}

fn read_kafka_failures(settings: &mut Settings) -> KafkaFailureMode {
    match settings.choice("KAFKA_FAILURES", &["partial", "batch"]) {
        "batch" => KafkaFailureMode::WholeBatch,
        _ => KafkaFailureMode::Partial,
    }
}
