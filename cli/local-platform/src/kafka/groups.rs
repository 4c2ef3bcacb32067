//! Consumer groups, of which the local broker has none.
//!
//! A consumer that waits in silence tells its owner nothing. So a consumer may ask for the
//! coordinator and for committed offsets, as it does with partitions that it was assigned by hand;
//! joining a group is refused with an error that clients show and do not repeat.

use kafka_protocol::messages::find_coordinator_response::Coordinator;
use kafka_protocol::messages::offset_commit_response::{
    OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};
use kafka_protocol::messages::offset_fetch_response::{
    OffsetFetchResponsePartition, OffsetFetchResponseTopic,
};
use kafka_protocol::messages::{
    BrokerId, FindCoordinatorRequest, FindCoordinatorResponse, HeartbeatResponse, JoinGroupRequest,
    JoinGroupResponse, LeaveGroupResponse, OffsetCommitRequest, OffsetCommitResponse,
    OffsetFetchRequest, OffsetFetchResponse, SyncGroupResponse,
};
use kafka_protocol::protocol::StrBytes;

/// The one error of groups that clients neither hide nor repeat.
const GROUP_AUTHORIZATION_FAILED: i16 = 30;

/// The same of transactions.
const TRANSACTIONAL_ID_AUTHORIZATION_FAILED: i16 = 53;

/// The kind of a coordinator's key that is a transaction's.
const TRANSACTION_KEY: i8 = 1;

/// No offset was committed.
const NO_OFFSET: i64 = -1;

const NO_TRANSACTIONS: &str = "the local platform's broker has no transactions";

/// The coordinator of every group is this broker; transactions have none.
pub(super) fn find_coordinator(
    request: &FindCoordinatorRequest,
    port: u16,
) -> FindCoordinatorResponse {
    let is_group = request.key_type != TRANSACTION_KEY;
    let error_code = match is_group {
        true => 0,
        false => TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    };
    let message = (!is_group).then(|| StrBytes::from_static_str(NO_TRANSACTIONS));
    let host = StrBytes::from_static_str("127.0.0.1");

    let coordinators = request.coordinator_keys.iter().map(|key| {
        Coordinator::default()
            .with_key(key.clone())
            .with_node_id(BrokerId(1))
            .with_host(host.clone())
            .with_port(port.into())
            .with_error_code(error_code)
            .with_error_message(message.clone())
    });
    let answer = FindCoordinatorResponse::default().with_coordinators(coordinators.collect());
    // Since version 4 a request names its keys in a list, and so does the answer.
    if !request.coordinator_keys.is_empty() {
        return answer;
    }
    answer
        .with_node_id(BrokerId(1))
        .with_host(host.clone())
        .with_port(port.into())
        .with_error_code(error_code)
        .with_error_message(message.clone())
}

/// Refuses to let a consumer join a group.
pub(super) fn refuse_to_join(request: &JoinGroupRequest) -> JoinGroupResponse {
    tracing::warn!(
        group = request.group_id.as_str(),
        "a consumer asked to join a group: the local broker has none; assign its partitions by \
         hand (docs/adr/0003-own-broker.md)"
    );
    JoinGroupResponse::default()
        .with_error_code(GROUP_AUTHORIZATION_FAILED)
        .with_generation_id(-1)
}

pub(super) fn refuse_to_sync() -> SyncGroupResponse {
    SyncGroupResponse::default().with_error_code(GROUP_AUTHORIZATION_FAILED)
}

pub(super) fn refuse_heartbeat() -> HeartbeatResponse {
    HeartbeatResponse::default().with_error_code(GROUP_AUTHORIZATION_FAILED)
}

pub(super) fn refuse_to_leave() -> LeaveGroupResponse {
    LeaveGroupResponse::default().with_error_code(GROUP_AUTHORIZATION_FAILED)
}

