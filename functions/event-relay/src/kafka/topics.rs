//! What Kafka says of topics: that one does not exist or may not be used, and where its partitions
//! begin and end.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use krafka::admin::{
    AdminClient, DescribeTopicsOptions, ListOffsetsOptions, OffsetSpec, TopicPartition,
};
use krafka::error::{ErrorCode, KrafkaError};
use tokio::sync::Mutex;

use super::connection::{ATTEMPT_TIMEOUT, KafkaSettings, connect_kafka};
use crate::delivery::SendError;

/// How long a sending goes on before its topic is asked about. A client keeps asking for a topic
/// that does not exist until its time is up, because the topic may be about to be created.
const ASK_AFTER: Duration = Duration::from_millis(1_500);

/// The pause before Kafka is asked once more: a broker that has just started does not know every
/// topic yet.
const ASK_AGAIN_AFTER: Duration = Duration::from_millis(500);

/// How long Kafka may take to describe a topic: a caller is answered within five seconds.
const DESCRIBE_TIMEOUT: Duration = Duration::from_secs(1);

/// Why a record for this topic was not acknowledged.
pub(crate) fn send_error(topic: &str, error: &KrafkaError) -> SendError {
    let KrafkaError::Broker { code, .. } = error else {
        return SendError::Unavailable(error.to_string());
    };
    match code {
        ErrorCode::MessageTooLarge | ErrorCode::RecordListTooLarge => SendError::TooLarge,
        ErrorCode::TopicAuthorizationFailed => SendError::TopicDenied(topic.to_owned()),
        _ => SendError::Unavailable(error.to_string()),
    }
}

/// Why a topic cannot be described or read.
pub(crate) fn describe_error(topic: &str, error: &KrafkaError) -> SendError {
    match error {
        KrafkaError::Broker {
            code: ErrorCode::UnknownTopicOrPartition,
            ..
        } => SendError::TopicMissing(topic.to_owned()),
        _ => send_error(topic, error),
    }
}

/// Asks about a topic again and again, and ends when Kafka has refused it twice. Runs beside a
/// sending, which ends by itself when the topic is not refused.
pub(crate) async fn watch_topic(admin: &AdminClient, topic: &str) -> SendError {
    loop {
        tokio::time::sleep(ASK_AFTER).await;
        if find_refusal(admin, topic).await.is_none() {
            continue;
        }
        tokio::time::sleep(ASK_AGAIN_AFTER).await;
        if let Some(refusal) = find_refusal(admin, topic).await {
            return refusal;
        }
    }
}

/// Why Kafka refuses a topic; none when it does not refuse it, or does not answer.
async fn find_refusal(admin: &AdminClient, topic: &str) -> Option<SendError> {
    let options = DescribeTopicsOptions::default().timeout(DESCRIBE_TIMEOUT);
    let described = admin.describe_topics([topic], options).await.ok()?;
    let refused = described.into_values().find_map(Result::err)?;
    let error = describe_error(topic, &refused);
    error.remedy().is_some().then_some(error)
}

/// The first offset of each partition of a topic, and the offset behind its last record; for
/// operators' tools.
///
/// # Errors
/// When Kafka does not answer, when the topic does not exist, or when it may not be read.
pub async fn partition_bounds(
    settings: &KafkaSettings,
    topic: &str,
) -> Result<BTreeMap<i32, (i64, i64)>, SendError> {
    OffsetsClient::new(settings.clone())
        .partition_bounds(topic)
        .await
}

/// Asks Kafka for offsets again and again, on connections that it keeps.
pub struct OffsetsClient {
    settings: KafkaSettings,
    connected: Mutex<Option<Arc<AdminClient>>>,
}

impl OffsetsClient {
    /// A client that connects with the first question.
    #[must_use]
    pub fn new(settings: KafkaSettings) -> Self {
        Self {
            settings,
            connected: Mutex::default(),
        }
    }

    /// The first offset of each partition of a topic, and the offset behind its last record.
    ///
    /// # Errors
    /// As [`partition_bounds`]; the next question connects again where Kafka did not answer.
    pub async fn partition_bounds(
        &self,
        topic: &str,
    ) -> Result<BTreeMap<i32, (i64, i64)>, SendError> {
        let known = self.connected.lock().await.clone();
        let admin = match known {
            Some(admin) => admin,
            None => self.connect(topic).await?,
        };
        let bounds = find_bounds(&admin, topic).await;
        if matches!(bounds, Err(SendError::Unavailable(_))) {
            *self.connected.lock().await = None;
        }
        bounds
    }

    async fn connect(&self, topic: &str) -> Result<Arc<AdminClient>, SendError> {
        let connecting = connect_kafka(&self.settings, ATTEMPT_TIMEOUT).await;
        let kafka = connecting.map_err(|error| send_error(topic, &error))?;
        let admin = Arc::new(kafka.admin());
        *self.connected.lock().await = Some(Arc::clone(&admin));
        Ok(admin)
    }
}

async fn find_bounds(
    admin: &AdminClient,
    topic: &str,
) -> Result<BTreeMap<i32, (i64, i64)>, SendError> {
    let described = admin
        .describe_topics([topic], DescribeTopicsOptions::default())
        .await
        .map_err(|error| send_error(topic, &error))?;
    let mut partitions = Vec::new();
    for described in described.into_values() {
        let described = described.map_err(|error| describe_error(topic, &error))?;
        partitions.extend(
            described
                .partitions
                .iter()
                .map(|partition| partition.partition),
        );
    }

    let earliest = list_offsets(admin, topic, &partitions, OffsetSpec::Earliest).await?;
    let latest = list_offsets(admin, topic, &partitions, OffsetSpec::Latest).await?;

    let mut bounds: BTreeMap<i32, (i64, i64)> = BTreeMap::new();
    for (partition, offset) in earliest {
        bounds.entry(partition).or_default().0 = offset;
    }
    for (partition, offset) in latest {
        bounds.entry(partition).or_default().1 = offset;
    }
    Ok(bounds)
}

/// One offset of each partition.
async fn list_offsets(
    admin: &AdminClient,
    topic: &str,
    partitions: &[i32],
    spec: OffsetSpec,
) -> Result<Vec<(i32, i64)>, SendError> {
    let requests = partitions
        .iter()
        .map(|partition| (TopicPartition::new(topic, *partition), spec));
    let listed = admin
        .list_offsets(requests, ListOffsetsOptions::default())
        .await
        .map_err(|error| send_error(topic, &error))?;

    let offsets = listed.into_iter().map(|(location, offset)| {
        let offset = offset.map_err(|error| send_error(topic, &error))?;
        Ok((location.partition, offset.offset))
    });
    offsets.collect()
}
