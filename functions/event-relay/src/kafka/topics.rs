//! What Kafka says of topics: that one does not exist or may not be used, and where its partitions
//! begin and end.

use std::collections::BTreeMap;
use std::time::Duration;

use krafka::admin::{
    AdminClient, DescribeTopicsOptions, ListOffsetsOptions, OffsetSpec, TopicPartition,
};
use krafka::error::{ErrorCode, KrafkaError};

use super::connection::{ATTEMPT_TIMEOUT, KafkaSettings, connect_kafka};
use crate::delivery::SendError;

/// How long a sending goes on before its topics are asked about. A client keeps asking for a topic
/// that does not exist until its time is up, because the topic may be about to be created.
const ASK_AFTER: Duration = Duration::from_secs(2);

/// How long Kafka may take to describe topics: a caller is answered within five seconds.
const DESCRIBE_TIMEOUT: Duration = Duration::from_secs(2);

/// The topics that Kafka refuses, each with why.
pub(crate) type RefusedTopics = BTreeMap<String, SendError>;

/// Why a record for this topic was not acknowledged.
pub(crate) fn send_error(topic: &str, error: &KrafkaError) -> SendError {
    let KrafkaError::Broker { code, .. } = error else {
        return SendError::Unavailable(error.to_string());
    };
    match code {
        ErrorCode::MessageTooLarge | ErrorCode::RecordListTooLarge => SendError::TooLarge,
        ErrorCode::UnknownTopicOrPartition => SendError::TopicMissing(topic.to_owned()),
        ErrorCode::TopicAuthorizationFailed => SendError::TopicDenied(topic.to_owned()),
        _ => SendError::Unavailable(error.to_string()),
    }
}

/// Asks about topics again and again, and ends when Kafka refuses one of them. Runs beside a
/// sending, which ends by itself when none is refused.
pub(crate) async fn watch_topics(admin: &AdminClient, topics: &[String]) -> RefusedTopics {
    loop {
        tokio::time::sleep(ASK_AFTER).await;
        let refused = find_refused_topics(admin, topics).await;
        if !refused.is_empty() {
            return refused;
        }
    }
}

/// The topics that Kafka refuses; none when it does not answer.
async fn find_refused_topics(admin: &AdminClient, topics: &[String]) -> RefusedTopics {
    let options = DescribeTopicsOptions::default().timeout(DESCRIBE_TIMEOUT);
    let Ok(described) = admin.describe_topics(topics, options).await else {
        return RefusedTopics::new();
    };

    let refused = described.into_iter().filter_map(|(topic, described)| {
        let error = send_error(&topic, &described.err()?);
        error.remedy().is_some().then_some((topic, error))
    });
    refused.collect()
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
    let kafka = connect_kafka(settings, ATTEMPT_TIMEOUT)
        .await
        .map_err(|error| send_error(topic, &error))?;
    let admin = kafka.admin();
    let described = admin
        .describe_topics([topic], DescribeTopicsOptions::default())
        .await
        .map_err(|error| send_error(topic, &error))?;
    let mut partitions = Vec::new();
    for described in described.into_values() {
        let described = described.map_err(|error| send_error(topic, &error))?;
        partitions.extend(
            described
                .partitions
                .iter()
                .map(|partition| partition.partition),
        );
    }

    let earliest = list_offsets(&admin, topic, &partitions, OffsetSpec::Earliest).await?;
    let latest = list_offsets(&admin, topic, &partitions, OffsetSpec::Latest).await?;

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