/// The committed offsets of partitions: there are none, so a consumer begins where its settings
/// say.
pub(super) fn fetch_committed_offsets(request: OffsetFetchRequest) -> OffsetFetchResponse {
    let topics = request.topics.unwrap_or_default().into_iter().map(|topic| {
        let partitions = topic.partition_indexes.into_iter().map(|index| {
            OffsetFetchResponsePartition::default()
                .with_partition_index(index)
                .with_committed_offset(NO_OFFSET)
        });
        OffsetFetchResponseTopic::default()
            .with_name(topic.name)
            .with_partitions(partitions.collect())
    });
    OffsetFetchResponse::default().with_topics(topics.collect())
}

/// Refuses to keep offsets: a consumer that was told otherwise would read records again after its
/// next start.
pub(super) fn refuse_to_commit(request: OffsetCommitRequest) -> OffsetCommitResponse {
    let topics = request.topics.into_iter().map(|topic| {
        let partitions = topic.partitions.into_iter().map(|partition| {
            OffsetCommitResponsePartition::default()
                .with_partition_index(partition.partition_index)
                .with_error_code(GROUP_AUTHORIZATION_FAILED)
        });
        OffsetCommitResponseTopic::default()
            .with_name(topic.name)
            .with_partitions(partitions.collect())
    });
    OffsetCommitResponse::default().with_topics(topics.collect())
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;
    use kafka_protocol::messages::offset_commit_request::{
        OffsetCommitRequestPartition, OffsetCommitRequestTopic,
    };
    use kafka_protocol::messages::offset_fetch_request::OffsetFetchRequestTopic;
    use kafka_protocol::messages::{ApiKey, GroupId, TopicName};
    use kafka_protocol::protocol::Encodable;

    use super::super::requests::supported_versions;
    use super::*;

    /// Encodes an answer in a version; says whether that went well.
    type VersionEncoder = Box<dyn Fn(&mut BytesMut, i16) -> bool>;

    /// Encodes an answer in every version that the broker says it has.
    fn encode_each(key: ApiKey, answer_in: impl Fn(i16) -> VersionEncoder) {
        let versions = supported_versions(key).unwrap();
        for version in versions {
            let encode = answer_in(version);
            assert!(
                encode(&mut BytesMut::new(), version),
                "{key:?} version {version}"
            );
        }
    }

    fn encoder<R: Encodable + 'static>(answer: R) -> VersionEncoder {
        Box::new(move |bytes, version| answer.encode(bytes, version).is_ok())
    }

    fn topic() -> TopicName {
        TopicName(StrBytes::from_static_str("t"))
    }

    #[test]
    fn every_answer_can_be_written_in_every_version_that_is_offered() {
        encode_each(ApiKey::FindCoordinator, |version| {
            let key = StrBytes::from_static_str("g");
            let request = FindCoordinatorRequest::default();
            let request = match version {
                0..4 => request.with_key(key),
                _ => request.with_coordinator_keys(vec![key]),
            };
            encoder(find_coordinator(&request, 9092))
        });
        encode_each(ApiKey::JoinGroup, |_| {
            let group = GroupId(StrBytes::from_static_str("g"));
            encoder(refuse_to_join(
                &JoinGroupRequest::default().with_group_id(group),
            ))
        });
        encode_each(ApiKey::OffsetFetch, |_| {
            let wanted = OffsetFetchRequestTopic::default()
                .with_name(topic())
                .with_partition_indexes(vec![0]);
            let request = OffsetFetchRequest::default().with_topics(Some(vec![wanted]));
            encoder(fetch_committed_offsets(request))
        });
        encode_each(ApiKey::OffsetCommit, |_| {
            let committed = OffsetCommitRequestTopic::default()
                .with_name(topic())
                .with_partitions(vec![OffsetCommitRequestPartition::default()]);
            encoder(refuse_to_commit(
                OffsetCommitRequest::default().with_topics(vec![committed]),
            ))
        });
        encode_each(ApiKey::SyncGroup, |_| encoder(refuse_to_sync()));
        encode_each(ApiKey::Heartbeat, |_| encoder(refuse_heartbeat()));
        encode_each(ApiKey::LeaveGroup, |_| encoder(refuse_to_leave()));
    }
}
